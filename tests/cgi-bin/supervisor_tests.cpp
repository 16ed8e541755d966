#include "connection_queue.h"
#include "fixture.h"
#include "sqlite/child_process.h"
#include "supervisor.h"
#include "temporary_folder.h"

#include <chrono>
#include <sys/socket.h>
#include <sys/un.h>
#include <utility>

namespace {

// A web server's socket, and where it is.
struct Listener
{
    explicit Listener(const std::string& folder)
    {
        (folder + "/worker.sock").copy(address.sun_path, sizeof(address.sun_path) - 1);
        BOOST_TEST_REQUIRE(::bind(socket, place(), sizeof(address)) == 0);
        BOOST_TEST_REQUIRE(::listen(socket, 1) == 0);
    }
    ~Listener() { close(); }
    void close() { ::close(std::exchange(socket, -1)); }
    // 0, or why nobody can connect.
    int connect() const
    {
        const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int error = ::connect(client, place(), sizeof(address)) == 0 ? 0 : errno;
        ::close(client);
        return error;
    }
    const struct sockaddr* place() const { return reinterpret_cast<const struct sockaddr*>(&address); }

    int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {AF_UNIX, {}};
};

// Whether a worker that was started by `parent`, or by this process if there is none, goes on until somebody
// connects.
bool serves(const Listener& listener, std::optional<pid_t> parent = std::nullopt)
{
    ChildProcess worker([&] {
        ::dup2(listener.socket, STDIN_FILENO);
        supervisor::end_with_parent(parent.value_or(::getppid()));
        supervisor::hold_signals();
        return supervisor::wait_for_connection(STDIN_FILENO) ? 0 : 1;
    });
    if (!parent)
        BOOST_TEST(listener.connect() == 0);
    BOOST_TEST(comes_true([&] { return worker.has_ended(); }));
    return worker.wait() == 0;
}

} // namespace

BOOST_AUTO_TEST_SUITE(supervisor_tests)

BOOST_AUTO_TEST_CASE(a_worker_whose_parent_lives_goes_on)
{
    const TemporaryFolder folder;
    BOOST_TEST(serves(Listener(folder.path())));
}

// A web server may start a worker and be told to end at once.
BOOST_AUTO_TEST_CASE(a_worker_whose_parent_ended_while_it_started_ends)
{
    const TemporaryFolder folder;
    const pid_t another = ::getpid() + 1;
    BOOST_TEST(!serves(Listener(folder.path()), another));
}

// The web server that starts another one must find nobody there, though a worker has still something in hand.
BOOST_AUTO_TEST_CASE(nobody_answers_for_a_supervisor_that_was_killed)
{
    const TemporaryFolder folder;
    Listener listener(folder.path());
    Signal taken;
    Signal over;
    ChildProcess keeper([&] {
        ::dup2(listener.socket, STDIN_FILENO);
        listener.close();
        supervisor::end_with_parent(::getppid());
        char* no_arguments[] = {nullptr};
        return supervisor::keep_workers(1, no_arguments, [&]() -> int {
            supervisor::hold_signals();
            if (supervisor::wait_for_connection(STDIN_FILENO) && ConnectionQueue::take(STDIN_FILENO) >= 0)
                taken.give();
            over.await();
            ::_exit(0);
        });
    });
    listener.close();
    BOOST_TEST(listener.connect() == 0);
    taken.await();
    keeper.kill();
    keeper.wait();
    BOOST_TEST(listener.connect() == ECONNREFUSED);
    over.give();
}

// Only one that dies young waits for a second, so that none starts in a tight circle.
BOOST_AUTO_TEST_CASE(another_worker_takes_the_place_of_one_that_had_lived_at_once)
{
    using Steady = std::chrono::steady_clock;
    Signal started;
    Signal to_end;
    ChildProcess keeper([&] {
        char* no_arguments[] = {nullptr};
        return supervisor::keep_workers(1, no_arguments, [&]() -> int {
            started.give();
            to_end.await();
            ::_exit(0);
        });
    });
    const auto time_to_another = [&] {
        started.await();
        ::usleep(1'100'000); // it has its age by the clock of the machine
        const auto ended_at = Steady::now();
        to_end.give();
        BOOST_TEST_REQUIRE(comes_true([&] { return started.is_given(); }));
        return Steady::now() - ended_at;
    };
    int tries = 0; // the machine may have something else to do
    while (time_to_another() > std::chrono::milliseconds(500) && tries < 5)
        ++tries;
    BOOST_TEST(tries < 5);
}

BOOST_AUTO_TEST_SUITE_END()
