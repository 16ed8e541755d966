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

// Whether the booking says what the attestation does.
bool shows(const ethereum::Booking& booking, const Attestation& attestation)
{
    return booking.metrics_hash == attestation.metrics_hash &&
           booking.oracle_outcome == static_cast<std::uint8_t>(attestation.outcome);
}

void set_submitted(Attestation& attestation)
{
    attestation.state = AttestationState::submitted;
    attestation.mined_hash.clear();
    attestation.failure.clear();
    attestation.settled_at = 0;
}

// What was signed for one chain is never looked for on another.
void expect_our_chain(const Attestation& attestation, const base::Config& config)
{
    if (attestation.chain_id != config.chain_id)
        fail("it was signed for chain " + std::to_string(attestation.chain_id) + ", CHAIN_ID is " +
             std::to_string(config.chain_id));
}

} // namespace

struct Oracle::Offer
{
    std::uint64_t gas_limit = 0;
    ethereum::Fees fees;
    std::int64_t least_nonce = 0;

    AttestationTransaction draft() const
    {
        AttestationTransaction transaction;
        transaction.gas_limit = gas_limit;
        transaction.max_fee_per_gas = fees.max_fee_per_gas;
        transaction.max_priority_fee_per_gas = fees.max_priority_fee_per_gas;
        return transaction;
    }
};

struct Oracle::Verdict
{
    AttestationState state = AttestationState::failed; // mined, or failed
    std::string failure;                               // why it failed
    std::optional<AttestationTransaction> mined;       // none: overtaken
    bool is_final = true;
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
            auto draft = offer->draft();
            draft.nonce = attestation.nonce;
            insert_transaction(db_, attestation.booking_id, sign(attestation, draft, now));
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
    // What was mined in vain may have been taken back meanwhile.
    if (attestation->state == AttestationState::failed)
        *attestation = follow_up(*attestation, now);
    if (attestation->state == AttestationState::failed) {
        look_up(chain_, booking_id, Asker::oracle, now);
        replace_nonce(*attestation, find_transactions(db_, attestation->booking_id), std::nullopt, now);
    }
    if (auto known = resume(attestation->booking_id, now))
        return *std::move(known);
    throw gone(attestation->booking_id);
}

