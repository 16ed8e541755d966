#include "sqlite/write_lock.h"

#include "fixture.h"
#include "sqlite/child_process.h"
#include "sqlite/shorthand.h"
#include "temporary_folder.h"

#include <chrono>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

using Steady = std::chrono::steady_clock;

struct WriteLockFixture
{
    std::int64_t milliseconds_since(Steady::time_point start)
    {
        return std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - start).count();
    }
    // Holds the lock in another process until it is told to let go.
    int hold()
    {
        sqlite::WriteLockFile lock(path);
        lock.lock(0);
        is_held.give();
        let_go.await();
        lock.unlock();
        is_free.give();
        let_go.await();
        return 0;
    }

    TemporaryFolder folder;
    const std::string path = folder / "test.db-lock";
    Signal is_held;
    Signal let_go;
    Signal is_free;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(write_lock_tests, WriteLockFixture, *boost::unit_test::label("sqlite"))

BOOST_AUTO_TEST_CASE(a_free_lock_is_taken_and_given_back)
{
    sqlite::WriteLockFile lock(path);
    BOOST_TEST(!lock.held());
    lock.lock(0);
    BOOST_TEST(lock.held());
    lock.unlock();
    BOOST_TEST(!lock.held());
    lock.lock(0);
    BOOST_TEST(lock.held());
}

BOOST_AUTO_TEST_CASE(a_lock_held_elsewhere_is_waited_for_no_longer_than_told)
{
    ChildProcess holder([&] { return hold(); });
    is_held.await();
    sqlite::WriteLockFile lock(path);
    for (const int timeout_ms : {0, 1, 150}) {
        const auto start = Steady::now();
        BOOST_CHECK_EXCEPTION(lock.lock(timeout_ms), base::Error, is_database_unavailable);
        BOOST_TEST(!lock.held());
        BOOST_TEST(milliseconds_since(start) >= timeout_ms);
        BOOST_TEST(milliseconds_since(start) < timeout_ms + 1500);
    }
    let_go.give();
    is_free.await();
    lock.lock(0);
    BOOST_TEST(lock.held());
}

BOOST_AUTO_TEST_CASE(a_waiter_is_woken_as_soon_as_the_lock_is_free)
{
    Signal is_waiting;
    ChildProcess holder([&] { return hold(); });
    is_held.await();
    ChildProcess waiter([&] {
        sqlite::WriteLockFile lock(path);
        is_waiting.give();
        const auto start = Steady::now();
        lock.lock(60000);
        return milliseconds_since(start) < 30000 ? 0 : 1;
    });
    is_waiting.await();
    let_go.give();
    BOOST_TEST(waiter.wait() == 0);
}

BOOST_AUTO_TEST_CASE(who_gives_it_back_and_wants_it_again_comes_behind_those_who_wait)
{
    Signal may_begin;
    Signal has_had_it;
    ChildProcess waiter([&] {
        sqlite::WriteLockFile lock(path);
        for (int turn = 0; turn < 20; ++turn) {
            may_begin.await();
            lock.lock(60000);
            has_had_it.give();
            lock.unlock();
        }
        return 0;
    });
    sqlite::WriteLockFile lock(path);
    lock.lock(0);
    BOOST_TEST(!lock.is_awaited());
    for (int turn = 0; turn < 20; ++turn) {
        may_begin.give();
        BOOST_TEST_REQUIRE(comes_true([&] { return lock.is_awaited(); }));
        lock.unlock();
        lock.lock(60000);
        BOOST_TEST_REQUIRE(has_had_it.is_given());
        has_had_it.await();
    }
    BOOST_TEST(waiter.wait() == 0);
    BOOST_TEST(!lock.is_awaited());
}

BOOST_AUTO_TEST_CASE(the_kernel_takes_the_lock_from_a_holder_that_is_killed)
{
    ChildProcess holder([&] { return hold(); });
    is_held.await();
    sqlite::WriteLockFile lock(path);
    BOOST_CHECK_EXCEPTION(lock.lock(0), base::Error, is_database_unavailable);
    holder.kill();
    BOOST_TEST(holder.wait() == 128 + SIGKILL);
    lock.lock(0);
    BOOST_TEST(lock.held());
}

BOOST_AUTO_TEST_CASE(the_lock_goes_with_its_object)
{
    {
        sqlite::WriteLockFile first(path);
        first.lock(0);
        sqlite::WriteLockFile second(path); // in the same process, and yet another holder
        BOOST_CHECK_EXCEPTION(second.lock(0), base::Error, is_database_unavailable);
    }
    sqlite::WriteLockFile third(path);
    third.lock(0);
    BOOST_TEST(third.held());
}

BOOST_AUTO_TEST_CASE(no_timer_is_left_running_after_a_wait)
{
    ChildProcess holder([&] { return hold(); });
    is_held.await();
    sqlite::WriteLockFile lock(path);
    BOOST_CHECK_THROW(lock.lock(1), base::Error);
    itimerval timer = {};
    BOOST_REQUIRE(::getitimer(ITIMER_REAL, &timer) == 0);
    BOOST_TEST(timer.it_value.tv_sec == 0);
    BOOST_TEST(timer.it_value.tv_usec == 0);
    BOOST_TEST(timer.it_interval.tv_usec == 0);
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_opened_is_refused)
{
    BOOST_CHECK_EXCEPTION(sqlite::WriteLockFile(folder / "missing/test.db-lock"), base::Error,
                          is_database_unavailable);
    BOOST_CHECK_EXCEPTION(sqlite::WriteLockFile(folder.path()), base::Error, is_database_unavailable);
}

BOOST_AUTO_TEST_CASE(a_lock_that_cannot_be_had_at_all_is_not_waited_for)
{
    sqlite::WriteLockFile lock(path);
    ::close(lock.fd());
    const auto start = Steady::now();
    BOOST_CHECK_EXCEPTION(lock.lock(60000), base::Error, [](const base::Error& error) {
        return std::string(error.what()).ends_with("cannot lock: Bad file descriptor");
    });
    BOOST_TEST(milliseconds_since(start) < 30000);
}

// Holding it would keep everybody from writing.
BOOST_AUTO_TEST_CASE(nobody_but_owner_and_group_may_open_the_file)
{
    const auto mask = ::umask(0);
    {
        const sqlite::WriteLockFile lock(path);
    }
    ::umask(mask);
    struct stat status = {};
    BOOST_REQUIRE(::stat(path.c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 0777) == 0660u);
}

BOOST_AUTO_TEST_SUITE_END()
