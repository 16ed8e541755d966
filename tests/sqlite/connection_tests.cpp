#include "sqlite/connection.h"

#include "faults/faulty_vfs.h"
#include "file_size_limit.h"
#include "fixture.h"
#include "sqlite/child_process.h"
#include "sqlite/shorthand.h"
#include "temporary_folder.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <optional>
#include <sqlite3.h>
#include <sys/stat.h>
#include <utility>

namespace {

using database::Durability;
using database::Transaction;
using database::TransactionGroup;
using sqlite::Connection;
using sqlite::Options;
using Steady = std::chrono::steady_clock;

bool is_internal(const base::Error& error)
{
    return error.code() == base::ErrorCode::internal;
}

void insert(Connection& db, std::int64_t number, Durability durability = Durability::synced)
{
    Transaction tx(db, durability);
    db.prepare("INSERT INTO numbers (number) VALUES (:number)").bind(":number", number).run();
    tx.commit();
}

std::int64_t count(Connection& db)
{
    return integer(db, "SELECT count(*) FROM numbers");
}

constexpr const char* numbers_table =
    "CREATE TABLE numbers (number INTEGER NOT NULL UNIQUE CHECK (number > 0))";

// A database in memory with a table of numbers.
struct MemoryFixture
{
    MemoryFixture() { execute(db, numbers_table); }
    Connection db{":memory:"};
};

// The same in a file, created and closed again, so that a test can fork first.
struct FileFixture
{
    FileFixture()
    {
        Connection db(path);
        execute(db, numbers_table);
    }
    std::uintmax_t size_of(const std::string& suffix = "") const
    {
        return std::filesystem::file_size(path + suffix);
    }

    TemporaryFolder folder;
    const std::string path = folder / "test.db";
};

// SQLite counts the question as a write, so it is asked in a transaction.
std::string journal_mode(Connection& db)
{
    const Transaction tx(db);
    auto mode = db.prepare("PRAGMA journal_mode");
    BOOST_REQUIRE(mode.step());
    return mode.text(0);
}

// Some pages of the log.
void fill_log(Connection& db)
{
    execute(db, "CREATE TABLE fillers (filler TEXT)");
    for (int i = 0; i < 100; ++i)
        execute(db, "INSERT INTO fillers VALUES (zeroblob(4000))");
}

// A file system that maps no memory for all processes, as long as one of these lives.
class NoSharedMemory
{
  public:
    NoSharedMemory() : vfs_(*sqlite3_vfs_find(nullptr))
    {
        below = sqlite3_vfs_find(nullptr);
        vfs_.zName = "no shared memory";
        vfs_.xOpen = open;
        sqlite3_vfs_register(&vfs_, 1);
    }
    ~NoSharedMemory() { sqlite3_vfs_unregister(&vfs_); }
    NoSharedMemory(const NoSharedMemory&) = delete;
    NoSharedMemory& operator=(const NoSharedMemory&) = delete;

  private:
    static int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* opened_flags)
    {
        const int code = below->xOpen(below, name, file, flags, opened_flags);
        if (file->pMethods != nullptr) {
            static sqlite3_io_methods methods = *file->pMethods;
            methods.iVersion = 1;
            file->pMethods = &methods;
        }
        return code;
    }

    static inline sqlite3_vfs* below = nullptr;
    sqlite3_vfs vfs_;
};

void silence_stderr()
{
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(null, STDERR_FILENO);
}

} // namespace

BOOST_AUTO_TEST_SUITE(sqlite_connection_tests, *boost::unit_test::label("sqlite"))

// ---- statements ----

BOOST_FIXTURE_TEST_CASE(binding_an_unknown_name_is_a_bug, MemoryFixture)
{
    const auto names_it = [](const base::Error& error) {
        return is_internal(error) && std::string(error.what()).find(":nonesuch") != std::string::npos;
    };
    auto statement = db.prepare("SELECT :number");
    BOOST_CHECK_EXCEPTION(statement.bind(":nonesuch", std::int64_t{1}), base::Error, names_it);
    BOOST_CHECK_EXCEPTION(statement.bind(":nonesuch", std::string_view("1")), base::Error, names_it);
    BOOST_CHECK_EXCEPTION(statement.bind(":nonesuch", std::optional<std::int64_t>()), base::Error, names_it);
    BOOST_CHECK_EXCEPTION(statement.bind("number", std::int64_t{1}), base::Error, is_internal);
    BOOST_CHECK_EXCEPTION(statement.bind(":Number", std::int64_t{1}), base::Error, is_internal);
    statement.bind(":number", std::int64_t{7});
    BOOST_TEST(statement.step());
    BOOST_TEST(statement.integer(0) == 7);
}

BOOST_FIXTURE_TEST_CASE(values_come_back_as_they_went_in, MemoryFixture)
{
    for (const auto number : {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}, std::int64_t{0},
                              (std::int64_t{1} << 53) + 1, std::numeric_limits<std::int64_t>::max()}) {
        auto row = db.prepare("SELECT :value");
        BOOST_TEST(row.bind(":value", number).step());
        BOOST_TEST(row.integer(0) == number);
        BOOST_TEST((row.optional_integer(0) == number));
    }
    for (const auto& text :
         {std::string(), std::string("alice"), std::string("a\0b\0", 4), std::string("'; DROP TABLE"),
          std::string("\xf0\x9f\x98\x80"), std::string(100000, 'x')}) {
        auto row = db.prepare("SELECT :value, typeof(:value)");
        BOOST_TEST(row.bind(":value", std::string_view(text)).step());
        BOOST_TEST((row.text(0) == text));
        BOOST_TEST(row.text(1) == "text");
    }
    auto row = db.prepare("SELECT :null, :seven");
    row.bind(":null", std::optional<std::int64_t>()).bind(":seven", std::optional<std::int64_t>(7));
    BOOST_TEST(row.step());
    BOOST_TEST(!row.optional_integer(0).has_value());
    BOOST_TEST(row.text(0).empty());
    BOOST_TEST((row.optional_integer(1) == 7));
}

// The text may be gone before the statement runs.
BOOST_FIXTURE_TEST_CASE(a_bound_text_is_copied, MemoryFixture)
{
    auto row = db.prepare("SELECT :value");
    {
        std::string text(1000, 'a');
        row.bind(":value", std::string_view(text));
        std::fill(text.begin(), text.end(), 'b');
    }
    BOOST_TEST(row.step());
    BOOST_TEST((row.text(0) == std::string(1000, 'a')));
}

