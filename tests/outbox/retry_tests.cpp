#include "outbox/retry.h"

#include "base/rfc3339.h"
#include "fixture.h"

namespace {

constexpr base::UnixSeconds now = 784111767; // ten seconds before RFC 9110's example

std::optional<std::int64_t> parsed(const std::string& text)
{
    return outbox::parse_retry_after(text, now);
}

class Lowest : public base::Random
{
  public:
    void fill(unsigned char* bytes, std::size_t count) override
    {
        std::fill_n(bytes, count, static_cast<unsigned char>(0));
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(retry_tests)

BOOST_AUTO_TEST_CASE(nine_waits_grow_to_a_day_and_then_there_is_none)
{
    SeededRandom random(1);
    Lowest lowest;
    constexpr std::int64_t waits[] = {5, 30, 120, 600, 3600, 10800, 21600, 43200, 86400};
    for (std::int64_t attempts = 1; attempts <= 9; ++attempts) {
        const auto wait = waits[attempts - 1];
        std::set<std::int64_t> seen;
        for (int i = 0; i < 200; ++i)
            seen.insert(outbox::wait_seconds(attempts, random).value());
        BOOST_TEST(*seen.begin() >= wait);
        BOOST_TEST(*seen.rbegin() <= wait + wait / 5);
        BOOST_TEST(seen.size() >= 2U); // not all at the same second
        BOOST_TEST(outbox::wait_seconds(attempts, lowest).value() == wait);
    }
    BOOST_TEST(outbox::wait_seconds(0, lowest).value() == 5);
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

// In 2026: what is more than 50 years ahead was in the last century.
BOOST_AUTO_TEST_CASE(a_year_of_two_digits_is_at_most_50_years_ahead)
{
    constexpr base::UnixSeconds in_2026 = 1767225600;
    BOOST_TEST(outbox::parse_retry_after("Wednesday, 01-Jan-76 00:00:00 GMT", in_2026).value() == 86400);
    BOOST_TEST(outbox::parse_retry_after("Saturday, 01-Jan-77 00:00:00 GMT", in_2026).value() == 0);
    BOOST_TEST(outbox::parse_retry_after("Thursday, 01-Jan-26 00:00:07 GMT", in_2026).value() == 7);
    constexpr base::UnixSeconds in_2000 = 946684800;
    BOOST_TEST(outbox::parse_retry_after("Friday, 31-Dec-99 23:59:59 GMT", in_2000).value() == 0);
}

BOOST_AUTO_TEST_CASE(a_date_has_at_most_40_characters)
{
    const std::string date = "Sun, 06 Nov 1994 08:49:37 GMT";
    const auto padded = [&](std::size_t size) { return std::string(size - date.size(), ' ') + date; };
    BOOST_TEST(parsed(padded(40)).value() == 10);
    BOOST_TEST(!parsed(padded(41)).has_value());
}

BOOST_AUTO_TEST_CASE(each_month_has_its_number)
{
    const char* const dates[] = {"01-Jan", "01-Feb", "01-Mar", "01-Apr", "01-May", "01-Jun",
                                 "01-Jul", "01-Aug", "01-Sep", "01-Oct", "01-Nov", "01-Dec"};
    int month = 0;
    for (const char* date : dates) {
        ++month;
        const auto begin = base::parse_rfc3339_ms("2026-" + std::string(month < 10 ? "0" : "") +
                                                  std::to_string(month) + "-01T00:00:00Z")
                               .value() /
                           1000;
        BOOST_TEST(outbox::parse_retry_after("Sunday, " + std::string(date) + "-26 00:00:00 GMT", begin - 9)
                       .value() == 9);
    }
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
