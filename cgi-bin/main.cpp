// The program behind the web server, as FastCGI worker or as plain CGI: the one file that knows either
// protocol. It accepts, stamps the time, replies.
#include "base/cgi.h"
#include "base/error.h"
#include "base/log.h"
#include "base/startup.h"
#include "dispatch.h"
#include "gateway.h"
#include "metrics/report.h"
#include "request_log.h"
#include "supervisor.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcgiapp.h>
#include <fcntl.h>
#include <getopt.h>
#include <optional>
#include <thread>
#include <unistd.h>

namespace {

constexpr const char* usage = R"(usage: session-voice [--config FILE] [--workers N | --with-parent] [--check]

The control plane of a voice-chat service. A web server starts it, as FastCGI worker or as plain CGI program.

  --config FILE   read settings from FILE (KEY=VALUE lines); the environment wins over it.
                  Without it, SESSION_VOICE_CONFIG names the file, or else it is
                  ~/session-voice.env or /etc/session-voice/session-voice.env.
  --check         check the settings, say what is wrong with them, and end
  --workers N     as FastCGI worker: keep N processes on the one socket; "cores" says as many as the machine has
                  cores, at least 2. Without it, this process is the only one, as Apache's mod_fcgid and
                  lighttpd's bin-path want it.
  --with-parent   as the only process: end when the process that started this one has ended. For a web server
                  that keeps the workers itself and may crash.
  --help          this text

SIGTERM ends it after the request in hand. SIGHUP, sent to the process that keeps the workers or to the only one, puts
the program that stands at its path now in its place, and no request is lost.
)";

class PlainCgi : public Gateway
{
  public:
    const char* const* variables() const override { return environ; }
    std::size_t read(char* buffer, std::size_t count) override { return std::fread(buffer, 1, count, stdin); }
    void write(const std::string& bytes) override
    {
        std::fwrite(bytes.data(), 1, bytes.size(), stdout);
        std::fflush(stdout);
    }
};

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

void serve(App& app, Gateway& gateway)
{
    using Steady = std::chrono::steady_clock;
    const auto begun = Steady::now();
    auto request = read_request(gateway);
    request.now_ms = base::system_now_ms(); // after the body, however slowly it came
    request.now = request.now_ms / 1000;
    const auto response = dispatch(app, request);
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - begun);
    record(app, request, response, took.count()); // before the client can know that it was served
    write_response(gateway, response);
}

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

int serve_fastcgi(App& app)
{
    supervisor::hold_signals();
    constexpr int listening_socket = 0;
    // Several workers may be woken for one connection; who comes late must not be stuck in accept().
    const int flags = ::fcntl(listening_socket, F_GETFL);
    if (flags < 0 || ::fcntl(listening_socket, F_SETFL, flags | O_NONBLOCK) != 0 || FCGX_Init() != 0) {
        base::log("FastCGI cannot be initialised");
        return 1;
    }
    FCGX_Request request;
    FCGX_InitRequest(&request, listening_socket, FCGI_FAIL_ACCEPT_ON_INTR);
    // Under load the next connection is there already, and waiting for it costs a system call. But only there
    // are signals seen, so every so often it is done all the same.
    constexpr int most_in_a_row = 32;
    int in_a_row = 0;
    for (;;) {
        const bool is_due = in_a_row % most_in_a_row == 0;
        if (is_due && !supervisor::wait_for_connection(listening_socket))
            return 0;
        if (FCGX_Accept_r(&request) < 0) {
            in_a_row = 0;
            if (!is_due || errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
                continue;
            base::log(std::string("accept: ") + std::strerror(errno));
            return 1;
        }
        ++in_a_row;
        FastCgi gateway(request);
        serve(app, gateway);
        finish(request);
        if (app.is_outdated()) {
            base::log("this program is older than the database's schema; the worker ends");
            return supervisor::outdated_status;
        }
    }
}

struct Options
{
    std::string config_path;
    bool only_check = false;
    std::size_t workers = 0; // 0: this process is the only one
    bool with_parent = false;
};

// 1 to 64, or 0 for any other text. One worker for each core, but never one alone: all would wait if it were
// stuck.
std::size_t read_count(const std::string& text)
{
    constexpr std::size_t most = 64;
    if (text == "cores")
        return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 2, most);
    std::size_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    return error == std::errc() && end == text.data() + text.size() && count <= most ? count : 0;
}

// The exit status, if the program is to end now; nothing, if it is to go on.
std::optional<int> read_options(int argc, char** argv, Options& options)
{
    const option known[] = {
        {"config", required_argument, nullptr, 'c'},  {"check", no_argument, nullptr, 'k'},
        {"workers", required_argument, nullptr, 'w'}, {"with-parent", no_argument, nullptr, 'p'},
        {"help", no_argument, nullptr, 'h'},          {nullptr, 0, nullptr, 0}};
    for (int chosen = 0; (chosen = getopt_long(argc, argv, "", known, nullptr)) != -1;) {
        switch (chosen) {
        case 'c':
            options.config_path = optarg;
            break;
        case 'w':
            options.workers = read_count(optarg);
            if (options.workers == 0) {
                std::fputs("--workers takes a number from 1 to 64, or \"cores\"\n", stderr);
                return 2;
            }
            break;
        case 'p':
            options.with_parent = true;
            break;
        case 'k':
            options.only_check = true;
            break;
        case 'h':
            std::fputs(usage, stdout);
            return 0;
        default:
            std::fputs(usage, stderr);
            return 2;
        }
    }

    if (!options.with_parent || options.workers == 0)
        return std::nullopt;
    std::fputs(usage, stderr);
    return 2;
}

} // namespace

int main(int argc, char** argv)
{
    const auto parent = ::getppid(); // first of all, since it may end while this process starts
    Options options;
    if (!base::is_cgi_request()) {
        if (const auto status = read_options(argc, argv, options))
            return *status;
    }

    try {
        const auto config = base::start(options.config_path, base::Program::server);
        if (options.only_check) {
            std::puts("session-voice: the settings are complete");
            return 0;
        }
        shared::Counters counters(config.shared_path("metrics"));
        metrics::ChainCalls chain_calls(counters);
        const auto chain = ethereum::make_chain(config, {}, &chain_calls);
        base::SystemRandom random;
        base::SystemClock clock;
        App app(config, *chain, random, counters, clock);
        if (FCGX_IsCGI()) {
            PlainCgi gateway;
            serve(app, gateway);
            return 0;
        }
        if (options.workers == 0) {
            supervisor::replace_on_hangup(argv);
            if (options.with_parent)
                supervisor::end_with_parent(parent);
            return serve_fastcgi(app);
        }
        return supervisor::keep_workers(options.workers, argv, [&] { return serve_fastcgi(app); });
    } catch (const std::exception& error) {
        std::fprintf(stderr, "session-voice cannot start: %s\n", error.what());
        return 1;
    }
}
