#include "sweeper.h"

#include "base/cgi.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/error.h"
#include "base/log.h"
#include "base/startup.h"
#include "metrics/report.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <getopt.h>
#include <iostream>
#include <thread>

namespace cron {

namespace {

constexpr const char* options_text =
    R"(
  --config FILE     read settings from FILE (KEY=VALUE lines); the environment wins over it.
                    Without it, SESSION_VOICE_CONFIG names the file, or else it is
                    ~/session-voice.env or /etc/session-voice/session-voice.env.
  --json            print the summary of a sweep as one line of JSON
  --every SECONDS   sweep again and again, this many seconds apart (1 to 86400) ...
  --for SECONDS     ... and end before this many are over, so that the next run of cron takes on
  --help            this text
)";

using Steady = std::chrono::steady_clock;

struct Options
{
    std::string config_path;
    bool as_json = false;
    int every_seconds = 0;
    int for_seconds = 0;
};

bool read_seconds(const char* text, int& seconds)
{
    const char* const end = text + std::strlen(text);
    const auto [stop, error] = std::from_chars(text, end, seconds);
    return error == std::errc() && stop == end && seconds >= 1 && seconds <= 86400;
}

void print(const base::Json& summary, bool as_json)
{
    if (as_json) {
        std::cout << summary << '\n' << std::flush;
        return;
    }
    std::cout << base::iso8601(summary["swept_at"]);
    const char* separator = " ";
    for (const auto& [name, number] : summary.items()) {
        if (name == "swept_at")
            continue;
        std::string words = name;
        for (auto& c : words)
            c = c == '_' ? ' ' : c;
        std::cout << separator << words << " " << number;
        separator = ", ";
    }
    std::cout << '\n' << std::flush;
}

// The exit status, if the program is to end now; -1, if it is to go on.
int read_options(const Sweeper& sweeper, int argc, char** argv, Options& options)
{
    const auto usage = [&] {
        return std::string("usage: ") + sweeper.name +
               " [--config FILE] [--json] [--every SECONDS --for SECONDS]\n\n" + sweeper.about + options_text;
    };
    const option known[] = {
        {"config", required_argument, nullptr, 'c'}, {"json", no_argument, nullptr, 'j'},
        {"every", required_argument, nullptr, 'e'},  {"for", required_argument, nullptr, 'f'},
        {"help", no_argument, nullptr, 'h'},         {nullptr, 0, nullptr, 0}};
    bool is_understood = true;
    for (int chosen = 0; (chosen = getopt_long(argc, argv, "", known, nullptr)) != -1;) {
        switch (chosen) {
        case 'c':
            options.config_path = optarg;
            break;
        case 'j':
            options.as_json = true;
            break;
        case 'e':
            is_understood = is_understood && read_seconds(optarg, options.every_seconds);
            break;
        case 'f':
            is_understood = is_understood && read_seconds(optarg, options.for_seconds);
            break;
        case 'h':
            std::cout << usage();
            return 0;
        default:
            is_understood = false;
        }
    }
    if (is_understood && optind == argc && (options.every_seconds == 0) == (options.for_seconds == 0))
        return -1;
    std::cerr << usage();
    return 2;
}

void sweep_once(const Sweeper& sweeper, Round& round, bool as_json)
{
    const auto started = Steady::now();
    const auto took_us = [&] {
        return std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - started).count();
    };
    try {
        auto summary = sweeper.sweep(round);
        if (!summary.is_null()) {
            summary["duration_ms"] = took_us() / 1000;
            print(summary, as_json);
        }
    } catch (const base::Error& error) {
        if (error.code() == base::ErrorCode::database_newer)
            throw;
        base::log(std::string("the sweep failed: ") + error.what()); // the next may find the database free
        round.worked = false;
    }
    metrics::count_sweep(round.counters, sweeper.metric, round.worked, took_us());
    if (sweeper.report)
        sweeper.report(round.config, round.counters);
}

} // namespace

int run(const Sweeper& sweeper, int argc, char** argv)
{
    if (base::is_cgi_request()) {
        base::refuse_cgi_request();
        return 0;
    }
    Options options;
    if (const int status = read_options(sweeper, argc, argv, options); status >= 0)
        return status;
    try {
        const auto config = base::start(options.config_path, sweeper.program);
        shared::Counters counters(config.shared_path("metrics"));
        const std::chrono::seconds every(options.every_seconds);
        // By the steady clock: the other one may step while we wait.
        const auto begun = Steady::now();
        const auto end = options.for_seconds == 0 ? Steady::time_point::max()
                                                  : begun + std::chrono::seconds(options.for_seconds);
        for (auto next = begun;;) {
            std::this_thread::sleep_until(next);
            Round round{config, counters, end};
            sweep_once(sweeper, round, options.as_json);
            if (options.for_seconds == 0)
                return round.worked ? 0 : 1;
            // What a long round has missed is not made up for.
            next = std::max(next + every, Steady::now());
            if (next >= end)
                return round.worked ? 0 : 1;
        }
    } catch (const std::exception& error) {
        std::cerr << sweeper.name << ": " << error.what() << "\n";
        return 1;
    }
}

} // namespace cron
