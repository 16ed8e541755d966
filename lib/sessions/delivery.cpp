#include "sessions/delivery.h"

#include "base/error.h"
#include "base/log.h"
#include "database/transaction.h"

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

} // namespace

Delivery::Delivery(database::Connection& db, ethereum::Chain& chain, const base::Config& config)
    : db_(db), chain_(chain), config_(config), signer_(db, chain, config)
{
}

void Delivery::replace_nonce(Attestation& attestation, const std::vector<AttestationTransaction>& seen,
                             std::optional<std::int64_t> nonce, base::UnixSeconds now)
{
    const auto offer = signer_.prepare(calldata_of(attestation));
    attestation = database::transact(db_, [&] {
        auto stored = load_attestation(db_, attestation.booking_id);
        const bool is_unchanged = stored.nonce == attestation.nonce && stored.state == attestation.state &&
                                  find_transactions(db_, attestation.booking_id).size() == seen.size();
        if (!is_unchanged)
            return stored;
        stored.oracle = signer_.address();
        stored.nonce =
            nonce.value_or(std::max(offer.least_nonce, next_nonce(db_, stored.chain_id, signer_.address())));
        stored.submit_again();
        update_attestation(db_, stored);
        auto draft = offer.draft();
        draft.nonce = stored.nonce;
        auto made = signer_.sign(stored, draft, now);
        // On a chain that began anew a nonce comes again, maybe at the same fees.
        while (std::any_of(seen.begin(), seen.end(),
                           [&](const auto& each) { return each.tx_hash == made.tx_hash; })) {
            draft.max_fee_per_gas = draft.max_fee_per_gas.plus(Uint256(1));
            made = signer_.sign(stored, draft, now);
        }
        insert_transaction(db_, stored.booking_id, made);
        return stored;
    });
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

Delivery::Progress Delivery::look_and_deliver(Attestation& attestation, base::UnixSeconds now)
{
    signer_.expect_own_chain(attestation);
    const auto transactions = find_transactions(db_, attestation.booking_id);
    if (transactions.empty())
        throw gone(attestation.booking_id);
    const auto& last = transactions.back();
    if (last.sent_at && settle_by_receipt(attestation, transactions, now))
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
    const bool is_the_same = attestation.is_shown_by(booking);
    if (is_the_same &&
        std::abs(now - std::max(last.created_at, last.sent_at.value_or(0))) < receipt_late_seconds)
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
    return database::transact(db_, [&] {
        auto stored = load_last_transaction(db_, attestation.booking_id);
        if (stored.tx_hash != last.tx_hash)
            return stored;
        auto replacement = signer_.sign(attestation, draft, now);
        insert_transaction(db_, attestation.booking_id, replacement);
        return replacement;
    });
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
    const bool was_sent = transaction.sent_at.has_value();
    if (was_sent && std::abs(now - *transaction.sent_at) < resend_after_seconds)
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
        database::transact(db_, [&] { mark_sent(db_, transaction.tx_hash, now); });
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
        signer_.expect_own_chain(attestation);
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
