// From an attestation to signed bytes for the escrow: gas, fees, nonce, signature.
#pragma once

#include "ethereum/chain.h"
#include "ethereum/private_key.h"
#include "sessions/attestation.h"

#include <string>

namespace base {
struct Config;
struct OracleSettings;
struct SessionSettings;
} // namespace base

namespace sessions {

// Throws attestation_failed (chain_refused, with `reason`).
[[noreturn]] void fail_attestation(const std::string& reason);

// The call of the escrow that says what the attestation does.
std::string calldata_of(const Attestation& attestation);

// What the node says a transaction takes.
struct Offer
{
    std::uint64_t gas_limit = 0;
    ethereum::Fees fees;
    std::int64_t least_nonce = 0;

    AttestationTransaction draft() const; // with that gas and these fees
};

class Signer
{
  public:
    // Throws "oracle key not configured" (not_configured).
    Signer(database::Connection& db, ethereum::Chain& chain, const base::Config& config);

    const std::string& address() const { return address_; }
    const std::string& escrow() const { return escrow_; }
    // Whether the chain was seen to have fewer transactions of ours than were confirmed on it: it began anew.
    bool is_another_chain() const { return is_another_chain_; }

    // Finds all that can be wrong before a nonce is given away. Throws attestation_failed, or
    // chain_unavailable, as do the next five.
    Offer prepare(const std::string& calldata);
    // That the node is on the chain of the settings.
    void expect_chain();
    // That it was signed for that chain: it is never looked for on another. Asks nobody.
    void expect_own_chain(const Attestation& attestation) const;
    // With headroom: the call takes a little more once the contract's state has moved.
    std::uint64_t estimate(const std::string& contract, const std::string& calldata);
    // How many transactions the chain has of the account.
    std::uint64_t count_transactions(const std::string& account, bool with_pending);
    // What the node suggests, but never more than the settings allow.
    ethereum::Fees suggest_fees();

    // The attestation's call, or a cancellation, with the draft's nonce, gas and fees.
    AttestationTransaction sign(const Attestation& attestation, AttestationTransaction draft,
                                base::UnixSeconds now) const;
    // Nodes want a tenth more on both fees before they exchange one transaction for another. False if that is
    // more than the settings allow.
    bool raise(AttestationTransaction& draft, const ethereum::Fees& fees) const;

  private:
    database::Connection& db_;
    ethereum::Chain& chain_;
    const base::SessionSettings& sessions_;
    const base::OracleSettings& oracle_;
    const ethereum::PrivateKey key_;
    const std::string address_;
    const std::string escrow_;
    bool is_another_chain_ = false;
};

} // namespace sessions
