#include "base/clock.h"

#include "fixture.h"

#include <chrono>

BOOST_AUTO_TEST_SUITE(clock_tests)

BOOST_AUTO_TEST_CASE(an_instant_is_written_in_utc_with_milliseconds)
{
    BOOST_TEST(base::iso8601(0) == "1970-01-01T00:00:00.000Z");
    BOOST_TEST(base::iso8601(1767225600) == "2026-01-01T00:00:00.000Z");
    BOOST_TEST(base::iso8601(1709210096) == "2024-02-29T12:34:56.000Z"); // a leap day
    BOOST_TEST(base::iso8601(4107542399) == "2100-02-28T23:59:59.000Z");
    BOOST_TEST(base::iso8601(4107542400) == "2100-03-01T00:00:00.000Z"); // 2100 has none
    BOOST_TEST(base::iso8601(253402300799) == "9999-12-31T23:59:59.000Z");
}

BOOST_AUTO_TEST_CASE(the_local_time_zone_does_not_matter)
{
    const char* before = std::getenv("TZ");
    const std::string saved = before == nullptr ? "" : before;
    ::setenv("TZ", "Pacific/Auckland", 1);
    ::tzset();
    const auto text = base::iso8601(1767225600);
    before == nullptr ? ::unsetenv("TZ") : ::setenv("TZ", saved.c_str(), 1);
    ::tzset();
    BOOST_TEST(text == "2026-01-01T00:00:00.000Z");
}

BOOST_AUTO_TEST_CASE(an_instant_without_four_digits_of_year_is_refused)
{
    const auto is_internal = [](const base::Error& error) {
        return error.code() == base::ErrorCode::internal;
    };
    for (const base::UnixSeconds instant :
         {base::UnixSeconds{-1}, base::UnixSeconds{253402300800},
          std::numeric_limits<base::UnixSeconds>::max(), std::numeric_limits<base::UnixSeconds>::min()})
        BOOST_CHECK_EXCEPTION(base::iso8601(instant), base::Error, is_internal);
}

BOOST_AUTO_TEST_CASE(the_systems_clock_is_in_this_century)
{
    BOOST_TEST(base::system_now() > 1767225600);
    BOOST_TEST(base::system_now() < 4102444800);
}

BOOST_AUTO_TEST_CASE(the_systems_clock_has_milliseconds)
{
    const auto now_ms = [] {
        return std::chrono::duration_cast<std::chrono::milliseconds>(
                   std::chrono::system_clock::now().time_since_epoch())
            .count();
    };
    const auto before = now_ms();
    const auto at = base::system_now_ms();
    BOOST_TEST(before <= at);
    BOOST_TEST(at <= now_ms());
}

BOOST_AUTO_TEST_SUITE_END()
