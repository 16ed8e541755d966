// Backups and restorations of a database to which four processes write as fast as they can while the sweep
// runs beside them, and kill -9 of both at random moments.
//
//   backup_torture FOLDER ROUNDS SECONDS KILLS [SEED]
//
// Each of ROUNDS lasts SECONDS. Somewhere in it a backup is taken. It must hold everything that was
// acknowledged before it began, restore into a database of its own, and pass every audit there. Then KILLS
// backups and as many restorations into the database in use are killed while the writers go on; the database
// must pass every audit after each, and no write may fail.
#include "base/rules.h"
#include "processes.h"
#include "rooms/sweep.h"
#include "sqlite/backup.h"

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <random>

namespace {

namespace fs = std::filesystem;

constexpr std::size_t writers = 4;
constexpr std::int64_t seeded_rows = 20000;

// Shared by all processes.
struct Board
{
    std::array<std::atomic<std::int64_t>, writers> acknowledged;
    std::array<std::atomic<std::int64_t>, writers> at_start; // of the backup
    std::atomic<std::int64_t> refused;
    std::atomic<bool> stop;
};

std::unique_ptr<sqlite::Connection> open(const std::string& path)
{
    sqlite::Options options;
    options.busy_timeout_ms = 60000;
    options.checkpoint_after_pages = 200;
    return open_database(path, options);
}

void write(const std::string& path, Board& board, std::size_t writer)
{
    const auto db = open(path);
    while (!board.stop) {
        try {
            database::Transaction tx(*db, writer % 2 == 0 ? database::Durability::synced
                                                          : database::Durability::relaxed);
            credits::adjust(*db, wallet_of(writer), 1, "torture", 0);
            tx.commit();
            ++board.acknowledged[writer];
        } catch (const base::Error& error) {
            std::cerr << error.what() << "\n";
            ++board.refused;
        }
    }
}

void sweep(const std::string& path, Board& board)
{
    for (base::UnixSeconds now = 0; !board.stop; ++now) {
        const auto db = open(path);
        rooms::sweep(*db, {}, now);
        rooms::record_sweep(*db, now);
    }
}

class Torture
{
  public:
    Torture(const fs::path& folder, std::uint64_t seed)
        : path_(folder / "torture.db"), file_(folder / "backup.db"), elsewhere_(folder / "restored.db"),
          board_(make_board<Board>()), dice_(seed)
    {
        fs::create_directories(folder);
    }

    void rounds(int count, int seconds)
    {
        for (int round = 1; round <= count; ++round) {
            make_fresh();
            begin();
            const auto before_ms = roll(static_cast<std::uint64_t>(seconds) * 800);
            sleep_ms(before_ms);
            const bool backed_up = went_well(start([&] {
                for (std::size_t writer = 0; writer < writers; ++writer)
                    board_.at_start[writer] = board_.acknowledged[writer].load();
                const auto db = open(path_);
                sqlite::Backup(*db, file_, audit).keep();
            }));
            sleep_ms(static_cast<std::uint64_t>(seconds) * 1000 - before_ms);
            end();
            expect(backed_up, "the backup failed");
            expect(went_well(start([&] {
                       {
                           sqlite::Restoration restoration(file_, elsewhere_, audit);
                           sqlite::Connection db(elsewhere_);
                           restoration.replace(db);
                       }
                       check(elsewhere_);
                       const auto db = open(elsewhere_);
                       for (std::size_t writer = 0; writer < writers; ++writer)
                           require(events_of(*db, writer) >= board_.at_start[writer],
                                   "an acknowledged row is not in the backup");
                   })),
                   "the restored backup is not whole");
            std::int64_t acknowledged = 0;
            for (const auto& each : board_.acknowledged)
                acknowledged += each;
            std::cout << "round " << round << ": " << acknowledged << " rows acknowledged, a backup of "
                      << fs::file_size(file_) << " bytes" << (failed_ ? ", FAILED" : "") << std::endl;
        }
    }

