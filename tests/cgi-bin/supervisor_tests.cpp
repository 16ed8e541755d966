#include "fixture.h"
#include "sqlite/child_process.h"
#include "supervisor.h"
#include "temporary_folder.h"

#include <sys/socket.h>
#include <sys/un.h>

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
    ~Listener() { ::close(socket); }
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
    if (!parent) {
        const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        BOOST_TEST(::connect(client, listener.place(), sizeof(listener.address)) == 0);
        ::close(client);
    }
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

BOOST_AUTO_TEST_SUITE_END()
