// What the chain made of an attestation's transactions, and whether that is the last word.
#include "base/error.h"
#include "base/log.h"
#include "base/oracle_settings.h"
#include "base/settings.h"
#include "database/transaction.h"
#include "sessions/delivery.h"
#include "sessions/notices.h"

#include <algorithm>

namespace sessions {

using ethereum::SendResult;
using ethereum::Uint256;

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
        final_block_ = finalized ? static_cast<std::int64_t>(*finalized)
                                 : static_cast<std::int64_t>(chain_.last_block()) -
                                       base::settings<base::OracleSettings>(config_).oracle_confirmations;
    }
    return static_cast<std::int64_t>(block) <= *final_block_;
}

void Delivery::settle(Attestation& attestation, const Verdict& verdict, base::UnixSeconds now)
{
    bool has_failed_now = false;
    attestation = database::transact(db_, [&] {
        auto stored = load_attestation(db_, attestation.booking_id);
        has_failed_now = false;
        const bool is_correction = // what was taken for another's turns out to be ours
            stored.state == AttestationState::failed && verdict.state == AttestationState::mined;
        if (stored.is_settled() && !is_correction) // by another process
            return stored;
        auto settled = stored;
        const bool is_for_good = verdict.state == AttestationState::mined && verdict.is_final;
        settled.state = is_for_good ? AttestationState::confirmed : verdict.state;
        settled.failure = verdict.failure;
        settled.settled_at = verdict.is_final ? std::optional(now) : std::nullopt;
        settled.mined_hash = verdict.mined ? std::optional(verdict.mined->tx_hash) : std::nullopt;
        if (verdict.mined) {
            settled.oracle = verdict.mined->oracle;
            settled.nonce = verdict.mined->nonce;
        }
        if (settled.state == stored.state && settled.mined_hash == stored.mined_hash && !settled.is_settled())
            return settled; // nothing new
        update_attestation(db_, settled);
        if (settled.mined_hash && settled.state != AttestationState::failed)
            tell_attested({db_, config_, now}, settled.booking_id, settled.outcome, *settled.mined_hash,
                          is_for_good);
        has_failed_now =
            settled.state == AttestationState::failed && stored.state != AttestationState::failed;
        return settled;
    });
    if (has_failed_now)
        base::log("the attestation of booking " + attestation.booking_id +
                  " failed: " + attestation.failure.value_or("no reason"));
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

// Whether what was mined still is, in that block or another; and whether what had no receipt of ours has one.
void Delivery::look_again(Attestation& attestation, base::UnixSeconds now)
{
    const bool was_overtaken = attestation.is_settled() && !attestation.mined_hash;
    if (attestation.is_settled() && !was_overtaken)
        return;
    signer_.expect_own_chain(attestation);
    const auto transactions = find_transactions(db_, attestation.booking_id);
    if (settle_by_receipt(attestation, transactions, now) || was_overtaken)
        return;
    if (signer_.count_transactions(attestation.oracle, false) >
        static_cast<std::uint64_t>(attestation.nonce)) {
        // The nonce is still used: by ours, whose receipt the node is slow to show, or by another's.
        if (attestation.state == AttestationState::failed ||
            attestation.is_shown_by(chain_.booking(Uint256::parse_decimal(attestation.booking_id).value())))
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
    bool is_taken_back = false;
    attestation = database::transact(db_, [&] {
        auto stored = load_attestation(db_, attestation.booking_id);
        is_taken_back = stored.state == attestation.state && stored.mined_hash == mined_hash &&
                        !is_nonce_held(db_, stored, stored.nonce);
        if (!is_taken_back) // by another process; or to be seen later
            return stored;
        stored.submit_again();
        update_attestation(db_, stored);
        mark_sent(db_, *mined_hash, is_taken ? std::optional(now) : std::nullopt);
        return stored;
    });
    if (is_taken_back)
        base::log("the block with the attestation of booking " + attestation.booking_id + " was taken back");
}

} // namespace sessions
