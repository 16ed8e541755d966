// The program behind the web server, as FastCGI worker or as plain CGI: the one file that knows either
// protocol. It accepts, reads, stamps the time, replies.
#include "base/error.h"
#include "base/log.h"
#include "metrics/report.h"
#include "routes.h"
#include "supervisor.h"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcgiapp.h>
#include <fcntl.h>
#include <getopt.h>
#include <unistd.h>

namespace {

constexpr const char* usage = R"(usage: session-voice [--config FILE] [--workers N | --with-parent] [--check]

The control plane of a voice-chat service. A web server starts it, as FastCGI worker or as plain CGI program.

  --config FILE   read settings from FILE (KEY=VALUE lines); the environment wins over it.
                  Without it, SESSION_VOICE_CONFIG names the file, or else it is
                  ~/session-voice.env or /etc/session-voice/session-voice.env.
  --check         check the settings, say what is wrong with them, and end
  --workers N     as FastCGI worker: keep N processes on the one socket. Without it, this process is the only
                  one, as Apache's mod_fcgid and lighttpd's bin-path want it.
  --with-parent   as the only process: end when the process that started this one has ended. For a web server
                  that keeps the workers itself and may crash.
  --help          this text

SIGTERM ends it after the request in hand. SIGHUP, sent to the process that keeps the workers or to the only one, puts
the program that stands at its path now in its place, and no request is lost.
)";

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
// server has sent everything before it reads the answer. Apache loses the answer to a body that nobody read.
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
    if (text.empty()) {
        // Apache gives a chunked body without its length: nothing would tell whether all of it came.
        if (gateway.variable("HTTP_TRANSFER_ENCODING") != nullptr) {
            request.body_state = http::BodyState::cut_off;
            drain(gateway);
        }
        return;
    }
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

std::string request_query(const Gateway& gateway)
{
    const auto uri = gateway.text("REQUEST_URI");
    return uri.substr(std::min(uri.find('?'), uri.size() - 1) + 1);
}

http::Request read_request(Gateway& gateway)
{
    http::Request request;
    request.method = gateway.text("REQUEST_METHOD");
    request.path = request_path(gateway);
    request.query = request_query(gateway);
    request.authorization = gateway.text("HTTP_AUTHORIZATION");
    if (request.authorization.empty()) // Apache's name for it after an internal redirect
        request.authorization = gateway.text("REDIRECT_HTTP_AUTHORIZATION");
    request.service_token = gateway.text("HTTP_X_SERVICE_TOKEN");
    request.origin = gateway.text("HTTP_ORIGIN");
    request.if_none_match = gateway.text("HTTP_IF_NONE_MATCH");
    if (const char* key = gateway.variable("HTTP_IDEMPOTENCY_KEY"))
        request.idempotency_key = key;
    request.request_id = gateway.text("HTTP_X_REQUEST_ID");
    request.address = gateway.text("REMOTE_ADDR");
    request.access_control_request_headers = gateway.text("HTTP_ACCESS_CONTROL_REQUEST_HEADERS");
    read_body(gateway, request);
    request.now_ms = base::system_now_ms(); // after the body, however slowly it came
    request.now = request.now_ms / 1000;
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
    case 422:
        return "Unprocessable Content";
    case 429:
        return "Too Many Requests";
    case 502:
        return "Bad Gateway";
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
    using Steady = std::chrono::steady_clock;
    const auto begun = Steady::now();
    const auto request = read_request(gateway);
    const auto response = dispatch(app, request);
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - begun);
    record(app, request, response, took.count()); // before the client can know that it was served
    write_response(gateway, response);
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
    while (supervisor::wait_for_connection(listening_socket)) {
        if (FCGX_Accept_r(&request) < 0) {
            if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
                continue;
            base::log(std::string("accept: ") + std::strerror(errno));
            return 1;
        }
        FastCgi gateway(request);
        serve(app, gateway);
        request.keepConnection = 0; // one that is kept would hold the worker while others wait
        FCGX_Finish_r(&request);
        if (app.is_outdated()) {
            base::log("this program is older than the database's schema; the worker ends");
            return supervisor::outdated_status;
        }
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
    std::size_t workers = 0;
    bool with_parent = false;
    const option options[] = {
        {"config", required_argument, nullptr, 'c'},  {"check", no_argument, nullptr, 'k'},
        {"workers", required_argument, nullptr, 'w'}, {"with-parent", no_argument, nullptr, 'p'},
        {"help", no_argument, nullptr, 'h'},          {nullptr, 0, nullptr, 0}};
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
        case 'p':
            with_parent = true;
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

    if (with_parent && workers > 0) {
        std::fputs(usage, stderr);
        return 2;
    }

    try {
        const auto config =
            base::load_config(config_path, base::process_environment(), base::Program::server);
        if (only_check) {
            std::puts("session-voice: the settings are complete");
            return 0;
        }
        shared::Counters counters(config.database_path);
        metrics::ChainCalls chain_calls(counters);
        constexpr std::int64_t patience_ms = 100;
        const auto chain = ethereum::make_chain(config, patience_ms, &chain_calls);
        base::SystemRandom random;
        App app(config, *chain, random, counters);
        if (FCGX_IsCGI()) {
            PlainCgi gateway;
            serve(app, gateway);
            return 0;
        }
        if (workers == 0) {
            supervisor::replace_on_hangup(argv);
            if (with_parent)
                supervisor::end_with_parent();
            return serve_fastcgi(app);
        }
        return supervisor::keep_workers(workers, argv, [&] { return serve_fastcgi(app); });
    } catch (const std::exception& error) {
        std::fprintf(stderr, "session-voice cannot start: %s\n", error.what());
        return 1;
    }
}
