// Two workers and a sweep at work when the power goes. What was synced is there afterwards, of the rest any
// sectors in any order; and what the next start makes of it is a state that the database was in, not older
// than the last that was promised.
//
//   FAULT_SEED=n FAULT_ROUNDS=n run_tests --run_test=power_cut_tests
#include "credits/ledger.h"
#include "faults/faulty_vfs.h"
#include "faults/town.h"
#include "sqlite/backup.h"

#include <iostream>
#include <sqlite3.h>
#include <utility>

namespace faults {

namespace {

// The states that the database was committed in, one after the other, over all connections to it.
class History
{
  public:
    History(FaultyVfs& vfs, std::string path) : vfs_(vfs), path_(std::move(path))
    {
        vfs_.after_sync = [this] { look_whether_synced(); };
        states_.push_back(contents(path_));
        present = this;
        sqlite3_auto_extension(reinterpret_cast<void (*)()>(watch));
    }
    ~History()
    {
        sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(watch));
        end();
    }
    History(const History&) = delete;
    History& operator=(const History&) = delete;

    std::size_t size() const { return states_.size(); }
    bool is_promised() const { return promised_ + 1 == states_.size(); }
    void look_whether_synced()
    {
        if (!vfs_.is_cut() && vfs_.is_log_synced())
            promised_ = states_.size() - 1;
    }
    // Whether it is among those that a power cut may leave.
    bool may_be(const std::string& state) const
    {
        return std::find(states_.begin() + static_cast<std::ptrdiff_t>(promised_), states_.end(), state) !=
               states_.end();
    }

    // What is committed from now on is no part of it.
    void end()
    {
        vfs_.after_sync = nullptr;
        present = nullptr;
    }

  private:
    static int watch(sqlite3* db, const char**, const sqlite3_api_routines*)
    {
        return sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE, ended, nullptr);
    }
    static int ended(unsigned, void*, void* statement, void*)
    {
        if (present != nullptr && std::string(sqlite3_sql(static_cast<sqlite3_stmt*>(statement))) == "COMMIT")
            present->committed();
        return 0;
    }
    void committed()
    {
        if (is_looking_ || vfs_.is_cut())
            return;
        is_looking_ = true;
        if (auto state = contents(path_); state != states_.back())
            states_.push_back(std::move(state));
        is_looking_ = false;
        look_whether_synced();
    }

    static History* present;
    FaultyVfs& vfs_;
    const std::string path_;
    std::vector<std::string> states_;
    std::size_t promised_ = 0; // the last that a power cut must not take back
    bool is_looking_ = false;
};

History* History::present = nullptr;

struct Figures
{
    std::uint64_t cuts = 0;
    std::uint64_t images = 0;
    std::uint64_t rolled_back = 0; // images that lack what was answered or swept, as they may
    std::uint64_t answers = 0;
};

class Round
{
  public:
    Round(const Town& town, FaultyVfs& vfs, std::uint64_t seed, Figures& figures)
        : town_(town), vfs_(vfs), dice_(seed), figures_(figures)
    {
    }

    void run()
    {
        town_.found(folder_.path());
        vfs_.track();
        std::vector<std::unique_ptr<World>> workers;
        workers.push_back(town_.open(folder_.path()));
        workers.push_back(town_.open(folder_.path()));
        auto now = workers.front()->now;
        sqlite::Options options;
        options.checkpoint_after_pages = 10 + static_cast<int>(roll(60));
        History history(vfs_, workers.front()->path);
        auto checkpointing = std::make_unique<sqlite::Connection>(workers.front()->path, options);
        vfs_.cut_at(static_cast<std::int64_t>(1 + roll(roll(2) == 0 ? 60 : 600)));
        for (int step = 0; step < 200 && !vfs_.is_cut(); ++step) {
            now += static_cast<base::UnixSeconds>(roll(20));
            if (roll(6) == 0) {
                adjust(*checkpointing, now);
            } else {
                auto& world = *workers[roll(2)];
                world.now = now;
                world.chance = dice_();
                const auto& operation = pick();
                ask(world, operation, history);
            }
            history.look_whether_synced();
        }
        workers.clear(); // what they still want to write goes nowhere
        checkpointing.reset();
        history.end();
        ++figures_.cuts;
        look_at_images(history, now);
    }

