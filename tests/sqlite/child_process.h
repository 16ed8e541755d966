// A second process for tests of what processes do to each other. Start it before anything is open that must
// not be carried across fork(): connections to a database, and threads.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <poll.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

// How long anything is waited for that another process does; who waits for longer has found a fault.
constexpr int patience_seconds = 120;

// Whether it is true before long.
template <class Condition>
bool comes_true(Condition condition)
{
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(patience_seconds);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline)
            return false;
        ::usleep(100);
    }
    return true;
}

// Something that one process tells another, once or several times.
class Signal
{
  public:
    Signal()
    {
        if (::pipe2(ends_, O_CLOEXEC) != 0)
            throw std::runtime_error("no pipe");
    }
    ~Signal()
    {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    Signal(const Signal&) = delete;
    Signal& operator=(const Signal&) = delete;

    void give()
    {
        const char byte = 1;
        if (::write(ends_[1], &byte, 1) != 1)
            throw std::runtime_error("cannot signal");
    }
    void await()
    {
        struct pollfd there = {ends_[0], POLLIN, 0};
        int ready = 0;
        while ((ready = ::poll(&there, 1, patience_seconds * 1000)) < 0 && errno == EINTR) {
        }
        char byte = 0;
        if (ready != 1 || ::read(ends_[0], &byte, 1) != 1)
            throw std::runtime_error("nobody gives the signal");
    }
    // Without waiting for it; await() still has to be called.
    bool is_given() const
    {
        struct pollfd there = {ends_[0], POLLIN, 0};
        return ::poll(&there, 1, 0) == 1;
    }

  private:
    int ends_[2] = {-1, -1};
};

class ChildProcess
{
  public:
    // Runs `work` in the new process, which ends with the exit code that it returns; 99 if it throws.
    template <class Work>
    explicit ChildProcess(Work work)
    {
        pid_ = ::fork();
        if (pid_ < 0)
            throw std::runtime_error("cannot fork");
        if (pid_ > 0)
            return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL); // no longer than its parent
        // The test framework's handlers would go on with the parent's tests in here.
        for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTERM})
            std::signal(number, SIG_DFL);
        int code = 99;
        try {
            code = work();
        } catch (const std::exception&) {
        }
        ::_exit(code);
    }
    ~ChildProcess()
    {
        kill();
        wait();
    }
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    pid_t pid() const { return pid_; }
    void kill()
    {
        if (pid_ > 0)
            ::kill(pid_, SIGKILL);
    }
    bool has_ended() const
    {
        siginfo_t state = {};
        return pid_ < 0 ||
               (::waitid(P_PID, static_cast<id_t>(pid_), &state, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                state.si_pid == pid_);
    }
    // Its exit code; 128 and the signal's number if one ended it.
    int wait()
    {
        if (pid_ > 0) {
            int status = 0;
            while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
            }
            code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            pid_ = -1;
        }
        return code_;
    }

  private:
    pid_t pid_ = -1;
    int code_ = -1;
};
