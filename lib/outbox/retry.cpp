#include "outbox/retry.h"

#include "base/rfc3339.h"
#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <string>

namespace outbox {

namespace {

constexpr std::int64_t minute = 60;
constexpr std::int64_t hour = 3600;
constexpr std::int64_t day = 24 * hour;
constexpr std::int64_t waits[] = {5,        30,       2 * minute, 10 * minute, 1 * hour,
                                  3 * hour, 6 * hour, 12 * hour,  24 * hour};

bool is_digits(std::string_view text)
{
    return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

// "09" for "Sep"; "13" for what is no month.
std::string month_of(std::string_view name)
{
    constexpr std::string_view names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto found = std::find(std::begin(names), std::end(names), name);
    const auto number = std::to_string(found - std::begin(names) + 1);
    return number.size() == 1 ? "0" + number : number;
}

// Of RFC 850 a year has two digits: not more than 50 years ahead of now.
std::string whole_year(std::string_view year, base::UnixSeconds now)
{
    if (year.size() != 2 || !is_digits(year))
        return std::string(year);
    const int this_year = std::stoi(base::iso8601(now)); // reads to the dash
    int whole = this_year - this_year % 100 + std::stoi(std::string(year));
    if (whole > this_year + 50)
        whole -= 100;
    return std::to_string(whole);
}

// "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994".
std::optional<base::UnixSeconds> parse_http_date(std::string_view text, base::UnixSeconds now)
{
    constexpr std::size_t longest = 40;
    if (text.size() > longest)
        return std::nullopt;
    const bool has_comma = text.find(',') != text.npos;
    const auto parts = base::split(text, has_comma ? ", -" : " ");
    if (has_comma ? parts.size() != 6 || parts[5] != "GMT" : parts.size() != 5)
        return std::nullopt;
    auto date_day = has_comma ? parts[1] : parts[2];
    const auto month = month_of(has_comma ? parts[2] : parts[1]);
    const auto year = whole_year(has_comma ? parts[3] : parts[4], now);
    if (date_day.size() == 1)
        date_day.insert(0, 1, '0');
    const auto instant = base::parse_rfc3339_ms(year + "-" + month + "-" + date_day + "T" +
                                                (has_comma ? parts[4] : parts[3]) + "Z");
    return instant ? std::optional(*instant / 1000) : std::nullopt;
}

} // namespace

std::optional<std::int64_t> wait_seconds(std::int64_t attempts, base::Random& random)
{
    if (attempts > static_cast<std::int64_t>(std::size(waits)))
        return std::nullopt;
    const auto wait = waits[std::max<std::int64_t>(attempts, 1) - 1];
    return wait + random.uniform(0, static_cast<std::uint32_t>(wait / 5));
}

std::optional<std::int64_t> parse_retry_after(std::string_view text, base::UnixSeconds now)
{
    if (is_digits(text)) {
        std::int64_t seconds = day; // what is too large for the type is a long time
        std::from_chars(text.data(), text.data() + text.size(), seconds);
        return std::min(seconds, day);
    }
    if (const auto instant = parse_http_date(text, now))
        return std::clamp<std::int64_t>(*instant - now, 0, day);
    return std::nullopt;
}

} // namespace outbox