  private:
    std::uint64_t roll(std::uint64_t sides) { return dice_() % sides; }

    const Operation& pick()
    {
        for (;;) {
            const auto& operation = town_.operations()[roll(town_.operations().size())];
            const bool is_rare = operation.name == "backup" || operation.name == "restore";
            if (!is_rare)
                return roll(3) == 0 ? town_.operation("POST /rooms/token/renew") : operation;
        }
    }

    void adjust(sqlite::Connection& db, base::UnixSeconds now)
    {
        try {
            database::Transaction tx(db, roll(2) == 0 ? database::Durability::synced
                                                      : database::Durability::relaxed);
            credits::adjust(db, World::address(12), 1, "power cut", now);
            tx.commit();
        } catch (const base::Error&) { // the power is gone
        }
    }

    void ask(World& world, const Operation& operation, const History& history)
    {
        const auto before = history.size();
        const auto answer = operation.run(world);
        if (vfs_.is_cut())
            return;
        ++figures_.answers;
        BOOST_TEST((answer != unavailable && answer.substr(0, 3) != "500"), operation.name << ": " << answer);
        if (!operation.is_relaxed && history.size() > before)
            BOOST_TEST(history.is_promised(), operation.name << " is answered before it is on the disk");
    }

    void look_at_images(const History& history, base::UnixSeconds now)
    {
        const TemporaryFolder whole("/dev/shm");
        vfs_.write_image(whole.path(), dice_, true);
        const std::array<TemporaryFolder, 4> images{TemporaryFolder("/dev/shm"), TemporaryFolder("/dev/shm"),
                                                    TemporaryFolder("/dev/shm"), TemporaryFolder("/dev/shm")};
        for (const auto& image : images)
            vfs_.write_image(image.path(), dice_);
        vfs_.track(); // the power is back
        // What was being committed may be there as well: all of it.
        const auto newest = contents(town_.open(whole.path())->path);
        for (const auto& image : images)
            look_at(image.path(), newest, history, now);
    }

    void look_at(const std::string& folder, const std::string& newest, const History& history,
                 base::UnixSeconds now)
    {
        ++figures_.images;
        const auto world = town_.open(folder);
        const auto state = contents(world->path);
        BOOST_TEST((history.may_be(state) || state == newest), "a state that never was, or is too old");
        figures_.rolled_back += state == newest ? 0 : 1;
        BOOST_TEST(violations(world->path) == "");
        world->now = now;
        BOOST_TEST(town_.operation("the sweep").run(*world) == "swept");
        BOOST_TEST(town_.operation("POST /rooms/create").run(*world) != unavailable);
        BOOST_TEST(violations(world->path) == "");
    }

    const Town& town_;
    FaultyVfs& vfs_;
    std::mt19937_64 dice_;
    Figures& figures_;
    const TemporaryFolder folder_{"/dev/shm"};
};

} // namespace

BOOST_AUTO_TEST_SUITE(power_cut_tests, *boost::unit_test::label("sqlite"))

BOOST_AUTO_TEST_CASE(a_power_cut_takes_back_no_more_than_it_may)
{
    const Town town;
    const Silence silence;
    FaultyVfs vfs;
    const auto seed = setting("FAULT_SEED", 1);
    Figures figures;
    for (std::uint64_t round = 0; round < setting("FAULT_ROUNDS", 40); ++round) {
        BOOST_TEST_CONTEXT("FAULT_SEED=" << seed + round)
        {
            Round(town, vfs, seed + round, figures).run();
        }
    }
    std::cout << "power cuts: " << figures.cuts << " with " << figures.images << " images after "
              << figures.answers << " answers, " << figures.rolled_back
              << " of them older than the last commit, seed " << seed << "\n";
    BOOST_TEST(figures.rolled_back > 0u);
}

std::vector<std::string> nothing_wrong(database::Connection&)
{
    return {};
}

