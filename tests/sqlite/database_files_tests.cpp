#include "sqlite/database_files.h"

#include "fixture.h"
#include "sqlite/child_process.h"
#include "sqlite/shorthand.h"
#include "temporary_folder.h"

#include <chrono>
#include <filesystem>
#include <fstream>

namespace fs = std::filesystem;

namespace {

bool is_moved(const base::Error& error)
{
    return error.code() == base::ErrorCode::database_moved;
}

std::int64_t steady_seconds()
{
    return std::chrono::duration_cast<std::chrono::seconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

struct DatabaseFilesFixture
{
    DatabaseFilesFixture()
    {
        sqlite::Connection db(path, {});
        execute(db, "CREATE TABLE notes (note INTEGER NOT NULL)");
    }
    // Once it was told so long ago. The instant is the last thing in the lock file.
    bool is_to_be_told_after(std::int64_t age_seconds)
    {
        for (;;) {
            const auto now = steady_seconds();
            const auto told_at = now - age_seconds;
            {
                std::fstream lock(path + "-lock", std::ios::binary | std::ios::in | std::ios::out);
                lock.seekp(-static_cast<std::streamoff>(sizeof told_at), std::ios::end);
                lock.write(reinterpret_cast<const char*>(&told_at), sizeof told_at);
            }
            const bool is_due = sqlite::DatabaseFiles::is_to_be_told(path);
            if (steady_seconds() == now) // the second did not end meanwhile
                return is_due;
        }
    }
    void check_refused(sqlite::Connection& db)
    {
        BOOST_TEST(!db.is_in_place());
        BOOST_CHECK_EXCEPTION(execute(db, "INSERT INTO notes VALUES (1)"), base::Error, is_moved);
    }
    std::string aside(const char* suffix) const { return folder / ("aside" + std::string(suffix)); }

    TemporaryFolder folder;
    const std::string path = folder / "test.db";
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(database_files_tests, DatabaseFilesFixture, *boost::unit_test::label("sqlite"))

BOOST_AUTO_TEST_CASE(nothing_is_written_while_a_file_is_elsewhere)
{
    for (const char* suffix : {"", "-wal", "-shm", "-lock"}) {
        BOOST_TEST_CONTEXT("suffix " << suffix)
        {
            sqlite::Connection db(path, {});
            execute(db, "INSERT INTO notes VALUES (7)");
            const auto before = integer(db, "SELECT count(*) FROM notes");
            fs::rename(path + suffix, aside(suffix));
            check_refused(db);
            BOOST_TEST(!fs::exists(path + suffix)); // nor is it made anew
            fs::copy_file(aside(suffix), path + suffix);
            check_refused(db); // a copy is another file
            fs::rename(aside(suffix), path + suffix);
            BOOST_TEST(db.is_in_place());
            BOOST_TEST(integer(db, "SELECT count(*) FROM notes") == before);
            execute(db, "INSERT INTO notes VALUES (8)");
        }
    }
}

// The folder's time may say nothing of it: before Linux 6.13 the clock of file systems stands still for some
// milliseconds.
BOOST_AUTO_TEST_CASE(a_file_that_goes_just_after_it_was_looked_for_is_missed_at_once)
{
    sqlite::Connection db(path, {});
    for (int time = 0; time < 200; ++time) {
        BOOST_TEST_REQUIRE(db.is_in_place());
        fs::rename(path, aside(""));
        BOOST_TEST_REQUIRE(!db.is_in_place());
        fs::rename(aside(""), path);
    }
}

BOOST_AUTO_TEST_CASE(nothing_is_written_to_a_file_that_was_written_over)
{
    sqlite::Connection db(path, {});
    std::ofstream(path, std::ios::in | std::ios::out | std::ios::app) << "more";
    check_refused(db);
}

BOOST_AUTO_TEST_CASE(another_process_does_not_open_what_came_instead)
{
    sqlite::Connection db(path, {});
    fs::copy_file(path, aside(""));
    fs::rename(path, aside("-first"));
    BOOST_CHECK_EXCEPTION(sqlite::Connection(path, {}), base::Error, is_moved); // none
    fs::rename(aside(""), path);
    BOOST_CHECK_EXCEPTION(sqlite::Connection(path, {}), base::Error, is_moved); // another
    fs::rename(aside("-first"), path);
    BOOST_CHECK_NO_THROW(sqlite::Connection(path, {}));
}

// By a second lock file a second process would write at the same time.
BOOST_AUTO_TEST_CASE(another_process_does_not_open_it_by_another_lock_file)
{
    Signal opened;
    Signal over;
    ChildProcess service([&] {
        const sqlite::Connection db(path, {});
        opened.give();
        over.await();
        return 0;
    });
    opened.await();
    fs::rename(path + "-lock", aside("-lock"));
    for (int time = 0; time < 2; ++time) // the first one leaves a lock file of its own
        BOOST_CHECK_EXCEPTION(sqlite::Connection(path, {}), base::Error, is_moved);
    fs::rename(aside("-lock"), path + "-lock");
    BOOST_CHECK_NO_THROW(sqlite::Connection(path, {}));
    fs::remove(path + "-lock");
    over.give();
    BOOST_TEST(service.wait() == 0);
    BOOST_CHECK_NO_THROW(sqlite::Connection(path, {})); // nobody has it open any more
}

BOOST_AUTO_TEST_CASE(a_log_is_of_its_file_or_of_a_copy_of_that)
{
    const std::string log = path + "-wal";
    BOOST_TEST_REQUIRE(fs::file_size(log) > 0U);
    const auto modified_at = fs::last_write_time(path);
    const auto bytes = fs::file_size(path);
    const auto check_refused_as = [&](std::uintmax_t other_bytes, std::chrono::seconds later) {
        fs::resize_file(path, other_bytes);
        fs::last_write_time(path, modified_at + later);
        BOOST_CHECK_EXCEPTION(sqlite::Connection(path, {}), base::Error, is_moved);
    };
    fs::copy_file(path, aside(""));
    fs::rename(aside(""), path); // another file with the same content
    check_refused_as(bytes, std::chrono::seconds(10));
    check_refused_as(bytes + 1, std::chrono::seconds(0));
    fs::resize_file(path, bytes);
    fs::last_write_time(path, modified_at);
    sqlite::Connection db(path, {});
    BOOST_TEST(integer(db, "SELECT count(*) FROM notes") == 0); // the table stands in the log
}

BOOST_AUTO_TEST_CASE(who_removed_everything_begins_anew)
{
    for (const char* suffix : {"", "-wal", "-shm", "-lock"})
        fs::remove(path + suffix);
    sqlite::Connection db(path, {});
    BOOST_TEST(integer(db, "SELECT count(*) FROM sqlite_master") == 0);
}

// Of all processes one tells it, once a minute.
BOOST_AUTO_TEST_CASE(it_is_told_once_a_minute)
{
    fs::remove(path);
    BOOST_TEST(sqlite::DatabaseFiles::is_to_be_told(path));
    BOOST_TEST(!sqlite::DatabaseFiles::is_to_be_told(path));
    // To the second, by a clock that begins anew with the machine.
    for (const auto& [age_seconds, is_due] : {std::pair(59, false), {60, true}, {-1, true}})
        BOOST_TEST(is_to_be_told_after(age_seconds) == is_due, age_seconds << " s");
}

BOOST_AUTO_TEST_SUITE_END()
