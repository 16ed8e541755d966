// What the service asks the chain.
#pragma once

#include "base/config.h"
#include "ethereum/json_rpc.h"

#include <memory>
#include <string>

namespace ethereum {

// Every question throws Error(chain_unavailable) if it cannot be answered right now; "no" is always an answer
// that a contract gave.
class Chain
{
  public:
    virtual ~Chain() = default;

    // Whether the wallet owns a .heaven name: primaryName(address) of the registry gives a label.
    virtual bool has_heaven_name(const std::string& wallet) = 0;
    // Whether the wallet is Celo-verified: verifiedAt(address) of the mirror is over 0.
    virtual bool is_celo_verified(const std::string& wallet) = 0;
};

// What the contracts' functions return, decoded strictly. Throw Error(chain_unavailable) for anything else.
std::string decode_primary_name(std::string_view data);  // the label; empty: no name
std::uint64_t decode_verified_at(std::string_view data); // unix seconds; 0: never

// Contracts behind a JSON-RPC node.
class RpcChain : public Chain
{
  public:
    RpcChain(std::unique_ptr<Transport> transport, std::string registry, std::string verification_mirror);

    bool has_heaven_name(const std::string& wallet) override;
    bool is_celo_verified(const std::string& wallet) override;

  private:
    std::unique_ptr<Transport> transport_;
    JsonRpc rpc_;
    std::string registry_;
    std::string verification_mirror_;
};

// Every wallet has a name and is verified. For development without a network.
class MockChain : public Chain
{
  public:
    bool has_heaven_name(const std::string&) override { return true; }
    bool is_celo_verified(const std::string&) override { return true; }
};

// The chain that the settings ask for. Opens no connection yet.
std::unique_ptr<Chain> make_chain(const base::Config& config);

} // namespace ethereum
