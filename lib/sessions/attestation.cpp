#include "sessions/attestation.h"

#include "base/hex.h"

namespace sessions {

namespace {

// Followed by a WHERE clause.
const std::string select_attestation = "SELECT booking_id, outcome, host_joined_at, host_left_at, "
                                       "guest_joined_at, guest_left_at, overlap_seconds, "
                                       "metrics_hash, decided_at, chain_id, oracle, nonce, state, "
                                       "mined_hash, failure, settled_at FROM attestations ";

std::string stored_bytes(const std::string& hex)
{
    auto bytes = base::from_hex(hex);
    if (!bytes)
        throw base::Error(base::ErrorCode::internal, "internal_error", "stored bytes are no hex");
    return *std::move(bytes);
}

ethereum::Uint256 stored_number(const std::string& decimal)
{
    const auto number = ethereum::Uint256::parse_decimal(decimal);
    if (!number)
        throw base::Error(base::ErrorCode::internal, "internal_error", "a stored number is none");
    return *number;
}

AttestationState state_named(const std::string& name)
{
    for (const auto state : {AttestationState::submitted, AttestationState::mined,
                             AttestationState::confirmed, AttestationState::failed}) {
        if (name == name_of(state))
            return state;
    }
    throw base::Error(base::ErrorCode::internal, "internal_error", "an attestation in an unknown state");
}

Attestation read_attestation(const database::Statement& row)
{
    Attestation attestation;
    attestation.booking_id = row.text("booking_id");
    attestation.outcome = static_cast<Outcome>(row.integer("outcome"));
    attestation.metrics = {row.integer("host_joined_at"), row.integer("host_left_at"),
                           row.integer("guest_joined_at"), row.integer("guest_left_at"),
                           row.integer("overlap_seconds")};
    attestation.metrics_hash = stored_bytes(row.text("metrics_hash"));
    attestation.decided_at = row.integer("decided_at");
    attestation.chain_id = row.integer("chain_id");
    attestation.oracle = row.text("oracle");
    attestation.nonce = row.integer("nonce");
    attestation.state = state_named(row.text("state"));
    attestation.mined_hash = row.optional_text("mined_hash");
    attestation.failure = row.optional_text("failure");
    attestation.settled_at = row.optional_integer("settled_at");
    return attestation;
}

} // namespace

const char* name_of(AttestationState state)
{
    switch (state) {
    case AttestationState::submitted:
        return "submitted";
    case AttestationState::mined:
        return "mined";
    case AttestationState::confirmed:
        return "confirmed";
    case AttestationState::failed:
        return "failed";
    }
    return "";
}

std::optional<Attestation> find_attestation(database::Connection& db, const std::string& booking_id)
{
    static const auto sql = select_attestation + "WHERE booking_id = :booking_id";
    auto row = db.prepare(sql);
    if (!row.bind(":booking_id", booking_id).step())
        return std::nullopt;
    return read_attestation(row);
}

Attestation load_attestation(database::Connection& db, const std::string& booking_id)
{
    auto found = find_attestation(db, booking_id);
    if (!found)
        throw gone(booking_id);
    return *std::move(found);
}

AttestationTransaction load_last_transaction(database::Connection& db, const std::string& booking_id)
{
    auto found = find_transactions(db, booking_id);
    if (found.empty())
        throw gone(booking_id);
    return std::move(found.back());
}

base::Error gone(const std::string& booking_id)
{
    return {base::ErrorCode::database_unavailable, "database_unavailable",
            "what was stored of booking " + booking_id + " is gone: another database is in its place"};
}

std::int64_t count_attestations(database::Connection& db, AttestationState state)
{
    auto row = db.prepare("SELECT count(*) FROM attestations WHERE state = :state");
    row.bind(":state", std::string_view(name_of(state))).step();
    return row.integer(0);
}

std::vector<Attestation> find_attestations_on_their_way(database::Connection& db)
{
    static const auto sql = select_attestation + "WHERE settled_at IS NULL ORDER BY nonce, booking_id";
    auto row = db.prepare(sql);
    std::vector<Attestation> found;
    while (row.step())
        found.push_back(read_attestation(row));
    return found;
}

std::vector<AttestationTransaction> find_transactions(database::Connection& db, const std::string& booking_id)
{
    auto row = db.prepare(
        "SELECT tx_hash, nonce, gas_limit, max_fee_per_gas, max_priority_fee_per_gas, raw, created_at, "
        "sent_at, oracle, is_cancellation "
        "FROM attestation_transactions WHERE booking_id = :booking_id ORDER BY transaction_id");
    row.bind(":booking_id", booking_id);
    std::vector<AttestationTransaction> found;
    while (row.step()) {
        AttestationTransaction transaction;
        transaction.tx_hash = row.text("tx_hash");
        transaction.nonce = row.integer("nonce");
        transaction.gas_limit = static_cast<std::uint64_t>(row.integer("gas_limit"));
        transaction.max_fee_per_gas = stored_number(row.text("max_fee_per_gas"));
        if (const auto tip = row.optional_text("max_priority_fee_per_gas"))
            transaction.max_priority_fee_per_gas = stored_number(*tip);
        transaction.raw = stored_bytes(row.text("raw"));
        transaction.created_at = row.integer("created_at");
        transaction.sent_at = row.optional_integer("sent_at");
        transaction.oracle = row.text("oracle");
        transaction.is_cancellation = row.boolean("is_cancellation");
        found.push_back(std::move(transaction));
    }
    return found;
}

std::string hash_of(database::Connection& db, const Attestation& attestation)
{
    if (attestation.mined_hash)
        return *attestation.mined_hash;
    return load_last_transaction(db, attestation.booking_id).tx_hash;
}

std::int64_t next_nonce(database::Connection& db, std::int64_t chain_id, const std::string& oracle)
{
    auto row = db.prepare("SELECT coalesce(max(nonce) + 1, 0) FROM attestations "
                          "WHERE settled_at IS NULL AND chain_id = :chain_id AND oracle = :oracle");
    row.bind(":chain_id", chain_id).bind(":oracle", oracle).step();
    return row.integer(0);
}

bool is_nonce_held(database::Connection& db, const Attestation& attestation, std::int64_t nonce)
{
    auto row = db.prepare("SELECT 1 FROM attestations WHERE settled_at IS NULL AND nonce = :nonce "
                          "AND chain_id = :chain_id AND oracle = :oracle AND booking_id <> :booking_id");
    row.bind(":nonce", nonce).bind(":chain_id", attestation.chain_id);
    return row.bind(":oracle", attestation.oracle).bind(":booking_id", attestation.booking_id).step();
}

std::int64_t confirmed_count(database::Connection& db, std::int64_t chain_id, const std::string& oracle)
{
    auto row = db.prepare("SELECT coalesce(max(nonce) + 1, 0) FROM attestations "
                          "WHERE state = 'confirmed' AND chain_id = :chain_id AND oracle = :oracle");
    row.bind(":chain_id", chain_id).bind(":oracle", oracle).step();
    return row.integer(0);
}

void insert_attestation(database::Connection& db, const Attestation& attestation)
{
    db.prepare(
          "INSERT INTO attestations (booking_id, outcome, host_joined_at, host_left_at, guest_joined_at, "
          "guest_left_at, overlap_seconds, metrics_hash, decided_at, chain_id, oracle, nonce, state) "
          "VALUES (:booking_id, :outcome, :host_joined_at, :host_left_at, :guest_joined_at, "
          ":guest_left_at, :overlap_seconds, :metrics_hash, :decided_at, :chain_id, :oracle, :nonce, "
          "'submitted')")
        .bind(":booking_id", attestation.booking_id)
        .bind(":outcome", static_cast<std::int64_t>(attestation.outcome))
        .bind(":host_joined_at", attestation.metrics.host_joined_at)
        .bind(":host_left_at", attestation.metrics.host_left_at)
        .bind(":guest_joined_at", attestation.metrics.guest_joined_at)
        .bind(":guest_left_at", attestation.metrics.guest_left_at)
        .bind(":overlap_seconds", attestation.metrics.overlap_seconds)
        .bind(":metrics_hash", base::to_hex(attestation.metrics_hash))
        .bind(":decided_at", attestation.decided_at)
        .bind(":chain_id", attestation.chain_id)
        .bind(":oracle", attestation.oracle)
        .bind(":nonce", attestation.nonce)
        .run();
}

void insert_transaction(database::Connection& db, const std::string& booking_id,
                        const AttestationTransaction& transaction)
{
    const auto tip = transaction.max_priority_fee_per_gas;
    db.prepare("INSERT INTO attestation_transactions (booking_id, tx_hash, oracle, nonce, gas_limit, "
               "max_fee_per_gas, max_priority_fee_per_gas, raw, created_at, is_cancellation) "
               "VALUES (:booking_id, :tx_hash, :oracle, :nonce, :gas_limit, :max_fee_per_gas, "
               ":max_priority_fee_per_gas, :raw, :created_at, :is_cancellation)")
        .bind(":booking_id", booking_id)
        .bind(":tx_hash", transaction.tx_hash)
        .bind(":oracle", transaction.oracle)
        .bind(":nonce", transaction.nonce)
        .bind(":gas_limit", static_cast<std::int64_t>(transaction.gas_limit))
        .bind(":max_fee_per_gas", transaction.max_fee_per_gas.to_decimal())
        .bind(":max_priority_fee_per_gas", tip ? std::optional(tip->to_decimal()) : std::nullopt)
        .bind(":raw", base::to_hex(transaction.raw))
        .bind(":created_at", transaction.created_at)
        .bind(":is_cancellation", std::int64_t{transaction.is_cancellation})
        .run();
}

void mark_sent(database::Connection& db, const std::string& tx_hash, std::optional<base::UnixSeconds> sent_at)
{
    db.prepare("UPDATE attestation_transactions SET sent_at = :sent_at WHERE tx_hash = :tx_hash")
        .bind(":sent_at", sent_at)
        .bind(":tx_hash", tx_hash)
        .run();
}

void update_attestation(database::Connection& db, const Attestation& attestation)
{
    db.prepare("UPDATE attestations SET oracle = :oracle, nonce = :nonce, state = :state, mined_hash = "
               ":mined_hash, "
               "failure = :failure, settled_at = :settled_at WHERE booking_id = :booking_id")
        .bind(":oracle", attestation.oracle)
        .bind(":nonce", attestation.nonce)
        .bind(":state", std::string_view(name_of(attestation.state)))
        .bind(":mined_hash", attestation.mined_hash)
        .bind(":failure", attestation.failure)
        .bind(":settled_at", attestation.settled_at)
        .bind(":booking_id", attestation.booking_id)
        .run();
}

} // namespace sessions
