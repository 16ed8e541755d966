#include "sqlite/database_files.h"

#include "fixture.h"
#include "sqlite/child_process.h"
#include "sqlite/shorthand.h"
#include "temporary_folder.h"

#include <array>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

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
    // As if it had been told then. The instant is the last thing in the lock file.
    void tell_at(std::int64_t told_at)
    {
        std::fstream lock(path + "-lock", std::ios::binary | std::ios::in | std::ios::out);
        lock.seekp(-static_cast<std::streamoff>(sizeof told_at), std::ios::end);
        lock.write(reinterpret_cast<const char*>(&told_at), sizeof told_at);
    }
    // Once it was told so long ago.
    bool is_to_be_told_after(std::int64_t age_seconds)
    {
        for (;;) {
            const auto now = steady_seconds();
            tell_at(now - age_seconds);
            const bool is_due = sqlite::DatabaseFiles::is_to_be_told(path);
            if (steady_seconds() == now) // the second did not end meanwhile
                return is_due;
        }
    }
    // What the lock file begins with: the format, and the database file's number, size and time.
    using Mark = std::array<std::int64_t, 4>;
    Mark mark() const
    {
        Mark read = {};
        std::ifstream(path + "-lock", std::ios::binary).read(reinterpret_cast<char*>(&read), sizeof read);
        return read;
    }
    Mark right_mark() const
    {
        struct stat file = {};
        BOOST_REQUIRE(::stat(path.c_str(), &file) == 0);
        return {0x53564c4f434b0001, static_cast<std::int64_t>(file.st_ino), file.st_size,
                file.st_mtim.tv_sec * 1000000000 + file.st_mtim.tv_nsec};
    }
    void write_more() const { std::ofstream(path, std::ios::in | std::ios::out | std::ios::app) << "more"; }
    // Puts another file in its place, with the same content and that time.
    void replace_file(fs::file_time_type modified_at) const
    {
        fs::copy_file(path, aside(""));
        fs::rename(aside(""), path);
        fs::last_write_time(path, modified_at);
    }
    // Why it is not opened.
    std::string refusal() const
    {
        try {
            const sqlite::Connection db(path, {});
        } catch (const base::Error& error) {
            BOOST_TEST(is_moved(error));
            return error.what();
        }
        return "none";
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
    write_more();
    check_refused(db);
}

BOOST_AUTO_TEST_CASE(either_the_size_or_the_time_tells_that_a_file_was_written_over)
{
    sqlite::Connection db(path, {});
    const auto bytes = fs::file_size(path);
    const auto modified_at = fs::last_write_time(path);
    for (const auto& [more_bytes, later] :
         {std::pair(1U, std::chrono::nanoseconds(0)), {0U, std::chrono::nanoseconds(1)}}) {
        fs::resize_file(path, bytes + more_bytes);
        fs::last_write_time(path, modified_at + later);
        check_refused(db);
        fs::resize_file(path, bytes);
        fs::last_write_time(path, modified_at);
        BOOST_TEST(db.is_in_place());
    }
}

// Others see what a checkpoint writes before its mark says how the file was left.
BOOST_AUTO_TEST_CASE(a_file_is_in_its_place_while_it_is_written_to)
{
    const sqlite::Connection other(path, {});
    const sqlite::WriteLockFile lock(path + "-lock");
    sqlite::DatabaseFiles files(path, lock.fd());
    BOOST_TEST(files.is_in_place()); // nothing is open yet
    files.opened();
    BOOST_TEST(files.begin_writing());
    BOOST_TEST(mark()[2] == -1);
    write_more();
    BOOST_TEST(other.is_in_place());
    files.end_writing();
    BOOST_TEST(mark() == right_mark(), boost::test_tools::per_element());
    BOOST_TEST(other.is_in_place());
    write_more();
    BOOST_TEST(!other.is_in_place());
    // Whose a file is that has no mark, nobody knows.
    fs::resize_file(path + "-lock", 0);
    BOOST_TEST(other.is_in_place());
}

