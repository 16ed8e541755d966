// What the service asks the chain.
#pragma once

#include "base/config.h"

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
