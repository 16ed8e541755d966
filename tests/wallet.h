// A wallet with its key, for tests and the demo: what MetaMask does for a person.
#pragma once

#include "ethereum/private_key.h"

#include <string>

class Wallet
{
  public:
    // `private_key` is 32 raw bytes. Throws std::invalid_argument for 0 and for the curve's order or more.
    explicit Wallet(const std::string& private_key);

    const std::string& address() const { return address_; } // lowercase, with 0x
    // EIP-191: 0x and 130 hex digits, v 27 or 28.
    std::string personal_sign(const std::string& message) const;

  private:
    ethereum::PrivateKey key_;
    std::string address_;
};
