#include "supervisor.h"

#include "base/log.h"
#include "connection_queue.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <map>
#include <memory>
#include <string>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace supervisor {

namespace {

volatile std::sig_atomic_t stopping = 0;
volatile std::sig_atomic_t hung_up = 0;
bool ends_with_parent = false;
std::unique_ptr<ConnectionQueue> queue; // if it ends with its parent
bool takes_from_queue = false;          // as a worker
char** successor = nullptr;             // what a single worker becomes on SIGHUP

void stop(int)
{
    stopping = 1;
}

void handle(int signal_number, void (*handler)(int))
{
    struct sigaction action = {}; // without SA_RESTART: waiting is to end
    action.sa_handler = handler;
    sigaction(signal_number, &action, nullptr);
}

sigset_t set_of(std::initializer_list<int> signals)
{
    sigset_t set;
    sigemptyset(&set);
    for (const int signal_number : signals)
        sigaddset(&set, signal_number);
    return set;
}

// Signals that wait are handled now, those that the mask lets in. Where something is there already,
// epoll_pwait() gives it back and leaves them waiting.
void let_in(const sigset_t& mask)
{
    sigset_t held;
    sigprocmask(SIG_SETMASK, &mask, &held);
    sigprocmask(SIG_SETMASK, &held, nullptr);
}

using Workers = std::map<pid_t, std::time_t>; // when each began, by the clock that never steps

std::time_t monotonic_seconds()
{
    struct timespec now = {};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

void start_worker(Workers& workers, const std::function<int()>& worker)
{
    const auto supervisor = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) {
        base::log(std::string("fork: ") + std::strerror(errno));
        return;
    }
    if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (::getppid() != supervisor)
            std::exit(0);
        takes_from_queue = queue != nullptr;
        if (queue)
            queue->become_workers_end();
        std::exit(worker());
    }
    workers[pid] = monotonic_seconds();
}

// Which of them comes, or 0 after a pause of a second.
int next_signal(const sigset_t& awaited, bool is_pausing)
{
    if (queue)
        return queue->pass_on(is_pausing ? 1000 : -1);
    const struct timespec pause = {1, 0};
    return std::max(0, sigtimedwait(&awaited, nullptr, is_pausing ? &pause : nullptr));
}

void end_workers(const Workers& workers)
{
    for (const auto& [pid, began] : workers)
        ::kill(pid, SIGTERM);
}

// Whether the program that stands at the path now would start with our settings.
bool would_start(char** arguments)
{
    std::vector<char*> check;
    for (char** argument = arguments; *argument != nullptr; ++argument)
        check.push_back(*argument);
    std::string option = "--check";
    check.push_back(option.data());
    check.push_back(nullptr);
    const pid_t pid = ::fork();
    if (pid == 0) {
        const int null = ::open("/dev/null", O_RDWR);
        ::dup2(null, STDIN_FILENO); // the web server's socket
        ::dup2(null, STDOUT_FILENO);
        ::execvp(check[0], check.data());
        ::_exit(127);
    }
    int status = 0;
    return pid > 0 && ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Does not return if it succeeds. The old workers finish what they have in hand; they stay our children.
void become_successor(char** arguments, const Workers& workers)
{
    if (!would_start(arguments)) {
        base::log("the program at " + std::string(arguments[0]) + " would not start; the old one goes on");
        return;
    }
    if (queue)
        queue->drain();
    end_workers(workers);
    ::execvp(arguments[0], arguments);
    base::log(std::string("exec: ") + std::strerror(errno));
}

} // namespace

void hold_signals()
{
    const auto held = set_of({SIGTERM, SIGINT, SIGHUP});
    sigprocmask(SIG_BLOCK, &held, nullptr);
    handle(SIGTERM, stop);
    handle(SIGINT, stop); // Ctrl-C reaches everybody in the terminal
    handle(SIGPIPE, SIG_IGN);
}

void replace_on_hangup(char** arguments)
{
    successor = arguments;
    handle(SIGHUP, [](int) { hung_up = 1; });
}

