// A service with a past, whose database every trial of a fault starts from, and all that can be asked of it.
#pragma once

#include "cgi-bin/handler_fixture.h"

#include <functional>

namespace faults {

// A worker, or cron's program: its own connection to the database in `folder`.
class World : public HandlerFixture
{
  public:
    explicit World(const std::string& folder);

    const std::string folder;
    const std::string path;   // of the database
    std::uint64_t chance = 7; // drawn anew by every request
};

// Whether the service is at work now, or the test is.
extern bool is_serving;
// Whose request it is at work for.
extern World* asked;

// The answer of who cannot use the database,
extern const std::string unavailable;
// and of a program that finds no memory.
extern const std::string no_memory;

// What the town is asked for. `run` gives back all that the one who asks is told, or `unavailable`; anything
// else that goes wrong it tells in other words. Asked again of the same state at the same instant, it is
// answered the same, to the letter.
struct Operation
{
    std::string name;
    std::function<std::string(World&)> run;
    // Its effect is one transaction. Several may be done in part, and the next time the rest.
    bool is_single = true;
    // What a power cut may take back though it was answered.
    bool is_relaxed = false;
};

class Town
{
  public:
    Town();

    // A copy of the database into an empty folder.
    void found(const std::string& folder) const;
    // A worker at the instant at which the town stands.
    std::unique_ptr<World> open(const std::string& folder) const;

    const std::vector<Operation>& operations() const { return operations_; }
    const Operation& operation(const std::string& name) const;

  private:
    std::string backup_path() const;
    void live();
    std::string filled_in(std::string path) const;
    bool has_operation(const std::string& name) const; // of somebody in particular
    void list_operations();
    void add(const std::string& name, const http::Request& request, const std::string& wallet,
             bool takes_key = false);

    TemporaryFolder folder_{"/dev/shm"};
    std::unique_ptr<World> world_; // while it is built
    ScriptedChain chain_;
    base::UnixSeconds now_ = 0;
    std::vector<Operation> operations_;
    std::string room_, host_connection_, guest_connection_, low_connection_, nonce_;
    std::int64_t guest_uid_ = 0;
};

// Every row of every table of SQLite's, but for keys of requests that were begun and not ended: two databases
// with the same text say the same.
class Reader
{
  public:
    explicit Reader(const std::string& path);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    std::string contents();

  private:
    struct sqlite3* db_ = nullptr;
};

inline std::string contents(const std::string& path)
{
    return engine::is_postgresql() ? engine::contents() : Reader(path).contents();
}

// What is in the folder beside the database and what belongs to it: the names of files, and what they say. A
// killed backup or restoration may leave a half-made one, which the next takes away.
std::string other_files(const std::string& folder, bool but_for_half_made);
// The rules of ledger and rooms that are broken, one a line, and what the engine finds damaged.
std::string violations(const std::string& path);

// A whole number from the environment.
std::uint64_t setting(const char* name, std::uint64_t otherwise);

// Copies the database without what goes with a running process.
void copy_database(const std::string& from_folder, const std::string& to_folder);

// Sends what the service logs meanwhile to nowhere.
class Silence
{
  public:
    Silence();
    ~Silence();
    Silence(const Silence&) = delete;
    Silence& operator=(const Silence&) = delete;

  private:
    int stderr_;
};

} // namespace faults
