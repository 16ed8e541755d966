// Six processes write to one database as fast as they can while the sweep runs beside them and checkpoints
// come far more often than in life. Afterwards every acknowledged row is looked up, and the file and the
// ledger are audited.
//
//   wal_torture FOLDER SECONDS            through lib/sqlite; must lose nothing
//   wal_torture FOLDER SECONDS --bare     control: bare SQLite with a checkpointing process beside the
//   writers, as one
//                                         would set it up without knowing better; on SQLite before 3.51.3
//                                         some runs of half a minute lose rows or damage an index
#include "base/rules.h"
#include "processes.h"
#include "rooms/sweep.h"

#include <array>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <sqlite3.h>

namespace {

constexpr std::size_t writers = 6;

// Shared by all processes.
struct Board
{
    std::array<std::atomic<std::int64_t>, writers> acknowledged;
    std::array<std::atomic<std::int64_t>, writers> refused;
    std::atomic<std::int64_t> rounds; // of the sweep, or checkpoints
    std::atomic<bool> stop;
};

std::unique_ptr<sqlite::Connection> open(const std::string& path)
{
    sqlite::Options options;
    options.checkpoint_after_pages = 50;
    return open_database(path, options);
}

void write_guarded(const std::string& path, Board& board, std::size_t writer)
{
    const auto db = open(path);
    while (!board.stop) {
        try {
            database::Transaction tx(*db);
            credits::adjust(*db, wallet_of(writer), 1, "torture", 0);
            tx.commit();
            ++board.acknowledged[writer];
        } catch (const base::Error&) {
            ++board.refused[writer];
        }
    }
}

void sweep_guarded(const std::string& path, Board& board)
{
    for (base::UnixSeconds now = 0; !board.stop; ++now) {
        const auto db = open(path); // as each run of the real one does
        rooms::sweep(*db, {}, now);
        rooms::record_sweep(*db, now);
        ++board.rounds;
    }
}

std::vector<std::string> problems_guarded(const std::string& path)
{
    const auto db = open(path);
    auto problems = db->integrity_problems();
    for (const auto& problem : audit(*db))
        problems.push_back(problem);
    return problems;
}

// ---- the control ----

class Bare
{
  public:
    explicit Bare(const std::string& path)
    {
        sqlite3_open(path.c_str(), &handle_);
        sqlite3_busy_timeout(handle_, 5000);
        run("PRAGMA journal_mode = WAL");
        run("PRAGMA synchronous = NORMAL");
        run("PRAGMA wal_autocheckpoint = 20"); // so that checkpoints of two processes meet often
    }
    ~Bare() { sqlite3_close(handle_); }
    Bare(const Bare&) = delete;
    Bare& operator=(const Bare&) = delete;

    int run(const std::string& sql) { return sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr); }

    std::vector<std::string> first_column(const std::string& sql)
    {
        std::vector<std::string> rows;
        const auto collect = [](void* into, int, char** values, char**) {
            static_cast<std::vector<std::string>*>(into)->emplace_back(values[0] ? values[0] : "");
            return 0;
        };
        if (sqlite3_exec(handle_, sql.c_str(), collect, &rows, nullptr) != SQLITE_OK)
            rows.emplace_back(std::string("error: ") + sqlite3_errmsg(handle_));
        return rows;
    }

  private:
    sqlite3* handle_ = nullptr;
};

void write_bare(const std::string& path, Board& board, std::size_t writer)
{
    Bare db(path);
    const auto id = std::to_string(writer);
    while (!board.stop) {
        const auto next = std::to_string(board.acknowledged[writer] + 1);
        const bool committed =
            db.run("BEGIN IMMEDIATE") == SQLITE_OK &&
            db.run("INSERT INTO rows VALUES (" + id + ", " + next + ", hex(randomblob(40)))") == SQLITE_OK &&
            db.run("UPDATE counters SET value = value + 1 WHERE writer = " + id) == SQLITE_OK &&
            db.run("COMMIT") == SQLITE_OK;
        if (committed)
            ++board.acknowledged[writer];
        else
            ++board.refused[writer], db.run("ROLLBACK");
    }
}

void checkpoint_bare(const std::string& path, Board& board)
{
    Bare db(path);
    for (; !board.stop; ++board.rounds)
        db.run("PRAGMA wal_checkpoint(PASSIVE)");
}

} // namespace

int main(int argc, char** argv)
{
    const bool is_bare = argc == 4 && std::string(argv[3]) == "--bare";
    if (argc != 3 && !is_bare) {
        std::cerr << "usage: wal_torture FOLDER SECONDS [--bare]\n";
        return 2;
    }
    const auto folder = std::filesystem::path(argv[1]);
    const auto seconds = static_cast<unsigned>(std::atoi(argv[2]));
    std::filesystem::create_directories(folder);
    const std::string path = folder / "torture.db";
    for (const char* suffix : {"", "-wal", "-shm", "-lock"})
        std::filesystem::remove(path + suffix);

    auto& board = make_board<Board>();

    if (is_bare) {
        Bare db(path);
        db.run("CREATE TABLE rows (writer, number, filler, PRIMARY KEY (writer, number))");
        db.run("CREATE TABLE counters (writer PRIMARY KEY, value)");
        for (std::size_t writer = 0; writer < writers; ++writer)
            db.run("INSERT INTO counters VALUES (" + std::to_string(writer) + ", 0)");
    }

    std::vector<pid_t> children; // none of which inherits an open database
    for (std::size_t writer = 0; writer < writers; ++writer)
        children.push_back(start(
            [&, writer] { is_bare ? write_bare(path, board, writer) : write_guarded(path, board, writer); }));
    children.push_back(start([&] { is_bare ? checkpoint_bare(path, board) : sweep_guarded(path, board); }));
    sleep(seconds);
    board.stop = true;
    bool failed = false;
    for (const auto child : children)
        failed = !went_well(child) || failed;

    std::int64_t acknowledged = 0;
    std::int64_t lost = 0;
    std::int64_t refused = 0;
    std::vector<std::string> problems;
    if (is_bare) {
        Bare db(path);
        problems = db.first_column("PRAGMA integrity_check");
        if (problems == std::vector<std::string>{"ok"})
            problems.clear();
        for (std::size_t writer = 0; writer < writers; ++writer) {
            const auto found =
                db.first_column("SELECT count(*) FROM rows WHERE writer = " + std::to_string(writer));
            acknowledged += board.acknowledged[writer];
            lost += board.acknowledged[writer] - std::atoll(found.front().c_str());
        }
    } else {
        problems = problems_guarded(path);
        for (std::size_t writer = 0; writer < writers; ++writer) {
            acknowledged += board.acknowledged[writer];
            lost += board.acknowledged[writer] - events_of(*open(path), writer);
        }
    }
    for (const auto& count : board.refused)
        refused += count;
    for (const auto& problem : problems)
        std::cout << problem << "\n";
    std::cout << "SQLite " << sqlite::library_version() << ", " << seconds << " s: " << acknowledged
              << " rows acknowledged, " << lost << " lost, " << refused << " refused, " << board.rounds
              << (is_bare ? " checkpoints, " : " sweeps, ") << problems.size() << " problems\n";
    return failed || lost != 0 || refused != 0 || !problems.empty() || acknowledged == 0 ? 1 : 0;
}
