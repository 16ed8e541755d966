// The chain behind a JSON-RPC node.
#pragma once

#include "ethereum/chain.h"
#include "ethereum/json_rpc.h"

namespace ethereum {

// What the contracts' functions return, decoded strictly. Throw Error(chain_unavailable) for anything else.
struct PrimaryName
{
    std::string label;       // empty: no name
    std::string parent_node; // 32 raw bytes
};
PrimaryName decode_primary_name(std::string_view data);
std::uint64_t decode_verified_at(std::string_view data); // unix seconds; 0: never

class RpcChain : public Chain
{
  public:
    // The contracts' addresses. Any may be `no_contract`, and `escrow` empty: without a registry nobody has a
    // name, without a mirror nobody is verified, without an escrow bookings cannot be looked up, and the node
    // is asked nothing. `observer` may be null, as may `sign_in_transport`: wallets that are contracts are
    // looked for behind that, or else where the rest is.
    RpcChain(std::unique_ptr<Transport> transport, std::string registry, std::string verification_mirror,
             std::string escrow = {}, CallObserver* observer = nullptr,
             std::unique_ptr<Transport> sign_in_transport = nullptr);

    std::optional<std::string> heaven_name(const std::string& wallet) override;
    bool is_celo_verified(const std::string& wallet) override;
    Booking booking(const Uint256& booking_id) override;
    Slot slot(const Uint256& slot_id) override;
    bool is_signed_by_contract(const std::string& wallet, const std::vector<std::string>& hashes,
                               const std::string& signature) override;

    std::uint64_t chain_id() override;
    base::UnixSeconds last_block_at() override;
    std::uint64_t last_block() override;
    std::optional<std::uint64_t> finalized_block() override;
    std::uint64_t transaction_count(const std::string& account, bool with_pending) override;
    Uint256 balance(const std::string& account) override;
    Fees suggest_fees() override;
    GasEstimate estimate_gas(const std::string& from, const std::string& contract,
                             const std::string& calldata) override;
    std::optional<std::string> revert_reason(const std::string& from, const std::string& contract,
                                             const std::string& calldata,
                                             std::uint64_t block_number) override;
    SendResult send(const std::string& raw_transaction) override;
    std::optional<Receipt> receipt(const std::string& tx_hash) override;

  private:
    std::string ask_escrow(std::string_view signature, const Uint256& number);

    std::unique_ptr<Transport> transport_;
    std::unique_ptr<Transport> sign_in_transport_;
    JsonRpc rpc_;
    JsonRpc sign_in_rpc_;
    std::string registry_;
    std::string verification_mirror_;
    std::string escrow_;
};

} // namespace ethereum