BOOST_FIXTURE_TEST_CASE(a_statement_starts_afresh_each_time, MemoryFixture)
{
    const auto* sql = "SELECT :value UNION ALL SELECT 2";
    {
        auto row = db.prepare(sql);
        row.bind(":value", std::int64_t{1});
        BOOST_TEST(row.step()); // and stops half way
    }
    auto row = db.prepare(sql);
    BOOST_TEST(row.step());
    BOOST_TEST(!row.optional_integer(0).has_value()); // nothing is bound any more
    BOOST_TEST(row.step());
    BOOST_TEST(!row.step());
}

BOOST_FIXTURE_TEST_CASE(one_statement_can_run_inside_itself, MemoryFixture)
{
    for (int number = 1; number <= 3; ++number)
        insert(db, number);
    const auto* sql = "SELECT number FROM numbers WHERE number >= :least ORDER BY number";
    std::vector<std::int64_t> pairs;
    auto outer = db.prepare(sql);
    outer.bind(":least", std::int64_t{1});
    while (outer.step()) {
        auto inner = db.prepare(sql);
        inner.bind(":least", outer.integer(0));
        while (inner.step())
            pairs.push_back(outer.integer(0) * 10 + inner.integer(0));
    }
    BOOST_TEST((pairs == std::vector<std::int64_t>{11, 12, 13, 22, 23, 33}));
}

BOOST_FIXTURE_TEST_CASE(two_uses_of_one_statement_do_not_mix_before_they_run, MemoryFixture)
{
    auto first = db.prepare("SELECT :value");
    first.bind(":value", std::int64_t{1});
    auto second = db.prepare("SELECT :value");
    second.bind(":value", std::int64_t{2});
    BOOST_TEST(first.step());
    BOOST_TEST(first.integer(0) == 1);
    BOOST_TEST(second.step());
    BOOST_TEST(second.integer(0) == 2);
}

BOOST_FIXTURE_TEST_CASE(a_statement_that_is_none_is_a_bug, MemoryFixture)
{
    BOOST_CHECK_EXCEPTION(db.prepare("SELEKT 1"), base::Error, is_internal);
    BOOST_CHECK_EXCEPTION(db.prepare("SELECT * FROM nonesuch"), base::Error, is_internal);
    BOOST_TEST(count(db) == 0);
}

BOOST_FIXTURE_TEST_CASE(a_failure_is_told_with_its_code_and_how_the_script_begins, MemoryFixture)
{
    const auto script = "INSERT INTO numbers VALUES (1), (1) -- " + std::string(100, 'x');
    BOOST_CHECK_EXCEPTION(execute(db, script), base::Error, [&](const base::Error& error) {
        return std::string(error.what())
            .ends_with("SQLite 2067: UNIQUE constraint failed: numbers.number in " + script.substr(0, 60));
    });
}

BOOST_FIXTURE_TEST_CASE(a_statement_counts_the_rows_that_it_changed, MemoryFixture)
{
    Transaction tx(db);
    const auto before = db.rows_written();
    BOOST_TEST(db.prepare("INSERT INTO numbers VALUES (1), (2), (3)").run_and_count() == 3);
    BOOST_TEST(db.prepare("INSERT INTO numbers VALUES (3) ON CONFLICT DO NOTHING").run_and_count() == 0);
    BOOST_TEST(db.prepare("DELETE FROM numbers WHERE number < 3").run_and_count() == 2);
    BOOST_TEST(db.rows_written() == before + 5);
    tx.commit();
}

// ---- transactions ----

BOOST_FIXTURE_TEST_CASE(a_transaction_rolls_back_unless_committed, MemoryFixture)
{
    insert(db, 1);
    {
        Transaction tx(db);
        BOOST_TEST(db.in_transaction());
        db.execute("INSERT INTO numbers VALUES (2)");
        BOOST_TEST(count(db) == 2);
    }
    BOOST_TEST(!db.in_transaction());
    BOOST_TEST(count(db) == 1);
    try {
        Transaction tx(db);
        db.execute("INSERT INTO numbers VALUES (3); DELETE FROM numbers WHERE number = 1");
        throw std::runtime_error("a bug");
    } catch (const std::runtime_error&) {
    }
    BOOST_TEST(!db.in_transaction());
    BOOST_TEST(integer(db, "SELECT group_concat(number) FROM numbers") == 1);
    insert(db, 4);
    BOOST_TEST(count(db) == 2);
}

BOOST_FIXTURE_TEST_CASE(a_commit_ends_the_transaction_at_once, MemoryFixture)
{
    Transaction tx(db);
    db.execute("INSERT INTO numbers VALUES (1)");
    tx.commit();
    BOOST_TEST(!db.in_transaction());
    insert(db, 2); // while the first object is still in scope
    BOOST_TEST(count(db) == 2);
}

BOOST_FIXTURE_TEST_CASE(a_broken_constraint_is_a_bug_and_leaves_nothing_behind, FileFixture)
{
    Connection db(path);
    insert(db, 1);
    for (const auto* script : {"INSERT INTO numbers VALUES (2); INSERT INTO numbers VALUES (1)",
                               "INSERT INTO numbers VALUES (2); INSERT INTO numbers VALUES (-1)",
                               "INSERT INTO numbers VALUES (2); INSERT INTO numbers VALUES (NULL)"}) {
        BOOST_CHECK_EXCEPTION(execute(db, script), base::Error, is_internal);
        BOOST_TEST(!db.in_transaction());
        BOOST_TEST(count(db) == 1);
    }
    // The write lock is free again, too.
    Connection other(path, Options{0});
    insert(other, 2);
    BOOST_TEST(count(db) == 2);
}

// Within one transaction a refused statement leaves the others' work alone.
BOOST_FIXTURE_TEST_CASE(a_transaction_can_go_on_after_a_refused_statement, MemoryFixture)
{
    Transaction tx(db);
    db.execute("INSERT INTO numbers VALUES (1)");
    BOOST_CHECK_EXCEPTION(db.execute("INSERT INTO numbers VALUES (1)"), base::Error, is_internal);
    BOOST_TEST(db.in_transaction());
    db.execute("INSERT INTO numbers VALUES (2)");
    tx.commit();
    BOOST_TEST(count(db) == 2);
}

BOOST_AUTO_TEST_CASE(a_commit_that_is_refused_leaves_no_transaction_open)
{
    const TemporaryFolder folder;
    Connection db(folder / "test.db");
    execute(db, "CREATE TABLE parents (id INTEGER PRIMARY KEY);"
                "CREATE TABLE children (id INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)");
    {
        Transaction tx(db);
        db.execute("INSERT INTO children VALUES (1)");
        BOOST_CHECK_EXCEPTION(tx.commit(), base::Error, is_internal);
    }
    BOOST_TEST(!db.in_transaction());
    BOOST_TEST(integer(db, "SELECT count(*) FROM children") == 0);
    execute(db, "INSERT INTO parents VALUES (1); INSERT INTO children VALUES (1)");
    BOOST_TEST(integer(db, "SELECT count(*) FROM children") == 1);
    Connection other(folder / "test.db", Options{0});
    execute(other, "INSERT INTO parents VALUES (2)");
}

