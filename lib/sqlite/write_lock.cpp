#include "sqlite/write_lock.h"

#include "base/error.h"
#include "base/shared_file.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
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
    static void set(int interval_ms) // of less than a second
    {
        struct itimerval timer = {};
        timer.it_value.tv_usec = timer.it_interval.tv_usec = interval_ms * 1000;
        setitimer(ITIMER_REAL, &timer, nullptr);
    }
};

[[noreturn]] void unavailable(const std::string& what)
{
    throw base::Error(base::ErrorCode::database_unavailable, "database_unavailable", what);
}

// The place of the one who is next to hold the lock: a lock on the file's first byte, of the kind that is
// independent of flock() and belongs to the open file, not to the process.
struct flock place_as(short type)
{
    struct flock place = {};
    place.l_type = type;
    place.l_whence = SEEK_SET;
    place.l_len = 1;
    return place;
}

int set_place(int fd, int command, short type)
{
    auto place = place_as(type);
    return ::fcntl(fd, command, &place);
}

class PlaceLeaver
{
  public:
    explicit PlaceLeaver(int fd) : fd_(fd) {}
    ~PlaceLeaver() { set_place(fd_, F_OFD_SETLK, F_UNLCK); }
    PlaceLeaver(const PlaceLeaver&) = delete;
    PlaceLeaver& operator=(const PlaceLeaver&) = delete;

  private:
    int fd_;
};

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
    const PlaceLeaver leaver(fd_);
    const bool is_next = set_place(fd_, F_OFD_SETLK, F_WRLCK) == 0;
    if (!is_next || ::flock(fd_, LOCK_EX | LOCK_NB) != 0)
        wait(is_next, timeout_ms);
    held_ = true;
}

void WriteLockFile::wait(bool is_next, int timeout_ms)
{
    const auto deadline = Steady::now() + std::chrono::milliseconds(timeout_ms);
    const Alarm alarm(std::clamp(timeout_ms, 1, 100));
    const auto insist = [&](auto&& attempt) {
        while (attempt() != 0) {
            if (errno != EINTR)
                unavailable(std::string("cannot lock: ") + std::strerror(errno));
            if (Steady::now() >= deadline)
                unavailable("another process held the write lock too long");
        }
    };
    if (!is_next)
        insist([&] { return set_place(fd_, F_OFD_SETLKW, F_WRLCK); });
    insist([&] { return ::flock(fd_, LOCK_EX); });
}

bool WriteLockFile::is_awaited() const
{
    auto place = place_as(F_WRLCK);
    return ::fcntl(fd_, F_OFD_GETLK, &place) == 0 && place.l_type != F_UNLCK;
}

void WriteLockFile::unlock() noexcept
{
    held_ = false;
    ::flock(fd_, LOCK_UN);
}

} // namespace sqlite
