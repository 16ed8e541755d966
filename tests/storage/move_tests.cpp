// Everything from one database into another, both ways.
#include "storage/move.h"

#include "engine.h"
#include "fixture.h"
#include "sqlite/migrate.h"
#include "storage/open.h"
#include "temporary_folder.h"

#include "base/config.h"
#include "credits/ledger.h"
#include "rooms/audit.h"
#include "rooms/participation.h"
#include "rooms/standing.h"
#include "rooms/sweep.h"

namespace {

std::vector<std::string> audit_all(database::Connection& db)
{
    auto violations = credits::audit(db);
    const auto more = rooms::audit(db);
    violations.insert(violations.end(), more.begin(), more.end());
    return violations;
}

// A service with a past, on a file; and a second database, of the engine that the tests run on.
class MoveFixture : public AppFixture
{
  public:
    MoveFixture() : AppFixture(on_file())
    {
        const auto host = address(1);
        const auto room_id = create_room(host, 5000);
        join(host, room_id);
        give(address(2), 300);
        const auto guest = join(address(2), room_id);
        now += 100;
        sweep();
        post("/rooms/create", {{"title", "Grüße '\"\\"}}, address(3));
        now += 30;
        engine::choose_database(second);
        if (!engine::is_postgresql())
            second.database_path = config.database_path + ".second";
        place.emplace(second);
    }

    static TemporaryFolder& folder()
    {
        static TemporaryFolder made;
        return made;
    }
    static base::Config on_file()
    {
        static int count = 0;
        auto settings = test_config();
        settings.database_url = "";
        settings.database_path = folder() / ("first-" + std::to_string(++count) + ".db");
        return settings;
    }

    // All rows but those of `moved`, which only the old one has.
    static std::vector<std::int64_t> rows(database::Connection& db)
    {
        std::vector<std::int64_t> counts;
        for (const auto& table : storage::list_tables(db))
            counts.push_back(table.rows);
        return counts;
    }

    // Of an SQLite database, in the order in which they were made.
    static std::vector<std::string> triggers(database::Connection& db)
    {
        std::vector<std::string> made;
        auto row = db.prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY rowid");
        while (row.step())
            made.push_back(row.text(0));
        return made;
    }

