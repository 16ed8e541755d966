#include "connection_queue.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace {

int require(int result, const char* what)
{
    if (result < 0)
        throw std::system_error(errno, std::generic_category(), what);
    return result;
}

constexpr int rest_ms = 100;

// What this process or the machine has too little of, and may have again in a moment.
bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

// One byte, with a file descriptor beside it (unix(7), SCM_RIGHTS).
struct Parcel
{
    Parcel()
    {
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
    }

    char byte = 0;
    struct iovec part = {&byte, 1};
    alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    struct msghdr message = {};
};

} // namespace

ConnectionQueue::ConnectionQueue(int listening_socket, const sigset_t& awaited)
    : listening_socket_(listening_socket)
{
    int ends[2] = {-1, -1};
    require(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), "socketpair");
    supervisors_end_ = ends[0];
    workers_end_ = ends[1];
    // Two or three: whoever else comes waits at the web server's socket.
    const int least = 1;
    require(::setsockopt(supervisors_end_, SOL_SOCKET, SO_SNDBUF, &least, sizeof least), "setsockopt");
    signals_ = require(::signalfd(-1, &awaited, SFD_CLOEXEC), "signalfd");
}

ConnectionQueue::~ConnectionQueue()
{
    for (const int fd : {signals_, supervisors_end_, workers_end_, taken_}) {
        if (fd >= 0)
            ::close(fd);
    }
}

int ConnectionQueue::pass_on(int milliseconds)
{
    using Steady = std::chrono::steady_clock;
    const auto end = Steady::now() + std::chrono::milliseconds(milliseconds);
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Steady::now()).count();
        const int timeout_ms = milliseconds < 0 ? -1 : std::max(0, static_cast<int>(left));
        const bool is_full = taken_ >= 0;
        struct pollfd watched[] = {{signals_, POLLIN, 0}, {listening_socket_, POLLIN, 0}};
        if (is_full)
            watched[1] = {supervisors_end_, POLLOUT, 0};
        const int ready = ::poll(watched, 2, timeout_ms);
        if (ready == 0)
            return 0;
        struct signalfd_siginfo signal = {};
        if (watched[0].revents != 0 && ::read(signals_, &signal, sizeof signal) == sizeof signal)
            return static_cast<int>(signal.ssi_signo);
        if (watched[1].revents == 0)
            continue;
        if (!is_full)
            taken_ = ::accept4(listening_socket_, nullptr, nullptr, SOCK_CLOEXEC);
        if (taken_ >= 0) {
            give();
            continue;
        }
        if (errno == EINVAL || (watched[1].revents & POLLHUP) != 0) // nobody can come any more
            return SIGTERM;
        if (timeout_ms == 0)
            return 0;
        if (is_shortage(errno)) // whoever waits is still there: only a signal is looked for meanwhile
            ::poll(watched, 1, timeout_ms < 0 ? rest_ms : std::min(rest_ms, timeout_ms));
    }
}

bool ConnectionQueue::give()
{
    if (taken_ < 0)
        return true;
    Parcel parcel;
    auto* const header = CMSG_FIRSTHDR(&parcel.message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof taken_);
    std::memcpy(CMSG_DATA(header), &taken_, sizeof taken_);
    if (::sendmsg(supervisors_end_, &parcel.message, MSG_NOSIGNAL) < 0)
        return false;
    ::close(taken_);
    taken_ = -1;
    return true;
}

void ConnectionQueue::drain()
{
    constexpr int patience_ms = 10'000;
    for (int waited_ms = 0; waited_ms < patience_ms; ++waited_ms) {
        int unread_bytes = 0;
        if (give() && ::ioctl(supervisors_end_, SIOCOUTQ, &unread_bytes) == 0 && unread_bytes == 0)
            return;
        ::usleep(1000);
    }
}

void ConnectionQueue::become_workers_end()
{
    ::dup2(workers_end_, listening_socket_);
    for (int* const fd : {&signals_, &supervisors_end_, &workers_end_, &taken_})
        ::close(std::exchange(*fd, -1));
}

int ConnectionQueue::take(int workers_end)
{
    Parcel parcel;
    const auto got = ::recvmsg(workers_end, &parcel.message, MSG_CMSG_CLOEXEC);
    if (got < 0)
        return -1;
    int connection = -1;
    const auto* const header = CMSG_FIRSTHDR(&parcel.message);
    if (header != nullptr && header->cmsg_type == SCM_RIGHTS)
        std::memcpy(&connection, CMSG_DATA(header), sizeof connection);
    else
        errno = EPIPE; // the supervisor has ended
    return connection;
}
