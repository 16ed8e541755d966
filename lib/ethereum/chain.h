// What the service asks the chain.
#pragma once

#include "base/config.h"
#include "ethereum/escrow.h"

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
    // getBooking(uint256) and getSlot(uint256) of the escrow.
    virtual Booking booking(const Uint256& booking_id) = 0;
    virtual Slot slot(const Uint256& slot_id) = 0;
};

// For development without a network: every wallet has a name and is verified, and every booking is one of the
// two given wallets whose slot starts at the second that is its id and lasts twenty minutes.
class MockChain : public Chain
{
  public:
    // Addresses; without both there are no bookings.
    MockChain(std::string host, std::string guest) : host_(std::move(host)), guest_(std::move(guest)) {}

    bool has_heaven_name(const std::string&) override { return true; }
    bool is_celo_verified(const std::string&) override { return true; }
    Booking booking(const Uint256& booking_id) override;
    Slot slot(const Uint256& slot_id) override;

  private:
    std::string host_;
    std::string guest_;
};

// The chain that the settings ask for. Opens no connection yet.
std::unique_ptr<Chain> make_chain(const base::Config& config);

} // namespace ethereum