    base::Config second;
    std::optional<engine::Place> place; // of the second
};

bool is_unavailable(const base::Error& error)
{
    return error.code() == base::ErrorCode::database_unavailable;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(move_tests, MoveFixture)

BOOST_AUTO_TEST_CASE(everything_is_there_and_the_old_one_is_closed)
{
    const auto before = rows(db());
    const auto balance = remaining(address(1));
    const auto to = storage::connect(second);
    const auto from = storage::connect(config);
    const auto moved = storage::move(*from, *to, "elsewhere", audit_all);
    BOOST_TEST(moved.size() == before.size());
    BOOST_TEST(rows(*to) == before, boost::test_tools::per_element());

    // A worker that was at work, and one with the old settings that starts now.
    BOOST_TEST(post("/rooms/create", base::Json::object(), address(2)).status == 503);
    BOOST_CHECK_EXCEPTION(storage::open(config), base::Error, [](const base::Error& error) {
        return std::string(error.what()).find("has moved to elsewhere") != std::string::npos;
    });

    // The service goes on with the new one.
    auto settings = config;
    settings.database_path = second.database_path;
    settings.database_url = second.database_url;
    App moved_app(settings, chain, random, counters, clock);
    BOOST_TEST(rooms::load_standing(moved_app.database(), address(1), now).remaining_seconds() == balance);
    rooms::sweep(moved_app.database(), config.rules, now + 1000);
    BOOST_TEST(audit_all(moved_app.database()).empty());
    rooms::Context context(moved_app.database(), config.rules, now + 1000);
    const auto room = rooms::create(context, mint(), address(2), credits::NameLookup::no_name, {});
    auto order = moved_app.database().prepare("SELECT room_id FROM rooms ORDER BY ordinal DESC LIMIT 1");
    BOOST_TEST((order.step() && order.text(0) == room.room_id)); // numbers go on
}

BOOST_AUTO_TEST_CASE(it_goes_back_as_well)
{
    const auto before = rows(db());
    const auto rules = triggers(sqlite_db());
    storage::move(*storage::connect(config), *storage::connect(second), "there", audit_all);
    auto third = config;
    third.database_path = folder() / "third.db";
    const auto back = storage::connect(third);
    storage::move(*storage::connect(second), *back, "back", audit_all);
    BOOST_TEST(rows(*back) == before, boost::test_tools::per_element());
    BOOST_TEST(back->integrity_problems().empty());
    BOOST_TEST(triggers(*back) == rules, boost::test_tools::per_element());
    BOOST_CHECK_EXCEPTION(database::transact(*storage::open(second), [] {}), base::Error, is_unavailable);
}

BOOST_AUTO_TEST_CASE(what_is_in_use_is_not_filled)
{
    const auto to = storage::open(second);
    database::transact(*to, [&] { to->prepare("INSERT INTO sweeps (id, finished_at) VALUES (1, 7)").run(); });
    BOOST_CHECK_EXCEPTION(storage::move(*storage::connect(config), *to, "elsewhere", audit_all), base::Error,
                          [](const base::Error& error) { return error.name() == "not_empty"; });
    BOOST_TEST(post("/rooms/create", base::Json::object(), address(2)).status ==
               200); // the old one serves on
}

// The audit is asked of the old one, and then of the new one: an end at either is an end on the way.
BOOST_AUTO_TEST_CASE(an_attempt_that_ended_on_the_way_is_taken_up_again)
{
    const auto before = rows(db());
    for (const int end_at : {1, 2}) {
        int asked = 0;
        const auto ending = [&](database::Connection& audited) -> std::vector<std::string> {
            if (++asked == end_at)
                throw std::runtime_error("killed");
            return audit_all(audited);
        };
        BOOST_CHECK_THROW(
            storage::move(*storage::connect(config), *storage::connect(second), "elsewhere", ending),
            std::runtime_error);
        BOOST_TEST(post("/rooms/heartbeat", base::Json::object(), address(1)).status == 400); // it serves on
    }
    // Filled, but the old one was not closed: what came in since is not lost.
    {
        const auto to = storage::connect(second);
        to->pass_fence();
        to->bring_up_to_date();
        database::transact(*to, [&] {
            to->prepare("INSERT INTO sweeps (id, finished_at) VALUES (1, 7)").run();
            to->set_moved_to("(a move into it was not finished)");
        });
        BOOST_CHECK_EXCEPTION(storage::open(second)->prepare("SELECT 1").run(), base::Error, is_unavailable);
    }
    storage::move(*storage::connect(config), *storage::connect(second), "elsewhere", audit_all);
    const auto to = storage::open(second);
    BOOST_TEST(rows(*to) == before, boost::test_tools::per_element());

    // Closed, but the new one was not opened.
    {
        const auto half = storage::connect(second);
        half->pass_fence();
        half->bring_up_to_date();
        database::transact(*half, [&] { half->set_moved_to("(a move into it was not finished)"); });
    }
    storage::move(*storage::connect(config), *storage::connect(second), "elsewhere", audit_all);
    BOOST_TEST(rows(*storage::open(second)) == before, boost::test_tools::per_element());
    BOOST_CHECK_EXCEPTION(
        storage::move(*storage::connect(config), *storage::connect(second), "a third", audit_all),
        base::Error, [](const base::Error& error) { return error.name() == "moved_elsewhere"; });
}

// Keys of one text, and of a text and a number.
BOOST_AUTO_TEST_CASE(tables_of_more_rows_than_are_taken_at_once_are_copied_whole)
{
    database::transact(db(), [&] {
        db().prepare("WITH RECURSIVE counted (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM counted "
                     "WHERE number < 2500) INSERT INTO spent_nonces (nonce, expires_at) "
                     "SELECT printf('%064d', 7 * number), number FROM counted")
            .run();
    });
    for (int grant = 0; grant < 1100; ++grant)
        give(address(4), 1);
    const auto before = rows(db());
    const auto to = storage::connect(second);
    storage::move(*storage::connect(config), *to, "elsewhere", audit_all);
    BOOST_TEST(rows(*to) == before, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_database_of_an_older_schema_is_brought_up_to_date_first)
{
    auto older = config;
    older.database_path = folder() / "older.db";
    {
        sqlite::Connection made(older.database_path);
        sqlite::migrate(made, {sqlite::schema_migrations.begin(), sqlite::schema_migrations.end() - 1});
    }
    const auto to = storage::connect(second);
    storage::move(*storage::connect(older), *to, "elsewhere", audit_all);
    BOOST_TEST(to->schema_version() == storage::newest_schema_version());
}

BOOST_AUTO_TEST_CASE(what_the_audit_finds_is_told_with_the_database_that_has_it)
{
    for (const auto& wrong : {std::pair(1, "old"), {2, "new"}}) {
        int asked = 0;
        const auto audit = [&](database::Connection&) {
            return ++asked == wrong.first ? std::vector<std::string>{"all wrong"}
                                          : std::vector<std::string>();
        };
        BOOST_CHECK_EXCEPTION(
            storage::move(*storage::connect(config), *storage::connect(second), "elsewhere", audit),
            base::Error, [&](const base::Error& error) {
                return std::string(error.what()) ==
                       "move_failed: in the " + std::string(wrong.second) + " database: all wrong";
            });
    }
}

BOOST_AUTO_TEST_CASE(nothing_moves_into_a_database_that_has_moved_itself)
{
    const auto to = storage::open(second);
    database::transact(*to, [&] { to->set_moved_to("a third"); });
    BOOST_CHECK_EXCEPTION(storage::move(*storage::connect(config), *to, "elsewhere", audit_all), base::Error,
                          [](const base::Error& error) { return error.name() == "moved_elsewhere"; });
}

// With the same connections, too.
BOOST_AUTO_TEST_CASE(a_copy_that_is_not_the_same_is_not_taken, *boost::unit_test::label("sqlite"))
{
    const auto rules = triggers(sqlite_db());
    const auto from = storage::connect(config);
    sqlite::Connection to(folder() / "not-the-same.db");
    sqlite::migrate(to);
    const auto move = [&] { return storage::move(*from, to, "elsewhere", audit_all); };
    database::transact(to, [&] {
        to.execute("CREATE TEMP TRIGGER later AFTER INSERT ON main.sweeps BEGIN "
                   "UPDATE sweeps SET finished_at = finished_at + 1; END");
    });
    BOOST_CHECK_EXCEPTION(move(), base::Error, [](const base::Error& error) {
        return std::string(error.what()) == "move_failed: sweeps does not hold the same";
    });
    database::transact(to, [&] { to.execute("DROP TRIGGER later"); });
    BOOST_CHECK_NO_THROW(move());
    BOOST_TEST(triggers(to) == rules, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(no_table_and_no_column_is_forgotten)
{
    std::vector<std::string> known;
    for (const auto& table : storage::list_tables(db()))
        known.push_back(table.name);
    auto row =
        sqlite_db().prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' "
                            "AND name <> 'pruning' ORDER BY name");
    std::vector<std::string> tables;
    while (row.step())
        tables.push_back(row.text(0));
    std::sort(known.begin(), known.end());
    BOOST_TEST(known == tables, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_password_is_left_out)
{
    for (const auto& [url, told] : std::map<std::string, std::string>{
             {"postgresql://voice:se:s@me@db/voice", "postgresql://voice@db/voice"},
             {"postgresql://voice@db/voice", "postgresql://voice@db/voice"},
             {"postgresql://:sesame@db/voice", "postgresql://@db/voice"},
             {"postgresql:///voice:x@y", "postgresql:///voice:x@y"},
             {"postgresql://db:5432/voice?user=a@b", "postgresql://db:5432/voice?user=a@b"},
             {"postgresql:///voice?password=sesame&host=/run", "postgresql:///voice?password=&host=/run"},
             {"postgresql:///voice?host=/run&password=sesame", "postgresql:///voice?host=/run&password="},
             {"postgresql:///voice?host=/run:x@y", "postgresql:///voice?host=/run:x@y"}})
        BOOST_TEST(storage::without_password(url) == told);
}

BOOST_AUTO_TEST_SUITE_END()
