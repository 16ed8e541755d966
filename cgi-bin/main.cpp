// The program behind the web server, as FastCGI worker or as plain CGI: the one file that knows either
// protocol. It accepts, reads, stamps the time, replies.
#include "base/error.h"
#include "base/log.h"
#include "routes.h"

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcgiapp.h>
#include <getopt.h>
#include <set>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr const char* usage = R"(usage: session-voice [--config FILE] [--workers N] [--check]

The control plane of a voice-chat service. A web server starts it, as FastCGI worker or as plain CGI program.

  --config FILE   read settings from FILE (KEY=VALUE lines); the environment wins over it.
                  Without it, SESSION_VOICE_CONFIG names the file.
  --check         check the settings, say what is wrong with them, and end
  --workers N     as FastCGI worker: keep N processes on the one socket (default: 1)
  --help          this text
)";

volatile std::sig_atomic_t stopping = 0;

// Ends the loop after the request in hand. A signal between the loop's check and accept() would wake nobody;
// the timer sends another one soon.
void stop(int)
{
    stopping = 1;
    struct itimerval soon = {};
    soon.it_value.tv_usec = soon.it_interval.tv_usec = 50000;
    setitimer(ITIMER_REAL, &soon, nullptr);
}

void wake_up(int) {}

void handle_signals()
{
    struct sigaction action = {}; // without SA_RESTART: accept() is to return
    action.sa_handler = wake_up;
    sigaction(SIGALRM, &action, nullptr);
    action.sa_handler = stop;
    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGINT, &action, nullptr); // Ctrl-C reaches everybody in the terminal
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, nullptr);
}

// Both protocols describe a request by CGI variables (RFC 3875) and give the body as a stream.
class Gateway
{
  public:
    virtual ~Gateway() = default;
    virtual const char* variable(const char* name) const = 0; // nullptr if there is none
    virtual std::size_t read(char* buffer, std::size_t count) = 0;
    virtual void write(const std::string& bytes) = 0;

    std::string text(const char* name) const
    {
        const char* value = variable(name);
        return value == nullptr ? std::string() : std::string(value);
    }
};

class PlainCgi : public Gateway
{
  public:
    const char* variable(const char* name) const override { return std::getenv(name); }
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

    const char* variable(const char* name) const override { return FCGX_GetParam(name, request_.envp); }
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

// Throws away what a client sends beyond the limit, as far as a web server would pass it on, so that the web
// server has sent everything before it reads the answer.
void drain(Gateway& gateway)
{
    constexpr std::size_t most_bytes = 1024 * 1024;
    char scratch[8192];
    for (std::size_t got = 0, drained = 0; drained < most_bytes; drained += got) {
        got = gateway.read(scratch, sizeof scratch);
        if (got == 0)
            return;
    }
}

void read_body(Gateway& gateway, http::Request& request)
{
    const auto text = gateway.text("CONTENT_LENGTH"); // nginx sends an empty one where there is none
    if (text.empty())
        return;
    std::uint64_t announced = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), announced);
    if (end != text.data() + text.size() || error == std::errc::invalid_argument) {
        request.body_state = http::BodyState::cut_off;
        return;
    }
    if (error == std::errc::result_out_of_range || announced > http::max_body_bytes) {
        request.body_state = http::BodyState::too_large;
        drain(gateway);
        return;
    }
    request.body.resize(announced);
    std::size_t got = 0;
    while (got < announced) {
        const auto more = gateway.read(request.body.data() + got, announced - got);
        if (more == 0)
            break;
        got += more;
    }
    request.body.resize(got);
    // The client hung up half way: what arrived may well parse, but is not what was meant.
    if (got < announced)
        request.body_state = http::BodyState::cut_off;
}

// The path behind the place that the program is mounted at. REQUEST_URI is what the client sent; the other
// variables are decoded and would let an encoded slash reach another route.
std::string request_path(const Gateway& gateway)
{
    auto path = gateway.text("REQUEST_URI");
    path.resize(std::min(path.find('?'), path.size()));
    const auto mounted_at = gateway.text("SCRIPT_NAME");
    const bool is_mounted = !gateway.text("PATH_INFO").empty() && !mounted_at.empty();
    if (is_mounted && path.compare(0, mounted_at.size(), mounted_at) == 0 && path[mounted_at.size()] == '/')
        path.erase(0, mounted_at.size());
    return path;
}

http::Request read_request(Gateway& gateway)
{
    http::Request request;
    request.method = gateway.text("REQUEST_METHOD");
    request.path = request_path(gateway);
    request.authorization = gateway.text("HTTP_AUTHORIZATION");
    if (request.authorization.empty()) // Apache's name for it after an internal redirect
        request.authorization = gateway.text("REDIRECT_HTTP_AUTHORIZATION");
    request.origin = gateway.text("HTTP_ORIGIN");
    request.if_none_match = gateway.text("HTTP_IF_NONE_MATCH");
    request.access_control_request_headers = gateway.text("HTTP_ACCESS_CONTROL_REQUEST_HEADERS");
    read_body(gateway, request);
    request.now = base::system_now(); // after the body, however slowly it came
    return request;
}

