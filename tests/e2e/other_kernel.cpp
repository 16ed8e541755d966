// For LD_PRELOAD: what the kernel says of the clock and of a file system is OTHER_CLOCK (a state of adjtimex)
// and OTHER_FILE_SYSTEM (a type of statfs, in hexadecimal digits), where these are set.
#include <cstdlib>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <unistd.h>

extern "C" int adjtimex(struct timex* state)
{
    const auto* other = std::getenv("OTHER_CLOCK");
    return other != nullptr ? std::atoi(other) : static_cast<int>(syscall(SYS_adjtimex, state));
}

extern "C" int statfs(const char* path, struct statfs* system)
{
    const auto result = syscall(SYS_statfs, path, system);
    if (const auto* other = std::getenv("OTHER_FILE_SYSTEM"))
        system->f_type = std::strtol(other, nullptr, 16);
    return static_cast<int>(result);
}
