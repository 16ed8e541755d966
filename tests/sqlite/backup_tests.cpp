#include "sqlite/backup.h"

#include "fixture.h"
#include "sqlite/child_process.h"
#include "sqlite/shorthand.h"
#include "temporary_folder.h"

#include <chrono>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

namespace {

std::function<int(int fd)> on_fsync; // asked first, while it is set
int rename_error = 0;                // of renameat2(), unless it is 0

} // namespace

// In the place of libc's, so that the tests see what is synced without SQLite.
extern "C" int fsync(int fd)
{
    if (on_fsync && on_fsync(fd) != 0) {
        errno = EIO;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_fsync, fd));
}

extern "C" int renameat2(int old_folder, const char* old_name, int new_folder, const char* new_name,
                         unsigned flags)
{
    if (rename_error != 0) {
        errno = rename_error;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_renameat2, old_folder, old_name, new_folder, new_name, flags));
}

namespace {

using sqlite::Backup;
using sqlite::Connection;
using sqlite::Restoration;
namespace fs = std::filesystem;

std::vector<std::string> nothing_wrong(database::Connection&)
{
    return {};
}

std::string nonce(std::int64_t number)
{
    auto digits = std::to_string(number);
    return std::string(64 - digits.size(), '0') + digits;
}

void add_rows(Connection& db, std::int64_t first, std::int64_t count)
{
    database::Transaction tx(db);
    for (auto number = first; number < first + count; ++number)
        db.prepare("INSERT INTO spent_nonces VALUES (:nonce, 7)").bind(":nonce", nonce(number)).run();
    tx.commit();
}

std::int64_t rows(Connection& db)
{
    return integer(db, "SELECT count(*) FROM spent_nonces");
}

std::int64_t rows_of_file(const std::string& path)
{
    sqlite::Options options;
    options.read_only = true;
    Connection db(path, options);
    return rows(db);
}

std::string content(const std::string& path)
{
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

auto has_name(const std::string& name)
{
    return [name](const base::Error& error) { return error.name() == name; };
}

// A database with ten rows.
struct BackupFixture
{
    BackupFixture() { add_rows(*sqlite::open_migrated(path, 1000), 0, 10); }

    std::unique_ptr<Connection> open() const { return sqlite::open_migrated(path, 5000); }
    void back_up() const { Backup(*open(), file, nothing_wrong).keep(); }
    std::set<std::string> files() const
    {
        std::set<std::string> names;
        for (const auto& entry : fs::directory_iterator(folder.path()))
            names.insert(entry.path().filename());
        return names;
    }

    const TemporaryFolder folder;
    const std::string path = folder / "test.db";
    const std::string file = folder / "backup.db";
    const std::set<std::string> own = {"test.db", "test.db-wal", "test.db-shm", "test.db-lock"};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(backup_tests, BackupFixture, *boost::unit_test::label("sqlite"))

BOOST_AUTO_TEST_CASE(a_backup_is_a_whole_database_by_itself)
{
    const auto db = open();
    Backup backup(*db, file, nothing_wrong);
    BOOST_TEST(!fs::exists(file));
    add_rows(*db, 10, 5); // after it
    backup.keep();
    BOOST_TEST(static_cast<std::int64_t>(fs::file_size(file)) == backup.size_bytes());
    struct stat status = {};
    BOOST_REQUIRE(::stat(file.c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 07777) == 0600u);
    BOOST_TEST(rows_of_file(file) == 10);
    BOOST_TEST(content(file).substr(18, 2) == "\x01\x01"); // to whoever opens it: it has no log
    auto expected = own;
    expected.insert("backup.db");
    BOOST_TEST((files() == expected));
}

BOOST_AUTO_TEST_CASE(a_backup_is_on_the_disk_before_it_has_its_name_and_its_name_is_thereafter)
{
    const auto inode_of = [](const std::string& name) {
        struct stat status = {};
        BOOST_REQUIRE(::stat(name.c_str(), &status) == 0);
        return status.st_ino;
    };
    Backup backup(*open(), file, nothing_wrong);
    std::vector<std::pair<ino_t, bool>> synced; // what, and whether the backup had its name by then
    on_fsync = [&](int fd) {
        struct stat status = {};
        synced.emplace_back(::fstat(fd, &status) == 0 ? status.st_ino : 0, fs::exists(file));
        return 0;
    };
    backup.keep();
    on_fsync = nullptr;
    BOOST_TEST_REQUIRE(synced.size() == 2u);
    BOOST_TEST((synced[0] == std::pair(inode_of(file), false)));
    BOOST_TEST((synced[1] == std::pair(inode_of(folder.path()), true)));
}

BOOST_AUTO_TEST_CASE(a_backup_that_the_disk_does_not_take_gets_no_name)
{
    {
        Backup backup(*open(), file, nothing_wrong);
        on_fsync = [](int) { return -1; };
        BOOST_CHECK_EXCEPTION(backup.keep(), base::Error, is_database_unavailable);
        on_fsync = nullptr;
    }
    BOOST_TEST((files() == own));
}

BOOST_AUTO_TEST_CASE(a_file_system_that_cannot_rename_without_replacing_links_it)
{
    {
        Backup backup(*open(), file, nothing_wrong);
        folder.write("backup.db", "somebody's");
        rename_error = EINVAL;
        BOOST_CHECK_EXCEPTION(backup.keep(), base::Error, has_name("file_exists"));
        rename_error = 0;
    }
    BOOST_TEST(content(file) == "somebody's");
    fs::remove(file);
    rename_error = EINVAL;
    BOOST_CHECK_NO_THROW(back_up());
    rename_error = 0;
    auto expected = own;
    expected.insert("backup.db");
    BOOST_TEST((files() == expected));
    BOOST_TEST(rows_of_file(file) == 10);
    // For no other reason.
    fs::remove(file);
    {
        Backup backup(*open(), file, nothing_wrong);
        rename_error = EIO;
        BOOST_CHECK_EXCEPTION(backup.keep(), base::Error, is_database_unavailable);
        rename_error = 0;
    }
    BOOST_TEST((files() == own));
}

BOOST_AUTO_TEST_CASE(a_backup_that_is_not_kept_leaves_nothing)
{
    Backup(*open(), file, nothing_wrong);
    BOOST_TEST((files() == own));
}

BOOST_AUTO_TEST_CASE(an_existing_file_is_never_replaced)
{
    folder.write("backup.db", "somebody's");
    BOOST_CHECK_EXCEPTION(Backup(*open(), file, nothing_wrong), base::Error, has_name("file_exists"));
    fs::remove(file);
    fs::create_symlink("nowhere", file);
    BOOST_CHECK_EXCEPTION(Backup(*open(), file, nothing_wrong), base::Error, has_name("file_exists"));
    fs::remove(file);
    // It may come while the backup is being made.
    {
        Backup backup(*open(), file, nothing_wrong);
        folder.write("backup.db", "somebody's");
        BOOST_CHECK_EXCEPTION(backup.keep(), base::Error, has_name("file_exists"));
    }
    BOOST_TEST(fs::file_size(file) == 10u);
    auto expected = own;
    expected.insert("backup.db");
    BOOST_TEST((files() == expected));
}

BOOST_AUTO_TEST_CASE(a_backup_that_the_audit_refuses_is_not_kept)
{
    const auto complain = [](database::Connection&) { return std::vector<std::string>{"all wrong"}; };
    BOOST_CHECK_EXCEPTION(Backup(*open(), file, complain), base::Error, [](const base::Error& error) {
        return error.name() == "backup_is_damaged" &&
               std::string(error.what()).find("all wrong") != std::string::npos;
    });
    BOOST_TEST((files() == own));
}

BOOST_AUTO_TEST_CASE(a_full_disk_leaves_nothing_behind)
{
    add_rows(*open(), 10, 5000);
    ChildProcess child([&] {
        const auto db = open();
        std::signal(SIGXFSZ, SIG_IGN);
        const rlimit small = {100000, 100000};
        ::setrlimit(RLIMIT_FSIZE, &small);
        try {
            Backup(*db, file, nothing_wrong);
        } catch (const base::Error& error) {
            return error.code() == base::ErrorCode::database_unavailable ? 1 : 2;
        }
        return 0;
    });
    BOOST_TEST(child.wait() == 1);
    BOOST_TEST((files() == own));
    BOOST_TEST(rows(*open()) == 5010);
}

// Neither what an operator named so nor what a killed run left.
BOOST_AUTO_TEST_CASE(no_file_that_stands_there_is_touched)
{
    auto expected = own;
    for (const char* name : {"backup.db.partial", "backup.db.partial-journal", "test.db-restore",
                             "test.db-restore-wal", "test.db-restore-lock"}) {
        folder.write(name, name);
        expected.insert(name);
    }
    back_up();
    expected.insert("backup.db");
    Restoration(file, path, nothing_wrong);
    BOOST_TEST((files() == expected));
    for (const auto& name : expected) {
        if (own.count(name) == 0 && name != "backup.db")
            BOOST_TEST(content(folder / name) == name);
    }
}

BOOST_AUTO_TEST_CASE(a_backup_of_any_name_may_be_looked_at)
{
    const auto named = folder / "test.db-restore";
    Backup(*open(), named, nothing_wrong).keep();
    BOOST_TEST(rows(Restoration(named, path, nothing_wrong).content()) == 10);
    BOOST_TEST(rows_of_file(named) == 10);
}

BOOST_AUTO_TEST_CASE(of_two_at_once_the_first_gets_the_name)
{
    Backup first(*open(), file, nothing_wrong);
    add_rows(*open(), 10, 1);
    Backup second(*open(), file, nothing_wrong);
    first.keep();
    BOOST_CHECK_EXCEPTION(second.keep(), base::Error, has_name("file_exists"));
    BOOST_TEST(rows_of_file(file) == 10);
}

BOOST_AUTO_TEST_CASE(a_folder_that_cannot_be_written_is_said)
{
    BOOST_CHECK_EXCEPTION(Backup(*open(), folder / "none/backup.db", nothing_wrong), base::Error,
                          has_name("cannot_write"));
}

BOOST_AUTO_TEST_CASE(a_restored_database_is_what_the_backup_was)
{
    back_up();
    const auto db = open();
    add_rows(*db, 10, 20000); // grows, so that it must shrink
    auto cached = db->prepare("SELECT count(*) FROM spent_nonces");
    BOOST_TEST((cached.step() && cached.integer(0) == 20010));
    const auto other = open();
    {
        Restoration restoration(file, path, nothing_wrong);
        BOOST_TEST(restoration.backup_version() ==
                   static_cast<std::int64_t>(sqlite::schema_migrations.size()));
        BOOST_TEST(rows(restoration.content()) == 10);
        BOOST_TEST(rows(*other) == 20010);
        restoration.replace(*other);
    }
    // A connection that was open all the while, with statements prepared before.
    cached.run();
    BOOST_TEST(rows(*db) == 10);
    add_rows(*db, 10, 1);
    BOOST_TEST(rows(*other) == 11);
    BOOST_TEST(db->integrity_problems().empty());
    BOOST_TEST(rows_of_file(file) == 10);
    auto expected = own;
    expected.insert("backup.db");
    BOOST_TEST((files() == expected));
}

BOOST_AUTO_TEST_CASE(a_reader_keeps_its_snapshot_while_the_database_is_replaced)
{
    back_up();
    const auto reader = open();
    add_rows(*open(), 10, 100);
    auto row = reader->prepare("SELECT nonce FROM spent_nonces");
    BOOST_REQUIRE(row.step());
    Restoration(file, path, nothing_wrong).replace(*open());
    std::int64_t seen = 1;
    while (row.step())
        ++seen;
    BOOST_TEST(seen == 110);
    BOOST_TEST(rows(*reader) == 10);
}

BOOST_AUTO_TEST_CASE(a_restoration_waits_for_the_write_lock_and_no_longer)
{
    back_up();
    const auto writer = open();
    const auto impatient = sqlite::open_migrated(path, 50);
    Restoration restoration(file, path, nothing_wrong);
    {
        database::Transaction tx(*writer);
        BOOST_CHECK_EXCEPTION(restoration.replace(*impatient), base::Error, is_database_unavailable);
    }
    restoration.replace(*impatient);
    add_rows(*writer, 10, 1);
    BOOST_TEST(rows(*impatient) == 11);
}

// SQLite itself would refuse to put the one into the other.
BOOST_AUTO_TEST_CASE(pages_of_another_size_are_no_hindrance)
{
    back_up();
    const auto db = open();
    BOOST_TEST(integer(*db, "PRAGMA page_size") == sqlite::page_bytes);
    run_elsewhere(file, "PRAGMA page_size = 4096; VACUUM");
    for (const int times : {1, 2}) {
        add_rows(*db, 10, times * 3000);
        Restoration restoration(file, path, nothing_wrong);
        BOOST_TEST(integer(static_cast<Connection&>(restoration.content()), "PRAGMA page_size") == 4096);
        restoration.replace(*db);
        BOOST_TEST(rows(*db) == 10);
        BOOST_TEST(integer(*db, "PRAGMA page_size") == sqlite::page_bytes);
        BOOST_TEST(db->integrity_problems().empty());
    }
    auto expected = own;
    expected.insert("backup.db");
    BOOST_TEST((files() == expected));
}

BOOST_AUTO_TEST_CASE(a_database_that_is_gone_comes_back)
{
    back_up();
    for (const auto& name : own)
        fs::remove(folder / name);
    {
        Restoration restoration(file, path, nothing_wrong);
        Connection db(path);
        restoration.replace(db);
    }
    BOOST_TEST(rows(*open()) == 10);
    BOOST_TEST(open()->integrity_problems().empty());
}

BOOST_AUTO_TEST_CASE(a_backup_of_an_older_schema_is_migrated_first)
{
    const auto older = folder / "older.db";
    {
        Connection db(older);
        sqlite::migrate(db, {sqlite::schema_migrations.begin(), sqlite::schema_migrations.begin() + 1});
        add_rows(db, 0, 3);
        db.copy_into(file);
    }
    Restoration restoration(file, path, nothing_wrong);
    BOOST_TEST(restoration.backup_version() == 1);
    const auto db = open();
    restoration.replace(*db);
    BOOST_TEST(rows(*db) == 3);
    BOOST_TEST(db->schema_version() == static_cast<std::int64_t>(sqlite::schema_migrations.size()));
    BOOST_TEST(rows_of_file(file) == 3); // still the old one
}

BOOST_AUTO_TEST_CASE(what_is_no_good_backup_is_refused_and_nothing_changes)
{
    const auto refused = [&](const std::string& name) {
        BOOST_CHECK_EXCEPTION(Restoration(file, path, nothing_wrong), base::Error, has_name(name));
        fs::remove(file);
        fs::remove(file + "-wal");
    };
    refused("not_a_backup"); // there is none
    folder.write("backup.db", "");
    refused("not_a_backup");
    folder.write("backup.db", std::string(8192, 'x'));
    refused("not_a_backup");
    run_elsewhere(file, "CREATE TABLE theirs (number INTEGER); PRAGMA user_version = 3");
    refused("not_a_backup");
    back_up();
    run_elsewhere(file, "PRAGMA user_version = 999");
    refused("backup_is_newer");
    back_up();
    folder.write("backup.db-wal", "x");
    refused("not_a_backup");
    back_up();
    { // a page in the middle
        std::fstream damaged(file, std::ios::in | std::ios::out | std::ios::binary);
        damaged.seekp(
            static_cast<std::streamoff>(fs::file_size(file) / 2 / sqlite::page_bytes * sqlite::page_bytes));
        damaged << std::string(sqlite::page_bytes, '\xff');
    }
    refused("not_a_backup");
    back_up();
    fs::resize_file(file, fs::file_size(file) - sqlite::page_bytes);
    refused("not_a_backup");
    back_up();
    BOOST_CHECK_EXCEPTION(
        Restoration(file, path, [](database::Connection&) { return std::vector<std::string>{"all wrong"}; }),
        base::Error, has_name("not_a_backup"));
    BOOST_CHECK_EXCEPTION(Restoration(path, path, nothing_wrong), base::Error, has_name("not_a_backup"));
    fs::remove(file);
    BOOST_TEST((files() == own));
    BOOST_TEST(rows(*open()) == 10);
}

BOOST_AUTO_TEST_CASE(a_backup_that_is_not_of_its_schema_is_refused_with_the_reason)
{
    const auto refused = [&](const std::string& sql, const std::string& reason) {
        back_up();
        run_elsewhere(file, sql);
        BOOST_CHECK_EXCEPTION(Restoration(file, path, nothing_wrong), base::Error,
                              [&](const base::Error& error) {
                                  const std::string said = "not_a_backup: " + file + ": " + reason;
                                  BOOST_TEST(std::string(error.what()).substr(0, said.size()) == said);
                                  return error.name() == "not_a_backup";
                              });
        fs::remove(file);
    };
    refused("PRAGMA application_id = 7", "it is no database of session-voice");
    refused("PRAGMA user_version = 0", "it is no database of session-voice");
    refused("DROP TABLE sweeps", "it lacks the table sweeps");
    refused("DROP TRIGGER credit_events_no_delete", "it lacks the trigger credit_events_no_delete");
    refused("ALTER TABLE bans RENAME TO b; CREATE VIEW bans AS SELECT * FROM b", "it lacks the table bans");
    // One that says it is older cannot be migrated.
    refused("PRAGMA user_version = 1", "internal_error: SQLite 1: table credit_accounts already exists in ");
    // The audit fails where it finds nothing to look at.
    back_up();
    const auto fails = [](database::Connection& db) -> std::vector<std::string> {
        db.prepare("SELECT nothing").run();
        return {};
    };
    BOOST_CHECK_EXCEPTION(Restoration(file, path, fails), base::Error, has_name("not_a_backup"));
    // What an operator added does no harm.
    run_elsewhere(file, "CREATE INDEX spent_nonces_of_an_operator ON spent_nonces (nonce, expires_at)");
    Restoration restoration(file, path, nothing_wrong);
    BOOST_TEST(rows(restoration.content()) == 10);
}

BOOST_AUTO_TEST_CASE(a_database_of_a_newer_program_is_not_replaced)
{
    back_up();
    const auto db = open();
    Restoration restoration(file, path, nothing_wrong);
    execute(*db, "PRAGMA user_version = 999");
    BOOST_CHECK_EXCEPTION(restoration.replace(*db), base::Error, [](const base::Error& error) {
        return error.code() == base::ErrorCode::database_newer;
    });
    BOOST_TEST(integer(*db, "PRAGMA user_version") == 999);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_a_backup_is_told_by_its_path)
{
    const auto refusal = [&](const std::string& backup) -> std::string {
        try {
            Restoration(backup, path, nothing_wrong);
        } catch (const base::Error& error) {
            return error.what();
        }
        return "none";
    };
    const auto because = [](const std::string& backup, const std::string& why) {
        return "not_a_backup: " + backup + ": " + why;
    };
    BOOST_TEST(refusal(file) == because(file, "there is no such file"));
    BOOST_TEST(refusal(folder.path()) == because(folder.path(), "there is no such file"));
    BOOST_TEST(refusal(path) == because(path, "it is the database itself"));
    back_up();
    folder.write("backup.db-wal", "x");
    BOOST_TEST(refusal(file) == because(file, "a write-ahead log is beside it, so it is a database in use"));
    fs::resize_file(file + "-wal", 0);
    errno = EIO; // of something before
    BOOST_TEST(refusal(file) == "none");
}

// An operator's command goes on as the database's owner, to whom the caller's files may be closed.
BOOST_AUTO_TEST_CASE(who_may_not_read_or_write_is_named)
{
    back_up();
    fs::permissions(file, static_cast<fs::perms>(0600));
    fs::permissions(folder.path(), static_cast<fs::perms>(0755));
    const TemporaryFolder open_to_all;
    fs::permissions(open_to_all.path(), static_cast<fs::perms>(0777));
    const auto refusal = [&](const std::function<void()>& work) {
        ChildProcess child([&] {
            if (::setuid(65534) != 0)
                return 2;
            try {
                work();
            } catch (const base::Error& error) {
                return std::string(error.what()).ends_with(": Permission denied for user nobody") ? 1 : 3;
            }
            return 0;
        });
        return child.wait();
    };
    BOOST_TEST(refusal([&] { Restoration(file, open_to_all / "test.db", nothing_wrong); }) == 1);
    BOOST_TEST(refusal([&] { sqlite::ScratchFile(folder / "scratch"); }) == 1);
    BOOST_TEST(refusal([&] { sqlite::ScratchFile(open_to_all / "none/scratch"); }) == 3);
    BOOST_TEST(refusal([&] { sqlite::ScratchFile(open_to_all / "scratch"); }) == 0);
}

BOOST_AUTO_TEST_CASE(nothing_is_copied_into_a_file_that_is_not_empty)
{
    folder.write("other.db", "somebody's");
    BOOST_CHECK_EXCEPTION(open()->copy_into(folder / "other.db"), base::Error, is_database_unavailable);
    BOOST_TEST(content(folder / "other.db") == "somebody's");
}

BOOST_AUTO_TEST_CASE(a_database_is_not_replaced_while_it_is_read_here_or_is_elsewhere)
{
    back_up();
    const auto db = open();
    Restoration restoration(file, path, nothing_wrong);
    {
        auto row = db->prepare("SELECT nonce FROM spent_nonces");
        BOOST_TEST(row.step());
        BOOST_CHECK_THROW(restoration.replace(*db), base::Error);
    }
    fs::rename(path, folder / "aside.db");
    BOOST_CHECK_EXCEPTION(restoration.replace(*db), base::Error, [](const base::Error& error) {
        return error.code() == base::ErrorCode::database_moved;
    });
    fs::rename(folder / "aside.db", path);
    add_rows(*open(), 10, 1); // nobody holds the lock
    restoration.replace(*db);
    BOOST_TEST(rows(*db) == 10);
}

// The rows of the one or of the other, never a mixture.
BOOST_AUTO_TEST_CASE(a_restoration_killed_anywhere_was_done_or_not_done)
{
    add_rows(*open(), 10, 1000);
    back_up();
    Signal begins;
    const auto restore = [&] {
        begins.give();
        Restoration(file, path, nothing_wrong).replace(*open());
        return 0;
    };
    const auto begun = std::chrono::steady_clock::now();
    ChildProcess(restore).wait();
    begins.await();
    const auto whole_us =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun)
            .count();
    std::mt19937_64 dice(11);
    int done = 0;
    int killed_midway = 0;
    for (int round = 0; round < 15; ++round) {
        add_rows(*open(), 100000, 1000); // what the restoration takes away
        {
            ChildProcess child(restore);
            begins.await();
            ::usleep(static_cast<useconds_t>(dice() % static_cast<std::uint64_t>(whole_us * 3 / 2)));
            child.kill();
            killed_midway += child.wait() == 128 + SIGKILL ? 1 : 0;
        }
        const auto db = open();
        BOOST_TEST(db->integrity_problems().empty());
        const auto count = rows(*db);
        BOOST_TEST((count == 1010 || count == 2010), count);
        done += count == 1010 ? 1 : 0;
        execute(*db, "DELETE FROM spent_nonces WHERE nonce >= '" + nonce(100000) + "'");
    }
    BOOST_TEST(killed_midway > 0);
    BOOST_TEST_MESSAGE(done << " of 15 were done");
    BOOST_TEST(rows_of_file(file) == 1010);
}

BOOST_AUTO_TEST_SUITE_END()
