#include "sessions/signing.h"

#include "base/error.h"
#include "base/log.h"
#include "base/oracle_settings.h"
#include "base/session_settings.h"
#include "base/settings.h"

#include <algorithm>

namespace sessions {

namespace {

using base::Error;
using base::ErrorCode;
using ethereum::Uint256;

std::uint64_t with_headroom(std::uint64_t gas)
{
    return gas + gas / 4;
}

// A node that asks for a fortune gets this much and no more.
Uint256 most_per_gas(const base::OracleSettings& oracle)
{
    return Uint256(static_cast<std::uint64_t>(oracle.oracle_max_fee_gwei)).scaled(1000000000, 1);
}

ethereum::PrivateKey read_key(const base::OracleSettings& oracle)
{
    const auto key = ethereum::PrivateKey::parse(oracle.oracle_private_key);
    if (!key)
        throw Error(ErrorCode::not_configured, "oracle key not configured");
    return *key;
}

} // namespace

void fail_attestation(const std::string& reason)
{
    throw Error(ErrorCode::chain_refused, "attestation_failed", reason).with("reason", reason);
}

std::string calldata_of(const Attestation& attestation)
{
    return ethereum::attest_calldata(Uint256::parse_decimal(attestation.booking_id).value(),
                                     static_cast<std::uint8_t>(attestation.outcome),
                                     attestation.metrics_hash);
}

AttestationTransaction Offer::draft() const
{
    AttestationTransaction transaction;
    transaction.gas_limit = gas_limit;
    transaction.max_fee_per_gas = fees.max_fee_per_gas;
    transaction.max_priority_fee_per_gas = fees.max_priority_fee_per_gas;
    return transaction;
}

Signer::Signer(database::Connection& db, ethereum::Chain& chain, const base::Config& config)
    : db_(db), chain_(chain), sessions_(base::settings<base::SessionSettings>(config)),
      oracle_(base::settings<base::OracleSettings>(config)), key_(read_key(oracle_)),
      address_(key_.address()),
      // Only the mock chain gets by without one.
      escrow_(sessions_.escrow_address.empty() ? "0x" + std::string(40, '0') : sessions_.escrow_address)
{
}

ethereum::Fees Signer::suggest_fees()
{
    auto fees = chain_.suggest_fees();
    const auto most = most_per_gas(oracle_);
    fees.max_fee_per_gas = std::min(fees.max_fee_per_gas, most);
    if (fees.max_priority_fee_per_gas)
        fees.max_priority_fee_per_gas = std::min(*fees.max_priority_fee_per_gas, most);
    return fees;
}

void Signer::expect_own_chain(const Attestation& attestation) const
{
    if (attestation.chain_id != sessions_.chain_id)
        fail_attestation("it was signed for chain " + std::to_string(attestation.chain_id) +
                         ", CHAIN_ID is " + std::to_string(sessions_.chain_id));
}

void Signer::expect_chain()
{
    const auto chain_id = chain_.chain_id();
    if (chain_id != static_cast<std::uint64_t>(sessions_.chain_id))
        fail_attestation("the node is on chain " + std::to_string(chain_id) + ", not on " +
                         std::to_string(sessions_.chain_id));
}

std::uint64_t Signer::count_transactions(const std::string& account, bool with_pending)
{
    const auto count = chain_.transaction_count(account, with_pending);
    const auto confirmed = confirmed_count(db_, sessions_.chain_id, account);
    if (!is_another_chain_ && count < static_cast<std::uint64_t>(confirmed)) {
        is_another_chain_ = true;
        base::log("the chain has " + std::to_string(count) + " transactions of the oracle " + account + ", " +
                  std::to_string(confirmed) +
                  " were confirmed: it began anew; new attestations go on from its count");
    }
    return count;
}

std::uint64_t Signer::estimate(const std::string& contract, const std::string& calldata)
{
    const auto estimate = chain_.estimate_gas(address_, contract, calldata);
    if (estimate.revert_reason)
        fail_attestation(estimate.revert_reason->empty() ? "reverted without a reason"
                                                         : *estimate.revert_reason);
    return with_headroom(estimate.gas);
}

Offer Signer::prepare(const std::string& calldata)
{
    expect_chain();
    Offer offer;
    offer.gas_limit = estimate(escrow_, calldata);
    offer.fees = suggest_fees();
    const auto cost = offer.fees.max_fee_per_gas.scaled(offer.gas_limit, 1);
    const auto balance = chain_.balance(address_);
    if (balance < cost)
        fail_attestation("the oracle " + address_ + " holds " + balance.to_decimal() + " wei and needs " +
                         cost.to_decimal());
    offer.least_nonce = static_cast<std::int64_t>(count_transactions(address_, true));
    return offer;
}

AttestationTransaction Signer::sign(const Attestation& attestation, AttestationTransaction draft,
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

bool Signer::raise(AttestationTransaction& draft, const ethereum::Fees& fees) const
{
    const auto raised = [](const Uint256& suggested, const Uint256& before) {
        return std::max(suggested, before.scaled(9, 8));
    };
    draft.max_fee_per_gas = raised(fees.max_fee_per_gas, draft.max_fee_per_gas);
    if (auto& tip = draft.max_priority_fee_per_gas)
        tip = raised(fees.max_priority_fee_per_gas.value_or(Uint256()), *tip);
    return draft.max_fee_per_gas <= most_per_gas(oracle_);
}

} // namespace sessions
