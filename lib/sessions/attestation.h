// Attestations as they are stored: what was decided, and the signed transactions that carry it to the escrow.
#pragma once

#include "base/error.h"
#include "database/connection.h"
#include "ethereum/escrow.h"
#include "ethereum/transaction.h"
#include "sessions/outcome.h"

#include <optional>
#include <string>
#include <vector>

namespace sessions {

enum class AttestationState
{
    submitted, // stored and signed; sent, or about to be
    mined,     // the escrow has it, in a block that can still be taken back; then it is submitted again
    confirmed, // the escrow has it for good
    failed     // mined and refused, overtaken by another's attestation, or cancelled
};

const char* name_of(AttestationState state); // "submitted", "mined", "confirmed", "failed"

struct Attestation
{
    std::string booking_id; // canonical decimal
    Outcome outcome = Outcome::completed;
    Metrics metrics;
    std::string metrics_hash; // 32 raw bytes
    base::UnixSeconds decided_at = 0;

    std::int64_t chain_id = 0;
    std::string oracle;     // the sender's address, and
    std::int64_t nonce = 0; // the nonce, of the transactions that count now
    AttestationState state = AttestationState::submitted;
    std::optional<std::string> mined_hash; // of the transaction that was mined
    std::optional<std::string> failure;    // why it failed
    std::optional<base::UnixSeconds>
        settled_at; // confirmed, or failed for good; none while a block can change it

    bool is_settled() const { return settled_at.has_value(); }
    // Whether the booking says what this does.
    bool is_shown_by(const ethereum::Booking& booking) const
    {
        return booking.metrics_hash == metrics_hash &&
               booking.oracle_outcome == static_cast<std::uint8_t>(outcome);
    }
    void submit_again()
    {
        state = AttestationState::submitted;
        mined_hash.reset();
        failure.reset();
        settled_at.reset();
    }
};

// One of an attestation's transactions. Those of one nonce carry the same call with rising fees, or at last
// nothing, to the oracle itself: a cancellation.
struct AttestationTransaction
{
    std::string tx_hash;
    std::string oracle;
    std::int64_t nonce = 0;
    std::uint64_t gas_limit = 0;
    ethereum::Uint256 max_fee_per_gas;
    std::optional<ethereum::Uint256> max_priority_fee_per_gas; // none: legacy
    std::string raw;                                           // bytes
    base::UnixSeconds created_at = 0;
    std::optional<base::UnixSeconds>
        sent_at; // when the node last took it; none: never yet, or lost with its block
    bool is_cancellation = false;
};

std::optional<Attestation> find_attestation(database::Connection& db, const std::string& booking_id);
// One that was there a moment ago, and its last transaction. Throw what gone() gives if it is not there any
// more.
Attestation load_attestation(database::Connection& db, const std::string& booking_id);
AttestationTransaction load_last_transaction(database::Connection& db, const std::string& booking_id);
// While the chain was asked, an older database may have been put in this one's place: database_unavailable.
base::Error gone(const std::string& booking_id);
std::int64_t count_attestations(database::Connection& db, AttestationState state);
// Those that are not settled, in the order of their nonces, which is that in which they can be mined.
std::vector<Attestation> find_attestations_on_their_way(database::Connection& db);
// All of them, the one that counts last.
std::vector<AttestationTransaction> find_transactions(database::Connection& db,
                                                      const std::string& booking_id);
// The hash to look for on the chain: of the transaction that was mined, or of the last one. Throws what
// gone() gives.
std::string hash_of(database::Connection& db, const Attestation& attestation);
// One more than the highest nonce of the account that is on its way; 0 if none is.
std::int64_t next_nonce(database::Connection& db, std::int64_t chain_id, const std::string& oracle);
// Whether another attestation than the booking's is on its way with that nonce.
bool is_nonce_held(database::Connection& db, const Attestation& attestation, std::int64_t nonce);
// One more than the highest nonce of the account that is confirmed; 0 if none is.
std::int64_t confirmed_count(database::Connection& db, std::int64_t chain_id, const std::string& oracle);

// The rest wants to be called inside a Transaction.

void insert_attestation(database::Connection& db, const Attestation& attestation);
void insert_transaction(database::Connection& db, const std::string& booking_id,
                        const AttestationTransaction& transaction);
// No `sent_at`: the node does not have it any more.
void mark_sent(database::Connection& db, const std::string& tx_hash,
               std::optional<base::UnixSeconds> sent_at);
// Stores oracle, nonce, state, mined_hash, failure and settled_at.
void update_attestation(database::Connection& db, const Attestation& attestation);

} // namespace sessions
