// What the service asks the chain.
#pragma once

#include "ethereum/escrow.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace base {
struct Config;
}

namespace ethereum {

class CallObserver;

// What a node advises to offer per gas, in wei.
struct Fees
{
    Uint256 least;           // under this a transaction would wait
    Uint256 max_fee_per_gas; // with room for the base fee to rise; or the gas price
    std::optional<Uint256>
        max_priority_fee_per_gas; // none: the chain has no base fee, transactions are legacy
};

// A call that would succeed for this much gas, or that the contract would refuse.
struct GasEstimate
{
    std::uint64_t gas = 0;
    std::optional<std::string> revert_reason; // fit to be shown; "" if the contract gave none
};

// What a node said to a signed transaction.
enum class SendResult
{
    accepted, // now or already
    nonce_too_low,
    underpriced,
    insufficient_funds,
    refused
};

struct Receipt
{
    bool succeeded = false;
    std::uint64_t block_number = 0;
};

// Every question throws Error(chain_unavailable) if it cannot be answered right now; "no" is always an answer
// that a contract gave.
class Chain
{
  public:
    virtual ~Chain() = default;

    // The node of the wallet's .heaven name (EIP-137's namehash, 64 hex digits): primaryName(address) of the
    // registry. Nothing if it has no name.
    virtual std::optional<std::string> heaven_name(const std::string& wallet) = 0;
    // Whether the wallet is Celo-verified: verifiedAt(address) of the mirror is over 0.
    virtual bool is_celo_verified(const std::string& wallet) = 0;
    // getBooking(uint256) and getSlot(uint256) of the escrow.
    virtual Booking booking(const Uint256& booking_id) = 0;
    virtual Slot slot(const Uint256& slot_id) = 0;
    // Whether a wallet that is a contract, or will be one, says that it signed one of the hashes (one or two
    // of 32 raw bytes), of which the first is asked about first. `signature` is raw; see
    // contract_signature.h.
    virtual bool is_signed_by_contract(const std::string& wallet, const std::vector<std::string>& hashes,
                                       const std::string& signature) = 0;

    // ---- for the oracle's transactions ----

    virtual std::uint64_t chain_id() = 0;
    virtual base::UnixSeconds last_block_at() = 0;
    virtual std::uint64_t last_block() = 0; // its number
    // The number of the last block that is never taken back; nothing if the node does not tell.
    virtual std::optional<std::uint64_t> finalized_block() = 0;
    // How many transactions the account has sent: mined ones, or with those that wait.
    virtual std::uint64_t transaction_count(const std::string& account, bool with_pending) = 0;
    virtual Uint256 balance(const std::string& account) = 0; // wei
    virtual Fees suggest_fees() = 0;
    // Calls the contract as if by `from`, on top of what waits to be mined.
    virtual GasEstimate estimate_gas(const std::string& from, const std::string& contract,
                                     const std::string& calldata) = 0;
    // Why that call fails as of a block; nothing if it does not.
    virtual std::optional<std::string> revert_reason(const std::string& from, const std::string& contract,
                                                     const std::string& calldata,
                                                     std::uint64_t block_number) = 0;
    // A pool without room is chain_unavailable: later there may be some.
    virtual SendResult send(const std::string& raw_transaction) = 0;
    // Nothing while it is not mined, or the node does not know yet whether it is.
    virtual std::optional<Receipt> receipt(const std::string& tx_hash) = 0;
};

// For development without a network: every wallet has a name and is verified, none is a contract, every
// booking is one of the two given wallets whose slot starts at the second that is its id and lasts twenty
// minutes, and every transaction is mined at once.
class MockChain : public Chain
{
  public:
    // Addresses; without both there are no bookings.
    MockChain(std::uint64_t chain_id, std::string host, std::string guest)
        : chain_id_(chain_id), host_(std::move(host)), guest_(std::move(guest))
    {
    }

    std::optional<std::string> heaven_name(const std::string& wallet) override;
    bool is_celo_verified(const std::string&) override { return true; }
    Booking booking(const Uint256& booking_id) override;
    Slot slot(const Uint256& slot_id) override;
    bool is_signed_by_contract(const std::string&, const std::vector<std::string>&,
                               const std::string&) override
    {
        return false;
    }

    std::uint64_t chain_id() override { return chain_id_; }
    base::UnixSeconds last_block_at() override { return 0; }
    std::uint64_t last_block() override { return 1; }
    std::optional<std::uint64_t> finalized_block() override { return 1; }
    std::uint64_t transaction_count(const std::string&, bool) override { return 0; }
    Uint256 balance(const std::string&) override { return Uint256(~std::uint64_t{0}); }
    Fees suggest_fees() override { return {Uint256(1), Uint256(2), Uint256(1)}; }
    GasEstimate estimate_gas(const std::string&, const std::string&, const std::string&) override
    {
        return {100000, std::nullopt};
    }
    std::optional<std::string> revert_reason(const std::string&, const std::string&, const std::string&,
                                             std::uint64_t) override
    {
        return std::nullopt;
    }
    SendResult send(const std::string&) override { return SendResult::accepted; }
    std::optional<Receipt> receipt(const std::string&) override { return Receipt{true, 1}; }

  private:
    std::uint64_t chain_id_;
    std::string host_;
    std::string guest_;
};

// How a call waits while rpc_max_concurrent others are under way.
struct Patience
{
    std::int64_t wait_ms = 100; // before it gives up
    // Whether it may wait beside others. A request may not, or those who wait would hold every worker that
    // somebody needs who asks nothing: all processes together let one request wait, the next gives up at
    // once.
    bool beside_others = false;
};

// The chain that the settings ask for. Opens no connection yet. `observer` may be null.
std::unique_ptr<Chain> make_chain(const base::Config& config, const Patience& patience = {},
                                  CallObserver* observer = nullptr);

} // namespace ethereum
