#include "connection_queue.h"

#include "fixture.h"
#include "sqlite/child_process.h"
#include "temporary_folder.h"

#include <cerrno>
#include <ctime>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <utility>

namespace {

sigset_t set_of(int signal_number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal_number);
    return set;
}

// A web server's socket, those who connect to it, and the queue behind it. SIGUSR2 is awaited, and blocked.
struct QueueFixture
{
    QueueFixture()
    {
        sigprocmask(SIG_BLOCK, &awaited, &before);
        (folder.path() + "/worker.sock").copy(address.sun_path, sizeof(address.sun_path) - 1);
        BOOST_TEST_REQUIRE(::bind(listener, place(), sizeof(address)) == 0);
        BOOST_TEST_REQUIRE(::listen(listener, 40) == 0);
    }
    ~QueueFixture()
    {
        for (const int client : clients)
            ::close(client);
        ::close(listener);
        const struct timespec now = {};
        while (sigtimedwait(&awaited, nullptr, &now) > 0) {
        }
        sigprocmask(SIG_SETMASK, &before, nullptr);
    }
    const struct sockaddr* place() const { return reinterpret_cast<const struct sockaddr*>(&address); }

    // The first says "a", the second "b", and so on.
    void connect(int count)
    {
        for (int i = 0; i < count; ++i) {
            const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
            BOOST_TEST_REQUIRE(::connect(client, place(), sizeof(address)) == 0);
            const char word = static_cast<char>('a' + clients.size());
            BOOST_TEST_REQUIRE(::write(client, &word, 1) == 1);
            clients.push_back(client);
        }
    }

    // Exits with how many connections it gets and can read from before there is none, of which the first says
    // `first`; or with an error above 100.
    template <class Then>
    ChildProcess worker(ConnectionQueue& queue, char first, Then then)
    {
        return ChildProcess([&, first] {
            queue.become_workers_end();
            int count = 0;
            for (char expected = first;; ++expected, ++count) {
                const int connection = ConnectionQueue::take(listener);
                if (connection < 0)
                    break;
                char word = 0;
                if (::read(connection, &word, 1) != 1 || word != expected)
                    return 101;
                if ((::fcntl(connection, F_GETFD) & FD_CLOEXEC) == 0)
                    return 102;
            }
            return errno == EAGAIN ? then(count) : 103;
        });
    }
    int taken_by_worker(ConnectionQueue& queue, char first = 'a')
    {
        return worker(queue, first, [](int count) { return count; }).wait();
    }