BOOST_AUTO_TEST_CASE(other_versions_find_the_mark_and_the_locks_where_they_look_for_them)
{
    const sqlite::Connection db(path, {});
    BOOST_TEST(mark() == right_mark(), boost::test_tools::per_element());
    std::string locked;
    const int fd = ::open((path + "-lock").c_str(), O_RDWR | O_CLOEXEC);
    for (off_t byte = 0; byte < 8; ++byte) {
        struct flock wanted = {};
        wanted.l_type = F_WRLCK;
        wanted.l_whence = SEEK_SET;
        wanted.l_start = byte;
        wanted.l_len = 1;
        BOOST_TEST(::fcntl(fd, F_OFD_GETLK, &wanted) == 0);
        locked += wanted.l_type == F_UNLCK ? '-' : 'x';
    }
    ::close(fd);
    BOOST_TEST(locked == "-x-x----");
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

BOOST_AUTO_TEST_CASE(who_opens_it_besides_is_told_what_is_wrong)
{
    const sqlite::Connection db(path, {});
    const auto check_refused_as = [&](const std::string& what) {
        const auto why = refusal();
        BOOST_TEST(why.find(path + what) != std::string::npos, why);
    };
    fs::rename(path, aside("-first"));
    check_refused_as(" has been taken away");
    BOOST_TEST(!fs::exists(path)); // nor is it made anew
    fs::copy_file(aside("-first"), path);
    fs::last_write_time(path, fs::last_write_time(aside("-first")));
    check_refused_as(" is another file");
    fs::rename(aside("-first"), path);
    for (const std::string suffix : {"-wal", "-shm"}) {
        fs::rename(path + suffix, aside("-first"));
        check_refused_as(suffix + " is not the ");
        fs::rename(aside("-first"), path + suffix);
    }
    BOOST_TEST(refusal() == "none");
    write_more();
    check_refused_as(" was written over");
}

BOOST_AUTO_TEST_CASE(each_file_beside_it_tells_that_a_database_was_there)
{
    for (const std::string suffix : {"-wal", "-shm", "-lock"}) {
        const TemporaryFolder other;
        other.write("test.db" + suffix, "");
        BOOST_CHECK_EXCEPTION(sqlite::Connection(other / "test.db", {}), base::Error, is_moved);
        BOOST_TEST(!fs::exists(other / "test.db"));
        sqlite::Options options;
        options.make_anew = true;
        BOOST_CHECK_NO_THROW(sqlite::Connection(other / "test.db", options));
    }
}

// To write the mark down. Whoever finds it right has nothing to write.
BOOST_AUTO_TEST_CASE(who_opens_it_waits_for_a_writer_only_if_it_was_changed_meanwhile)
{
    {
        sqlite::Connection db(path, {});
        execute(db, "PRAGMA application_id = " + std::to_string(sqlite::application_id));
    }
    const auto open = [&] { sqlite::Connection(path, sqlite::Options{0}); };
    sqlite::WriteLockFile writer(path + "-lock");
    writer.lock(0);
    BOOST_CHECK_NO_THROW(open());
    fs::last_write_time(path, fs::last_write_time(path) + std::chrono::seconds(10));
    BOOST_CHECK_EXCEPTION(open(), base::Error, is_database_unavailable);
    writer.unlock();
    sqlite::Connection db(path, sqlite::Options{0});
    BOOST_TEST(db.is_in_place());
    writer.lock(0); // it is given back
    BOOST_CHECK_NO_THROW(open());
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
    replace_file(modified_at);
    check_refused_as(bytes, std::chrono::seconds(10));
    check_refused_as(bytes + 1, std::chrono::seconds(0));
    fs::resize_file(path, bytes);
    fs::last_write_time(path, modified_at);
    sqlite::Connection db(path, {});
    BOOST_TEST(integer(db, "SELECT count(*) FROM notes") == 0); // the table stands in the log
}

// Not all copies keep the parts of a second.
BOOST_AUTO_TEST_CASE(a_copy_is_known_by_the_second_of_its_time)
{
    const auto second = std::chrono::floor<std::chrono::seconds>(fs::last_write_time(path));
    fs::last_write_time(path, second);
    BOOST_CHECK_NO_THROW(sqlite::Connection(path, {})); // so that the mark says so
    replace_file(second - std::chrono::nanoseconds(1));
    BOOST_CHECK_EXCEPTION(sqlite::Connection(path, {}), base::Error, is_moved);
    fs::last_write_time(path, second + std::chrono::seconds(1));
    BOOST_CHECK_EXCEPTION(sqlite::Connection(path, {}), base::Error, is_moved);
    fs::last_write_time(path, second + std::chrono::nanoseconds(999999999));
    BOOST_CHECK_NO_THROW(sqlite::Connection(path, {}));
}

BOOST_AUTO_TEST_CASE(a_log_with_nothing_in_it_is_of_any_file)
{
    replace_file(fs::last_write_time(path) + std::chrono::seconds(10));
    fs::resize_file(path + "-wal", 1);
    BOOST_CHECK_EXCEPTION(sqlite::Connection(path, {}), base::Error, is_moved);
    fs::resize_file(path + "-wal", 0);
    BOOST_CHECK_NO_THROW(sqlite::Connection(path, {}));
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
    // Where nobody can write down that it was told.
    for (int time = 0; time < 2; ++time)
        BOOST_TEST(sqlite::DatabaseFiles::is_to_be_told(folder / "none.db"));
}

BOOST_AUTO_TEST_CASE(one_of_those_who_have_it_open_tells_it)
{
    const sqlite::Connection db(path, {});
    const sqlite::Connection other(path, {});
    BOOST_TEST(db.is_problem_to_be_told());
    BOOST_TEST(!other.is_problem_to_be_told());
    tell_at(steady_seconds() - 1000);
    BOOST_TEST(other.is_problem_to_be_told());
    BOOST_TEST(!db.is_problem_to_be_told());
    // Nor does whoever comes while another is about to.
    tell_at(steady_seconds() - 1000);
    struct flock telling = {};
    telling.l_type = F_WRLCK;
    telling.l_whence = SEEK_SET;
    telling.l_start = 2;
    telling.l_len = 1;
    const int fd = ::open((path + "-lock").c_str(), O_RDWR | O_CLOEXEC);
    BOOST_TEST(::fcntl(fd, F_OFD_SETLK, &telling) == 0);
    BOOST_TEST(!db.is_problem_to_be_told());
    ::close(fd);
    BOOST_TEST(db.is_problem_to_be_told());
}

BOOST_AUTO_TEST_SUITE_END()
