// The sweep, as cron runs it: meters the silent, settles the lapsed, closes empty rooms, forgets what has
// expired.
#include "auth/nonce.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "rooms/sweep.h"
#include "sqlite/migrate.h"

#include <charconv>
#include <chrono>
#include <cstring>
#include <getopt.h>
#include <iostream>
#include <thread>

namespace {

constexpr const char* usage =
    R"(usage: session-voice-meter [--config FILE] [--json] [--every SECONDS --for SECONDS]

Meters the participants of session-voice and ends what has expired. Run it from cron; a second one at the same time
does no harm, and while none runs no second is lost or charged twice.

  --config FILE     read settings from FILE (KEY=VALUE lines); the environment wins over it.
                    Without it, SESSION_VOICE_CONFIG names the file.
  --json            print the summary of a sweep as one line of JSON
  --every SECONDS   sweep again and again, this many seconds apart (1 to 86400) ...
  --for SECONDS     ... and end before this many are over, so that the next run of cron takes on
  --help            this text
)";

using Steady = std::chrono::steady_clock;

constexpr std::int64_t nonces_at_a_time = 1000;

std::int64_t purge_nonces(sqlite::Database& db, base::UnixSeconds now)
{
    std::int64_t purged = 0;
    for (std::int64_t step = nonces_at_a_time; step == nonces_at_a_time; purged += step)
        step = auth::purge_spent_nonces(db, now, nonces_at_a_time);
    return purged;
}

void print(const rooms::Tally& tally, std::int64_t nonces_purged, base::UnixSeconds started_at,
           std::int64_t duration_ms, bool as_json)
{
    if (as_json) {
        std::cout << base::Json{{"swept_at", started_at},
                                {"connections_metered", tally.connections_metered},
                                {"connections_lapsed", tally.connections_lapsed},
                                {"debited_seconds", tally.debited_seconds},
                                {"rooms_closed", tally.rooms_closed},
                                {"nonces_purged", nonces_purged},
                                {"duration_ms", duration_ms}}
                  << std::endl;
        return;
    }
    std::cout << base::iso8601(started_at) << " metered " << tally.connections_metered << ", lapsed "
              << tally.connections_lapsed << ", debited " << tally.debited_seconds << " s, closed "
              << tally.rooms_closed << " rooms, purged " << nonces_purged << " nonces, took " << duration_ms
              << " ms" << std::endl;
}

void sweep_once(const base::Config& config, bool as_json)
{
    const auto begun = Steady::now();
    const auto started_at = base::system_now();
    const auto db = sqlite::open_migrated(config.database_path, config.database_busy_timeout_ms);
    const auto tally = rooms::sweep(*db, config.rules, started_at);
    const auto nonces_purged = purge_nonces(*db, started_at);
    rooms::record_sweep(*db, base::system_now());
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - begun);
    print(tally, nonces_purged, started_at, took.count(), as_json);
}

bool read_seconds(const char* text, int& seconds)
{
    const char* const end = text + std::strlen(text);
    const auto [stop, error] = std::from_chars(text, end, seconds);
    return error == std::errc() && stop == end && seconds >= 1 && seconds <= 86400;
}

} // namespace

int main(int argc, char** argv)
{
    std::string config_path;
    bool as_json = false;
    int every_seconds = 0;
    int for_seconds = 0;
    const option options[] = {
        {"config", required_argument, nullptr, 'c'}, {"json", no_argument, nullptr, 'j'},
        {"every", required_argument, nullptr, 'e'},  {"for", required_argument, nullptr, 'f'},
        {"help", no_argument, nullptr, 'h'},         {nullptr, 0, nullptr, 0}};
    bool is_understood = true;
    for (int chosen = 0; (chosen = getopt_long(argc, argv, "", options, nullptr)) != -1;) {
        switch (chosen) {
        case 'c':
            config_path = optarg;
            break;
        case 'j':
            as_json = true;
            break;
        case 'e':
            is_understood = is_understood && read_seconds(optarg, every_seconds);
            break;
        case 'f':
            is_understood = is_understood && read_seconds(optarg, for_seconds);
            break;
        case 'h':
            std::cout << usage;
            return 0;
        default:
            is_understood = false;
        }
    }
    if (!is_understood || optind != argc || (every_seconds == 0) != (for_seconds == 0)) {
        std::cerr << usage;
        return 2;
    }

    try {
        const auto config = base::load_config(config_path, base::process_environment(), base::Program::tool);
        // By the steady clock: the other one may step while we wait.
        const auto begun = Steady::now();
        int result = 0;
        for (auto next = begun;; next += std::chrono::seconds(every_seconds)) {
            std::this_thread::sleep_until(next);
            try {
                sweep_once(config, as_json);
                result = 0;
            } catch (const base::Error& error) { // the next round may find the database free again
                base::log(std::string("the sweep failed: ") + error.what());
                result = 1;
            }
            if (next + std::chrono::seconds(every_seconds) >= begun + std::chrono::seconds(for_seconds))
                return result;
        }
    } catch (const std::exception& error) {
        std::cerr << "session-voice-meter: " << error.what() << "\n";
        return 1;
    }
}