Attestation Oracle::cancel(const Uint256& booking_id, base::UnixSeconds now)
{
    auto found = find_attestation(db_, booking_id.to_decimal());
    if (!found)
        throw Error(ErrorCode::not_found, "attestation not found");
    auto attestation = *std::move(found);
    if (attestation.state == AttestationState::submitted) {
        expect_our_chain(attestation, config_);
        settle_by_receipt(attestation, find_transactions(db_, attestation.booking_id), now);
    }
    const auto refuse = [&](const std::string& why) {
        throw Error(ErrorCode::conflict, "nothing_to_cancel",
                    "the attestation of booking " + attestation.booking_id + " " + why);
    };
    if (attestation.state != AttestationState::submitted)
        refuse(std::string("is ") + name_of(attestation.state));
    const auto last = load_last_transaction(db_, attestation.booking_id);
    if (!last.is_cancellation) {
        expect_chain();
        if (last.oracle != address_)
            fail("it was signed with another key, of " + last.oracle);
        if (count_transactions(address_, false) > static_cast<std::uint64_t>(last.nonce))
            refuse("has no nonce to be freed: it is used already");
        auto draft = last;
        draft.is_cancellation = true;
        draft.gas_limit = estimate(address_, "");
        if (!raise(draft, suggest_fees()))
            fail("the network is dearer than ORACLE_MAX_FEE_GWEI");
        store_replacement(attestation, last, draft, now);
    }
    return follow_up(std::move(attestation), now);
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

void Oracle::expect_chain()
{
    const auto chain_id = chain_.chain_id();
    if (chain_id != static_cast<std::uint64_t>(config_.chain_id))
        fail("the node is on chain " + std::to_string(chain_id) + ", not on " +
             std::to_string(config_.chain_id));
}

// How many transactions the chain has of the account. Fewer than were confirmed there: it is another chain.
std::uint64_t Oracle::count_transactions(const std::string& account, bool with_pending)
{
    const auto count = chain_.transaction_count(account, with_pending);
    const auto confirmed = confirmed_count(db_, config_.chain_id, account);
    if (!is_another_chain_ && count < static_cast<std::uint64_t>(confirmed)) {
        is_another_chain_ = true;
        base::log("the chain has " + std::to_string(count) + " transactions of the oracle " + account + ", " +
                  std::to_string(confirmed) +
                  " were confirmed: it began anew; new attestations go on from its count");
    }
    return count;
}

std::uint64_t Oracle::estimate(const std::string& contract, const std::string& calldata)
{
    const auto estimate = chain_.estimate_gas(address_, contract, calldata);
    if (estimate.revert_reason)
        fail(estimate.revert_reason->empty() ? "reverted without a reason" : *estimate.revert_reason);
    return with_headroom(estimate.gas);
}

// Everything that can be found wrong before a nonce is given away.
Oracle::Offer Oracle::prepare(const std::string& calldata)
{
    expect_chain();
    Offer offer;
    offer.gas_limit = estimate(escrow_, calldata);
    offer.fees = suggest_fees();
    const auto cost = offer.fees.max_fee_per_gas.scaled(offer.gas_limit, 1);
    const auto balance = chain_.balance(address_);
    if (balance < cost)
        fail("the oracle " + address_ + " holds " + balance.to_decimal() + " wei and needs " +
             cost.to_decimal());
    offer.least_nonce = static_cast<std::int64_t>(count_transactions(address_, true));
    return offer;
}

// The attestation's call, or a cancellation, with the draft's nonce, gas and fees.
AttestationTransaction Oracle::sign(const Attestation& attestation, AttestationTransaction draft,
                                    base::UnixSeconds now) const
{
    ethereum::Transaction transaction;
    transaction.chain_id = static_cast<std::uint64_t>(attestation.chain_id);
    transaction.nonce = static_cast<std::uint64_t>(draft.nonce);
    transaction.gas_limit = draft.gas_limit;
    transaction.max_fee_per_gas = draft.max_fee_per_gas;
    transaction.max_priority_fee_per_gas = draft.max_priority_fee_per_gas;
    transaction.to = draft.is_cancellation ? address_ : escrow_;
    transaction.data = draft.is_cancellation ? std::string() : calldata_of(attestation);
    const auto signed_transaction = ethereum::sign(transaction, key_);
    draft.tx_hash = signed_transaction.hash;
    draft.raw = signed_transaction.raw;
    draft.oracle = address_;
    draft.created_at = now;
    draft.sent_at = 0;
    return draft;
}

// The same decision in a transaction of a new nonce, the next one if not told which. `seen` are the
// transactions on whose account it is done: if there are others by now, another process was faster.
void Oracle::replace_nonce(Attestation& attestation, const std::vector<AttestationTransaction>& seen,
                           std::optional<std::int64_t> nonce, base::UnixSeconds now)
{
    const auto offer = prepare(calldata_of(attestation));
    sqlite::Transaction tx(db_);
    const auto stored = load_attestation(db_, attestation.booking_id);
    if (stored.nonce == attestation.nonce && stored.state == attestation.state &&
        find_transactions(db_, attestation.booking_id).size() == seen.size()) {
        attestation.oracle = address_;
        attestation.nonce =
            nonce.value_or(std::max(offer.least_nonce, next_nonce(db_, attestation.chain_id, address_)));
        set_submitted(attestation);
        update_attestation(db_, attestation);
        auto draft = offer.draft();
        draft.nonce = attestation.nonce;
        auto made = sign(attestation, draft, now);
        // On a chain that began anew a nonce comes again, maybe at the same fees.
        while (std::any_of(seen.begin(), seen.end(),
                           [&](const auto& each) { return each.tx_hash == made.tx_hash; })) {
            draft.max_fee_per_gas = draft.max_fee_per_gas.plus(Uint256(1));
            made = sign(attestation, draft, now);
        }
        insert_transaction(db_, attestation.booking_id, made);
        tx.commit();
    } else {
        attestation = stored;
    }
}

// ---- from signed bytes to a receipt ----

// What a mined transaction of ours means.
Oracle::Verdict Oracle::judge(const Attestation& attestation, const AttestationTransaction& transaction,
                              const ethereum::Receipt& receipt)
{
    Verdict verdict;
    verdict.mined = transaction;
    verdict.is_final = is_final(receipt.block_number);
    if (transaction.is_cancellation) {
        verdict.failure = "cancelled by an operator";
    } else if (receipt.succeeded) {
        verdict.state = AttestationState::mined;
    } else {
        const auto reason =
            chain_.revert_reason(transaction.oracle, escrow_, calldata_of(attestation), receipt.block_number);
        verdict.failure = reason && !reason->empty() ? *reason : "reverted without a reason";
    }
    return verdict;
}

// Whether the block is never taken back: by what the node says, or else by how deep it is.
bool Oracle::is_final(std::uint64_t block)
{
    if (!final_block_) {
        const auto finalized = chain_.finalized_block();
        final_block_ = finalized
                           ? static_cast<std::int64_t>(*finalized)
                           : static_cast<std::int64_t>(chain_.last_block()) - config_.oracle_confirmations;
    }
    return static_cast<std::int64_t>(block) <= *final_block_;
}

void Oracle::settle(Attestation& attestation, const Verdict& verdict, base::UnixSeconds now)
{
    sqlite::Transaction tx(db_);
    const auto stored = load_attestation(db_, attestation.booking_id);
    attestation = stored;
    const bool is_correction = // what was taken for another's turns out to be ours
        stored.state == AttestationState::failed && verdict.state == AttestationState::mined;
    if (stored.is_settled() && !is_correction) // by another process
        return;
    const bool is_for_good = verdict.state == AttestationState::mined && verdict.is_final;
    attestation.state = is_for_good ? AttestationState::confirmed : verdict.state;
    attestation.failure = verdict.failure;
    attestation.settled_at = verdict.is_final ? now : 0;
    attestation.mined_hash.clear();
    if (verdict.mined) {
        attestation.mined_hash = verdict.mined->tx_hash;
        attestation.oracle = verdict.mined->oracle;
        attestation.nonce = verdict.mined->nonce;
    }
    if (attestation.state == stored.state && attestation.mined_hash == stored.mined_hash &&
        !attestation.is_settled())
        return; // nothing new
    update_attestation(db_, attestation);
    tx.commit();
    if (attestation.state == AttestationState::failed && stored.state != AttestationState::failed)
        base::log("the attestation of booking " + attestation.booking_id + " failed: " + attestation.failure);
}

bool Oracle::settle_by_receipt(Attestation& attestation,
                               const std::vector<AttestationTransaction>& transactions, base::UnixSeconds now)
{
    std::optional<Verdict> in_vain; // of the one that was mined and attested nothing
    for (auto transaction = transactions.rbegin(); transaction != transactions.rend(); ++transaction) {
        const auto receipt = chain_.receipt(transaction->tx_hash);
        if (!receipt)
            continue;
        // Under whichever nonce: a node that lags behind may have had us give it another.
        const bool attests = receipt->succeeded && !transaction->is_cancellation;
        if (attests) {
            settle(attestation, judge(attestation, *transaction, *receipt), now);
            return true;
        }
        if (transaction->nonce == attestation.nonce && transaction->oracle == attestation.oracle)
            in_vain = judge(attestation, *transaction, *receipt);
    }
    if (in_vain)
        settle(attestation, *in_vain, now);
    return in_vain.has_value();
}

Attestation Oracle::follow_up(Attestation attestation, base::UnixSeconds now)
{
    if (attestation.state != AttestationState::submitted)
        look_again(attestation, now);
    // The second look is for a nonce that was taken during the first, by ourselves in another process or by
    // others.
    if (attestation.state != AttestationState::submitted || look_and_deliver(attestation, now) ||
        look_and_deliver(attestation, now))
        return attestation;
    throw Error(ErrorCode::chain_unavailable, "chain_unavailable",
                "the node says that the nonce is used, but not yet by what");
}

// Whether what was mined still is, in that block or another; and whether what had no receipt of ours has one.
void Oracle::look_again(Attestation& attestation, base::UnixSeconds now)
{
    const bool was_overtaken = attestation.is_settled() && attestation.mined_hash.empty();
    if (attestation.is_settled() && !was_overtaken)
        return;
    expect_our_chain(attestation, config_);
    const auto transactions = find_transactions(db_, attestation.booking_id);
    if (settle_by_receipt(attestation, transactions, now) || was_overtaken)
        return;
    if (count_transactions(attestation.oracle, false) > static_cast<std::uint64_t>(attestation.nonce)) {
        // The nonce is still used: by ours, whose receipt the node is slow to show, or by another's.
        if (attestation.state == AttestationState::failed ||
            shows(chain_.booking(Uint256::parse_decimal(attestation.booking_id).value()), attestation))
            return;
    }
    take_back(attestation, transactions, now);
}

// The block is gone. The same bytes are sent at once: the nonces of later ones wait for them.
void Oracle::take_back(Attestation& attestation, const std::vector<AttestationTransaction>& transactions,
                       base::UnixSeconds now)
{
    const auto mined_hash = attestation.mined_hash;
    const auto mined = std::find_if(transactions.begin(), transactions.end(),
                                    [&](const auto& each) { return each.tx_hash == mined_hash; });
    if (mined == transactions.end())
        throw gone(attestation.booking_id);
    const bool is_taken = chain_.send(mined->raw) == SendResult::accepted;
    sqlite::Transaction tx(db_);
    const auto stored = load_attestation(db_, attestation.booking_id);
    const bool is_unchanged = stored.state == attestation.state && stored.mined_hash == mined_hash;
    attestation = stored;
    if (!is_unchanged || is_nonce_held(db_, stored, stored.nonce)) // by another process; or to be seen later
        return;
    set_submitted(attestation);
    update_attestation(db_, attestation);
    mark_sent(db_, mined_hash, is_taken ? now : 0);
    tx.commit();
    base::log("the block with the attestation of booking " + attestation.booking_id + " was taken back");
}

// False if the node says that the nonce is used, which the next look can tell more about.
bool Oracle::look_and_deliver(Attestation& attestation, base::UnixSeconds now)
{
    expect_our_chain(attestation, config_);
    const auto transactions = find_transactions(db_, attestation.booking_id);
    if (transactions.empty())
        throw gone(attestation.booking_id);
    const auto& last = transactions.back();
    if (last.sent_at != 0 && settle_by_receipt(attestation, transactions, now))
        return true;

    const auto mined = static_cast<std::int64_t>(count_transactions(attestation.oracle, false));
    if (mined > attestation.nonce) {
        // The nonce is used up. By ours, if its receipt is there now; else a transaction that we did not sign
        // has it, and none of ours can be mined any more.
        if (settle_by_receipt(attestation, transactions, now))
            return true;
        replace_overtaken(attestation, transactions, now);
        if (attestation.state != AttestationState::submitted || attestation.nonce < mined)
            return true;
    } else if (now - last.created_at >= receipt_late_seconds && is_cut_off(attestation, mined)) {
        base::log("the attestation of booking " + attestation.booking_id + " waits for the nonce " +
                  std::to_string(mined) + ", which nothing has; it gets that one");
        replace_nonce(attestation, transactions, mined, now);
    }
    return attestation.state != AttestationState::submitted || deliver(attestation, now);
}

// Whether it waits for a nonce that nothing has, of ours or in the node's pool: the chain began anew.
bool Oracle::is_cut_off(const Attestation& attestation, std::int64_t mined)
{
    return mined < attestation.nonce && attestation.oracle == address_ &&
           !load_last_transaction(db_, attestation.booking_id).is_cancellation &&
           !is_nonce_held(db_, attestation, mined) &&
           static_cast<std::int64_t>(count_transactions(attestation.oracle, true)) == mined;
}

// Its nonce went to a transaction that we did not sign: the same decision gets another, unless that one has
// settled the booking.
void Oracle::replace_overtaken(Attestation& attestation,
                               const std::vector<AttestationTransaction>& transactions, base::UnixSeconds now)
{
    const auto& last = transactions.back();
    Verdict verdict;
    if (last.is_cancellation) {
        verdict.failure = "cancelled by an operator";
        settle(attestation, verdict, now);
        return;
    }
    const auto booking = chain_.booking(Uint256::parse_decimal(attestation.booking_id).value());
    if (booking.status == ethereum::BookingStatus::booked) {
        replace_nonce(attestation, transactions, std::nullopt, now);
        return;
    }
    // Ours was mined and the node is slow to show its receipt; or another holder of the key said the same.
    const bool is_the_same = shows(booking, attestation);
    if (is_the_same && std::abs(now - std::max(last.created_at, last.sent_at)) < receipt_late_seconds)
        return;
    verdict.failure =
        is_the_same ? "somebody else attested the same"
                    : std::string("somebody else acted: the booking's status is ") + name_of(booking.status);
    settle(attestation, verdict, now);
}

// Nodes want a tenth more on both fees before they exchange one for another. False if that is more than the
// settings allow.
bool Oracle::raise(AttestationTransaction& draft, const ethereum::Fees& fees) const
{
    const auto raised = [](const Uint256& suggested, const Uint256& before) {
        return std::max(suggested, before.scaled(9, 8));
    };
    draft.max_fee_per_gas = raised(fees.max_fee_per_gas, draft.max_fee_per_gas);
    if (auto& tip = draft.max_priority_fee_per_gas)
        tip = raised(fees.max_priority_fee_per_gas.value_or(Uint256()), *tip);
    return draft.max_fee_per_gas <= most_per_gas(config_);
}

// Signs and stores what is to take the place of `last`, unless another process was faster. Gives back what is
// the last one then.
AttestationTransaction Oracle::store_replacement(const Attestation& attestation,
                                                 const AttestationTransaction& last,
                                                 const AttestationTransaction& draft, base::UnixSeconds now)
{
    sqlite::Transaction tx(db_);
    auto stored = load_last_transaction(db_, attestation.booking_id);
    if (stored.tx_hash != last.tx_hash)
        return stored;
    auto replacement = sign(attestation, draft, now);
    insert_transaction(db_, attestation.booking_id, replacement);
    tx.commit();
    return replacement;
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
    auto draft = last;
    if (!raise(draft, fees)) {
        base::log("the attestation of booking " + attestation.booking_id +
                  " waits: the network is dearer than ORACLE_MAX_FEE_GWEI");
        return std::nullopt;
    }
    return store_replacement(attestation, last, draft, now);
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
    for (const auto& attestation : find_attestations_on_their_way(db_)) {
        const auto follow = [&] {
            const auto followed = follow_up(attestation, now);
            const bool is_new = followed.state != attestation.state;
            using State = AttestationState;
            tally.confirmed += followed.state == State::confirmed ? 1 : 0;
            tally.mined += is_new && followed.state == State::mined ? 1 : 0;
            tally.taken_back += is_new && followed.state == State::submitted ? 1 : 0;
            if (is_new && followed.state == State::failed)
                failed.insert(attestation.booking_id);
        };
        if (failed.count(attestation.booking_id) == 0 && !attempt(attestation.booking_id, follow))
            break;
    }
    tally.failed = static_cast<std::int64_t>(failed.size());
    tally.is_another_chain = is_another_chain_;
    return tally;
}

} // namespace sessions
