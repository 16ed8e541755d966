// The oracle: decides whether a booked session took place and says so to the escrow, exactly once.
//
// The decision, the nonce and the signed bytes are stored, synced to the disk, before they are first sent.
// From then on every call and every sweep only carries those bytes to the chain: sends them again if the node
// has not taken them or has lost them, signs the same call with the same nonce and a higher fee if the
// network has become dearer, and looks for the receipt. A receipt is not the end: a block can be taken back,
// so it is looked at again until the block is final. Should another program have used up the nonce, the same
// decision gets a new one. Any number of processes may do this at once. All of it throws
// database_unavailable if what it works on is gone when the chain has answered: a restore.
#pragma once

#include "ethereum/chain.h"
#include "sessions/attestation.h"
#include "sessions/delivery.h"
#include "sessions/session.h"

#include <functional>
#include <optional>

namespace base {
struct Config;
}

namespace sessions {

// One sweep's work.
struct OracleTally
{
    std::int64_t scanned = 0;       // sessions looked at
    std::int64_t submitted = 0;     // decided and stored now, and taken by the node
    std::int64_t mined = 0;         // receipts found now, in blocks that can still be taken back
    std::int64_t confirmed = 0;     // found now to be on the chain for good
    std::int64_t taken_back = 0;    // whose block is gone: sent again
    std::int64_t not_due = 0;       // not final yet, or the window is not open
    std::int64_t not_booked = 0;    // cancelled, or attested by somebody else
    std::int64_t window_missed = 0; // too late for good
    std::int64_t failed = 0;        // refused or not reachable; each is logged
    bool is_another_chain = false;  // fewer transactions of ours are on it than were confirmed: it began anew
};

class Oracle
{
  public:
    // Throws "oracle key not configured" (not_configured).
    Oracle(database::Connection& db, ethereum::Chain& chain, const base::Config& config);

    const std::string& address() const { return delivery_.signer().address(); }

    // What has been decided of the booking, after a look at how it fares; nothing if that is nothing yet.
    // Throws attestation_failed (chain_refused, with `reason`) if the chain refused it, or chain_unavailable.
    std::optional<Attestation> resume(const std::string& booking_id, base::UnixSeconds now);

    // What has been decided of the booking, or else decides it now: looks it up at the escrow, asks `forced`,
    // and does what the next one does. Throws what look_up(), `forced`, resume() and the next one throw.
    Attestation attest(const ethereum::Uint256& booking_id,
                       const std::function<std::optional<Outcome>()>& forced, base::UnixSeconds now);

    // Decides by the presence up to `now`, or as `forced`, and submits. Throws overlap_not_met,
    // completed_too_late, grace_not_over or no_show_too_late (invalid_argument) outside the outcome's window,
    // "session still in progress" (invalid_argument) while the outcome can change, and what resume() throws.
    // If it was decided before, this does what resume() does.
    Attestation attest(const Session& session, std::optional<Outcome> forced, base::UnixSeconds now);

    // A failed attestation once more: the same decision in a new transaction. Does what resume() does for one
    // that has not failed. Throws "attestation not found" (not_found) and what look_up() and resume() throw.
    Attestation retry(const ethereum::Uint256& booking_id, base::UnixSeconds now);

    // Frees the nonce of an attestation that is stuck, by a transaction of nothing to the oracle itself at a
    // higher fee. It is failed once that is mined, and may be retried; until then either may be mined. Throws
    // "attestation not found" (not_found), "nothing_to_cancel" (conflict) if it is not waiting for the chain,
    // and what resume() throws.
    Attestation cancel(const ethereum::Uint256& booking_id, base::UnixSeconds now);

    // Attests every session whose outcome is final and whose window is open, and follows up what is not
    // confirmed.
    OracleTally sweep(base::UnixSeconds now);

  private:
    // `seen` is presence that was measured before: it only ever grows.
    Attestation attest(const Session& session, std::optional<Outcome> forced, const Metrics& seen,
                       base::UnixSeconds now);
    void attest_due(const KnownSession& known, OracleTally& tally, base::UnixSeconds now);

    database::Connection& db_;
    ethereum::Chain& chain_;
    const base::Config& config_;
    Delivery delivery_;
};

} // namespace sessions
