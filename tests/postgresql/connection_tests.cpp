// The driver, against a real server: what SESSION_VOICE_TEST_URL names. Without it there is nothing to test
// here.
#include "base/config.h"
#include "cgi-bin/handler_fixture.h"
#include "engine.h"
#include "postgresql/migrate.h"
#include "postgresql/with_server.h"

#include <thread>

namespace {

using database::Durability;
using postgresql::Connection;

struct ServerFixture
{
    ServerFixture()
    {
        db = open();
        other = open();
    }

    std::unique_ptr<Connection> open(postgresql::Options options = {}) const
    {
        return postgresql::open_migrated(config.database_url, options);
    }
    static void insert(database::Connection& db, std::int64_t expires_at)
    {
        const auto digits = std::to_string(expires_at);
        db.prepare("INSERT INTO spent_nonces (nonce, expires_at) VALUES (:nonce, :expires_at)")
            .bind(":nonce", std::string(64 - digits.size(), '0') + digits)
            .bind(":expires_at", expires_at)
            .run();
    }
    static std::int64_t count(database::Connection& db)
    {
        auto row = db.prepare("SELECT count(*) FROM spent_nonces");
        BOOST_REQUIRE(row.step());
        return row.integer(0);
    }
    static std::int64_t sum(database::Connection& db)
    {
        auto row = db.prepare("SELECT coalesce(sum(expires_at), 0) FROM spent_nonces");
        BOOST_REQUIRE(row.step());
        return row.integer(0);
    }