    void kills(int count)
    {
        make_fresh();
        const auto begun = std::chrono::steady_clock::now();
        expect(went_well(start([&] { sqlite::Backup(*open(path_), file_, audit).keep(); })),
               "the backup failed");
        // What is killed should be under way still, or just done.
        const auto longest_ms =
            static_cast<std::uint64_t>(2 * std::chrono::duration_cast<std::chrono::milliseconds>(
                                               std::chrono::steady_clock::now() - begun)
                                               .count() +
                                       50);
        const auto second = file_ + ".2";
        int kept = 0;
        int replaced = 0;
        const auto kill_soon = [&](pid_t child) { // whether it came to its end before
            sleep_ms(roll(longest_ms));
            kill(child, SIGKILL);
            return went_well(child);
        };
        begin();
        for (int i = 0; i < count; ++i) {
            remove(second, false);
            kill_soon(start([&] { sqlite::Backup(*open(path_), second, audit).keep(); }));
            // There is a whole file or none.
            if (fs::exists(second)) {
                ++kept;
                expect(went_well(start([&] { sqlite::Restoration(second, elsewhere_, audit); })),
                       "a kept backup is damaged");
            }
            replaced += kill_soon(start([&] {
                sqlite::Restoration restoration(file_, path_, audit);
                restoration.replace(*open(path_));
            }));
            expect(went_well(start([&] { check(path_); })), "the database is damaged");
        }
        end();
        expect(went_well(start([&] { check(path_); })), "the database is damaged at the end");
        std::cout << count << " backups killed, " << kept << " of them after their file had its name; "
                  << count << " restorations killed, " << replaced << " of them after their end" << std::endl;
        for (const auto& file : {path_, file_, second, elsewhere_})
            remove(file);
    }

    bool failed() const { return failed_ || board_.refused != 0; }

  private:
    std::uint64_t roll(std::uint64_t sides) { return dice_() % sides; }
    static void sleep_ms(std::uint64_t ms) { usleep(static_cast<useconds_t>(ms * 1000)); }

    void expect(bool good, const char* otherwise)
    {
        if (good)
            return;
        failed_ = true;
        std::cout << otherwise << "\n";
    }
    static void require(bool good, const std::string& otherwise)
    {
        if (!good)
            throw std::runtime_error(otherwise);
    }

    void make_fresh()
    {
        for (const auto& file : {path_, file_, elsewhere_})
            remove(file);
        for (auto& each : board_.acknowledged)
            each = 0;
        // In a process of its own, as everything here: none inherits an open database.
        went_well(start([&] {
            const auto db = open(path_);
            database::Transaction tx(*db, database::Durability::relaxed);
            for (std::int64_t i = 0; i < seeded_rows; ++i)
                credits::adjust(*db, "0x" + std::string(40, 'a'), 1, "seed", 0);
            tx.commit();
        }));
    }

    void begin()
    {
        board_.stop = false;
        for (std::size_t writer = 0; writer < writers; ++writer)
            children_.push_back(start([&, writer] { write(path_, board_, writer); }));
        children_.push_back(start([&] { sweep(path_, board_); }));
    }
    void end()
    {
        board_.stop = true;
        for (const auto child : children_)
            expect(went_well(child), "a writer failed");
        children_.clear();
    }

    static void check(const std::string& path)
    {
        const auto db = open(path);
        auto problems = db->integrity_problems();
        for (const auto& problem : audit(*db))
            problems.push_back(problem);
        require(problems.empty(), problems.empty() ? "" : problems.front());
    }

    static void remove(const std::string& path, bool with_scratch = true)
    {
        for (const std::string suffix : {"", "-wal", "-shm", "-lock"})
            fs::remove(path + suffix);
        if (!with_scratch)
            return;
        for (const auto& entry : fs::directory_iterator(fs::path(path).parent_path())) {
            const auto name = entry.path().string();
            if (name.rfind(path + ".partial-", 0) == 0 || name.rfind(path + "-restore-", 0) == 0)
                fs::remove(entry.path());
        }
    }

    const std::string path_;
    const std::string file_;
    const std::string elsewhere_;
    Board& board_;
    std::mt19937_64 dice_;
    std::vector<pid_t> children_;
    bool failed_ = false;
};

} // namespace

int main(int argc, char** argv)
{
    if (argc != 5 && argc != 6) {
        std::cerr << "usage: backup_torture FOLDER ROUNDS SECONDS KILLS [SEED]\n";
        return 2;
    }
    const std::uint64_t seed = argc == 6 ? std::strtoull(argv[5], nullptr, 10) : std::random_device{}();
    std::cout << "SEED=" << seed << std::endl;
    Torture torture(argv[1], seed);
    torture.rounds(std::atoi(argv[2]), std::atoi(argv[3]));
    torture.kills(std::atoi(argv[4]));
    return torture.failed() ? 1 : 0;
}
