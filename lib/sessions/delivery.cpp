#include "sessions/delivery.h"

#include "base/error.h"
#include "base/log.h"

#include <algorithm>
#include <cstdlib>

namespace sessions {

namespace {

using base::Error;
using base::ErrorCode;
using ethereum::SendResult;
using ethereum::Uint256;

constexpr std::int64_t resend_after_seconds = 60;  // how long a node may keep a transaction waiting
constexpr std::int64_t receipt_late_seconds = 600; // how much later than the rest a node may show a receipt

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
        fail_attestation("it was signed for chain " + std::to_string(attestation.chain_id) +
                         ", CHAIN_ID is " + std::to_string(config.chain_id));
}

} // namespace

struct Delivery::Verdict
{
    AttestationState state = AttestationState::failed; // mined, or failed
    std::string failure;                               // why it failed
    std::optional<AttestationTransaction> mined;       // none: overtaken
    bool is_final = true;
};

Delivery::Delivery(sqlite::Database& db, ethereum::Chain& chain, const base::Config& config)
    : db_(db), chain_(chain), config_(config), signer_(db, chain, config)
{
}

void Delivery::replace_nonce(Attestation& attestation, const std::vector<AttestationTransaction>& seen,
                             std::optional<std::int64_t> nonce, base::UnixSeconds now)
{
    const auto offer = signer_.prepare(calldata_of(attestation));
    sqlite::Transaction tx(db_);
    const auto stored = load_attestation(db_, attestation.booking_id);
    if (stored.nonce == attestation.nonce && stored.state == attestation.state &&
        find_transactions(db_, attestation.booking_id).size() == seen.size()) {
        attestation.oracle = signer_.address();
        attestation.nonce = nonce.value_or(
            std::max(offer.least_nonce, next_nonce(db_, attestation.chain_id, signer_.address())));
        set_submitted(attestation);
        update_attestation(db_, attestation);
        auto draft = offer.draft();
        draft.nonce = attestation.nonce;
        auto made = signer_.sign(attestation, draft, now);
        // On a chain that began anew a nonce comes again, maybe at the same fees.
        while (std::any_of(seen.begin(), seen.end(),
                           [&](const auto& each) { return each.tx_hash == made.tx_hash; })) {
            draft.max_fee_per_gas = draft.max_fee_per_gas.plus(Uint256(1));
            made = signer_.sign(attestation, draft, now);
        }
        insert_transaction(db_, attestation.booking_id, made);
        tx.commit();
    } else {
        attestation = stored;
    }
}

// What a mined transaction of ours means.
Delivery::Verdict Delivery::judge(const Attestation& attestation, const AttestationTransaction& transaction,
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
        const auto reason = chain_.revert_reason(transaction.oracle, signer_.escrow(),
                                                 calldata_of(attestation), receipt.block_number);
        verdict.failure = reason && !reason->empty() ? *reason : "reverted without a reason";
    }
    return verdict;
}

// Whether the block is never taken back: by what the node says, or else by how deep it is.
bool Delivery::is_final(std::uint64_t block)
{
    if (!final_block_) {
        const auto finalized = chain_.finalized_block();
        final_block_ = finalized
                           ? static_cast<std::int64_t>(*finalized)
                           : static_cast<std::int64_t>(chain_.last_block()) - config_.oracle_confirmations;
    }
    return static_cast<std::int64_t>(block) <= *final_block_;
}

void Delivery::settle(Attestation& attestation, const Verdict& verdict, base::UnixSeconds now)
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

bool Delivery::settle_by_receipt(Attestation& attestation,
                                 const std::vector<AttestationTransaction>& transactions,
                                 base::UnixSeconds now)
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

Attestation Delivery::follow_up(Attestation attestation, base::UnixSeconds now)
{
    if (attestation.state != AttestationState::submitted)
        look_again(attestation, now);
    // The second look is for a nonce that was taken during the first, by ourselves in another process or by
    // others.
    constexpr int looks = 2;
    for (int look = 0; look < looks; ++look) {
        if (attestation.state != AttestationState::submitted ||
            look_and_deliver(attestation, now) != Progress::nonce_used)
            return attestation;
    }
    throw Error(ErrorCode::chain_unavailable, "chain_unavailable",
                "the node says that the nonce is used, but not yet by what");
}

// Whether what was mined still is, in that block or another; and whether what had no receipt of ours has one.
void Delivery::look_again(Attestation& attestation, base::UnixSeconds now)
{
    const bool was_overtaken = attestation.is_settled() && attestation.mined_hash.empty();
    if (attestation.is_settled() && !was_overtaken)
        return;
    expect_our_chain(attestation, config_);
    const auto transactions = find_transactions(db_, attestation.booking_id);
    if (settle_by_receipt(attestation, transactions, now) || was_overtaken)
        return;
    if (signer_.count_transactions(attestation.oracle, false) >
        static_cast<std::uint64_t>(attestation.nonce)) {
        // The nonce is still used: by ours, whose receipt the node is slow to show, or by another's.
        if (attestation.state == AttestationState::failed ||
            shows(chain_.booking(Uint256::parse_decimal(attestation.booking_id).value()), attestation))
            return;
    }
    take_back(attestation, transactions, now);
}

