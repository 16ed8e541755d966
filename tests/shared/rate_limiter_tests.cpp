#include "shared/rate_limiter.h"

#include "fixture.h"
#include "sqlite/child_process.h"
#include "temporary_folder.h"

#include <filesystem>

namespace {

constexpr std::int64_t start = 1767225600000;

struct LimiterFixture
{
    SeededRandom random{1};
    shared::RateLimiter limiter{"", random};
    std::int64_t now = start;

    std::int64_t take(const std::string& who, std::int64_t per_minute = 5)
    {
        return limiter.take("thing", who, per_minute, now);
    }
    int accepted(const std::string& who, int attempts, std::int64_t per_minute = 5)
    {
        int count = 0;
        for (int i = 0; i < attempts; ++i)
            count += take(who, per_minute) == 0;
        return count;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(rate_limiter_tests, LimiterFixture)

BOOST_AUTO_TEST_CASE(so_many_at_once_and_as_many_in_each_minute_that_follows)
{
    BOOST_TEST(accepted("a", 20) == 5);
    BOOST_TEST(take("a") == 12000);
    now += 11999;
    BOOST_TEST(take("a") == 1);
    now += 1;
    BOOST_TEST(accepted("a", 20) == 1);
    int in_ten_minutes = 0;
    for (int second = 0; second < 600; ++second) {
        now += 1000;
        in_ten_minutes += accepted("a", 3);
    }
    BOOST_TEST(in_ten_minutes == 50);
    now += 60000;
    BOOST_TEST(accepted("a", 20) == 5);
}

BOOST_AUTO_TEST_CASE(every_number_per_minute_is_what_it_says)
{
    for (const std::int64_t per_minute : {1, 7, 60, 300, 999, 6000}) {
        const auto who = std::to_string(per_minute);
        BOOST_TEST(accepted(who, 7000, per_minute) == per_minute);
        const auto wait = take(who, per_minute);
        BOOST_TEST(wait >= 1);
        BOOST_TEST(wait <= 60000);
        now += wait;
        BOOST_TEST(take(who, per_minute) == 0);
    }
}

BOOST_AUTO_TEST_CASE(so_many_in_an_hour)
{
    const auto take_of_hour = [&] { return limiter.take("thing", "a", 4, now, shared::hour); };
    for (int i = 0; i < 4; ++i)
        BOOST_TEST(take_of_hour() == 0);
    BOOST_TEST(take_of_hour() == shared::hour / 4);
    now += shared::hour / 4 - 1;
    BOOST_TEST(take_of_hour() == 1);
    now += 1;
    BOOST_TEST(take_of_hour() == 0);
}

BOOST_AUTO_TEST_CASE(one_may_ask_without_taking)
{
    const auto wait = [&](const std::string& who) { return limiter.wait("thing", who, now, 10000); };
    BOOST_TEST(wait("a") == 0);
    BOOST_TEST(limiter.take("thing", "a", 1, now, 10000) == 0);
    BOOST_TEST(wait("a") == 10000);
    BOOST_TEST(wait("a") == 10000);
    BOOST_TEST(wait("b") == 0);
    BOOST_TEST(limiter.wait("another thing", "a", now, 10000) == 0);
    now += 9999;
    BOOST_TEST(wait("a") == 1);
    now += 1;
    BOOST_TEST(wait("a") == 0);
    BOOST_TEST(limiter.take("thing", "a", 1, now, 3333) == 0);
    BOOST_TEST(wait("a") == 3333); // to the millisecond
    now -= 1000000;                // the clock steps back
    BOOST_TEST(wait("a") == 10000);
}

BOOST_AUTO_TEST_CASE(nobody_pays_for_another)
{
    BOOST_TEST(accepted("a", 20) == 5);
    BOOST_TEST(accepted("b", 20) == 5);
    BOOST_TEST(limiter.take("other thing", "a", 5, now) == 0);
}

BOOST_AUTO_TEST_CASE(a_clock_that_steps_back_locks_nobody_out_for_more_than_a_minute)
{
    for (const std::int64_t step : {1000L, 60000L, 3600000L, 86400000L * 365 * 50}) {
        now = start;
        const auto who = std::to_string(step);
        accepted(who, 5);
        now = start - step;
        for (int refused = 0; take(who) != 0; ++refused) {
            BOOST_TEST_REQUIRE(refused < 61, "locked out after a step of " << step << " ms");
            now += 1000;
        }
        BOOST_TEST(now - (start - step) <= 60000);
        // And it gave no more than it may: from now on it is the usual.
        int in_a_minute = 0;
        for (int second = 0; second < 60; ++second) {
            now += 1000;
            in_a_minute += accepted(who, 2);
        }
        BOOST_TEST(in_a_minute == 5);
    }
}

BOOST_AUTO_TEST_CASE(a_clock_that_steps_forward_gives_no_more_than_a_full_measure)
{
    accepted("a", 5);
    now += 86400000L * 365;
    BOOST_TEST(accepted("a", 20) == 5);
}

BOOST_AUTO_TEST_CASE(a_lower_setting_counts_from_the_next_minute_on_at_the_latest)
{
    accepted("a", 6000, 6000);
    BOOST_TEST(take("a", 1) <= 60000);
    now += 60000;
    BOOST_TEST(take("a", 1) == 0);
}

BOOST_AUTO_TEST_CASE(instants_are_kept_until_the_year_2109)
{
    now = (std::int64_t{1} << 42) - 72001; // the last one is taken 1 ms before the end
    BOOST_TEST(accepted("a", 20) == 5);
    now += 12000;
    BOOST_TEST(accepted("a", 20) == 1);
}

BOOST_AUTO_TEST_CASE(many_processes_share_one_measure)
{
    const TemporaryFolder folder;
    constexpr int processes = 8;
    constexpr int keys = 20;
    constexpr int per_minute = 50;
    for (int round = 0; round < 5; ++round) {
        const auto database = folder / ("db" + std::to_string(round));
        int total = 0;
        std::vector<std::unique_ptr<ChildProcess>> children;
        for (int i = 0; i < processes; ++i)
            children.push_back(std::make_unique<ChildProcess>([&, i] {
                SeededRandom own(static_cast<unsigned>(i)); // only the first one's key counts
                shared::RateLimiter shared_limiter(database, own);
                int count = 0;
                for (int n = 0; n < per_minute; ++n) {
                    for (int key = 0; key < keys; ++key)
                        count += shared_limiter.take("thing", std::to_string(key), per_minute, start) == 0;
                }
                return count % 251;
            }));
        for (const auto& child : children)
            total += child->wait();
        // Each says its count modulo 251, an exit code being small; the sum is right modulo the same.
        BOOST_TEST(total % 251 == keys * per_minute % 251);
    }
}

// What is taken survives the process, as plain CGI needs it.
BOOST_AUTO_TEST_CASE(one_process_a_request_counts_as_well)
{
    const TemporaryFolder folder;
    int count = 0;
    for (int i = 0; i < 12; ++i) {
        ChildProcess child([&] {
            shared::RateLimiter own(folder / "db-limits", random);
            return own.take("thing", "a", 5, start) == 0 ? 1 : 0;
        });
        count += child.wait();
    }
    BOOST_TEST(count == 5);
}

BOOST_AUTO_TEST_CASE(a_million_strangers_grow_nothing)
{
    const TemporaryFolder folder;
    shared::RateLimiter on_disk(folder / "db-limits", random);
    int refused = 0;
    for (int i = 0; i < 1000000; ++i)
        refused += on_disk.take("thing", std::to_string(i), 5, start + i / 100) != 0;
    BOOST_TEST(refused == 0); // nor does one pay for another, but by a rare chance
    BOOST_TEST(std::filesystem::file_size(folder / "db-limits") == shared::RateLimiter::file_bytes);
    BOOST_TEST(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

BOOST_AUTO_TEST_CASE(who_asks_the_most_is_forgotten_last)
{
    BOOST_TEST(accepted("greedy", 20, 60) == 20);
    BOOST_TEST(accepted("greedy", 100, 60) == 40);
    // Ten times as many as there are places ask once each, and the greedy one is still known.
    for (int i = 0; i < 1300000; ++i)
        take(std::to_string(i), 60);
    BOOST_TEST(take("greedy", 60) > 0);
}

BOOST_AUTO_TEST_CASE(without_a_place_for_the_file_a_process_counts_for_itself)
{
    const TemporaryFolder folder;
    shared::RateLimiter own(folder / "missing/db-limits", random);
    int count = 0;
    for (int i = 0; i < 20; ++i)
        count += own.take("thing", "a", 5, start) == 0;
    BOOST_TEST(count == 5);
}

BOOST_AUTO_TEST_SUITE_END()