void end_with_parent(pid_t parent)
{
    ends_with_parent = true;
    struct sigaction action = {};
    action.sa_flags = SA_RESTART; // it may come amid the reading of a request
    action.sa_handler = [](int) {
        const int saved = errno;
        ::shutdown(STDIN_FILENO, SHUT_RDWR);
        errno = saved;
        stopping = 1;
    };
    sigaction(SIGUSR1, &action, nullptr);
    ::prctl(PR_SET_PDEATHSIG, SIGUSR1);
    if (::getppid() != parent) // it ended before it could be watched
        ::raise(SIGUSR1);
}

bool wait_for_connection(int listening_socket)
{
    // Atomically: a signal that came before is seen as well as one that comes while waiting.
    static const auto open_to_signals = [] {
        sigset_t mask;
        sigprocmask(SIG_BLOCK, nullptr, &mask);
        sigdelset(&mask, SIGTERM);
        sigdelset(&mask, SIGINT);
        if (successor != nullptr)
            sigdelset(&mask, SIGHUP);
        return mask;
    }();
    // Of the workers that wait one is woken for a connection, not all.
    static const int waiting = [&] {
        const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
        struct epoll_event arrival = {};
        arrival.events = EPOLLIN | EPOLLEXCLUSIVE;
        ::epoll_ctl(epoll, EPOLL_CTL_ADD, listening_socket, &arrival);
        return epoll;
    }();
    struct epoll_event arrival = {};
    while (stopping == 0) {
        if (hung_up != 0) {
            hung_up = 0;
            become_successor(successor, {});
        }
        const int arrived = ::epoll_pwait(waiting, &arrival, 1, -1, &open_to_signals);
        if (arrived > 0) { // or nobody can come any more
            let_in(open_to_signals);
            if (hung_up == 0)
                return stopping == 0 && (arrival.events & EPOLLHUP) == 0;
        }
        if (arrived < 0 && errno != EINTR) {
            base::log(std::string("epoll: ") + std::strerror(errno));
            return false;
        }
    }
    return false;
}

bool comes_from_queue()
{
    return takes_from_queue;
}

int keep_workers(std::size_t count, char** arguments, const std::function<int()>& worker)
{
    const auto awaited = set_of({SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1});
    sigprocmask(SIG_BLOCK, &awaited, nullptr);
    handle(SIGCHLD, [](int) {}); // the default would discard it
    if (ends_with_parent)
        queue = std::make_unique<ConnectionQueue>(STDIN_FILENO, awaited);
    Workers workers;
    bool is_outdated = false;
    bool is_pausing = false;
    while (stopping == 0) {
        while (!is_pausing && workers.size() < count)
            start_worker(workers, worker);
        const int signal_number = next_signal(awaited, is_pausing);
        if (signal_number == SIGTERM || signal_number == SIGINT)
            break;
        if (signal_number == SIGUSR1) { // see end_with_parent()
            ::shutdown(STDIN_FILENO, SHUT_RDWR);
            break;
        }
        if (signal_number == SIGHUP || (is_outdated && signal_number == 0)) {
            is_outdated = false;
            become_successor(arguments, workers);
        }

        bool died_young = false;
        int status = 0;
        for (pid_t ended = 0; (ended = ::waitpid(-1, &status, WNOHANG)) > 0;) {
            const auto known = workers.find(ended);
            if (known == workers.end()) // of the program that we were before
                continue;
            died_young = died_young || monotonic_seconds() - known->second < 1;
            is_outdated = is_outdated || (WIFEXITED(status) && WEXITSTATUS(status) == outdated_status);
            workers.erase(known);
            base::log("a worker ended; another takes its place");
        }
        // No tight circle, should it end at once or not start at all.
        is_pausing = is_outdated || died_young || (is_pausing && signal_number != 0);
    }
    end_workers(workers);
    while (::wait(nullptr) > 0 || errno == EINTR) {
    }
    return 0;
}

} // namespace supervisor
