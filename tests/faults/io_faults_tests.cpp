// Every call below SQLite fails once, or from then on, in everything that the service does.
//
//   FAULT_STRIDE=1 run_tests --run_test=io_faults_tests     each of them, not every so many
#include "faults/trials.h"
#include "sqlite/shorthand.h"

#include <iostream>

namespace faults {

namespace {

std::vector<Sort> sorts_of(FaultyVfs& vfs)
{
    std::vector<Sort> sorts;
    for (const auto& kind : kinds) {
        Sort sort;
        sort.name = kind.name;
        sort.calls = [&] { return vfs.calls(kind.call); };
        sort.arm = [&](std::int64_t nth, bool for_good) { vfs.arm(kind, nth, for_good); };
        sort.disarm = [&] { vfs.disarm(); };
        sort.hits = [&] { return vfs.hits(); };
        sort.may_be_done = kind.call == Call::sync || kind.call == Call::shm_map;
        sorts.push_back(sort);
    }
    return sorts;
}

std::string schema(const std::string& path)
{
    sqlite::Connection db(path);
    auto row = db.prepare("SELECT sql FROM sqlite_schema ORDER BY type, name");
    std::string all;
    while (row.step())
        all += row.text(0) + "\n";
    return all;
}

} // namespace

BOOST_AUTO_TEST_SUITE(io_faults_tests, *boost::unit_test::label("sqlite"))

BOOST_AUTO_TEST_CASE(every_endpoint_that_writes_is_among_the_operations)
{
    const Town town;
    std::set<std::string> names;
    for (const auto& operation : town.operations())
        names.insert(operation.name);
    std::set<std::string> missing;
    for (const auto& route : known_routes) {
        std::string path = route.path;
        const auto replace = [&](const std::string& id, const char* name) {
            if (const auto at = path.find(id); at != std::string::npos)
                path.replace(at, id.size(), name);
        };
        replace(unknown_id, ":room_id");
        replace(other_unknown_id, ":connection_id");
        replace("/7/", "/:id/");
        if (std::string(route.method) != "GET" && names.count(std::string(route.method) + " " + path) == 0)
            missing.insert(path);
    }
    BOOST_TEST(missing == std::set<std::string>(), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_call_that_fails_below_sqlite_leaves_everything_or_nothing)
{
    const Town town;
    const Silence silence;
    FaultyVfs vfs;
    Trials trials(town, sorts_of(vfs));
    const auto stride = static_cast<std::int64_t>(setting("FAULT_STRIDE", 40));
    for (const auto& operation : town.operations()) {
        trials.run(operation, false, stride);
        trials.run(operation, true, stride);
    }
    trials.report("the calls of requests, sweeps and maintenance");
}

// It was spent once, and then who had signed it was refused because their ban could not be looked up.
BOOST_AUTO_TEST_CASE(a_nonce_is_not_spent_by_an_attempt_that_fails)
{
    const Town town;
    const Silence silence;
    FaultyVfs vfs;
    Trials trials(town, sorts_of(vfs));
    trials.run(town.operation("POST /auth/verify"), true, 1);
    trials.report("signing in");
}

BOOST_AUTO_TEST_CASE(a_migration_that_fails_is_taken_up_again)
{
    const Silence silence;
    FaultyVfs vfs;
    const auto sorts = sorts_of(vfs);
    const auto stride = static_cast<std::int64_t>(setting("FAULT_STRIDE", 40));
    const TemporaryFolder old("/dev/shm");
    const TemporaryFolder folder("/dev/shm");
    const auto path = folder / "town.db";
    std::int64_t places = 0;
    std::uint64_t injected = 0;
    std::uint64_t survived = 0;
    for (std::size_t version = 0; version < sqlite::schema_migrations.size(); ++version) {
        if (version > 0) {
            sqlite::Connection db(old / "town.db");
            sqlite::migrate(db, {sqlite::schema_migrations.begin(),
                                 sqlite::schema_migrations.begin() + static_cast<std::ptrdiff_t>(version)});
            if (version == 1)
                execute(db, "INSERT INTO spent_nonces VALUES ('" + std::string(64, 'a') + "', 7)");
        }
        const auto migrate = [&] { sqlite::open_migrated(path, 1); };
        copy_database(old.path(), folder.path());
        std::vector<std::int64_t> calls;
        for (const auto& sort : sorts)
            calls.push_back(-sort.calls());
        migrate();
        for (std::size_t i = 0; i < sorts.size(); ++i)
            calls[i] += sorts[i].calls();
        const auto expected = contents(path) + schema(path);
        for (std::size_t i = 0; i < sorts.size(); ++i) {
            for (auto nth = 1 + ++places % stride; nth <= calls[i]; nth += stride) {
                BOOST_TEST_CONTEXT("from version " << version << ": " << sorts[i].name << " " << nth)
                {
                    copy_database(old.path(), folder.path());
                    sorts[i].arm(nth, places % 2 == 0);
                    try {
                        migrate();
                    } catch (const base::Error& error) {
                        BOOST_TEST(is_database_unavailable(error), error.what());
                    }
                    sorts[i].disarm();
                    injected += sorts[i].hits() > 0 ? 1 : 0;
                    migrate();
                    const bool is_right = contents(path) + schema(path) == expected;
                    BOOST_TEST(is_right);
                    survived += is_right && sorts[i].hits() > 0 ? 1 : 0;
                }
            }
        }
    }
    std::cout << "faults: " << injected << " injected into migrations, " << survived << " survived\n";
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace faults
