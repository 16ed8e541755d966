// Attestations as they are stored: what was decided, and the signed transactions that carry it to the escrow.
#pragma once

#include "base/error.h"
#include "ethereum/transaction.h"
#include "sessions/outcome.h"
#include "sqlite/database.h"

#include <optional>
#include <string>
#include <vector>

namespace sessions {

enum class AttestationState
{
    submitted, // stored and signed; sent, or about to be
    confirmed, // the escrow has it
    failed     // mined and refused, or overtaken by another's attestation
};

const char* name_of(AttestationState state); // "submitted", "confirmed", "failed"

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
    std::string mined_hash;           // empty until a transaction is mined
    std::string failure;              // why it failed
    base::UnixSeconds settled_at = 0; // 0 while submitted
};

// One of an attestation's transactions. Those of one nonce carry the same call with rising fees.
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
    base::UnixSeconds sent_at = 0; // when the node last took it; 0: never yet
};

std::optional<Attestation> find_attestation(sqlite::Database& db, const std::string& booking_id);
// One that was there a moment ago, and its last transaction. Throw what gone() gives if it is not there any
// more.
Attestation load_attestation(sqlite::Database& db, const std::string& booking_id);
AttestationTransaction load_last_transaction(sqlite::Database& db, const std::string& booking_id);
// While the chain was asked, an older database may have been put in this one's place: database_unavailable.
base::Error gone(const std::string& booking_id);
std::int64_t count_attestations(sqlite::Database& db, AttestationState state);
// In the order of their nonces, which is that in which they can be mined.
std::vector<Attestation> find_submitted_attestations(sqlite::Database& db);
// All of them, the one that counts last.
std::vector<AttestationTransaction> find_transactions(sqlite::Database& db, const std::string& booking_id);
// The hash to look for on the chain: of the transaction that was mined, or of the last one. Throws what
// gone() gives.
std::string hash_of(sqlite::Database& db, const Attestation& attestation);
// The least nonce that none of the account's transactions has.
std::int64_t next_nonce(sqlite::Database& db, std::int64_t chain_id, const std::string& oracle);

// The rest wants to be called inside a Transaction.

void insert_attestation(sqlite::Database& db, const Attestation& attestation);
void insert_transaction(sqlite::Database& db, const std::string& booking_id,
                        const AttestationTransaction& transaction);
void mark_sent(sqlite::Database& db, const std::string& tx_hash, base::UnixSeconds now);
// Stores oracle, nonce, state, mined_hash, failure and settled_at.
void update_attestation(sqlite::Database& db, const Attestation& attestation);

} // namespace sessions