const char* reason_phrase(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 204:
        return "No Content";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 413:
        return "Content Too Large";
    case 503:
        return "Service Unavailable";
    default:
        return "Internal Server Error";
    }
}

void write_response(Gateway& gateway, const http::Response& response)
{
    std::string text =
        "Status: " + std::to_string(response.status) + " " + reason_phrase(response.status) + "\r\n";
    for (const auto& [name, value] : response.headers)
        text += name + ": " + value + "\r\n";
    if (response.status != 204 && response.status != 304)
        text += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
    text += "\r\n";
    if (!response.is_head)
        text += response.body;
    gateway.write(text);
}

void serve(App& app, Gateway& gateway)
{
    write_response(gateway, dispatch(app, read_request(gateway)));
}

int serve_fastcgi(App& app)
{
    handle_signals();
    if (FCGX_Init() != 0) {
        base::log("FastCGI cannot be initialised");
        return 1;
    }
    FCGX_Request request;
    FCGX_InitRequest(&request, 0, FCGI_FAIL_ACCEPT_ON_INTR);
    while (!stopping) {
        if (FCGX_Accept_r(&request) < 0) {
            if (errno == EINTR || errno == ECONNABORTED)
                continue;
            base::log(std::string("accept: ") + std::strerror(errno));
            return 1;
        }
        FastCgi gateway(request);
        serve(app, gateway);
        FCGX_Finish_r(&request);
    }
    return 0;
}

// Keeps `count` workers on the one socket, so that a request goes to whoever is free, never behind one that
// waits for the chain.
int serve_with_workers(App& app, std::size_t count)
{
    handle_signals();
    const auto supervisor = ::getpid();
    std::set<pid_t> workers;
    while (!stopping) {
        while (workers.size() < count) {
            const pid_t pid = ::fork(); // nothing is open yet: neither database nor libcurl
            if (pid < 0) {
                base::log(std::string("fork: ") + std::strerror(errno));
                break;
            }
            if (pid == 0) {
                ::prctl(PR_SET_PDEATHSIG, SIGTERM);
                if (::getppid() != supervisor)
                    std::exit(0);
                std::exit(serve_fastcgi(app));
            }
            workers.insert(pid);
        }
        const pid_t ended = ::wait(nullptr);
        if (ended > 0 && workers.erase(ended) == 1 && !stopping)
            base::log("a worker ended; another takes its place");
        if (ended > 0 || workers.empty())
            ::sleep(1); // no tight circle, should it end at once or not start at all
    }
    for (const auto pid : workers)
        ::kill(pid, SIGTERM);
    while (::wait(nullptr) > 0 || errno == EINTR) {
    }
    return 0;
}

// 1 to 64, or 0 for any other text.
std::size_t read_count(const std::string& text)
{
    constexpr std::size_t most = 64;
    std::size_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    return error == std::errc() && end == text.data() + text.size() && count <= most ? count : 0;
}

} // namespace

int main(int argc, char** argv)
{
    std::string config_path;
    bool only_check = false;
    std::size_t workers = 1;
    const option options[] = {{"config", required_argument, nullptr, 'c'},
                              {"check", no_argument, nullptr, 'k'},
                              {"workers", required_argument, nullptr, 'w'},
                              {"help", no_argument, nullptr, 'h'},
                              {nullptr, 0, nullptr, 0}};
    for (int chosen = 0; (chosen = getopt_long(argc, argv, "", options, nullptr)) != -1;) {
        switch (chosen) {
        case 'c':
            config_path = optarg;
            break;
        case 'w':
            workers = read_count(optarg);
            if (workers == 0) {
                std::fputs("--workers takes a number from 1 to 64\n", stderr);
                return 2;
            }
            break;
        case 'k':
            only_check = true;
            break;
        case 'h':
            std::fputs(usage, stdout);
            return 0;
        default:
            std::fputs(usage, stderr);
            return 2;
        }
    }

    try {
        const auto config =
            base::load_config(config_path, base::process_environment(), base::Program::server);
        if (only_check) {
            std::puts("session-voice: the settings are complete");
            return 0;
        }
        const auto chain = ethereum::make_chain(config);
        base::SystemRandom random;
        App app(config, *chain, random);
        if (FCGX_IsCGI()) {
            PlainCgi gateway;
            serve(app, gateway);
            return 0;
        }
        return workers == 1 ? serve_fastcgi(app) : serve_with_workers(app, workers);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "session-voice cannot start: %s\n", error.what());
        return 1;
    }
}
