// Where the database is, and what the processes of one machine share beside it.
#pragma once

#include <cstdint>
#include <string>

namespace base {

struct DatabaseSettings
{
    std::string database_path; // SQLite's file; empty if database_url is set
    std::string database_url;  // a PostgreSQL; it may hold a password
    bool database_prepares = true;
    std::int64_t database_busy_timeout_ms = 5000;
    std::string state_directory = "/var/lib/session-voice"; // counts only with database_url

    // As database_path: a database of this process's own, gone with it.
    static constexpr const char* in_memory = ":memory:";
    bool is_in_memory() const { return database_path == in_memory; }
    // What the processes of this machine share beside the database: "metrics", "limits", "rpc-slots". Empty:
    // nothing, each has its own.
    std::string shared_path(const std::string& what) const
    {
        if (!database_url.empty())
            return state_directory.empty() ? std::string() : state_directory + "/" + what;
        return is_in_memory() ? std::string() : database_path + "-" + what;
    }
};

} // namespace base