// A checkpoint syncs the log as well, but not while a reader holds it back.
BOOST_AUTO_TEST_CASE(a_vacuum_and_a_restoration_are_on_the_disk_when_they_are_over)
{
    const Town town;
    const Silence silence;
    FaultyVfs vfs;
    const auto check_synced = [&](const auto& work) {
        const TemporaryFolder folder("/dev/shm");
        town.found(folder.path());
        const auto world = town.open(folder.path());
        sqlite::Backup(world->sqlite_db(), folder / "backup.db", nothing_wrong).keep();
        sqlite::Restoration restoration(folder / "backup.db", folder / "town.db", nothing_wrong);
        world->db().vacuum(); // nothing of the log is left to be moved
        vfs.track();
        sqlite::Connection reader(world->path);
        auto reading = reader.prepare("SELECT name FROM sqlite_schema");
        BOOST_TEST_REQUIRE(reading.step());
        sqlite::Connection db(world->path);
        work(db, restoration);
        BOOST_TEST(vfs.is_log_synced());
    };
    check_synced([](sqlite::Connection& db, sqlite::Restoration&) { db.vacuum(); });
    check_synced([](sqlite::Connection& db, sqlite::Restoration& restoration) { restoration.replace(db); });
}

BOOST_AUTO_TEST_CASE(a_restoration_that_loses_its_power_was_done_or_not_done)
{
    const Town town;
    const Silence silence;
    FaultyVfs vfs;
    std::mt19937_64 dice(setting("FAULT_SEED", 1));
    int cuts = 0;
    for (std::uint64_t round = 0; round < setting("FAULT_ROUNDS", 40) / 4; ++round) {
        const TemporaryFolder folder("/dev/shm");
        const TemporaryFolder image("/dev/shm");
        town.found(folder.path());
        const auto world = town.open(folder.path());
        sqlite::Backup(world->sqlite_db(), folder / "backup.db", nothing_wrong).keep();
        const auto restored = contents(world->path);
        BOOST_TEST(town.operation("POST /rooms/create").run(*world) != unavailable);
        const auto before = contents(world->path);
        BOOST_TEST((before != restored));
        world->app.close_database();

        sqlite::Restoration restoration(folder / "backup.db", world->path, nothing_wrong);
        vfs.track();
        sqlite::Connection db(world->path);
        vfs.cut_at(static_cast<std::int64_t>(1 + dice() % 150));
        bool is_done = true;
        try {
            restoration.replace(db);
        } catch (const base::Error&) {
            is_done = false;
        }
        cuts += vfs.is_cut() ? 1 : 0;
        vfs.write_image(image.path(), dice);
        vfs.track(); // the power is back
        const auto found = contents(town.open(image.path())->path);
        BOOST_TEST((found == restored || (!is_done && found == before)), "round " << round);
        BOOST_TEST(violations(image / "town.db") == "");
    }
    BOOST_TEST(cuts > 0);
}

// Who waits for the disk has let go of the lock, and others see what it committed.
BOOST_AUTO_TEST_CASE(nobody_acts_on_what_a_power_cut_may_still_take_back)
{
    const Town town;
    const Silence silence;
    FaultyVfs vfs;
    const auto meanwhile = [&](const std::string& name, const auto& act) {
        const TemporaryFolder folder("/dev/shm");
        town.found(folder.path());
        vfs.track();
        const auto first = town.open(folder.path());
        const auto second = town.open(folder.path());
        bool is_done = false;
        vfs.on_sync = [&] {
            if (!std::exchange(is_done, true))
                act(*second, town.operation(name));
        };
        town.operation(name).run(*first);
        vfs.on_sync = nullptr;
        BOOST_TEST(is_done);
    };
    meanwhile("POST /rooms/create with a key", [&](World& other, const Operation& same) {
        BOOST_TEST(!vfs.is_log_synced());
        BOOST_TEST(same.run(other).find("room_id") != std::string::npos);
        BOOST_TEST(vfs.is_log_synced()); // before it was answered for the second time
    });
    meanwhile("POST /session/:id/attest", [&](World& other, const Operation& same) {
        BOOST_TEST(!vfs.is_log_synced());
        int sent = 0;
        other.chain.taken = [&] {
            ++sent;
            BOOST_TEST(vfs.is_log_synced());
        };
        same.run(other);
        BOOST_TEST(sent == 1);
    });
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace faults