    const TemporaryFolder folder;
    const sigset_t awaited = set_of(SIGUSR2);
    sigset_t before = {};
    int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {AF_UNIX, {}};
    std::vector<int> clients;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(connection_queue_tests, QueueFixture)

BOOST_AUTO_TEST_CASE(who_waits_so_long_is_told_that_nothing_came)
{
    using Steady = std::chrono::steady_clock;
    ConnectionQueue queue(listener, awaited);
    for (const int milliseconds : {0, 1, 50}) {
        const auto begun_at = Steady::now();
        BOOST_TEST(queue.pass_on(milliseconds) == 0);
        BOOST_TEST((Steady::now() - begun_at >= std::chrono::milliseconds(milliseconds)));
    }
}

BOOST_AUTO_TEST_CASE(a_signal_is_given_back_whether_it_is_there_or_comes)
{
    ConnectionQueue queue(listener, awaited);
    ::raise(SIGUSR2);
    BOOST_TEST(queue.pass_on(-1) == SIGUSR2);
    BOOST_TEST(queue.pass_on(0) == 0);
    const pid_t waiting = ::getpid();
    ChildProcess sender([&] { return ::kill(waiting, SIGUSR2); });
    BOOST_TEST(queue.pass_on(-1) == SIGUSR2);
}

BOOST_AUTO_TEST_CASE(connections_come_to_a_worker_in_their_order)
{
    ConnectionQueue queue(listener, awaited);
    BOOST_TEST(taken_by_worker(queue) == 0);
    connect(2);
    BOOST_TEST(queue.pass_on(0) == 0);
    BOOST_TEST(taken_by_worker(queue) == 2);
    connect(1);
    ::raise(SIGUSR2);
    BOOST_TEST(queue.pass_on(-1) == SIGUSR2); // before anything else
    BOOST_TEST(taken_by_worker(queue, 'c') == 0);
    BOOST_TEST(queue.pass_on(0) == 0);
    BOOST_TEST(taken_by_worker(queue, 'c') == 1);
}

// Whoever else comes waits at the web server's socket, where the next supervisor finds them.
BOOST_AUTO_TEST_CASE(a_few_are_taken_at_once_and_the_others_when_there_is_room)
{
    ConnectionQueue queue(listener, awaited);
    connect(30);
    BOOST_TEST(queue.pass_on(0) == 0);
    const int at_once = taken_by_worker(queue);
    BOOST_TEST(at_once >= 2);
    BOOST_TEST(at_once <= 12);
    int taken = at_once;
    for (int turns = 0; taken < 30 && turns < 30; ++turns) {
        BOOST_TEST(queue.pass_on(1) == 0);
        taken += taken_by_worker(queue, static_cast<char>('a' + taken));
    }
    BOOST_TEST(taken == 30);
}

BOOST_AUTO_TEST_CASE(a_signal_is_seen_while_the_queue_is_full)
{
    ConnectionQueue queue(listener, awaited);
    connect(30);
    BOOST_TEST(queue.pass_on(20) == 0);
    ::raise(SIGUSR2);
    BOOST_TEST(queue.pass_on(-1) == SIGUSR2);
}

BOOST_AUTO_TEST_CASE(draining_waits_until_workers_have_what_was_taken)
{
    ConnectionQueue queue(listener, awaited);
    queue.drain(); // of nothing
    connect(30);
    BOOST_TEST(queue.pass_on(0) == 0);
    Signal begin;
    Signal over;
    ChildProcess slow([&] {
        queue.become_workers_end();
        begin.await();
        int count = 0;
        while (!over.is_given()) {
            if (ConnectionQueue::take(listener) >= 0)
                ++count;
            ::usleep(1000);
        }
        return count;
    });
    ChildProcess drainer([&] {
        begin.give();
        queue.drain();
        over.give();
        return 0;
    });
    BOOST_TEST(drainer.wait() == 0);
    const int count = slow.wait();
    BOOST_TEST(count >= 3); // those in the queue, and the one that was on its way
    BOOST_TEST(count <= 13);
}

BOOST_AUTO_TEST_CASE(a_socket_to_which_nobody_can_connect_any_more_ends_it)
{
    ConnectionQueue queue(listener, awaited);
    ::shutdown(listener, SHUT_RDWR);
    BOOST_TEST(queue.pass_on(-1) == SIGTERM);
    ::fcntl(listener, F_SETFL, O_NONBLOCK); // then accept() says that nobody is there
    BOOST_TEST(queue.pass_on(-1) == SIGTERM);
}

// Whoever cannot be let in is asked about ten times a second, and let in once there is room.
BOOST_AUTO_TEST_CASE(without_a_free_file_it_waits_and_does_not_spin)
{
    const auto used_ms = [] {
        struct timespec used = {};
        ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
        return used.tv_sec * 1000 + used.tv_nsec / 1'000'000;
    };
    ConnectionQueue queue(listener, awaited);
    connect(1);
    struct rlimit limit = {};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const struct rlimit none = {3, limit.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
    const auto before_it_ms = used_ms();
    const int nothing = queue.pass_on(400);
    const auto spent_ms = used_ms() - before_it_ms;
    const int at_once = queue.pass_on(0);
    ::raise(SIGUSR2);
    const int signal = queue.pass_on(-1);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    BOOST_TEST(nothing == 0);
    BOOST_TEST(spent_ms < 200);
    BOOST_TEST(at_once == 0);
    BOOST_TEST(signal == SIGUSR2);
    BOOST_TEST(queue.pass_on(0) == 0);
    BOOST_TEST(taken_by_worker(queue) == 1);
}

BOOST_AUTO_TEST_CASE(a_client_that_has_gone_is_no_end)
{
    ConnectionQueue queue(listener, awaited);
    connect(1);
    ::close(std::exchange(clients.back(), -1));
    BOOST_TEST(queue.pass_on(0) == 0);
    connect(1);
    BOOST_TEST(queue.pass_on(0) == 0);
    BOOST_TEST(taken_by_worker(queue) == 2);
}

BOOST_AUTO_TEST_CASE(a_worker_learns_that_its_supervisor_has_ended)
{
    Signal is_gone;
    auto queue = std::make_optional<ConnectionQueue>(listener, awaited);
    ChildProcess left([&] {
        queue->become_workers_end();
        is_gone.await();
        return ConnectionQueue::take(listener) == -1 && errno == EPIPE ? 0 : 1;
    });
    queue.reset();
    is_gone.give();
    BOOST_TEST(left.wait() == 0);
}

// Neither the web server's socket nor anything of the supervisor's is left to a worker, and it leaves nothing
// open.
BOOST_AUTO_TEST_CASE(no_file_stays_open_that_has_no_use)
{
    const auto open_files = [] {
        int count = 0;
        for (int fd = 0; fd < 1000; ++fd)
            count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
        return count;
    };
    const int before_it = open_files();
    {
        ConnectionQueue queue(listener, awaited);
        connect(30);
        BOOST_TEST(queue.pass_on(0) == 0);
        ChildProcess worker([&] {
            queue.become_workers_end();
            return open_files() == before_it + 30 ? 0 : 1;
        });
        BOOST_TEST(worker.wait() == 0);
    }
    BOOST_TEST(open_files() == before_it + 30);
}

BOOST_AUTO_TEST_SUITE_END()