// The block is gone. The same bytes are sent at once: the nonces of later ones wait for them.
void Delivery::take_back(Attestation& attestation, const std::vector<AttestationTransaction>& transactions,
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

Delivery::Progress Delivery::look_and_deliver(Attestation& attestation, base::UnixSeconds now)
{
    expect_our_chain(attestation, config_);
    const auto transactions = find_transactions(db_, attestation.booking_id);
    if (transactions.empty())
        throw gone(attestation.booking_id);
    const auto& last = transactions.back();
    if (last.sent_at != 0 && settle_by_receipt(attestation, transactions, now))
        return Progress::settled;

    const auto mined = static_cast<std::int64_t>(signer_.count_transactions(attestation.oracle, false));
    if (mined > attestation.nonce) {
        // The nonce is used up. By ours, if its receipt is there now; else a transaction that we did not sign
        // has it, and none of ours can be mined any more.
        if (settle_by_receipt(attestation, transactions, now))
            return Progress::settled;
        replace_overtaken(attestation, transactions, now);
        if (attestation.state == AttestationState::submitted && attestation.nonce < mined)
            return Progress::waiting; // for a receipt that the node is slow to show
    } else if (now - last.created_at >= receipt_late_seconds && is_cut_off(attestation, mined)) {
        base::log("the attestation of booking " + attestation.booking_id + " waits for the nonce " +
                  std::to_string(mined) + ", which nothing has; it gets that one");
        replace_nonce(attestation, transactions, mined, now);
    }
    return attestation.state == AttestationState::submitted ? deliver(attestation, now) : Progress::settled;
}

// Whether it waits for a nonce that nothing has, of ours or in the node's pool: the chain began anew.
bool Delivery::is_cut_off(const Attestation& attestation, std::int64_t mined)
{
    return mined < attestation.nonce && attestation.oracle == signer_.address() &&
           !load_last_transaction(db_, attestation.booking_id).is_cancellation &&
           !is_nonce_held(db_, attestation, mined) &&
           static_cast<std::int64_t>(signer_.count_transactions(attestation.oracle, true)) == mined;
}

// Its nonce went to a transaction that we did not sign: the same decision gets another, unless that one has
// settled the booking.
void Delivery::replace_overtaken(Attestation& attestation,
                                 const std::vector<AttestationTransaction>& transactions,
                                 base::UnixSeconds now)
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

// Signs and stores what is to take the place of `last`, unless another process was faster. Gives back what is
// the last one then.
AttestationTransaction Delivery::store_replacement(const Attestation& attestation,
                                                   const AttestationTransaction& last,
                                                   const AttestationTransaction& draft, base::UnixSeconds now)
{
    sqlite::Transaction tx(db_);
    auto stored = load_last_transaction(db_, attestation.booking_id);
    if (stored.tx_hash != last.tx_hash)
        return stored;
    auto replacement = signer_.sign(attestation, draft, now);
    insert_transaction(db_, attestation.booking_id, replacement);
    tx.commit();
    return replacement;
}

// The last transaction once more, where its nonce is offered too little, signed with a higher fee.
std::optional<AttestationTransaction>
Delivery::raise_fee(const Attestation& attestation, const AttestationTransaction& last, base::UnixSeconds now)
{
    if (last.oracle != signer_.address()) // signed with a key that has been exchanged since
        return std::nullopt;
    const auto fees = signer_.suggest_fees();
    const auto tip = fees.max_priority_fee_per_gas.value_or(Uint256());
    const bool is_dearer = fees.least > last.max_fee_per_gas ||
                           (last.max_priority_fee_per_gas && tip > *last.max_priority_fee_per_gas);
    if (!is_dearer)
        return std::nullopt;
    auto draft = last;
    if (!signer_.raise(draft, fees)) {
        base::log("the attestation of booking " + attestation.booking_id +
                  " waits: the network is dearer than ORACLE_MAX_FEE_GWEI");
        return std::nullopt;
    }
    return store_replacement(attestation, last, draft, now);
}

// Sends the last transaction, unless the node took it a moment ago.
Delivery::Progress Delivery::deliver(const Attestation& attestation, base::UnixSeconds now)
{
    auto transaction = load_last_transaction(db_, attestation.booking_id);
    const bool was_sent = transaction.sent_at != 0;
    if (was_sent && std::abs(now - transaction.sent_at) < resend_after_seconds)
        return Progress::waiting;
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
        return Progress::waiting;
    }
    case SendResult::nonce_too_low:
        return Progress::nonce_used;
    case SendResult::underpriced:
        fail_attestation("the node wants a higher fee");
    case SendResult::insufficient_funds:
        fail_attestation("the oracle " + attestation.oracle + " has too little to pay the fee");
    case SendResult::refused:
        fail_attestation("the node refuses the transaction");
    }
    return Progress::nonce_used;
}

Attestation Delivery::cancel(Attestation attestation, base::UnixSeconds now)
{
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
        signer_.expect_chain();
        if (last.oracle != signer_.address())
            fail_attestation("it was signed with another key, of " + last.oracle);
        if (signer_.count_transactions(signer_.address(), false) > static_cast<std::uint64_t>(last.nonce))
            refuse("has no nonce to be freed: it is used already");
        auto draft = last;
        draft.is_cancellation = true;
        draft.gas_limit = signer_.estimate(signer_.address(), "");
        if (!signer_.raise(draft, signer_.suggest_fees()))
            fail_attestation("the network is dearer than ORACLE_MAX_FEE_GWEI");
        store_replacement(attestation, last, draft, now);
    }
    return follow_up(std::move(attestation), now);
}

} // namespace sessions
