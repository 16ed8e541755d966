// A second process for tests of what processes do to each other. Start it before anything is open that must
// not be carried across fork(): connections to a database, and threads.
#pragma once

#include <csignal>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <poll.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

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
        char byte = 0;
        while (::read(ends_[0], &byte, 1) < 0 && errno == EINTR) {
        }
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
