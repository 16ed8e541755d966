#include "sessions/oracle.h"

#include "base/error.h"
#include "base/log.h"

#include <algorithm>
#include <cstdlib>
#include <set>

namespace sessions {

namespace {

using base::Error;
using base::ErrorCode;
using ethereum::SendResult;
using ethereum::Uint256;

constexpr std::int64_t resend_after_seconds = 60;  // how long a node may keep a transaction waiting
constexpr std::int64_t receipt_late_seconds = 600; // how much later than the rest a node may show a receipt

// Headroom over the estimate: the call takes a little more gas once the contract's state has moved.
std::uint64_t with_headroom(std::uint64_t gas)
{
    return gas + gas / 4;
}

// A node that asks for a fortune gets this much and no more.
Uint256 most_per_gas(const base::Config& config)
{
    return Uint256(static_cast<std::uint64_t>(config.oracle_max_fee_gwei)).scaled(1000000000, 1);
}

[[noreturn]] void fail(const std::string& reason)
{
    throw Error(ErrorCode::chain_refused, "attestation_failed", reason).with("reason", reason);
}

ethereum::PrivateKey read_key(const base::Config& config)
{
    const auto key = ethereum::PrivateKey::parse(config.oracle_private_key);
    if (!key)
        throw Error(ErrorCode::not_configured, "oracle key not configured");
    return *key;
}

Metrics measure_presence(sqlite::Database& db, const Session& session, base::UnixSeconds now)
{
    const auto stays = [&](const std::string& wallet) {
        return unite(find_stays(db, session.booking_id, wallet, now), session.terms.ends_at);
    };
    return measure(stays(session.host), stays(session.guest));
}

// Presence that was there and is not any more.
bool is_lost(const Metrics& seen, const Metrics& now)
{
    return (seen.host_joined_at != 0 && now.host_joined_at != seen.host_joined_at) ||
           (seen.guest_joined_at != 0 && now.guest_joined_at != seen.guest_joined_at) ||
           now.overlap_seconds < seen.overlap_seconds;
}

const char* too_early(Outcome outcome)
{
    return outcome == Outcome::completed ? "overlap_not_met" : "grace_not_over";
}

const char* too_late(Outcome outcome)
{
    return outcome == Outcome::completed ? "completed_too_late" : "no_show_too_late";
}

// Why the outcome cannot be attested at `now`; null if it can.
const char* obstacle(Outcome outcome, const Metrics& metrics, const Terms& terms, bool is_forced,
                     base::UnixSeconds now)
{
    const auto window = window_of(outcome, terms);
    if (now < window.opens_at)
        return too_early(outcome);
    if (now > window.closes_at)
        return too_late(outcome);
    if (!is_forced && !is_final(metrics, terms, now))
        return "session still in progress";
    return nullptr;
}

std::string calldata_of(const Attestation& attestation)
{
    return ethereum::attest_calldata(Uint256::parse_decimal(attestation.booking_id).value(),
                                     static_cast<std::uint8_t>(attestation.outcome),
                                     attestation.metrics_hash);
}

bool is_settled(const Attestation& attestation)
{
    return attestation.state != AttestationState::submitted;
}

} // namespace

struct Oracle::Offer
{
    std::uint64_t gas_limit = 0;
    ethereum::Fees fees;
    std::int64_t least_nonce = 0;
};

Oracle::Oracle(sqlite::Database& db, ethereum::Chain& chain, const base::Config& config)
    : db_(db), chain_(chain), config_(config), key_(read_key(config)), address_(key_.address()),
      // Only the mock chain gets by without one.
      escrow_(config.escrow_address.empty() ? "0x" + std::string(40, '0') : config.escrow_address)
{
}

std::optional<Attestation> Oracle::resume(const std::string& booking_id, base::UnixSeconds now)
{
    auto attestation = find_attestation(db_, booking_id);
    if (!attestation)
        return std::nullopt;
    auto followed = follow_up(*std::move(attestation), now);
    if (followed.state == AttestationState::failed)
        fail(followed.failure);
    return followed;
}

Attestation Oracle::attest(const Session& session, std::optional<Outcome> forced, base::UnixSeconds now)
{
    return attest(session, forced, Metrics{}, now);
}

Attestation Oracle::attest(const Session& session, std::optional<Outcome> forced, const Metrics& seen,
                           base::UnixSeconds now)
{
    Attestation attestation;
    attestation.metrics = seen;
    const auto decide_now = [&] {
        const auto metrics = measure_presence(db_, session, now);
        if (is_lost(attestation.metrics, metrics))
            throw gone(session.booking_id);
        attestation.metrics = metrics;
        attestation.outcome = forced.value_or(decide(attestation.metrics, session.terms));
        attestation.metrics_hash = metrics_hash(session.booking_id, attestation.metrics);
        if (const char* why =
                obstacle(attestation.outcome, attestation.metrics, session.terms, forced.has_value(), now))
            throw Error(ErrorCode::invalid_argument, why);
    };
    attestation.booking_id = session.booking_id;
    attestation.chain_id = config_.chain_id;
    attestation.decided_at = now;
    decide_now();

    std::optional<Offer> offer;
    try {
        offer = prepare(calldata_of(attestation));
    } catch (const Error& error) {
        // What stands in its way may be that another process was faster.
        if (error.code() != ErrorCode::chain_refused || !find_attestation(db_, session.booking_id))
            throw;
    }
    if (offer) {
        sqlite::Transaction tx(db_);
        if (!find_attestation(db_, session.booking_id)) { // nobody was faster
            decide_now();                                 // somebody may have come or gone meanwhile
            attestation.oracle = address_;
            attestation.nonce = std::max(offer->least_nonce, next_nonce(db_, config_.chain_id, address_));
            insert_attestation(db_, attestation);
            insert_transaction(db_, attestation.booking_id,
                               sign(attestation, offer->gas_limit, offer->fees.max_fee_per_gas,
                                    offer->fees.max_priority_fee_per_gas, now));
            conclude(db_, attestation.booking_id, "attested");
            tx.commit();
        }
    }
    if (auto known = resume(session.booking_id, now))
        return *std::move(known);
    throw gone(session.booking_id);
}

Attestation Oracle::retry(const Uint256& booking_id, base::UnixSeconds now)
{
    auto attestation = find_attestation(db_, booking_id.to_decimal());
    if (!attestation)
        throw Error(ErrorCode::not_found, "attestation not found");
    if (attestation->state == AttestationState::failed) {
        look_up(chain_, booking_id, Asker::oracle, now);
        replace_nonce(*attestation, find_transactions(db_, attestation->booking_id), now);
    }
    if (auto known = resume(attestation->booking_id, now))
        return *std::move(known);
    throw gone(attestation->booking_id);
}

// ---- from a decision to signed bytes ----

ethereum::Fees Oracle::suggest_fees()
{
    auto fees = chain_.suggest_fees();
    const auto most = most_per_gas(config_);
    fees.max_fee_per_gas = std::min(fees.max_fee_per_gas, most);
    if (fees.max_priority_fee_per_gas)
        fees.max_priority_fee_per_gas = std::min(*fees.max_priority_fee_per_gas, most);
    return fees;
}

// Everything that can be found wrong before a nonce is given away.
Oracle::Offer Oracle::prepare(const std::string& calldata)
{
    const auto chain_id = chain_.chain_id();
    if (chain_id != static_cast<std::uint64_t>(config_.chain_id))
        fail("the node is on chain " + std::to_string(chain_id) + ", not on " +
             std::to_string(config_.chain_id));
    const auto estimate = chain_.estimate_gas(address_, escrow_, calldata);
    if (estimate.revert_reason)
        fail(estimate.revert_reason->empty() ? "reverted without a reason" : *estimate.revert_reason);
    Offer offer;
    offer.gas_limit = with_headroom(estimate.gas);
    offer.fees = suggest_fees();
    const auto cost = offer.fees.max_fee_per_gas.scaled(offer.gas_limit, 1);
    const auto balance = chain_.balance(address_);
    if (balance < cost)
        fail("the oracle " + address_ + " holds " + balance.to_decimal() + " wei and needs " +
             cost.to_decimal());
    offer.least_nonce = static_cast<std::int64_t>(chain_.transaction_count(address_, true));
    return offer;
}

AttestationTransaction Oracle::sign(const Attestation& attestation, std::uint64_t gas_limit,
                                    const Uint256& max_fee_per_gas,
                                    const std::optional<Uint256>& max_priority_fee_per_gas,
                                    base::UnixSeconds now) const
{
    ethereum::Transaction transaction;
    transaction.chain_id = static_cast<std::uint64_t>(attestation.chain_id);
    transaction.nonce = static_cast<std::uint64_t>(attestation.nonce);
    transaction.gas_limit = gas_limit;
    transaction.max_fee_per_gas = max_fee_per_gas;
    transaction.max_priority_fee_per_gas = max_priority_fee_per_gas;
    transaction.to = escrow_;
    transaction.data = calldata_of(attestation);
    const auto signed_transaction = ethereum::sign(transaction, key_);
    return {signed_transaction.hash,
            address_,
            attestation.nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            signed_transaction.raw,
            now,
            0};
}

// The same decision in a transaction of a new nonce. `seen` are the transactions on whose account it is done:
// if there are others by now, another process was faster.
void Oracle::replace_nonce(Attestation& attestation, const std::vector<AttestationTransaction>& seen,
                           base::UnixSeconds now)
{
    const auto offer = prepare(calldata_of(attestation));
    sqlite::Transaction tx(db_);
    const auto stored = load_attestation(db_, attestation.booking_id);
    if (stored.nonce == attestation.nonce && stored.state == attestation.state &&
        find_transactions(db_, attestation.booking_id).size() == seen.size()) {
        attestation.oracle = address_;
        attestation.nonce = std::max(offer.least_nonce, next_nonce(db_, attestation.chain_id, address_));
        attestation.state = AttestationState::submitted;
        attestation.mined_hash.clear();
        attestation.failure.clear();
        update_attestation(db_, attestation);
        insert_transaction(db_, attestation.booking_id,
                           sign(attestation, offer.gas_limit, offer.fees.max_fee_per_gas,
                                offer.fees.max_priority_fee_per_gas, now));
        tx.commit();
    } else {
        attestation = stored;
    }
}

// ---- from signed bytes to a receipt ----

void Oracle::settle(Attestation& attestation, AttestationState state, const std::string& mined_hash,
                    const std::string& failure, base::UnixSeconds now)
{
    sqlite::Transaction tx(db_);
    attestation = load_attestation(db_, attestation.booking_id);
    const bool is_correction = // what was taken for another's turns out to be ours
        attestation.state == AttestationState::failed && state == AttestationState::confirmed;
    if (is_settled(attestation) && !is_correction) // by another process
        return;
    attestation.state = state;
    attestation.mined_hash = mined_hash;
    attestation.failure = failure;
    attestation.settled_at = now;
    update_attestation(db_, attestation);
    tx.commit();
    if (state == AttestationState::failed)
        base::log("the attestation of booking " + attestation.booking_id + " failed: " + failure);
}

bool Oracle::settle_by_receipt(Attestation& attestation,
                               const std::vector<AttestationTransaction>& transactions, base::UnixSeconds now)
{
    std::string refused; // the hash of the one that was mined in vain
    std::uint64_t refused_in_block = 0;
    for (auto transaction = transactions.rbegin(); transaction != transactions.rend(); ++transaction) {
        const auto receipt = chain_.receipt(transaction->tx_hash);
        if (!receipt)
            continue;
        // Under whichever nonce: a node that lags behind may have had us give it another.
        if (receipt->succeeded) {
            settle(attestation, AttestationState::confirmed, transaction->tx_hash, {}, now);
            return true;
        }
        if (transaction->nonce == attestation.nonce && transaction->oracle == attestation.oracle) {
            refused = transaction->tx_hash;
            refused_in_block = receipt->block_number;
        }
    }
    if (refused.empty())
        return false;
    const auto reason =
        chain_.revert_reason(attestation.oracle, escrow_, calldata_of(attestation), refused_in_block);
    settle(attestation, AttestationState::failed, refused,
           reason && !reason->empty() ? *reason : "reverted without a reason", now);
    return true;
}

Attestation Oracle::follow_up(Attestation attestation, base::UnixSeconds now)
{
    // Failed without a transaction of ours: the node may have been slow to show a receipt.
    if (attestation.state == AttestationState::failed && attestation.mined_hash.empty())
        settle_by_receipt(attestation, find_transactions(db_, attestation.booking_id), now);
    // The second look is for a nonce that was taken during the first, by ourselves in another process or by
    // others.
    if (is_settled(attestation) || look_and_deliver(attestation, now) || look_and_deliver(attestation, now))
        return attestation;
    throw Error(ErrorCode::chain_unavailable, "chain_unavailable",
                "the node says that the nonce is used, but not yet by what");
}

// False if the node says that the nonce is used, which the next look can tell more about.
bool Oracle::look_and_deliver(Attestation& attestation, base::UnixSeconds now)
{
    if (attestation.chain_id != config_.chain_id)
        fail("it was signed for chain " + std::to_string(attestation.chain_id) + ", CHAIN_ID is " +
             std::to_string(config_.chain_id));
    const auto transactions = find_transactions(db_, attestation.booking_id);
    if (transactions.empty())
        throw gone(attestation.booking_id);
    const bool was_sent = transactions.back().sent_at != 0;
    if (was_sent && settle_by_receipt(attestation, transactions, now))
        return true;

    const auto mined = chain_.transaction_count(attestation.oracle, false);
    if (mined > static_cast<std::uint64_t>(attestation.nonce)) {
        // The nonce is used up. By ours, if its receipt is there now; else a transaction that we did not sign
        // has it, and none of ours can be mined any more.
        if (settle_by_receipt(attestation, transactions, now))
            return true;
        const auto booking = chain_.booking(Uint256::parse_decimal(attestation.booking_id).value());
        if (booking.status == ethereum::BookingStatus::booked) {
            replace_nonce(attestation, transactions, now);
        } else {
            const auto& last = transactions.back();
            const bool is_the_same = booking.metrics_hash == attestation.metrics_hash &&
                                     booking.oracle_outcome == static_cast<std::uint8_t>(attestation.outcome);
            // Ours was mined and the node is slow to show its receipt; or another holder of the key said the
            // same.
            if (is_the_same && std::abs(now - std::max(last.created_at, last.sent_at)) < receipt_late_seconds)
                return true;
            settle(attestation, AttestationState::failed, {},
                   is_the_same ? "somebody else attested the same"
                               : std::string("somebody else acted: the booking's status is ") +
                                     name_of(booking.status),
                   now);
            return true;
        }
    }
    return is_settled(attestation) || deliver(attestation, now);
}

// The last transaction once more, where its nonce is offered too little, signed with a higher fee.
std::optional<AttestationTransaction>
Oracle::raise_fee(const Attestation& attestation, const AttestationTransaction& last, base::UnixSeconds now)
{
    if (last.oracle != address_) // signed with a key that has been exchanged since
        return std::nullopt;
    const auto fees = suggest_fees();
    const auto tip = fees.max_priority_fee_per_gas.value_or(Uint256());
    const bool is_dearer = fees.least > last.max_fee_per_gas ||
                           (last.max_priority_fee_per_gas && tip > *last.max_priority_fee_per_gas);
    if (!is_dearer)
        return std::nullopt;
    // Nodes want a tenth more on both fees before they exchange one for another.
    const auto raised = [](const Uint256& suggested, const Uint256& before) {
        return std::max(suggested, before.scaled(9, 8));
    };
    const auto max_fee = raised(fees.max_fee_per_gas, last.max_fee_per_gas);
    if (max_fee > most_per_gas(config_)) {
        base::log("the attestation of booking " + attestation.booking_id +
                  " waits: the network is dearer than ORACLE_MAX_FEE_GWEI");
        return std::nullopt;
    }
    auto max_tip = last.max_priority_fee_per_gas;
    if (max_tip)
        max_tip = raised(tip, *max_tip);

    sqlite::Transaction tx(db_);
    const auto stored = load_last_transaction(db_, attestation.booking_id);
    if (stored.tx_hash != last.tx_hash) // another process was faster
        return stored;
    auto same_call = attestation;
    same_call.nonce = last.nonce; // another process may have replaced it since `attestation` was read
    auto transaction = sign(same_call, last.gas_limit, max_fee, max_tip, now);
    insert_transaction(db_, attestation.booking_id, transaction);
    tx.commit();
    return transaction;
}

// Sends the last transaction, unless the node took it a moment ago. False if the node says that its nonce is
// used.
bool Oracle::deliver(const Attestation& attestation, base::UnixSeconds now)
{
    auto transaction = load_last_transaction(db_, attestation.booking_id);
    const bool was_sent = transaction.sent_at != 0;
    if (was_sent && std::abs(now - transaction.sent_at) < resend_after_seconds)
        return true;
    if (was_sent) { // and is not mined since
        if (auto raised = raise_fee(attestation, transaction, now))
            transaction = *std::move(raised);
    }
    const auto send = [&] {
        db_.sync(); // it may be another process's, which still waits for the disk
        return chain_.send(transaction.raw);
    };
    auto result = send();
    if (result == SendResult::underpriced) {
        if (auto raised = raise_fee(attestation, transaction, now)) {
            transaction = *std::move(raised);
            result = send();
        }
    }
    switch (result) {
    case SendResult::accepted: {
        sqlite::Transaction tx(db_);
        mark_sent(db_, transaction.tx_hash, now);
        tx.commit();
        return true;
    }
    case SendResult::nonce_too_low:
        return false;
    case SendResult::underpriced:
        fail("the node wants a higher fee");
    case SendResult::insufficient_funds:
        fail("the oracle " + attestation.oracle + " has too little to pay the fee");
    case SendResult::refused:
        fail("the node refuses the transaction");
    }
    return false;
}

// ---- the sweep ----

void Oracle::attest_due(const KnownSession& known, OracleTally& tally, base::UnixSeconds now)
{
    if (find_attestation(db_, known.booking_id)) { // decided before the first of the two joined
        sqlite::Transaction tx(db_);
        conclude(db_, known.booking_id, "attested");
        tx.commit();
        return;
    }
    Metrics metrics;
    if (known.terms) {
        const Session session{known.booking_id, known.host, known.guest, *known.terms, known.looked_up_at};
        metrics = measure_presence(db_, session, now);
        const auto outcome = decide(metrics, session.terms);
        // Too late now is too late for ever: the other outcomes need presence after the end.
        if (now > window_of(outcome, session.terms).closes_at && now > session.terms.ends_at) {
            sqlite::Transaction tx(db_);
            conclude(db_, known.booking_id, "window missed");
            tx.commit();
            tally.window_missed += 1;
            base::log("nobody attested booking " + known.booking_id + " in time");
            return;
        }
        if (obstacle(outcome, metrics, session.terms, false, now) != nullptr) {
            tally.not_due += 1;
            return;
        }
    }
    const auto booking_id = Uint256::parse_decimal(known.booking_id).value();
    std::optional<Session> session;
    try {
        session = look_up(chain_, booking_id, Asker::oracle, now);
    } catch (const Error& error) {
        if (error.code() ==
            ErrorCode::not_found) // it was there when somebody joined: a node that lags behind
            fail(error.name());
        if (error.code() != ErrorCode::invalid_argument)
            throw;
        sqlite::Transaction tx(db_);
        if (find_attestation(db_, known.booking_id)) // it was we ourselves, in another process
            return;
        conclude(db_, known.booking_id, error.name());
        tx.commit();
        tally.not_booked += 1;
        return;
    }
    {
        sqlite::Transaction tx(db_, sqlite::Durability::relaxed);
        if (!find_session(db_, known.booking_id))
            throw gone(known.booking_id);
        remember(db_, *session);
        tx.commit();
    }
    try {
        attest(*session, std::nullopt, metrics, now);
        tally.submitted += 1;
    } catch (const Error& error) {
        if (error.code() != ErrorCode::invalid_argument)
            throw;
        tally.not_due += 1; // by terms that had to be read first
    }
}

OracleTally Oracle::sweep(base::UnixSeconds now)
{
    OracleTally tally;
    std::set<std::string> failed;
    // False if the chain is out of reach altogether, so that the rest need not wait for it one by one.
    const auto attempt = [&](const std::string& booking_id, const auto& work) {
        try {
            work();
        } catch (const Error& error) {
            if (error.code() != ErrorCode::chain_unavailable && error.code() != ErrorCode::chain_refused)
                throw;
            failed.insert(booking_id);
            base::log("booking " + booking_id + ": " + error.what());
            if (error.code() == ErrorCode::chain_unavailable) {
                try {
                    chain_.chain_id();
                } catch (const Error&) {
                    return false;
                }
            }
        }
        return true;
    };
    for (const auto& known : find_sessions_to_attest(db_, now)) {
        tally.scanned += 1;
        if (!attempt(known.booking_id, [&] { attest_due(known, tally, now); })) {
            tally.failed = static_cast<std::int64_t>(failed.size());
            return tally;
        }
    }
    for (const auto& attestation : find_submitted_attestations(db_)) {
        const auto follow = [&] {
            const auto followed = follow_up(attestation, now);
            tally.confirmed += followed.state == AttestationState::confirmed ? 1 : 0;
            if (followed.state == AttestationState::failed)
                failed.insert(attestation.booking_id);
        };
        if (failed.count(attestation.booking_id) == 0 && !attempt(attestation.booking_id, follow))
            break;
    }
    tally.failed = static_cast<std::int64_t>(failed.size());
    return tally;
}

} // namespace sessions