// SQLite may give one up by itself. What comes then is not to be done without the rest.
BOOST_FIXTURE_TEST_CASE(a_transaction_that_is_lost_is_not_committed, MemoryFixture)
{
    {
        Transaction tx(db);
        db.execute("INSERT INTO numbers VALUES (1); ROLLBACK");
        BOOST_CHECK_EXCEPTION(tx.commit(), base::Error, is_database_unavailable);
    }
    {
        TransactionGroup group(db);
        insert(db, 1);
        db.execute("ROLLBACK");
        BOOST_CHECK_EXCEPTION(insert(db, 2), base::Error, is_database_unavailable);
        BOOST_CHECK_EXCEPTION(group.commit(), base::Error, is_database_unavailable);
    }
    BOOST_TEST(count(db) == 0);
    insert(db, 3);
    BOOST_TEST(count(db) == 1);
}

BOOST_FIXTURE_TEST_CASE(a_snapshot_may_be_the_first_thing_of_all, FileFixture)
{
    Connection db(path);
    Connection other(path);
    {
        const database::Snapshot snapshot(db);
        BOOST_TEST(count(db) == 0);
        insert(other, 1);
        BOOST_TEST(count(db) == 0);
    }
    BOOST_TEST(!db.in_transaction());
    BOOST_TEST(count(db) == 1);
}

BOOST_FIXTURE_TEST_CASE(a_full_database_is_unavailable_and_works_again_when_there_is_room, FileFixture)
{
    Connection db(path);
    execute(db, "CREATE TABLE fillers (filler TEXT)");
    insert(db, 1);
    const auto pages = integer(db, "PRAGMA page_count");
    execute(db, "PRAGMA max_page_count = " + std::to_string(pages + 2));
    {
        Transaction tx(db);
        db.prepare("INSERT INTO numbers VALUES (2)").run();
        BOOST_CHECK_EXCEPTION(db.prepare("INSERT INTO fillers VALUES (zeroblob(100000))").run(), base::Error,
                              is_database_unavailable);
    }
    BOOST_TEST(!db.in_transaction());
    BOOST_TEST(count(db) == 1);
    insert(db, 3); // still fits
    execute(db, "PRAGMA max_page_count = 1000000");
    execute(db, "INSERT INTO fillers VALUES (zeroblob(100000))");
    BOOST_TEST(count(db) == 2);
    BOOST_TEST(db.integrity_problems().empty());
}

BOOST_FIXTURE_TEST_CASE(a_commit_that_the_disk_refuses_leaves_no_transaction_open, FileFixture)
{
    {
        Connection db(path);
        insert(db, 1);
        {
            Transaction tx(db);
            db.prepare("INSERT INTO numbers VALUES (2)").run();
            const FileSizeLimit limit(size_of("-wal"));
            BOOST_CHECK_EXCEPTION(tx.commit(), base::Error, is_database_unavailable);
        }
        BOOST_TEST(!db.in_transaction());
        BOOST_TEST(count(db) == 1);
        // Nobody waits for a lock that was forgotten.
        Connection other(path, Options{0});
        insert(other, 3);
        insert(db, 4);
    }
    Connection again(path);
    BOOST_TEST(integer(again, "SELECT sum(number) FROM numbers") == 1 + 3 + 4);
    BOOST_TEST(again.integrity_problems().empty());
}

// The log's syncs, since a disk that loses its power is played in the tests of power cuts.
BOOST_FIXTURE_TEST_CASE(durability_decides_what_is_on_the_disk_when_commit_returns, FileFixture)
{
    faults::FaultyVfs disk;
    Connection db(path);
    insert(db, 1);
    const auto syncs_of = [&](const auto& work) {
        const auto before = disk.calls(faults::Call::sync);
        work();
        return disk.calls(faults::Call::sync) - before;
    };
    BOOST_TEST(syncs_of([&] { insert(db, 2, Durability::synced); }) == 1);
    BOOST_TEST(syncs_of([&] { insert(db, 3, Durability::relaxed); }) == 0);
    BOOST_TEST(syncs_of([&] { db.sync(); }) == 1);
    BOOST_TEST(syncs_of([&] {
                   TransactionGroup group(db);
                   insert(db, 4, Durability::relaxed);
                   insert(db, 5, Durability::relaxed);
                   group.commit();
               }) == 1); // all of a group is synced, at once
    BOOST_TEST(count(db) == 5);
    // Who puts it off says when.
    db.defer_syncs(true);
    BOOST_TEST(syncs_of([&] { insert(db, 6, Durability::relaxed); }) == 0);
    BOOST_TEST(!db.is_sync_due());
    BOOST_TEST(syncs_of([&] { insert(db, 7, Durability::synced); }) == 0);
    BOOST_TEST(db.is_sync_due());
    BOOST_TEST(syncs_of([&] { db.sync(); }) == 1);
    BOOST_TEST(!db.is_sync_due());
    db.defer_syncs(false);
    BOOST_TEST(syncs_of([&] { insert(db, 8, Durability::synced); }) == 1);
}

BOOST_FIXTURE_TEST_CASE(a_commit_of_nothing_asks_nothing_of_the_disk, FileFixture)
{
    faults::FaultyVfs disk;
    Connection db(path, Options{5000, 1});
    insert(db, 1, Durability::relaxed); // of a log that is to be moved with the next commit
    const auto before = disk.calls(faults::Call::sync);
    Transaction tx(db, Durability::relaxed);
    tx.commit();
    BOOST_TEST(disk.calls(faults::Call::sync) == before);
}

// A reader may keep it from being moved into the file.
BOOST_FIXTURE_TEST_CASE(what_a_vacuum_wrote_is_on_the_disk_when_it_returns, FileFixture)
{
    faults::FaultyVfs disk;
    disk.track();
    Connection db(path);
    insert(db, 1);
    db.vacuum();
    Connection reader(path);
    auto row = reader.prepare("SELECT number FROM numbers");
    BOOST_TEST(row.step());
    db.vacuum();
    BOOST_TEST(disk.is_log_synced());
}

