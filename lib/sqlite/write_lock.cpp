#include "sqlite/write_lock.h"

#include "base/error.h"
#include "base/shared_file.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <sys/file.h>
#include <sys/time.h>
#include <unistd.h>

namespace sqlite {

namespace {

using Steady = std::chrono::steady_clock;

void wake_up(int) {}

// Makes blocking calls return EINTR again and again until it goes out of scope. Repeating matters: a single
// signal could arrive just before the call that it should interrupt.
class Alarm
{
  public:
    explicit Alarm(int interval_ms)
    {
        struct sigaction action = {};
        action.sa_handler = wake_up; // without SA_RESTART
        sigaction(SIGALRM, &action, nullptr);
        set(interval_ms);
    }
    ~Alarm() { set(0); }
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;

  private:
    static void set(int interval_ms)
    {
        struct itimerval timer = {};
        timer.it_value.tv_sec = timer.it_interval.tv_sec = interval_ms / 1000;
        timer.it_value.tv_usec = timer.it_interval.tv_usec = interval_ms % 1000 * 1000;
        setitimer(ITIMER_REAL, &timer, nullptr);
    }
};

[[noreturn]] void unavailable(const std::string& what)
{
    throw base::Error(base::ErrorCode::database_unavailable, "database_unavailable", what);
}

} // namespace

WriteLockFile::WriteLockFile(const std::string& path)
{
    fd_ = base::open_shared_file(path);
    if (fd_ < 0)
        unavailable("cannot open the lock file " + path + ": " + std::strerror(errno));
}

WriteLockFile::~WriteLockFile()
{
    ::close(fd_);
}

void WriteLockFile::lock(int timeout_ms)
{
    if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) {
        held_ = true;
        return;
    }
    const auto deadline = Steady::now() + std::chrono::milliseconds(timeout_ms);
    const Alarm alarm(std::clamp(timeout_ms, 1, 100));
    while (::flock(fd_, LOCK_EX) != 0) {
        if (errno != EINTR)
            unavailable(std::string("cannot lock: ") + std::strerror(errno));
        if (Steady::now() >= deadline)
            unavailable("another process held the write lock too long");
    }
    held_ = true;
}

void WriteLockFile::unlock() noexcept
{
    held_ = false;
    ::flock(fd_, LOCK_UN);
}

} // namespace sqlite
