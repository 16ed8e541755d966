#include "base/clock.h"

#include "base/error.h"

#include <chrono>
#include <cstdio>
#include <ctime>

namespace base {

UnixSeconds system_now()
{
    return static_cast<UnixSeconds>(std::time(nullptr));
}

std::int64_t system_now_ms()
{
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::floor<std::chrono::milliseconds>(now).count();
}

std::string iso8601(UnixSeconds instant)
{
    constexpr UnixSeconds end_of_year_9999 = 253402300799;
    if (instant < 0 || instant > end_of_year_9999)
        throw Error(ErrorCode::internal, "internal_error", "an instant outside the years 1970 to 9999");
    // Not strftime(), which reads the time zone's file first.
    const std::chrono::sys_seconds time{std::chrono::seconds(instant)};
    const auto midnight = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(midnight);
    const std::chrono::hh_mm_ss clock(time - midnight);
    char text[sizeof "1970-01-01T00:00:00.000Z"];
    const int length =
        std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.000Z", static_cast<int>(date.year()),
                      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                      static_cast<int>(clock.seconds().count()));
    return {text, static_cast<std::size_t>(length)};
}

} // namespace base