BOOST_FIXTURE_TEST_CASE(others_write_while_one_waits_for_the_disk, FileFixture)
{
    faults::FaultyVfs disk;
    Connection db(path);
    Connection other(path);
    insert(db, 1);
    disk.on_sync = [&] { insert(other, 2, Durability::relaxed); };
    insert(db, 3);
    disk.on_sync = nullptr;
    BOOST_TEST(count(db) == 3);
}

BOOST_FIXTURE_TEST_CASE(a_disk_that_fails_after_the_commit_is_reported, FileFixture)
{
    faults::FaultyVfs disk;
    Connection db(path);
    insert(db, 1);
    const auto sync = std::find_if(faults::kinds.begin(), faults::kinds.end(),
                                   [](const auto& kind) { return kind.call == faults::Call::sync; });
    disk.arm(*sync, 1, false);
    BOOST_CHECK_EXCEPTION(insert(db, 2), base::Error, [](const base::Error& error) {
        return error.code() == base::ErrorCode::database_unavailable;
    });
    disk.disarm();
    insert(db, 3); // the lock is free
    BOOST_TEST(count(db) == 3);
}

BOOST_FIXTURE_TEST_CASE(a_mark_changes_with_every_commit_and_only_then, FileFixture)
{
    Connection db(path);
    Connection other(path);
    auto mark = db.change_mark();
    const auto has_changed = [&] {
        const auto before = std::exchange(mark, db.change_mark());
        return mark != before;
    };
    BOOST_TEST(!has_changed());
    insert(db, 1);
    BOOST_TEST(has_changed());
    insert(other, 2);
    BOOST_TEST(has_changed());
    BOOST_TEST(count(db) == 2);
    BOOST_TEST(count(other) == 2);
    BOOST_TEST(!has_changed());
    {
        Transaction tx(other);
        other.execute("INSERT INTO numbers VALUES (3)");
        BOOST_TEST(!has_changed());
    }
    BOOST_TEST(!has_changed());
}

// A write that nobody guards could meet a checkpoint.
BOOST_FIXTURE_TEST_CASE(writing_without_a_transaction_or_with_two_ends_the_process, FileFixture)
{
    const auto dies = [&](const std::function<void(Connection&)>& work) {
        ChildProcess child([&] {
            silence_stderr();
            Connection db(path);
            work(db);
            return 0;
        });
        return child.wait() == 128 + SIGABRT;
    };
    BOOST_TEST(!dies([](Connection& db) { insert(db, 1); }));
    BOOST_TEST(dies([](Connection& db) { db.prepare("INSERT INTO numbers VALUES (2)").run(); }));
    BOOST_TEST(dies([](Connection& db) { db.execute("INSERT INTO numbers VALUES (3)"); }));
    BOOST_TEST(dies([](Connection& db) { db.prepare("PRAGMA user_version = 7").run(); }));
    BOOST_TEST(dies([](Connection& db) {
        Transaction outer(db);
        Transaction inner(db);
    }));
    BOOST_TEST(dies([](Connection& db) {
        Transaction tx(db);
        tx.commit();
        tx.commit();
    }));
    BOOST_TEST(dies([](Connection& db) {
        TransactionGroup group(db);
        Transaction outer(db);
        Transaction inner(db);
    }));
    BOOST_TEST(dies([](Connection& db) {
        TransactionGroup outer(db);
        TransactionGroup inner(db);
    }));
    Connection db(path);
    BOOST_TEST(integer(db, "SELECT group_concat(number) FROM numbers") == 1);
    BOOST_TEST(integer(db, "PRAGMA user_version") == 0);
}

// ---- groups of transactions ----

BOOST_FIXTURE_TEST_CASE(what_a_group_commits_counts_together_or_not_at_all, FileFixture)
{
    Connection db(path);
    Connection reader(path);
    {
        TransactionGroup group(db);
        insert(db, 1);
        insert(db, 2, Durability::relaxed);
        BOOST_TEST(count(db) == 2);
        BOOST_TEST(count(reader) == 0);
        group.commit();
        BOOST_TEST(count(reader) == 2);
        insert(db, 3); // on its own again, while the object is still in scope
        BOOST_TEST(count(reader) == 3);
    }
    {
        const TransactionGroup group(db);
        insert(db, 4);
        insert(db, 5);
    }
    BOOST_TEST(!db.in_transaction());
    BOOST_TEST(count(db) == 3);
    insert(db, 6);
    BOOST_TEST(count(reader) == 4);
    TransactionGroup group(db);
    insert(db, 7);
    group.commit();
    BOOST_TEST(count(reader) == 5);
}

BOOST_FIXTURE_TEST_CASE(a_part_that_rolls_back_takes_no_other_with_it, MemoryFixture)
{
    {
        TransactionGroup group(db);
        insert(db, 1);
        BOOST_CHECK_EXCEPTION(
            [&] {
                Transaction tx(db);
                db.execute("INSERT INTO numbers VALUES (2)");
                db.execute("INSERT INTO numbers VALUES (1)");
            }(),
            base::Error, is_internal);
        BOOST_TEST(count(db) == 1);
        insert(db, 3);
        group.commit();
    }
    BOOST_TEST(integer(db, "SELECT sum(number) FROM numbers") == 1 + 3);
}

BOOST_FIXTURE_TEST_CASE(a_group_takes_the_write_lock_with_its_first_part_and_keeps_it, FileFixture)
{
    Connection db(path);
    Connection other(path, Options{0});
    TransactionGroup group(db);
    insert(other, 1); // nobody waits for a group that has not begun
    insert(db, 2);
    BOOST_CHECK_EXCEPTION(insert(other, 3), base::Error, is_database_unavailable);
    group.commit();
    insert(other, 3);
    TransactionGroup(db).commit(); // nothing at all is fine, too
    insert(other, 4);
    BOOST_TEST(count(db) == 4);
}

// The lock or the schema may refuse the first part; the next one begins the group then.
BOOST_FIXTURE_TEST_CASE(a_group_whose_first_part_was_refused_is_still_a_group, FileFixture)
{
    Connection db(path, Options{0});
    Connection other(path, Options{0});
    {
        const TransactionGroup group(db);
        {
            const Transaction held(other);
            BOOST_CHECK_EXCEPTION(insert(db, 1), base::Error, is_database_unavailable);
        }
        insert(db, 2);
        BOOST_TEST(count(other) == 0);
    }
    BOOST_TEST(count(other) == 0);
}

