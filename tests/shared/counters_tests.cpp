#include "shared/counters.h"

#include "fixture.h"
#include "sqlite/child_process.h"
#include "temporary_folder.h"

BOOST_AUTO_TEST_SUITE(counters_tests)

BOOST_AUTO_TEST_CASE(a_series_is_spelt_as_prometheus_does)
{
    BOOST_TEST(shared::series("name", {}) == "name");
    BOOST_TEST(shared::series("name", {{"a", "1"}, {"b", "2"}}) == R"(name{a="1",b="2"})");
    BOOST_TEST(shared::series("name", {{"a", "back\\slash \"quote\" line\nbreak"}}) ==
               R"(name{a="back\\slash \"quote\" line\nbreak"})");
}

BOOST_AUTO_TEST_CASE(processes_count_together)
{
    const TemporaryFolder folder;
    constexpr std::uint64_t each = 2000;
    {
        std::vector<std::unique_ptr<ChildProcess>> children;
        for (int i = 0; i < 6; ++i)
            children.push_back(std::make_unique<ChildProcess>([&, i] {
                shared::Counters counters(folder / "db-metrics");
                for (std::uint64_t n = 0; n < each; ++n) {
                    counters.add("together");
                    counters.add("alone_" + std::to_string(i) + "_" + std::to_string(n % 10));
                    counters.observe("times", 700);
                }
                return 0;
            }));
        for (const auto& child : children)
            BOOST_TEST(child->wait() == 0);
    }
    shared::Counters counters(folder / "db-metrics");
    const auto numbers = counters.numbers();
    BOOST_TEST(numbers.size() == 61);
    BOOST_TEST(numbers.at("together") == 6 * each);
    BOOST_TEST(numbers.at("alone_5_9") == each / 10);
    const auto times = counters.histograms().at("times");
    BOOST_TEST(times.buckets[1] == 6 * each);
    BOOST_TEST(times.sum_microseconds == 6 * each * 700);
}

BOOST_AUTO_TEST_CASE(a_killed_process_takes_nothing_along)
{
    const TemporaryFolder folder;
    Signal counted;
    ChildProcess child([&] {
        shared::Counters counters(folder / "db-metrics");
        counters.add("number", 5);
        counted.give();
        for (;;)
            counters.add("another");
        return 0;
    });
    counted.await();
    child.kill();
    child.wait();
    shared::Counters counters(folder / "db-metrics");
    BOOST_TEST(counters.numbers().at("number") == 5);
    counters.add("number");
    BOOST_TEST(counters.numbers().at("number") == 6);
}

BOOST_AUTO_TEST_CASE(a_time_falls_into_the_first_bucket_that_ends_at_it_or_later)
{
    shared::Counters counters("");
    for (const auto took : {-1L, 0L, 500L, 501L, 30000000L, 30000001L, 86400L * 1000000})
        counters.observe("times", took);
    const auto times = counters.histograms().at("times");
    BOOST_TEST(times.buckets[0] == 3);
    BOOST_TEST(times.buckets[1] == 1);
    BOOST_TEST(times.buckets[times.buckets.size() - 2] == 1);
    BOOST_TEST(times.buckets.back() == 2);
    BOOST_TEST(times.sum_microseconds == 500u + 501u + 30000000u + 30000001u + 86400000000u);
    BOOST_TEST(counters.histograms().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_full_table_goes_on_counting_what_it_has)
{
    shared::Counters counters("");
    for (std::size_t i = 0; i < shared::Counters::max_numbers + 10; ++i) {
        counters.add("number_" + std::to_string(i));
        counters.observe("times_" + std::to_string(i), 1);
    }
    counters.add("number_0");
    counters.add(std::string(shared::Counters::max_series_bytes + 1, 'x'));
    const auto numbers = counters.numbers();
    BOOST_TEST(numbers.size() == shared::Counters::max_numbers);
    BOOST_TEST(numbers.at("number_0") == 2);
    BOOST_TEST(counters.histograms().size() == shared::Counters::max_histograms);
}

BOOST_AUTO_TEST_CASE(the_longest_series_is_kept_whole)
{
    shared::Counters counters("");
    const std::string longest(shared::Counters::max_series_bytes, 'x');
    counters.add(longest);
    BOOST_TEST(counters.numbers().at(longest) == 1);
}

BOOST_AUTO_TEST_CASE(without_a_place_for_the_file_nothing_is_counted_and_nothing_fails)
{
    const TemporaryFolder folder;
    shared::Counters counters(folder / "missing/db-metrics");
    counters.add("number");
    counters.set("number", 1);
    counters.observe("times", 1);
    BOOST_TEST(counters.numbers().empty());
    BOOST_TEST(counters.histograms().empty());
}

BOOST_AUTO_TEST_CASE(a_number_that_is_set_is_what_it_is_set_to)
{
    shared::Counters counters("");
    counters.add("number", 7);
    counters.set("number", 3);
    BOOST_TEST(counters.numbers().at("number") == 3);
    BOOST_TEST(counters.numbers().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_number_that_is_raised_never_falls)
{
    const TemporaryFolder folder;
    shared::Counters one(folder / "db-metrics");
    shared::Counters other(folder / "db-metrics");
    BOOST_TEST(one.raise("high", 0) == 0);
    BOOST_TEST(one.raise("high", 7) == 7);
    BOOST_TEST(other.raise("high", 5) == 7);
    BOOST_TEST(other.raise("high", 8) == 8);
    BOOST_TEST(one.raise("high", 8) == 8);
    BOOST_TEST(one.numbers().at("high") == 8);
    shared::Counters nowhere(folder / "missing/db-metrics");
    BOOST_TEST(nowhere.raise("high", 5) == 5);
}

BOOST_AUTO_TEST_SUITE_END()