    base::Config config = test_config();
    const engine::Place place{config};
    std::unique_ptr<Connection> db;
    std::unique_ptr<Connection> other;
};

bool is_unavailable(const base::Error& error)
{
    return error.code() == base::ErrorCode::database_unavailable;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(postgresql_connection_tests, ServerFixture,
                         *boost::unit_test::precondition(with_server))

BOOST_AUTO_TEST_CASE(values_come_back_as_they_went)
{
    auto row = db->prepare("SELECT CAST(:a AS bigint) AS a, CAST(:b AS text) AS b, CAST(:c AS bigint) AS c, "
                           "1 = 1 AS yes, 1 = 2 AS no, CAST(NULL AS text) AS none");
    row.bind(":a", std::int64_t{-9007199254740993})
        .bind(":b", std::string("Grüße 'n \\ \""))
        .bind(":c", std::optional<std::int64_t>());
    BOOST_REQUIRE(row.step());
    BOOST_TEST(row.integer("a") == -9007199254740993);
    BOOST_TEST(row.text("b") == "Grüße 'n \\ \"");
    BOOST_TEST(!row.optional_integer("c").has_value());
    BOOST_TEST(row.boolean("yes"));
    BOOST_TEST(!row.boolean("no"));
    BOOST_TEST(row.text("none").empty());
    BOOST_TEST(row.is_null("none"));
    BOOST_TEST(!row.step());
}

BOOST_AUTO_TEST_CASE(a_transaction_counts_as_a_whole_or_not_at_all)
{
    {
        const database::Transaction tx(*db);
        insert(*db, 1);
        BOOST_TEST(count(*db) == 1);
        BOOST_TEST(count(*other) == 0);
    }
    BOOST_TEST(count(*db) == 0);
    for (const auto durability : {Durability::synced, Durability::relaxed}) {
        database::transact(*db, durability, [&] { insert(*db, 1 + count(*db)); });
    }
    BOOST_TEST(count(*other) == 2);
}

BOOST_AUTO_TEST_CASE(a_part_takes_back_only_what_it_did_itself)
{
    database::TransactionGroup group(*db);
    database::transact(*db, [&] { insert(*db, 1); });
    {
        const database::Transaction part(*db);
        insert(*db, 2);
    }
    BOOST_CHECK_THROW(database::transact(*db, [&] { insert(*db, 1); }), base::Error); // twice the same
    database::transact(*db, [&] { insert(*db, 3); });
    group.commit();
    BOOST_TEST(sum(*other) == 4);
}

// What is written travels with the next question, or with COMMIT.
BOOST_AUTO_TEST_CASE(writes_wait_for_nobody)
{
    const auto trips = [&](auto&& work) {
        const auto before = db->traffic().round_trips;
        work();
        return db->traffic().round_trips - before;
    };
    database::transact(*db, [&] { insert(*db, 1); }); // prepares
    BOOST_TEST(trips([&] {
                   database::transact(*db, [&] {
                       insert(*db, 2);
                       insert(*db, 3);
                       insert(*db, 4);
                   });
               }) == 1);
    BOOST_TEST(trips([&] {
                   database::transact(*db, [&] {
                       insert(*db, 5);
                       BOOST_TEST(count(*db) == 5);
                       insert(*db, 6);
                   });
               }) == 2);
    BOOST_TEST(trips([&] { count(*db); }) == 1);
}

BOOST_AUTO_TEST_CASE(what_was_wrong_with_a_write_is_thrown_at_the_commit_at_the_latest)
{
    BOOST_CHECK_EXCEPTION(database::transact(*db,
                                             [&] {
                                                 insert(*db, 1);
                                                 insert(*db, 1);
                                             }),
                          base::Error,
                          [](const base::Error& error) { return error.code() == base::ErrorCode::internal; });
    BOOST_TEST(!db->in_transaction());
    BOOST_TEST(count(*db) == 0);
}

// Two who read the same and write what follows from it: one gives way, and sees the other's.
BOOST_AUTO_TEST_CASE(who_gives_way_is_run_again)
{
    int runs = 0;
    database::transact(*db, [&] {
        const auto seen = count(*db);
        if (++runs == 1)
            database::transact(*other, [&] { insert(*other, 10 * (count(*other) + 1)); });
        insert(*db, 1 + seen);
    });
    BOOST_TEST(runs == 2);
    BOOST_TEST(db->traffic().retries == 1);
    BOOST_TEST(sum(*db) == 12);
}

BOOST_AUTO_TEST_CASE(a_group_is_run_again_as_a_whole)
{
    int runs = 0;
    database::retry_while_contended(*db, [&] {
        database::TransactionGroup group(*db);
        ++runs;
        database::transact(*db, [&] { insert(*db, 1); });
        database::transact(*db, [&] {
            const auto seen = sum(*db);
            if (runs == 1)
                database::transact(*other, [&] { insert(*other, 10 + sum(*other)); });
            insert(*db, seen + 1);
        });
        group.commit();
    });
    BOOST_TEST(runs == 2);
    BOOST_TEST(sum(*db) == 1 + 10 + 12);
}

BOOST_AUTO_TEST_CASE(nobody_is_run_again_for_ever)
{
    const auto impatient = open({.busy_timeout_ms = 20});
    int runs = 0;
    BOOST_CHECK_EXCEPTION(database::transact(*impatient,
                                             [&] {
                                                 ++runs;
                                                 const auto seen = count(*impatient);
                                                 database::transact(
                                                     *other, [&] { insert(*other, runs + count(*other)); });
                                                 insert(*impatient, 900 + seen);
                                             }),
                          base::Error, is_unavailable);
    BOOST_TEST(runs > 1);
    BOOST_TEST(!impatient->in_transaction());
}

BOOST_AUTO_TEST_CASE(a_row_that_is_held_is_waited_for_no_longer_than_told)
{
    database::transact(*db, [&] { insert(*db, 1); });
    const auto impatient = open({.busy_timeout_ms = 50});
    const database::Transaction holding(*other);
    other->prepare("UPDATE spent_nonces SET expires_at = 7 WHERE expires_at = 1").run_and_count();
    BOOST_CHECK_EXCEPTION(
        database::transact(
            *impatient,
            [&] { impatient->prepare("UPDATE spent_nonces SET expires_at = 8 WHERE expires_at = 1").run(); }),
        base::Error, is_unavailable);
    // The connection is as good as before.
    BOOST_TEST(count(*impatient) == 1);
}

BOOST_AUTO_TEST_CASE(a_connection_that_was_cut_is_unavailable_for_good)
{
    auto pid = db->prepare("SELECT pg_backend_pid()");
    BOOST_REQUIRE(pid.step());
    other->prepare("SELECT pg_terminate_backend(CAST(:pid AS int))")
        .bind(":pid", pid.integer(0))
        .run_and_count();
    BOOST_CHECK_EXCEPTION(count(*db), base::Error, is_unavailable);
    BOOST_CHECK_EXCEPTION(database::transact(*db, [&] { insert(*db, 1); }), base::Error, is_unavailable);
    BOOST_TEST(!db->in_transaction());
}

BOOST_AUTO_TEST_CASE(who_cannot_be_reached_is_unavailable)
{
    for (const std::string url : {"postgresql:///voice?host=/nowhere", "postgresql://127.0.0.1:1/voice",
                                  "postgresql://127.0.0.1:1,127.0.0.1:2/voice"})
        BOOST_CHECK_EXCEPTION(Connection{url}, base::Error, is_unavailable);
}

// A URL may hold a password, which is nobody's to read in a log.
BOOST_AUTO_TEST_CASE(no_error_tells_the_password)
{
    for (const std::string url :
         {"postgresql://voice:sesame@127.0.0.1:1/voice", "postgresql://voice:sesame@[/voice",
          "postgresql://voice:sesame@127.0.0.1:1/voice?nonsense=1"}) {
        BOOST_CHECK_EXCEPTION(Connection{url}, base::Error, [](const base::Error& error) {
            return std::string(error.what()).find("sesame") == std::string::npos;
        });
    }
}

BOOST_AUTO_TEST_CASE(a_mark_changes_with_every_commit)
{
    const auto before = db->change_mark();
    database::transact(*other, Durability::relaxed, [&] { insert(*other, 1); });
    BOOST_TEST((db->change_mark() != before));
}

BOOST_AUTO_TEST_CASE(a_snapshot_is_of_one_moment)
{
    const database::Snapshot snapshot(*db);
    BOOST_TEST(count(*db) == 0);
    database::transact(*other, [&] { insert(*other, 1); });
    BOOST_TEST(count(*db) == 0);
}

// As PgBouncer wants it.
BOOST_AUTO_TEST_CASE(it_works_without_prepared_statements)
{
    const auto plain = open({.prepares = false});
    database::transact(*plain, [&] { insert(*plain, 1); });
    BOOST_TEST(count(*plain) == 1);
    auto row = plain->prepare("SELECT count(*) AS prepared FROM pg_prepared_statements");
    BOOST_TEST((row.step() && row.integer("prepared") == 0));
}

BOOST_AUTO_TEST_CASE(a_program_that_is_older_than_the_schema_writes_nothing)
{
    const auto newest = db->schema_version();
    other->run_alone("UPDATE schema_version SET version = version + 1");
    BOOST_CHECK_EXCEPTION(
        database::transact(*db, [&] { insert(*db, 1); }), base::Error,
        [](const base::Error& error) { return error.code() == base::ErrorCode::database_newer; });
    BOOST_CHECK_EXCEPTION(open(), base::Error, [](const base::Error& error) {
        return error.code() == base::ErrorCode::database_newer;
    });
    other->run_alone("UPDATE schema_version SET version = version - 1");
    BOOST_TEST(db->schema_version() == newest);
    BOOST_TEST(count(*db) == 0);
}

BOOST_AUTO_TEST_CASE(many_machines_may_start_at_once)
{
    other->run_alone("DROP SCHEMA IF EXISTS anew CASCADE; CREATE SCHEMA anew");
    const auto url = config.database_url + "&options=-csearch_path%3Danew";
    std::vector<std::thread> machines;
    std::vector<std::string> problems(6);
    for (auto& problem : problems)
        machines.emplace_back([&] {
            try {
                postgresql::open_migrated(url, {});
            } catch (const std::exception& error) {
                problem = error.what();
            }
        });
    for (auto& machine : machines)
        machine.join();
    for (const auto& problem : problems)
        BOOST_TEST(problem == "");
    BOOST_TEST(Connection(url).schema_version() == db->schema_version());
    other->run_alone("DROP SCHEMA anew CASCADE");
}

// Both engines' schemas are of one version.
BOOST_AUTO_TEST_CASE(the_schema_is_of_the_version_of_sqlites)
{
    BOOST_TEST(db->schema_version() == static_cast<std::int64_t>(sqlite::schema_migrations.size()));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(postgresql_round_trips_tests, HandlerFixture,
                         *boost::unit_test::precondition(with_server))

BOOST_AUTO_TEST_CASE(a_request_goes_to_the_server_no_more_often_than_it_must)
{
    const auto host = address(1);
    const auto guest = address(2);
    give(guest, 1800);
    const auto room_id = create_room(host);
    const auto seat = caller(join(host, room_id));
    const auto trips = [&](const std::string& path, const base::Json& body, const std::string& wallet) {
        const auto before = db().traffic().round_trips;
        BOOST_TEST(post(path, body, wallet).status == 200);
        return db().traffic().round_trips - before;
    };
    for (int times = 0; times < 2; ++times) { // the first prepares
        now += 40;
        BOOST_TEST(trips("/rooms/heartbeat", seat, host) == 1);
        BOOST_TEST(trips("/rooms/token/renew", seat, host) <= 4);
        const auto before = db().traffic().round_trips;
        const auto guests = caller(join(guest, room_id));
        BOOST_TEST(db().traffic().round_trips - before <= 6);
        now += 5;
        BOOST_TEST(trips("/rooms/leave", guests, guest) <= 4);
    }
    require_clean_audit();
}

BOOST_AUTO_TEST_SUITE_END()