BOOST_FIXTURE_TEST_CASE(a_group_that_sqlite_rolled_back_goes_no_further, FileFixture)
{
    Connection db(path);
    execute(db, "CREATE TABLE fillers (filler TEXT)");
    execute(db, "PRAGMA max_page_count = " + std::to_string(integer(db, "PRAGMA page_count") + 2));
    {
        TransactionGroup group(db);
        insert(db, 1);
        BOOST_CHECK_EXCEPTION(
            [&] {
                Transaction tx(db);
                db.prepare("INSERT INTO fillers VALUES (zeroblob(100000))").run();
            }(),
            base::Error, is_database_unavailable);
        if (!db.in_transaction()) // what SQLite does to a full disk is its own choice
            BOOST_CHECK_EXCEPTION(insert(db, 2), base::Error, is_database_unavailable);
    }
    BOOST_TEST(!db.in_transaction());
    BOOST_TEST(count(db) == 0);
    insert(db, 3);
    BOOST_TEST(count(db) == 1);
}

BOOST_FIXTURE_TEST_CASE(a_group_that_the_disk_refuses_leaves_nothing_open, FileFixture)
{
    Connection db(path);
    insert(db, 1);
    {
        TransactionGroup group(db);
        insert(db, 2);
        const FileSizeLimit limit(size_of("-wal"));
        BOOST_CHECK_EXCEPTION(group.commit(), base::Error, is_database_unavailable);
    }
    BOOST_TEST(!db.in_transaction());
    BOOST_TEST(count(db) == 1);
    Connection other(path, Options{0});
    insert(other, 3);
    insert(db, 4);
    BOOST_TEST(count(db) == 3);
}

BOOST_FIXTURE_TEST_CASE(a_group_that_is_killed_leaves_nothing_behind_and_holds_up_nobody, FileFixture)
{
    Signal has_written;
    ChildProcess child([&] {
        Connection db(path);
        const TransactionGroup group(db);
        insert(db, 1);
        insert(db, 2);
        has_written.give();
        ::pause();
        return 0;
    });
    has_written.await();
    child.kill();
    child.wait();
    Connection db(path, Options{0});
    BOOST_TEST(count(db) == 0);
    insert(db, 3);
    BOOST_TEST(count(db) == 1);
}

// ---- several processes ----

BOOST_FIXTURE_TEST_CASE(a_busy_database_is_waited_for_and_then_reported, FileFixture)
{
    Signal is_writing;
    Signal let_go;
    Signal is_done;
    ChildProcess writer([&] {
        Connection db(path);
        Transaction tx(db);
        db.execute("INSERT INTO numbers VALUES (1)");
        is_writing.give();
        let_go.await();
        tx.commit();
        is_done.give();
        let_go.await();
        return 0;
    });
    is_writing.await();
    Connection db(path, Options{150});
    const auto start = Steady::now();
    BOOST_CHECK_EXCEPTION(insert(db, 2), base::Error, is_database_unavailable);
    BOOST_TEST((Steady::now() - start >= std::chrono::milliseconds(150)));
    BOOST_TEST((Steady::now() - start < std::chrono::milliseconds(2000)));
    BOOST_TEST(!db.in_transaction());
    BOOST_TEST(count(db) == 0); // reading goes on, and sees what was committed
    let_go.give();
    is_done.await();
    insert(db, 2);
    BOOST_TEST(count(db) == 2);
}

// Or it might change the journal of a file that the other one writes to.
BOOST_FIXTURE_TEST_CASE(who_starts_first_waits_for_another_who_does, FileFixture)
{
    const auto fresh = folder.write("new.db", ""); // that much it has made
    sqlite::WriteLockFile other(fresh + "-lock");
    other.lock(0);
    BOOST_CHECK_EXCEPTION(Connection(fresh, Options{1}), base::Error, is_database_unavailable);
    other.unlock();
    Connection db(fresh, Options{1});
    BOOST_TEST(journal_mode(db) == "wal");
    other.lock(0); // nobody has kept it
}

BOOST_FIXTURE_TEST_CASE(a_waiting_writer_gets_its_turn, FileFixture)
{
    Signal is_writing;
    Signal is_waiting;
    ChildProcess waiter([&] {
        is_writing.await();
        Connection db(path, Options{60000});
        is_waiting.give();
        insert(db, 2);
        return 0;
    });
    ChildProcess writer([&] {
        Connection db(path);
        Transaction tx(db);
        db.execute("INSERT INTO numbers VALUES (1)");
        is_writing.give();
        is_waiting.await();
        tx.commit();
        return 0;
    });
    BOOST_TEST(writer.wait() == 0);
    BOOST_TEST(waiter.wait() == 0);
    Connection db(path);
    BOOST_TEST(count(db) == 2);
}

BOOST_FIXTURE_TEST_CASE(a_writer_that_is_killed_holds_up_nobody_and_leaves_only_what_it_committed,
                        FileFixture)
{
    Signal is_writing;
    Signal never;
    ChildProcess writer([&] {
        Connection db(path);
        insert(db, 1);
        Transaction tx(db);
        db.execute("INSERT INTO numbers VALUES (2)");
        is_writing.give();
        never.await();
        return 0;
    });
    is_writing.await();
    Connection db(path, Options{50});
    BOOST_CHECK_EXCEPTION(insert(db, 3), base::Error, is_database_unavailable);
    writer.kill();
    BOOST_TEST(writer.wait() == 128 + SIGKILL);
    insert(db, 4);
    BOOST_TEST(integer(db, "SELECT sum(number) FROM numbers") == 1 + 4);
    BOOST_TEST(db.integrity_problems().empty());
}

BOOST_FIXTURE_TEST_CASE(no_increment_of_several_processes_is_lost, FileFixture)
{
    constexpr int processes = 3;
    constexpr int increments = 60;
    {
        Connection db(path);
        insert(db, 1);
    }
    {
        std::vector<std::unique_ptr<ChildProcess>> children;
        for (int i = 0; i < processes; ++i) {
            children.push_back(std::make_unique<ChildProcess>([&] {
                Connection db(path, Options{60000, 10}); // with many checkpoints
                for (int n = 0; n < increments; ++n) {
                    Transaction tx(db, Durability::relaxed);
                    const auto before = integer(db, "SELECT number FROM numbers");
                    db.prepare("UPDATE numbers SET number = :number").bind(":number", before + 1).run();
                    tx.commit();
                }
                return 0;
            }));
        }
        for (const auto& child : children)
            BOOST_TEST(child->wait() == 0);
    }
    Connection db(path);
    BOOST_TEST(integer(db, "SELECT number FROM numbers") == 1 + processes * increments);
    BOOST_TEST(db.integrity_problems().empty());
}

