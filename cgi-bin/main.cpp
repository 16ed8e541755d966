// The program behind the web server, as FastCGI worker or as plain CGI.
#include "base/cgi.h"
#include "base/config.h"
#include "base/startup.h"
#include "exchange.h"
#include "fastcgi.h"
#include "metrics/report.h"
#include "storage/open.h"
#include "supervisor.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <getopt.h>
#include <optional>
#include <thread>
#include <unistd.h>

namespace {

constexpr const char* usage = R"(usage: session-voice [--config FILE] [--workers N] [--with-parent] [--check]

The control plane of a voice-chat service. A web server starts it, as FastCGI worker or as plain CGI program.

  --config FILE   read settings from FILE (KEY=VALUE lines); the environment wins over it.
                  Without it, SESSION_VOICE_CONFIG names the file, or else it is
                  ~/session-voice.env or /etc/session-voice/session-voice.env.
  --check         check the settings, say what is wrong with them, and end
  --workers N     as FastCGI worker: keep N processes on the one socket; "cores" says as many as the machine has
                  cores, at least 2; "writers" as many as the database takes writers, 3 or 12.
                  Without it, this process is the only one, as a web server wants it that starts each worker
                  itself: Apache's mod_fcgid, or lighttpd with max-procs above 1.
  --with-parent   end when the process that started this one has ended. For a web server that starts the program
                  itself and may crash.
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

struct Options
{
    std::string config_path;
    bool only_check = false;
    std::size_t workers = 0; // 0: this process is the only one
    bool as_many_as_writers = false;
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
            options.as_many_as_writers = std::string_view(optarg) == "writers";
            options.workers = options.as_many_as_writers ? 1 : read_count(optarg);
            if (options.workers == 0) {
                std::fputs("--workers takes a number from 1 to 64, \"cores\" or \"writers\"\n", stderr);
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

    return std::nullopt;
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
        chain_calls.before_waiting = [&app] {
            if (app.before_waiting)
                app.before_waiting();
        };
        if (!is_fastcgi()) {
            PlainCgi gateway;
            Exchange exchange;
            exchange.carry_out(app, gateway);
            exchange.reply(app, gateway);
            return 0;
        }
        if (options.with_parent)
            supervisor::end_with_parent(parent);
        if (options.workers == 0) {
            supervisor::replace_on_hangup(argv);
            return serve_fastcgi(app);
        }
        if (options.as_many_as_writers)
            options.workers = storage::writers_at_once(config);
        return supervisor::keep_workers(options.workers, argv, [&] { return serve_fastcgi(app); });
    } catch (const std::exception& error) {
        std::fprintf(stderr, "session-voice cannot start: %s\n", error.what());
        return 1;
    }
}
