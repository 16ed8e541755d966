#include "base/clock.h"

#include "base/error.h"

#include <ctime>

namespace base {

UnixSeconds system_now()
{
    return static_cast<UnixSeconds>(std::time(nullptr));
}

std::int64_t system_now_ms()
{
    struct timespec now = {};
    clock_gettime(CLOCK_REALTIME, &now);
    return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

std::string iso8601(UnixSeconds instant)
{
    constexpr UnixSeconds end_of_year_9999 = 253402300799;
    if (instant < 0 || instant > end_of_year_9999)
        throw Error(ErrorCode::internal, "internal_error", "an instant outside the years 1970 to 9999");
    const std::time_t seconds = static_cast<std::time_t>(instant);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[32];
    const auto length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000Z", &parts);
    return {text, length};
}

} // namespace base