// A tool that knows nothing of our lock file.
BOOST_FIXTURE_TEST_CASE(the_lock_of_another_sqlite_program_is_waited_for_and_then_reported, FileFixture)
{
    Connection db(path, Options{50});
    sqlite3* other = nullptr;
    BOOST_REQUIRE(sqlite3_open(path.c_str(), &other) == SQLITE_OK);
    BOOST_REQUIRE(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK);
    const auto start = Steady::now();
    BOOST_CHECK_EXCEPTION(insert(db, 1), base::Error, is_database_unavailable);
    BOOST_TEST((Steady::now() - start >= std::chrono::milliseconds(50)));
    BOOST_TEST((Steady::now() - start < std::chrono::milliseconds(2000)));
    BOOST_TEST(!db.in_transaction());
    BOOST_REQUIRE(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(other);
    insert(db, 1);
    BOOST_TEST(count(db) == 1);
}

// The locks of a process go when it closes the file by other means.
BOOST_FIXTURE_TEST_CASE(opening_it_once_more_gives_no_lock_away, FileFixture)
{
    Signal is_open;
    ChildProcess tool([&] {
        is_open.await();
        sqlite3* other = nullptr;
        sqlite3_open(path.c_str(), &other);
        return sqlite3_exec(other, "PRAGMA journal_mode = DELETE", nullptr, nullptr, nullptr);
    });
    Connection db(path);
    BOOST_TEST(count(db) == 0);
    {
        Connection again(path);
        BOOST_TEST(count(again) == 0);
    }
    is_open.give();
    BOOST_TEST(tool.wait() == SQLITE_BUSY);
}

// ---- the write-ahead log ----

BOOST_FIXTURE_TEST_CASE(a_file_is_in_wal_mode_with_foreign_keys_enforced, FileFixture)
{
    Connection db(path);
    BOOST_TEST(journal_mode(db) == "wal");
    BOOST_TEST(integer(db, "PRAGMA foreign_keys") == 1);
    BOOST_TEST(integer(db, "PRAGMA trusted_schema") == 0);
}

BOOST_FIXTURE_TEST_CASE(no_statement_can_checkpoint_or_leave_the_log, FileFixture)
{
    Connection db(path);
    insert(db, 1);
    const auto before = size_of("-wal");
    for (const std::string sql :
         {"PRAGMA wal_checkpoint", "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA main.wal_checkpoint(PASSIVE)",
          "pragma WAL_Checkpoint", "PRAGMA wal_autocheckpoint = 1", "PRAGMA wal_autocheckpoint(1)",
          "PRAGMA journal_mode = DELETE", "PRAGMA main.journal_mode = OFF", "PRAGMA Journal_Mode(TRUNCATE)",
          "PRAGMA journal_mode = WAL"}) {
        BOOST_CHECK_EXCEPTION(db.prepare(sql), base::Error, is_internal);
        Transaction tx(db);
        BOOST_CHECK_EXCEPTION(db.execute("INSERT INTO numbers VALUES (2); " + sql), base::Error, is_internal);
    }
    BOOST_TEST(count(db) == 1);
    BOOST_TEST(size_of("-wal") == before);
    BOOST_TEST(journal_mode(db) == "wal"); // asking is no harm
    // Nor is a name.
    execute(db, "CREATE TABLE wal_checkpoint (journal_mode INTEGER)");
    BOOST_TEST(integer(db, "SELECT count(journal_mode) FROM wal_checkpoint") == 0);
}

BOOST_FIXTURE_TEST_CASE(the_log_stays_short_because_commits_move_it_into_the_file, FileFixture)
{
    const auto empty_size = size_of();
    Connection db(path, Options{5000, 20});
    execute(db, "CREATE TABLE fillers (filler TEXT)");
    std::uintmax_t longest = 0;
    for (int i = 0; i < 300; ++i) {
        Transaction tx(db, Durability::relaxed);
        db.prepare("INSERT INTO fillers VALUES (zeroblob(1000))").run();
        tx.commit();
        longest = std::max(longest, size_of("-wal"));
    }
    BOOST_TEST(size_of() > empty_size + 250000);
    BOOST_TEST(longest < 40u * (sqlite::page_bytes + 24));
    BOOST_TEST(longest > 20u * sqlite::page_bytes); // not at every commit, which would be slow
}

BOOST_FIXTURE_TEST_CASE(nothing_is_moved_before_the_log_is_long_enough, FileFixture)
{
    const auto before = size_of();
    {
        Connection db(path, Options{5000, 1000});
        execute(db, "CREATE TABLE fillers (filler TEXT)");
        for (int i = 0; i < 10; ++i)
            execute(db, "INSERT INTO fillers VALUES (zeroblob(4000))");
        BOOST_TEST(size_of() == before);
    }
    // Nor when it is closed.
    BOOST_TEST(size_of() == before);
    BOOST_TEST(size_of("-wal") > 10u * sqlite::page_bytes);
    Connection again(path);
    BOOST_TEST(integer(again, "SELECT count(*) FROM fillers") == 10);
}

BOOST_FIXTURE_TEST_CASE(a_log_is_long_from_64_pages_on, FileFixture)
{
    {
        Connection db(path);
        execute(db, "CREATE TABLE counters (count INTEGER NOT NULL); INSERT INTO counters VALUES (0)");
    }
    const auto pages = [&] { return size_of("-wal") / (sqlite::page_bytes + 24); };
    for (const unsigned wanted : {63u, 64u}) {
        {
            Connection db(path);
            while (pages() < wanted)
                execute(db, "UPDATE counters SET count = count + 1");
            BOOST_TEST_REQUIRE(pages() == wanted);
        }
        BOOST_TEST(pages() == (wanted == 64 ? 0 : wanted));
    }
}

BOOST_FIXTURE_TEST_CASE(no_log_is_emptied_that_is_not_in_its_place, FileFixture)
{
    std::optional<Connection> db(path);
    fill_log(*db);
    const auto log_bytes = size_of("-wal");
    std::filesystem::copy_file(path, folder / "copy.db");
    std::filesystem::rename(folder / "copy.db", path);
    db.reset();
    BOOST_TEST(size_of("-wal") == log_bytes);
}

BOOST_FIXTURE_TEST_CASE(nobody_waits_for_a_reader_to_empty_the_log, FileFixture)
{
    {
        Connection db(path);
        insert(db, 1);
    }
    Connection reader(path);
    auto row = reader.prepare("SELECT number FROM numbers");
    BOOST_TEST(row.step());
    const auto start = Steady::now();
    {
        Connection db(path, Options{120000});
        fill_log(db);
    }
    BOOST_TEST((Steady::now() - start < std::chrono::seconds(60)));
    BOOST_TEST(size_of("-wal") > 0u);
}

BOOST_FIXTURE_TEST_CASE(a_log_is_cut_back_to_16_mib, FileFixture)
{
    Connection db(path, Options{5000, 1000});
    execute(db, "CREATE TABLE fillers (filler TEXT); INSERT INTO fillers VALUES (zeroblob(20000000))");
    BOOST_TEST(size_of("-wal") > 20000000u);
    for (int number = 1; number <= 2; ++number) // it is moved with the first, and begins anew with the second
        insert(db, number);
    BOOST_TEST(size_of("-wal") == 16u * 1024 * 1024);
}

BOOST_FIXTURE_TEST_CASE(others_know_the_file_during_a_checkpoint_and_thereafter, FileFixture)
{
    faults::FaultyVfs disk;
    Connection db(path, Options{5000, 1});
    Connection other(path);
    const auto before = size_of();
    bool is_in_place = true;
    disk.on_sync = [&] { is_in_place = is_in_place && other.is_in_place(); };
    for (int number = 1; number <= 4; ++number)
        insert(db, number);
    BOOST_TEST(size_of() > before);
    BOOST_TEST(is_in_place);
    BOOST_TEST(other.is_in_place());
    disk.on_sync = nullptr;
    std::ofstream(path, std::ios::in | std::ios::out | std::ios::app) << "more";
    BOOST_TEST(!other.is_in_place());
}

// Whoever opens the file next would have to read it. But another process may be writing.
BOOST_FIXTURE_TEST_CASE(a_long_log_is_emptied_at_the_end_unless_somebody_writes, FileFixture)
{
    const auto fill = [](Connection& db) {
        for (int i = 0; i < 100; ++i)
            execute(db, "INSERT INTO fillers VALUES (zeroblob(4000))");
    };
    {
        Connection db(path);
        execute(db, "CREATE TABLE fillers (filler TEXT)");
    }
    const auto before = size_of();
    {
        Connection db(path);
        fill(db);
    }
    BOOST_TEST(size_of() > before + 100u * 4000);
    BOOST_TEST(size_of("-wal") == 0u);

    const auto emptied = size_of();
    // The lock file says so: who opens the file next need not take it for one that somebody is changing.
    std::int64_t known_size = 0;
    std::ifstream(path + "-lock", std::ios::binary)
        .seekg(16)
        .read(reinterpret_cast<char*>(&known_size), sizeof known_size);
    BOOST_TEST(known_size == static_cast<std::int64_t>(emptied));
    std::optional<Connection> db(path);
    fill(*db);
    Connection other(path);
    {
        Transaction tx(other);
        db.reset();
        BOOST_TEST(size_of() == emptied);
        BOOST_TEST(size_of("-wal") > 100u * sqlite::page_bytes);
        other.execute("INSERT INTO fillers VALUES ('last')");
        tx.commit();
    }
    BOOST_TEST(integer(other, "SELECT count(*) FROM fillers") == 201);
}

BOOST_FIXTURE_TEST_CASE(a_reader_of_an_old_snapshot_delays_checkpoints_and_loses_nothing, FileFixture)
{
    Connection db(path, Options{5000, 20});
    execute(db, "CREATE TABLE fillers (filler TEXT)");
    insert(db, 1);
    insert(db, 2);
    const auto fill = [&](int times) {
        for (int i = 0; i < times; ++i) {
            Transaction tx(db, Durability::relaxed);
            db.prepare("INSERT INTO fillers VALUES (zeroblob(4000))").run();
            tx.commit();
        }
    };
    Connection reader(path);
    {
        auto row =
            reader.prepare("SELECT number, (SELECT count(*) FROM fillers) FROM numbers ORDER BY number");
        BOOST_TEST(row.step());
        fill(100);
        BOOST_TEST(size_of("-wal") > 100u * sqlite::page_bytes);
        BOOST_TEST(row.step());
        BOOST_TEST(row.integer(0) == 2);
        BOOST_TEST(row.integer(1) == 0); // still its own snapshot
    }
    fill(60);
    // Everything has been moved, and the log begins anew where it is.
    const auto length = size_of("-wal");
    fill(100);
    BOOST_TEST(size_of("-wal") == length);
    BOOST_TEST(size_of() > 200u * sqlite::page_bytes);
    BOOST_TEST(integer(reader, "SELECT count(*) FROM fillers") == 260);
}

BOOST_FIXTURE_TEST_CASE(a_log_that_a_reader_holds_back_is_tried_again_when_it_has_grown_as_much, FileFixture)
{
    faults::FaultyVfs disk;
    Connection db(path, Options{5000, 40});
    execute(db, "CREATE TABLE counters (count INTEGER NOT NULL); INSERT INTO counters VALUES (0)");
    insert(db, 1);
    Connection reader(path);
    auto row = reader.prepare("SELECT number FROM numbers");
    BOOST_TEST(row.step());
    const auto calls = [&] { return disk.calls(faults::Call::sync) + disk.calls(faults::Call::shm_lock); };
    const auto calls_of = [&](int commits) { // of a page each
        const auto before = calls();
        for (int i = 0; i < commits; ++i) {
            Transaction tx(db, Durability::relaxed);
            db.prepare("UPDATE counters SET count = count + 1").run();
            tx.commit();
        }
        return calls() - before;
    };
    calls_of(1);
    const auto calls_of_ten = calls_of(10);
    BOOST_TEST(calls_of(45) > calls_of_ten * 45 / 10); // it is tried once
    BOOST_TEST(calls_of(10) == calls_of_ten);
}

// ---- files ----

BOOST_AUTO_TEST_CASE(a_new_file_is_for_owner_and_group_and_is_closed_with_its_connection)
{
    const auto descriptors = [] {
        return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
    };
    const TemporaryFolder folder;
    const auto path = folder / "test.db";
    const auto before = descriptors();
    const auto mask = ::umask(0);
    {
        Connection db(path);
        execute(db, numbers_table);
        auto outer = db.prepare("SELECT count(*) FROM numbers");
        BOOST_TEST(outer.step());
        BOOST_TEST(count(db) == 0); // by a statement of its own
    }
    ::umask(mask);
    struct stat status = {};
    BOOST_REQUIRE(::stat(path.c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 0777) == 0660u);
    BOOST_TEST(descriptors() == before);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_only_read_may_have_any_name_and_has_nothing_to_say)
{
    const TemporaryFolder folder;
    const auto path = folder / "100%25 ?mode=x#y.db";
    run_elsewhere(path, "CREATE TABLE theirs (number INTEGER); INSERT INTO theirs VALUES (7);"
                        "CREATE VIEW seen AS SELECT number FROM theirs");
    Options options;
    options.read_only = true;
    Connection db(path, options);
    BOOST_TEST(integer(db, "SELECT number FROM theirs") == 7);
    BOOST_CHECK_THROW(integer(db, "SELECT number FROM seen"), base::Error);
}

BOOST_AUTO_TEST_CASE(where_another_program_keeps_no_log_there_is_none_to_sync)
{
    const TemporaryFolder folder;
    run_elsewhere(folder / "theirs.db", "CREATE TABLE theirs (number INTEGER)");
    Connection db(folder / "theirs.db");
    BOOST_CHECK_NO_THROW(db.sync());
    BOOST_TEST(integer(db, "SELECT count(*) FROM theirs") == 0);
}

// ---- files that cannot be used ----

BOOST_AUTO_TEST_CASE(a_file_system_that_cannot_hold_a_log_is_unavailable)
{
    const TemporaryFolder folder;
    const NoSharedMemory file_system;
    BOOST_CHECK_EXCEPTION(Connection{folder / "test.db"}, base::Error, is_database_unavailable);
}

BOOST_AUTO_TEST_CASE(what_is_no_file_is_unavailable)
{
    const TemporaryFolder folder;
    std::filesystem::create_directory(folder / "folder");
    for (const auto& path :
         {folder / "folder", folder / "missing/test.db", std::string("/proc/nonesuch/test.db")})
        BOOST_CHECK_EXCEPTION(Connection{path}, base::Error, is_database_unavailable);
}

BOOST_AUTO_TEST_CASE(what_is_no_database_is_unavailable_and_stays_as_it_is)
{
    const TemporaryFolder folder;
    SeededRandom random(9);
    std::string noise(20000, '\0');
    random.fill(reinterpret_cast<unsigned char*>(noise.data()), noise.size());
    for (const auto& content :
         {noise, std::string(20000, '\0'), std::string("a text, and not a short one, of a person\n")}) {
        const auto path = folder.write("test.db", content);
        BOOST_CHECK_EXCEPTION(Connection{path}, base::Error, is_database_unavailable);
        std::ifstream file(path, std::ios::binary);
        const std::string after((std::istreambuf_iterator<char>(file)), {});
        BOOST_TEST((after == content));
    }
}

// A table of some pages, most of them overwritten.
struct DamagedFixture
{
    DamagedFixture()
    {
        {
            Connection db(path, Options{5000, 1});
            execute(db, "CREATE TABLE fillers (id INTEGER PRIMARY KEY, filler TEXT)");
            for (int i = 0; i < 100; ++i)
                execute(db, "INSERT INTO fillers (filler) VALUES (zeroblob(1000))");
        }
        // All of it is in the file by now.
        std::filesystem::remove(path + "-wal");
        std::filesystem::remove(path + "-shm");
        {
            std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
            file.seekp(3 * sqlite::page_bytes); // behind the first page of the schema and that of the table
            file << std::string(8 * sqlite::page_bytes, '\xa5');
        }
    }

    TemporaryFolder folder;
    const std::string path = folder / "test.db";
};

BOOST_FIXTURE_TEST_CASE(a_damaged_database_is_unavailable, DamagedFixture)
{
    Connection db(path);
    BOOST_CHECK_EXCEPTION(integer(db, "SELECT sum(length(filler)) FROM fillers"), base::Error,
                          is_database_unavailable);
    BOOST_CHECK_EXCEPTION(execute(db, "UPDATE fillers SET filler = 'x'"), base::Error,
                          is_database_unavailable);
    BOOST_TEST(!db.in_transaction());
}

BOOST_FIXTURE_TEST_CASE(damage_is_one_of_the_problems_that_are_listed, DamagedFixture)
{
    Connection db(path);
    const auto problems = db.integrity_problems();
    BOOST_TEST_REQUIRE(!problems.empty());
    BOOST_TEST(problems.front().starts_with("integrity_check: *** in database main"), problems.front());
}

BOOST_FIXTURE_TEST_CASE(a_file_that_may_only_be_read_is_unavailable, FileFixture)
{
    const auto refused_in = [&](const std::function<void()>& take_away) {
        take_away();
        ChildProcess child([&] {
            if (::geteuid() == 0 && ::setuid(65534) != 0) // root may write everything
                return 2;
            std::optional<Connection> db;
            try {
                db.emplace(path, Options{0});
                insert(*db, 1);
            } catch (const base::Error& error) {
                return db ? 4 : is_database_unavailable(error) ? 0 : 3; // 4: SQLite made do with it
            }
            return 1;
        });
        return child.wait();
    };
    using std::filesystem::perms;
    std::filesystem::permissions(folder.path(), static_cast<perms>(0777));
    for (const auto* suffix : {"", "-wal", "-shm", "-lock"}) {
        if (std::filesystem::exists(path + suffix))
            std::filesystem::permissions(path + suffix, static_cast<perms>(0666));
    }
    BOOST_TEST(refused_in([] {}) == 1); // accepted: the permissions below make the difference
    BOOST_TEST(refused_in([&] { std::filesystem::permissions(path, static_cast<perms>(0444)); }) == 0);
    BOOST_TEST(refused_in([&] {
                   std::filesystem::permissions(path, static_cast<perms>(0666));
                   std::filesystem::permissions(path + "-lock", static_cast<perms>(0444));
               }) == 0);
}

// ---- integrity ----

BOOST_FIXTURE_TEST_CASE(a_missing_parent_row_is_found, MemoryFixture)
{
    BOOST_TEST(db.integrity_problems().empty());
    db.prepare("PRAGMA foreign_keys = OFF").run();
    execute(db, "CREATE TABLE children (number INTEGER REFERENCES numbers (number)); INSERT INTO children "
                "VALUES (7)");
    const auto problems = db.integrity_problems();
    BOOST_REQUIRE(problems.size() == 1u);
    BOOST_TEST(problems.front() == "foreign_key_check: a row of children refers to a missing row of numbers");
}

BOOST_AUTO_TEST_CASE(the_library_knows_whether_its_checkpoints_are_dangerous)
{
    BOOST_TEST(sqlite::library_version() == sqlite3_libversion());
    int major = 0;
    int minor = 0;
    int patch = 0;
    BOOST_REQUIRE(std::sscanf(sqlite3_libversion(), "%d.%d.%d", &major, &minor, &patch) >= 2);
    const bool is_fixed = std::tuple(major, minor, patch) >= std::tuple(3, 51, 3);
    BOOST_TEST(sqlite::library_has_wal_reset_defect() == !is_fixed);
}

BOOST_AUTO_TEST_SUITE_END()
