#include "outbox/retry.h"

#include "fixture.h"

namespace {

constexpr base::UnixSeconds now = 784111767; // ten seconds before RFC 9110's example

std::optional<std::int64_t> parsed(const std::string& text)
{
    return outbox::parse_retry_after(text, now);
}

} // namespace

BOOST_AUTO_TEST_SUITE(retry_tests)

BOOST_AUTO_TEST_CASE(nine_waits_grow_to_a_day_and_then_there_is_none)
{
    SeededRandom random(1);
    constexpr std::int64_t waits[] = {5, 30, 120, 600, 3600, 10800, 21600, 43200, 86400};
    for (std::int64_t attempts = 1; attempts <= 9; ++attempts) {
        const auto wait = waits[attempts - 1];
        std::set<std::int64_t> seen;
        for (int i = 0; i < 200; ++i)
            seen.insert(outbox::wait_seconds(attempts, random).value());
        BOOST_TEST(*seen.begin() >= wait);
        BOOST_TEST(*seen.rbegin() <= wait + wait / 5);
        BOOST_TEST(seen.size() >= 2U); // not all at the same second
    }
    BOOST_TEST(!outbox::wait_seconds(10, random).has_value());
    BOOST_TEST(!outbox::wait_seconds(INT64_MAX, random).has_value());
}

BOOST_AUTO_TEST_CASE(retry_after_is_seconds_or_a_date_in_the_three_forms_of_http)
{
    BOOST_TEST(parsed("0").value() == 0);
    BOOST_TEST(parsed("120").value() == 120);
    for (const char* date :
         {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"})
        BOOST_TEST(parsed(date).value() == 10, date);
    BOOST_TEST(outbox::parse_retry_after("Friday, 01-Jan-27 00:00:00 GMT", 1798761595).value() == 5);
}

BOOST_AUTO_TEST_CASE(what_lies_in_the_past_is_now_and_nothing_is_longer_than_a_day)
{
    BOOST_TEST(parsed("Sun, 06 Nov 1994 08:49:17 GMT").value() == 0);
    BOOST_TEST(parsed("Sun, 06 Nov 2094 08:49:37 GMT").value() == 86400);
    for (const char* long_time : {"86401", "99999999999", "99999999999999999999999999999999999999999"})
        BOOST_TEST(parsed(long_time).value() == 86400, long_time);
}

BOOST_AUTO_TEST_CASE(any_other_text_says_nothing)
{
    for (const std::string& text :
         {std::string(), std::string("-1"), std::string("+1"), std::string("1.5"), std::string("1 "),
          std::string("soon"), std::string("Sun, 06 Nov 1994 08:49:37 CET"),
          std::string("Sun, 31 Feb 1994 08:49:37 GMT"), std::string("Sun, 06 nov 1994 08:49:37 GMT"),
          std::string("Sun, 06 Nov 94 08:49 GMT"), std::string("Sun Nov 6 1994"), std::string("1994-11-06"),
          std::string(100, ' ') + "1", std::string("Sun,\0 06 Nov 1994 08:49:37 GMT", 30)})
        BOOST_TEST(!parsed(text).has_value(), text);
}

BOOST_AUTO_TEST_SUITE_END()
