#include "metrics/report.h"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(database_traffic_tests)

BOOST_AUTO_TEST_CASE(what_a_server_was_asked_is_counted_once)
{
    shared::Counters counters("");
    metrics::DatabaseTraffic traffic(counters);
    const auto counted = [&](const std::string& name) {
        const auto numbers = counters.numbers();
        const auto found = numbers.find("session_voice_database_" + name + "_total");
        return found == numbers.end() ? 0 : static_cast<std::int64_t>(found->second);
    };
    traffic.look_at({0, 0}); // SQLite
    BOOST_TEST(counters.numbers().empty());
    traffic.look_at({3, 0});
    traffic.look_at({3, 0});
    traffic.look_at({10, 2});
    BOOST_TEST(counted("round_trips") == 10);
    BOOST_TEST(counted("retries") == 2);
    BOOST_TEST(counted("connections") == 1);
    traffic.forget(); // lost, and made again
    traffic.look_at({4, 1});
    BOOST_TEST(counted("round_trips") == 14);
    BOOST_TEST(counted("retries") == 3);
    BOOST_TEST(counted("connections") == 2);
    traffic.forget();
    traffic.look_at({1, 0});
    traffic.look_at({2, 0});
    BOOST_TEST(counted("connections") == 3);
}

BOOST_AUTO_TEST_SUITE_END()
