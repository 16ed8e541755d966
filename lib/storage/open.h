// The database that the settings name, by the driver that knows it.
#pragma once

#include "database/connection.h"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace base {
struct Config;
}

namespace storage {

// Connects to the database, which may be empty or of any schema, and makes SQLite's file if there is none
// yet. `make_anew`: even if there are traces beside it of one that was taken away.
std::unique_ptr<database::Connection> connect(const base::Config& config, bool make_anew = false);

// That of this program, on both engines.
std::int64_t newest_schema_version();

// Opens the database that every program works on, makes it if there is none yet, and brings it to the newest
// schema. Throws Error(database_unavailable) if that cannot be done right now, Error(database_newer) if it is
// of a newer program, Error(database_moved) if it was taken away or another is in its place.
std::unique_ptr<database::Connection> open(const base::Config& config);

// How many processes that write make the most of it. SQLite has one writer at a time, and several answers
// wait for one sync; PostgreSQL writes for many at once.
std::size_t writers_at_once(const base::Config& config);

// See Connection::is_problem_to_be_told(), for one that cannot be opened.
bool is_problem_to_be_told(const base::Config& config);

// What it takes of the disk; 0 if that cannot be told. A server's is asked of `db`, if there is one.
struct Size
{
    std::int64_t database_bytes = 0;
    std::int64_t log_bytes = 0; // of what was committed last, in SQLite
};
Size size_of(const base::Config& config, database::Connection* db);

} // namespace storage
