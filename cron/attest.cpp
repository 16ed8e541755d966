// The sweep of booked sessions, as cron runs it: attests those whose outcome is final, follows up what the
// chain has not confirmed.
#include "base/chain_settings.h"
#include "base/settings.h"
#include "metrics/report.h"
#include "sessions/oracle.h"
#include "storage/open.h"
#include "sweeper.h"

namespace {

base::Json sweep(cron::Round& round)
{
    const auto& config = round.config;
    const auto now = base::system_now();
    const auto db = storage::open(config);
    // Requests may take the calls that are allowed at once: nobody waits for the sweep, so it can wait for
    // them.
    metrics::ChainCalls chain_calls(round.counters);
    const auto chain = ethereum::make_chain(
        config, {base::settings<base::ChainSettings>(config).rpc_timeout_ms, true}, &chain_calls);
    const auto tally = sessions::Oracle(*db, *chain, config).sweep(now);
    round.worked = tally.failed == 0;
    return {{"swept_at", now},
            {"scanned", tally.scanned},
            {"submitted", tally.submitted},
            {"mined", tally.mined},
            {"confirmed", tally.confirmed},
            {"taken_back", tally.taken_back},
            {"not_due", tally.not_due},
            {"not_booked", tally.not_booked},
            {"window_missed", tally.window_missed},
            {"failed", tally.failed},
            {"another_chain", tally.is_another_chain}};
}

} // namespace

int main(int argc, char** argv)
{
    return cron::run(
        {"session-voice-attest",
         "Tells the escrow whether booked sessions of session-voice took place, once each, and "
         "follows the transactions\nuntil they are confirmed. Run it from cron; a second one at the "
         "same time does no harm. It ends with status 1 if\nanything failed, which standard error "
         "tells.\n",
         base::Program::oracle,
         "attest",
         sweep,
         {}},
        argc, argv);
}
