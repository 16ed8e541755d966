// For LD_PRELOAD: the wall clock stands at STANDING_CLOCK (unix seconds), so that who is present stays so,
// and nothing falls due, however long it takes to fill a database and to measure.
#include <cstdlib>
#include <ctime>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

std::time_t stands_at()
{
    static const std::time_t instant = std::atoll(std::getenv("STANDING_CLOCK"));
    return instant;
}

} // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* time)
{
    const auto result = syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && clock == CLOCK_REALTIME)
        *time = {stands_at(), 0};
    return static_cast<int>(result);
}

extern "C" std::time_t time(std::time_t* instant)
{
    if (instant != nullptr)
        *instant = stands_at();
    return stands_at();
}
