#include "fastcgi.h"

#include "base/error.h"
#include "base/log.h"
#include "connection_queue.h"
#include "exchange.h"
#include "supervisor.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcgiapp.h>
#include <fcntl.h>
#include <string>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

constexpr int listening_socket = 0;

class FastCgi : public Gateway
{
  public:
    explicit FastCgi(FCGX_Request& request) : request_(request) {}

    const char* const* variables() const override { return request_.envp; }
    std::size_t read(char* buffer, std::size_t count) override
    {
        const int got = FCGX_GetStr(buffer, static_cast<int>(count), request_.in);
        return got > 0 ? static_cast<std::size_t>(got) : 0;
    }
    void write(const std::string& bytes) override
    {
        FCGX_PutStr(bytes.data(), static_cast<int>(bytes.size()), request_.out);
    }

  private:
    FCGX_Request& request_;
};

// Sends the answer and closes the connection: one that is kept would hold the worker while others wait.
// libfcgi itself would wait until the web server has closed its end, lest what is still to be read there
// takes the answer with it. Where all has been read, nobody need wait.
void finish(FCGX_Request& request)
{
    const bool is_all_read = FCGX_GetChar(request.in) == EOF && FCGX_GetError(request.in) == 0;
    request.keepConnection = is_all_read ? 1 : 0;
    FCGX_Finish_r(&request);
    if (request.ipcFd >= 0) {
        ::close(request.ipcFd);
        request.ipcFd = -1;
    }
}

// Requests that were carried out, and whose answers wait for one sync. The first waits until the last is
// ready, so there are not many.
class HeldAnswers
{
  public:
    HeldAnswers()
    {
        for (auto& held : held_)
            FCGX_InitRequest(&held.connection, listening_socket, FCGI_FAIL_ACCEPT_ON_INTR);
    }

    bool is_empty() const { return count_ == 0; }
    bool is_full() const { return count_ == held_.size(); }

    // False if nobody is there, or if it failed; errno says why.
    bool accept()
    {
        auto& connection = held_[count_].connection;
        if (!supervisor::comes_from_queue())
            return FCGX_Accept_r(&connection) >= 0;
        connection.ipcFd = ConnectionQueue::take(listening_socket);
        if (connection.ipcFd < 0)
            return false;
        connection.keepConnection = 1; // or libfcgi would begin by closing it
        if (FCGX_Accept_r(&connection) >= 0)
            return true;
        errno = ECONNABORTED; // it tried to take another by itself
        return false;
    }
    void carry_out_accepted(App& app)
    {
        auto& held = held_[count_++];
        FastCgi gateway(held.connection);
        held.exchange.carry_out(app, gateway);
    }
    void send(App& app)
    {
        if (app.is_sync_due())
            sync(app);
        reply_until(app, count_);
        first_ = count_ = 0;
    }
    // The same amid the last one, which begins to wait for something slow. Throws Error(database_unavailable)
    // if what was committed may not be on the disk: send() then withdraws all, once nobody uses the database.
    void send_all_but_the_last(App& app)
    {
        if (app.is_sync_due())
            app.sync_or_remember();
        reply_until(app, count_ - 1);
    }

  private:
    struct Held
    {
        FCGX_Request connection = {};
        Exchange exchange = {};
    };

    void reply_until(App& app, std::size_t end)
    {
        for (; first_ < end; ++first_) {
            FastCgi gateway(held_[first_].connection);
            held_[first_].exchange.reply(app, gateway);
            finish(held_[first_].connection);
        }
    }

    void sync(App& app)
    {
        try {
            app.sync();
        } catch (const base::Error& error) {
            for (auto i = first_; i < count_; ++i)
                held_[i].exchange.withdraw(app, error);
        }
    }

    std::array<Held, 16> held_ = {};
    std::size_t first_ = 0; // that is not sent yet
    std::size_t count_ = 0;
};

bool is_unix_socket(int socket)
{
    int family = AF_UNSPEC;
    socklen_t size = sizeof family;
    return ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 && family == AF_UNIX;
}

// Several workers may be woken for one connection. One that comes late must not be stuck in accept(), where
// it sees no signal. O_NONBLOCK is not enough: whoever shares the socket can take it away again, and systemd
// does for each command of the unit, also for a reload's. The timeout stays. A TCP socket gets none, since
// its connections would inherit it.
bool never_wait_in_accept()
{
    const struct timeval least = {0, 1};
    if (is_unix_socket(listening_socket) &&
        ::setsockopt(listening_socket, SOL_SOCKET, SO_RCVTIMEO, &least, sizeof least) != 0)
        return false;
    const int flags = ::fcntl(listening_socket, F_GETFL);
    return flags >= 0 && ::fcntl(listening_socket, F_SETFL, flags | O_NONBLOCK) == 0;
}

} // namespace

bool is_fastcgi()
{
    // libfcgi handles SIGTERM from here on, by a note that nobody reads: a supervisor told to end at this
    // very moment would go on. So what comes meanwhile waits until the handler is what it was.
    sigset_t held = {};
    sigset_t before = {};
    sigemptyset(&held);
    sigaddset(&held, SIGTERM);
    sigprocmask(SIG_BLOCK, &held, &before);
    struct sigaction on_sigterm = {};
    sigaction(SIGTERM, nullptr, &on_sigterm);
    const bool is_socket = FCGX_IsCGI() == 0;
    sigaction(SIGTERM, &on_sigterm, nullptr);
    sigprocmask(SIG_SETMASK, &before, nullptr);
    return is_socket;
}

int serve_fastcgi(App& app)
{
    supervisor::hold_signals();
    if (!never_wait_in_accept() || FCGX_Init() != 0) {
        base::log("FastCGI cannot be initialised");
        return 1;
    }
    app.hold_answers();
    HeldAnswers answers;
    app.before_waiting = [&] { answers.send_all_but_the_last(app); };
    // Under load the next connection is there already, and waiting for it costs a system call. But only there
    // are signals seen, so every so often it is done all the same.
    constexpr int most_in_a_row = 32;
    int left_in_a_row = 0;
    for (;;) {
        const bool is_waiting = answers.is_empty() && left_in_a_row == 0;
        if (is_waiting && !supervisor::wait_for_connection(listening_socket))
            return 0;
        if (is_waiting)
            left_in_a_row = most_in_a_row;
        if (answers.accept()) {
            left_in_a_row = std::max(left_in_a_row - 1, 0);
            answers.carry_out_accepted(app);
            if (app.is_sync_due() && !answers.is_full())
                continue;
        } else if (is_waiting && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            base::log(std::string("accept: ") + std::strerror(errno));
            return 1;
        } else {
            left_in_a_row = 0;
        }
        answers.send(app);
        if (app.is_outdated()) {
            base::log("this program is older than the database's schema; the worker ends");
            return supervisor::outdated_status;
        }
    }
}
