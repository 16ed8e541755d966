// For LD_PRELOAD: the wall clock runs SPEED times as fast from FAST_CLOCK_SINCE (unix seconds) on, in every
// process alike. A thousand participants can then send heartbeats all the time, and each still finds a second
// to charge.
#include <cstdlib>
#include <ctime>
#include <sys/syscall.h>
#include <unistd.h>

extern "C" int clock_gettime(clockid_t clock, timespec* time)
{
    constexpr long long speed = 60;
    static const long long since = std::atoll(std::getenv("FAST_CLOCK_SINCE"));
    const auto result = syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && clock == CLOCK_REALTIME) {
        const long long ns = ((time->tv_sec - since) * 1000000000LL + time->tv_nsec) * speed;
        time->tv_sec = since + ns / 1000000000;
        time->tv_nsec = ns % 1000000000;
    }
    return static_cast<int>(result);
}
