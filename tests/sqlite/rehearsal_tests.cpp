#include "fixture.h"
#include "sqlite/shorthand.h"
#include "temporary_folder.h"

namespace {

using database::Transaction;
using sqlite::Connection;

// What a dry run is: a group of transactions that is never committed.
using Rehearsal = database::TransactionGroup;

struct RehearsalFixture
{
    RehearsalFixture() { execute(db, "CREATE TABLE numbers (number INTEGER NOT NULL UNIQUE)"); }

    void insert(std::int64_t number, bool commit = true)
    {
        Transaction tx(db);
        db.prepare("INSERT INTO numbers VALUES (:number)").bind(":number", number).run();
        if (commit)
            tx.commit();
    }
    std::int64_t count() { return integer(db, "SELECT count(*) FROM numbers"); }

    const TemporaryFolder folder;
    Connection db{folder / "test.db", {50, 1}}; // the log goes into the file at once
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(rehearsal_tests, RehearsalFixture, *boost::unit_test::label("sqlite"))

BOOST_AUTO_TEST_CASE(what_is_committed_in_a_rehearsal_is_seen_until_its_end)
{
    insert(1);
    {
        const Rehearsal rehearsal(db);
        insert(2);
        insert(3, false);
        insert(4);
        BOOST_CHECK_THROW(insert(2), base::Error);
        BOOST_TEST(count() == 3);
        Connection other(folder / "test.db", {50});
        BOOST_TEST(integer(other, "SELECT count(*) FROM numbers") == 1);
        BOOST_CHECK_EXCEPTION(execute(other, "DELETE FROM numbers"), base::Error, is_database_unavailable);
    }
    BOOST_TEST(count() == 1);
    BOOST_TEST(!db.in_transaction());
    insert(2);
    Connection other(folder / "test.db");
    BOOST_TEST(integer(other, "SELECT count(*) FROM numbers") == 2);
    execute(other, "DELETE FROM numbers");
}

BOOST_AUTO_TEST_CASE(a_migration_can_be_rehearsed)
{
    Connection fresh(folder / "fresh.db");
    {
        const Rehearsal rehearsal(fresh);
        BOOST_TEST(sqlite::migrate(fresh) == static_cast<int>(sqlite::schema_migrations.size()));
        BOOST_TEST(sqlite::migrate(fresh) == 0);
    }
    BOOST_TEST(fresh.schema_version() == 0);
    BOOST_TEST(integer(fresh, "SELECT count(*) FROM sqlite_schema") == 0);
    BOOST_TEST(sqlite::migrate(fresh) == static_cast<int>(sqlite::schema_migrations.size()));
}

BOOST_AUTO_TEST_CASE(an_exception_ends_a_rehearsal_too)
{
    try {
        const Rehearsal rehearsal(db);
        insert(1);
        insert(1);
    } catch (const base::Error&) {
    }
    BOOST_TEST(count() == 0);
    insert(1);
    BOOST_TEST(count() == 1);
}

BOOST_AUTO_TEST_CASE(a_vacuum_gives_free_space_back)
{
    {
        Transaction tx(db);
        for (std::int64_t number = 0; number < 50000; ++number)
            db.prepare("INSERT INTO numbers VALUES (:number)").bind(":number", number).run();
        tx.commit();
    }
    execute(db, "DELETE FROM numbers");
    BOOST_TEST(db.free_bytes() > 500000);
    const auto before = std::filesystem::file_size(folder / "test.db");
    Connection other(folder / "test.db");
    db.vacuum();
    BOOST_TEST(db.free_bytes() == 0);
    BOOST_TEST(std::filesystem::file_size(folder / "test.db") < before / 10);
    execute(other, "INSERT INTO numbers VALUES (7)");
    BOOST_TEST(count() == 1);
    BOOST_TEST(other.integrity_problems().empty());
}

BOOST_AUTO_TEST_SUITE_END()
