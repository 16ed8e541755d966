#include "sqlite/migrate.h"

#include "base/config.h"
#include "fixture.h"
#include "rooms/standing.h"
#include "sqlite/child_process.h"
#include "sqlite/shorthand.h"
#include "temporary_folder.h"

#include <sqlite3.h>

namespace {

using database::Transaction;
using sqlite::Connection;
using sqlite::Migration;
using sqlite::schema_migrations;

const std::vector<Migration> two_steps = {
    {"001_first", "CREATE TABLE first (number INTEGER); INSERT INTO first VALUES (1);"},
    {"002_second", "CREATE TABLE second (number INTEGER); UPDATE first SET number = number + 1;"},
};

// Everything that the schema consists of.
std::string schema(Connection& db)
{
    std::string text = std::to_string(db.schema_version()) + "\n";
    auto row = db.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name");
    while (row.step())
        text += row.text(0) + " " + row.text(1) + ": " + row.text(2) + "\n";
    return text;
}

std::vector<Migration> first_steps(std::size_t count)
{
    return {schema_migrations.begin(), schema_migrations.begin() + static_cast<std::ptrdiff_t>(count)};
}

std::string content_of(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// A database that some other program made.
void make_foreign_file(const std::string& path, const std::string& script)
{
    sqlite3* other = nullptr;
    BOOST_REQUIRE(sqlite3_open(path.c_str(), &other) == SQLITE_OK);
    BOOST_REQUIRE(sqlite3_exec(other, script.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(other);
}

} // namespace

BOOST_AUTO_TEST_SUITE(migrate_tests, *boost::unit_test::label("sqlite"))

BOOST_AUTO_TEST_CASE(an_empty_database_is_brought_to_the_newest_version)
{
    Connection db(":memory:");
    BOOST_TEST(db.schema_version() == 0);
    BOOST_TEST(sqlite::migrate(db) == static_cast<int>(schema_migrations.size()));
    BOOST_TEST(db.schema_version() == static_cast<std::int64_t>(schema_migrations.size()));
    BOOST_TEST(integer(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'credit_events'") == 1);
    BOOST_TEST(db.integrity_problems().empty());
}

BOOST_AUTO_TEST_CASE(the_schemas_files_are_numbered_from_one_without_a_gap)
{
    BOOST_REQUIRE(!schema_migrations.empty());
    for (std::size_t i = 0; i < schema_migrations.size(); ++i) {
        const std::string name = schema_migrations[i].name;
        BOOST_TEST(name.size() > 4u);
        BOOST_TEST(std::stoul(name.substr(0, 3)) == i + 1, name);
        BOOST_TEST(name[3] == '_', name);
    }
}

BOOST_AUTO_TEST_CASE(every_table_is_strict)
{
    Connection db(":memory:");
    sqlite::migrate(db);
    auto row = db.prepare(
        "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT GLOB 'sqlite_*'");
    int tables = 0;
    while (row.step()) {
        BOOST_TEST(row.integer(1) == 1, row.text(0));
        ++tables;
    }
    BOOST_TEST(tables >= 3);
}

BOOST_AUTO_TEST_CASE(migrating_again_does_nothing)
{
    Connection db(":memory:");
    sqlite::migrate(db);
    const auto before = schema(db);
    const auto changes_before = integer(db, "SELECT total_changes()");
    BOOST_TEST(sqlite::migrate(db) == 0);
    BOOST_TEST(schema(db) == before);
    BOOST_TEST(integer(db, "SELECT total_changes()") == changes_before);
}

BOOST_AUTO_TEST_CASE(steps_are_taken_in_order_and_once_each)
{
    Connection db(":memory:");
    BOOST_TEST(sqlite::migrate(db, {two_steps[0]}) == 1);
    BOOST_TEST(db.schema_version() == 1);
    BOOST_TEST(sqlite::migrate(db, two_steps) == 1);
    BOOST_TEST(db.schema_version() == 2);
    BOOST_TEST(sqlite::migrate(db, two_steps) == 0);
    BOOST_TEST(integer(db, "SELECT number FROM first") == 2);
}

BOOST_AUTO_TEST_CASE(every_older_version_is_upgraded_to_the_same_schema_and_keeps_its_rows)
{
    const auto* wallet = "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a";
    Connection fresh(":memory:");
    sqlite::migrate(fresh);
    for (std::size_t version = 0; version <= schema_migrations.size(); ++version) {
        BOOST_TEST_CONTEXT("from version " << version)
        {
            Connection db(":memory:");
            BOOST_TEST(sqlite::migrate(db, first_steps(version)) == static_cast<int>(version));
            if (version >= 1)
                execute(db, "INSERT INTO spent_nonces VALUES ('" + std::string(64, 'a') + "', 7)");
            if (version >= 2)
                execute(
                    db,
                    "INSERT INTO credit_accounts (wallet, adjusted_seconds, remaining_seconds) VALUES ('" +
                        std::string(wallet) +
                        "', 100, 100); INSERT INTO credit_events (wallet, event_id, kind, delta_seconds, "
                        "balance_after_seconds, created_at) VALUES ('" +
                        wallet + "', 1, 'admin_adjust', 100, 100, 7)");
            BOOST_TEST(sqlite::migrate(db) == static_cast<int>(schema_migrations.size() - version));
            BOOST_TEST(schema(db) == schema(fresh));
            BOOST_TEST(db.integrity_problems().empty());
            BOOST_TEST(integer(db, "SELECT count(*) FROM spent_nonces") == (version >= 1 ? 1 : 0));
            BOOST_TEST(integer(db, "SELECT ifnull(sum(remaining_seconds), 0) FROM credit_accounts") ==
                       (version >= 2 ? 100 : 0));
        }
    }
}

// Of fifty stays each was charged for 30 s by a heartbeat, under the schema that booked each of them. The
// next one to book goes on from there.
BOOST_AUTO_TEST_CASE(an_upgrade_of_a_database_full_of_open_stays_charges_no_second_twice)
{
    const TemporaryFolder folder;
    const auto path = folder / "session-voice.db";
    constexpr base::UnixSeconds joined_at = 1767225600;
    {
        Connection db(path);
        sqlite::migrate(db, first_steps(16));
        for (unsigned number = 10; number < 60; ++number) {
            const auto wallet = "'0x" + std::string(38, '0') + std::to_string(number) + "'";
            const auto id = "'00000000-0000-4000-8000-0000000000" + std::to_string(number) + "'";
            const auto at = [](int seconds) { return ", " + std::to_string(joined_at + seconds); };
            execute(db, "INSERT INTO credit_accounts (wallet, adjusted_seconds, consumed_seconds, "
                        "remaining_seconds) VALUES (" +
                            wallet +
                            ", 100, 30, 70); INSERT INTO rooms (room_id, kind, host_wallet, visibility, "
                            "ai_enabled, capacity, created_at, ordinal) VALUES (" +
                            id + ", 'free', " + wallet + ", 'open', 0, 6" + at(0) + ", " +
                            std::to_string(number) +
                            "); INSERT INTO connections (connection_id, room_id, kind, wallet, agora_uid, "
                            "debited_seconds, joined_at, last_metered_at, token_expires_at) VALUES (" +
                            id + ", " + id + ", 'free', " + wallet + ", 1, 30" + at(0) + at(30) + at(90) +
                            ")");
        }
        // In the order of booking, as it was.
        execute(db, "UPDATE credit_accounts SET consumed_seconds = 0, remaining_seconds = 100; "
                    "INSERT INTO credit_events (wallet, kind, delta_seconds, balance_after_seconds, "
                    "created_at) SELECT wallet, 'admin_adjust', 100, 100, 1 FROM credit_accounts; "
                    "UPDATE credit_accounts SET consumed_seconds = 30, remaining_seconds = 70; "
                    "INSERT INTO credit_events (wallet, kind, delta_seconds, balance_after_seconds, "
                    "connection_id, created_at) SELECT wallet, 'debit_usage', -30, 70, connection_id, 2 "
                    "FROM connections");
    }
    auto config = test_config();
    config.database_path = path;
    AppFixture service(config);
    const auto sum = [&](const std::string& column) {
        return service.query("SELECT sum(" + column + ") FROM credit_accounts");
    };
    service.now = joined_at + 50;
    BOOST_TEST(rooms::pending_seconds(service.db(), service.now) == 50 * 20);
    BOOST_TEST(sum("consumed_seconds") == 50 * 30);
    service.require_clean_audit();
    service.now = joined_at + 89;
    service.sweep(); // who was booked a minute ago, or longer
    service.now = joined_at + 400;
    service.sweep();
    BOOST_TEST(sum("consumed_seconds") == 50 * 90);
    BOOST_TEST(sum("remaining_seconds") == 50 * 10);
    service.require_clean_audit();
}

// What was joined before the escrow's terms were written down is still there, and its terms are unknown.
BOOST_AUTO_TEST_CASE(sessions_of_version_4_are_kept_and_left_to_be_looked_up)
{
    const std::string host = "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a";
    const std::string room = "00000000-0000-4000-8000-000000000000";
    const std::string stay = "00000000-0000-4000-8000-000000000001";
    Connection db(":memory:");
    sqlite::migrate(db, first_steps(4));
    execute(db,
            "INSERT INTO rooms (room_id, kind, host_wallet, visibility, ai_enabled, capacity, created_at) "
            "VALUES ('" +
                room + "', 'booked', '" + host +
                "', 'private', 0, 2, 7); "
                "INSERT INTO sessions (booking_id, room_id) VALUES ('42', '" +
                room +
                "'); "
                "INSERT INTO connections (connection_id, room_id, kind, wallet, agora_uid, joined_at, "
                "token_expires_at, last_metered_at, left_at) VALUES ('" +
                stay + "', '" + room + "', 'booked', '" + host + "', 5, 10, 3610, 10, 70)");
    BOOST_TEST(sqlite::migrate(db) == static_cast<int>(schema_migrations.size()) - 4);
    BOOST_TEST(db.integrity_problems().empty());
    BOOST_TEST(integer(db, "SELECT count(*) FROM sessions WHERE booking_id = '42' "
                           "AND host_wallet IS NULL AND guest_wallet IS NULL AND start_at IS NULL "
                           "AND ends_at IS NULL AND grace_seconds IS NULL AND min_overlap_seconds IS NULL "
                           "AND looked_up_at IS NULL AND concluded IS NULL") == 1);
    BOOST_TEST(integer(db, "SELECT left_at - joined_at FROM connections") == 60);
}

// The ledger of version 18 is written anew, and its rules with it.
BOOST_AUTO_TEST_CASE(events_are_kept_and_top_ups_are_taken_once)
{
    Connection db(":memory:");
    sqlite::migrate(db, first_steps(18));
    const std::string wallet = "'0x" + std::string(40, '1') + "'";
    const auto event = [&](int event_id, const std::string& kind, int delta, int balance,
                           const std::string& rest) {
        return "UPDATE credit_accounts SET remaining_seconds = " + std::to_string(balance) +
               ", adjusted_seconds = " + std::to_string(balance) +
               "; INSERT INTO credit_events (wallet, event_id, kind, delta_seconds, balance_after_seconds, "
               "created_at, " +
               (kind == "top_up" ? "reference" : "connection_id") + ") VALUES (" + wallet + ", " +
               std::to_string(event_id) + ", '" + kind + "', " + std::to_string(delta) + ", " +
               std::to_string(balance) + ", 7, " + rest + ");";
    };
    execute(db, "INSERT INTO credit_accounts (wallet) VALUES (" + wallet + ")");
    execute(db, event(1, "grant_base", 100, 100, "NULL") + event(2, "debit_usage", -30, 70, "'a'") +
                    event(3, "refund_usage", 10, 80, "'a'") + event(4, "admin_adjust", -5, 75, "NULL"));
    sqlite::migrate(db);
    BOOST_TEST(db.integrity_problems().empty());
    BOOST_TEST(integer(db, "SELECT sum(delta_seconds) FROM credit_events WHERE reference IS NULL") == 75);
    execute(db, event(5, "top_up", 60, 135, "'p'"));
    for (const auto& refused :
         {event(6, "top_up", 60, 195, "'p'"), event(6, "top_up", 60, 195, "NULL"),
          event(6, "top_up", -60, 75, "'q'"), event(6, "top_up", 60, 195, "'" + std::string(129, 'q') + "'"),
          event(6, "no_such_kind", 60, 195, "NULL"),
          std::string("UPDATE credit_events SET reference = 'q' WHERE event_id = 5"),
          std::string("DELETE FROM credit_events WHERE event_id = 1")})
        BOOST_CHECK_THROW(execute(db, refused), base::Error);
    BOOST_TEST(integer(db, "SELECT remaining_seconds FROM credit_accounts") == 135);
}

// Attestations of version 10, in each of their states, and their transactions.
BOOST_AUTO_TEST_CASE(attestations_are_kept_with_what_was_signed)
{
    Connection db(":memory:");
    sqlite::migrate(db, first_steps(10));
    const auto attestation = [](const std::string& id, const std::string& rest) {
        return "INSERT INTO attestations VALUES ('" + id + "', 1, 1, 2, 3, 4, 5, '" + std::string(64, 'a') +
               "', 10, 6343, '0x" + std::string(40, '1') + "', " + id + ", " + rest +
               "); INSERT INTO attestation_transactions (booking_id, tx_hash, oracle, nonce, gas_limit, "
               "max_fee_per_gas, raw, created_at, sent_at) VALUES ('" +
               id + "', '0x" + std::string(63, 'b') + id + "', '0x" + std::string(40, '1') + "', " + id +
               ", 5, '7', '02', 11, 12);";
    };
    const auto hash = "'0x" + std::string(64, 'b') + "'";
    execute(db, attestation("1", "'submitted', NULL, NULL, NULL") +
                    attestation("2", "'confirmed', " + hash + ", NULL, 30") +
                    attestation("3", "'failed', " + hash + ", 'TOO_LATE', 40") +
                    attestation("4", "'failed', NULL, 'overtaken', 50"));
    sqlite::migrate(db);
    BOOST_TEST(db.integrity_problems().empty());
    BOOST_TEST(integer(db,
                       "SELECT count(*) FROM attestations WHERE (state = 'submitted') = (booking_id = '1') "
                       "AND (state = 'confirmed') = (booking_id = '2') AND nonce = booking_id "
                       "AND coalesce(settled_at, 20) = 10 * booking_id + 10") == 4);
    BOOST_TEST(integer(db, "SELECT count(*) FROM attestation_transactions WHERE transaction_id = nonce "
                           "AND booking_id = nonce AND sent_at = 12 AND is_cancellation = 0") == 4);
    BOOST_CHECK_THROW(execute(db, "INSERT INTO attestation_transactions (booking_id, tx_hash, oracle, nonce, "
                                  "gas_limit, max_fee_per_gas, raw, created_at) SELECT '5', '0x" +
                                      std::string(64, 'c') +
                                      "', oracle, 5, 5, '7', '02', 11 FROM attestations LIMIT 1"),
                      base::Error); // the one table still refers to the other
}

BOOST_AUTO_TEST_CASE(a_step_that_fails_changes_nothing_and_leaves_the_version)
{
    auto steps = two_steps;
    steps.push_back(
        {"003_broken", "CREATE TABLE third (number INTEGER); UPDATE first SET number = 99; SELEKT 1;"});
    Connection db(":memory:");
    BOOST_CHECK_THROW(sqlite::migrate(db, steps), base::Error);
    BOOST_TEST(!db.in_transaction());
    // The steps before it stand.
    BOOST_TEST(db.schema_version() == 2);
    BOOST_TEST(integer(db, "SELECT number FROM first") == 2);
    BOOST_TEST(integer(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'third'") == 0);
    // And the repaired step can be taken.
    steps.back().script = "CREATE TABLE third (number INTEGER)";
    BOOST_TEST(sqlite::migrate(db, steps) == 1);
    BOOST_TEST(db.schema_version() == 3);
}

BOOST_AUTO_TEST_CASE(a_newer_database_is_refused_and_left_alone)
{
    const TemporaryFolder folder;
    const auto path = folder / "test.db";
    Connection db(path);
    sqlite::migrate(db);
    execute(db, "CREATE TABLE from_the_future (number INTEGER); PRAGMA user_version = 999");
    const auto before = schema(db);
    const auto changes_before = integer(db, "SELECT total_changes()");
    const auto is_newer = [](const base::Error& error) {
        return error.code() == base::ErrorCode::database_newer && error.name() == "database_unavailable";
    };
    BOOST_CHECK_EXCEPTION(sqlite::migrate(db), base::Error, [&](const base::Error& error) {
        return is_newer(error) && std::string(error.what()).find("999") != std::string::npos;
    });
    BOOST_CHECK_EXCEPTION(sqlite::open_migrated(path, 1000), base::Error, is_newer);
    BOOST_TEST(schema(db) == before);
    BOOST_TEST(integer(db, "SELECT total_changes()") == changes_before);
    BOOST_TEST(!db.in_transaction());
}

BOOST_AUTO_TEST_CASE(the_database_of_another_program_is_refused)
{
    const TemporaryFolder folder;
    const auto newest = std::to_string(schema_migrations.size());
    for (const auto& script :
         {std::string("CREATE TABLE theirs (number INTEGER)"),
          std::string("CREATE TABLE theirs (number INTEGER); PRAGMA user_version = 1"),
          "CREATE TABLE theirs (number INTEGER); PRAGMA user_version = " + newest,
          "CREATE TABLE theirs (number INTEGER); PRAGMA application_id = 7; PRAGMA user_version = " +
              newest}) {
        const auto path = folder / "test.db";
        make_foreign_file(path, script);
        BOOST_CHECK_EXCEPTION(sqlite::open_migrated(path, 1000), base::Error, is_database_unavailable);
        {
            Connection db(path);
            BOOST_TEST(integer(db, "SELECT count(*) FROM sqlite_schema") == 1);
        }
        std::filesystem::remove(path);
        std::filesystem::remove(path + "-wal");
        std::filesystem::remove(path + "-shm");
    }
}

// Its own program may count on the journal that it chose.
BOOST_AUTO_TEST_CASE(the_file_of_another_program_keeps_every_byte)
{
    const TemporaryFolder folder;
    const auto path = folder / "theirs.db";
    make_foreign_file(path, "CREATE TABLE theirs (number INTEGER); INSERT INTO theirs VALUES (7)");
    const auto before = content_of(path);
    BOOST_CHECK_EXCEPTION(sqlite::open_migrated(path, 1000), base::Error, is_database_unavailable);
    BOOST_TEST((content_of(path) == before));
}

// VACUUM INTO leaves the write-ahead log behind.
BOOST_AUTO_TEST_CASE(a_backup_of_ours_is_opened_and_written_to)
{
    const TemporaryFolder folder;
    sqlite::open_migrated(folder / "test.db", 1000);
    sqlite3* tool = nullptr;
    BOOST_REQUIRE(sqlite3_open((folder / "test.db").c_str(), &tool) == SQLITE_OK);
    const auto sql = "VACUUM INTO '" + (folder / "backup.db") + "'";
    BOOST_REQUIRE(sqlite3_exec(tool, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(tool);
    const auto backup = sqlite::open_migrated(folder / "backup.db", 1000);
    execute(*backup, "INSERT INTO spent_nonces VALUES ('" + std::string(64, 'a') + "', 7)");
    BOOST_TEST(std::filesystem::exists(folder / "backup.db-wal"));
    BOOST_TEST(integer(*backup, "SELECT count(*) FROM spent_nonces") == 1);
}

BOOST_AUTO_TEST_CASE(first_starts_at_the_same_moment_make_one_schema)
{
    constexpr int processes = 4;
    const TemporaryFolder folder;
    const auto path = folder / "test.db";
    for (int round = 0; round < 5; ++round) {
        Signal start;
        int steps = 0;
        {
            std::vector<std::unique_ptr<ChildProcess>> children;
            for (int i = 0; i < processes; ++i) {
                children.push_back(std::make_unique<ChildProcess>([&] {
                    start.await();
                    Connection db(path, sqlite::Options{20000});
                    return sqlite::migrate(db);
                }));
            }
            for (int i = 0; i < processes; ++i)
                start.give();
            for (const auto& child : children) {
                const auto code = child->wait();
                BOOST_TEST(code <= static_cast<int>(schema_migrations.size()), "exit code " << code);
                steps += code;
            }
        }
        BOOST_TEST(steps == static_cast<int>(schema_migrations.size()));
        {
            Connection db(path);
            BOOST_TEST(sqlite::migrate(db) == 0);
            BOOST_TEST(db.integrity_problems().empty());
        }
        for (const auto* suffix : {"", "-wal", "-shm", "-lock"})
            std::filesystem::remove(path + suffix);
    }
}

BOOST_AUTO_TEST_CASE(a_program_at_work_writes_nothing_once_the_schema_has_moved_on)
{
    const TemporaryFolder folder;
    const auto path = folder / "test.db";
    const auto newest = schema_migrations.size();
    const auto old_program = sqlite::open_migrated(path, 1000);
    const auto new_program = sqlite::open_migrated(path, 1000);
    const auto set_version = [&](std::size_t version) {
        Connection other(path); // expects nothing
        execute(other, "PRAGMA user_version = " + std::to_string(version));
    };
    const auto table = [](const std::string& name) { return "CREATE TABLE " + name + " (number INTEGER)"; };
    execute(*old_program, table("first"));
    for (const auto version : {newest + 1, newest - 1}) {
        set_version(version);
        BOOST_CHECK_EXCEPTION(execute(*old_program, table("second")), base::Error, [&](const auto& error) {
            return error.code() == base::ErrorCode::database_newer &&
                   error.name() == "database_unavailable" &&
                   std::string(error.what()).find("version " + std::to_string(version)) != std::string::npos;
        });
        BOOST_TEST(!old_program->in_transaction());
    }
    set_version(newest);
    execute(*old_program, table("second"));
    new_program->expect_schema_version(static_cast<std::int64_t>(newest) + 1);
    BOOST_CHECK_THROW(execute(*new_program, table("third")), base::Error);
    BOOST_CHECK_THROW(integer(*new_program, "SELECT count(*) FROM second"), base::Error);
}

// A worker that only ever reads ends, too, and makes way for the new program.
BOOST_AUTO_TEST_CASE(a_program_that_only_reads_learns_that_the_schema_has_moved_on)
{
    const TemporaryFolder folder;
    const auto path = folder / "test.db";
    const auto old_program = sqlite::open_migrated(path, 1000);
    const auto read = [&] {
        return old_program->prepare("SELECT wallet FROM credit_accounts WHERE wallet = 'a'").step();
    };
    const auto add_table = [&](const std::string& name) {
        Connection other(path);
        execute(other, "CREATE TABLE " + name + " (number INTEGER)");
    };
    BOOST_TEST(!read());
    add_table("of_somebody_else"); // which does not make it another version
    BOOST_TEST(!read());
    {
        Connection other(path);
        auto steps = schema_migrations;
        steps.push_back({"999_next", "CREATE TABLE next_version (number INTEGER)"});
        BOOST_TEST(sqlite::migrate(other, steps) == 1);
    }
    for (int i = 0; i < 2; ++i)
        BOOST_CHECK_EXCEPTION(read(), base::Error, [](const auto& error) {
            return error.code() == base::ErrorCode::database_newer;
        });
}

BOOST_AUTO_TEST_CASE(a_program_that_only_reads_learns_that_the_database_has_moved)
{
    const TemporaryFolder folder;
    const auto path = folder / "test.db";
    const auto program = sqlite::open_migrated(path, 1000);
    const auto read = [&] { return program->prepare("SELECT wallet FROM credit_accounts").step(); };
    const auto set_moved_to = [&](const std::optional<std::string>& destination) {
        Connection other(path);
        database::transact(other, [&] { other.set_moved_to(destination); });
    };
    BOOST_TEST(!read());
    set_moved_to("elsewhere");
    for (int time = 0; time < 2; ++time)
        BOOST_CHECK_EXCEPTION(read(), base::Error, [](const base::Error& error) {
            return std::string(error.what()).find("moved to elsewhere") != std::string::npos;
        });
    set_moved_to(std::nullopt);
    BOOST_TEST(!read());
}

BOOST_AUTO_TEST_CASE(an_opened_database_waits_for_others_as_long_as_told)
{
    const TemporaryFolder folder;
    const auto path = folder / "test.db";
    {
        const auto db = sqlite::open_migrated(path, 1000);
        BOOST_TEST(db->schema_version() == static_cast<std::int64_t>(schema_migrations.size()));
    }
    const auto holder = sqlite::open_migrated(path, 1000);
    const auto waiter = sqlite::open_migrated(path, 1);
    Transaction held(*holder);
    BOOST_CHECK_EXCEPTION(execute(*waiter, "CREATE TABLE more (number INTEGER)"), base::Error,
                          is_database_unavailable);
    // A database that needs no migration is opened without waiting for its writer.
    BOOST_CHECK_NO_THROW(sqlite::open_migrated(path, 1));
}

BOOST_AUTO_TEST_SUITE_END()
