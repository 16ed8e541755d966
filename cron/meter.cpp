// The sweep of rooms, as cron runs it: meters the silent, settles the lapsed, closes empty rooms and those of
// sessions that have ended, forgets what has expired.
#include "auth/nonce.h"
#include "base/error.h"
#include "base/log.h"
#include "base/rules.h"
#include "base/server_settings.h"
#include "base/settings.h"
#include "metrics/report.h"
#include "outbox/queue.h"
#include "requests/idempotency.h"
#include "rooms/sweep.h"
#include "sessions/session.h"
#include "storage/open.h"
#include "sweeper.h"
#include "usage/daily.h"

#include <chrono>
#include <memory>
#include <thread>

namespace {

constexpr std::int64_t rows_at_a_time = 1000;

// A turn holds the write lock and a processor. Most of the time is left to those who wait for an answer.
constexpr auto turn = std::chrono::milliseconds(1);
constexpr auto rest = std::chrono::milliseconds(4);

rooms::Pace in_short_turns()
{
    using Clock = std::chrono::steady_clock;
    const auto begun = std::make_shared<Clock::time_point>(Clock::now());
    return {[begun] { return Clock::now() - *begun >= turn; },
            [begun] {
                std::this_thread::sleep_for(rest);
                *begun = Clock::now();
            }};
}

// Purges step by step, so that writers get in between.
std::int64_t purge_all(database::Connection& db, base::UnixSeconds now,
                       std::int64_t (*purge)(database::Connection&, base::UnixSeconds, std::int64_t))
{
    std::int64_t purged = 0;
    for (std::int64_t step = rows_at_a_time; step == rows_at_a_time; purged += step)
        step = purge(db, now, rows_at_a_time);
    return purged;
}

base::Json sweep(cron::Round& round)
{
    const auto& config = round.config;
    const auto now = base::system_now();
    const auto db = storage::open(config);
    auto tally = rooms::sweep(*db, base::settings<base::Rules>(config), now, in_short_turns());
    tally.rooms_closed += sessions::close_ended({*db, config, now});
    const auto days_summed_up = usage::book_days(*db, now);
    const auto nonces_purged = purge_all(*db, now, auth::purge_spent_nonces);
    const auto idempotency_keys_purged = purge_all(*db, now, requests::purge);
    const auto messages_purged = purge_all(*db, now, outbox::purge);
    rooms::record_sweep(*db, base::system_now());
    return {{"swept_at", now},
            {"connections_metered", tally.connections_metered},
            {"connections_lapsed", tally.connections_lapsed},
            {"debited_seconds", tally.debited_seconds},
            {"rooms_closed", tally.rooms_closed},
            {"days_summed_up", days_summed_up},
            {"nonces_purged", nonces_purged},
            {"idempotency_keys_purged", idempotency_keys_purged},
            {"messages_purged", messages_purged}};
}

// For the node exporter, where METRICS_TEXTFILE asks for it.
void write_metrics(const base::Config& config, shared::Counters& counters)
{
    const auto& textfile = base::settings<base::ServerSettings>(config).metrics_textfile;
    if (textfile.empty())
        return;
    try {
        std::unique_ptr<database::Connection> db;
        try {
            db = storage::open(config);
        } catch (const base::Error&) { // then the text says that it is down
        }
        metrics::write_textfile(textfile, metrics::report(counters, db.get(), config, base::system_now()));
    } catch (const base::Error& error) {
        base::log(std::string("METRICS_TEXTFILE: ") + error.what());
    }
}

} // namespace

int main(int argc, char** argv)
{
    return cron::run(
        {"session-voice-meter",
         "Meters the participants of session-voice and ends what has expired. Run it from cron; a "
         "second one at the same\ntime does no harm, and while none runs no second is lost or "
         "charged twice.\n",
         base::Program::tool, "meter", sweep, write_metrics},
        argc, argv);
}
