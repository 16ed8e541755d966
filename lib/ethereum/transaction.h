// Transactions that call a contract, encoded and signed here: EIP-1559 (type 2), and legacy with EIP-155 for
// nodes without a base fee.
#pragma once

#include "ethereum/private_key.h"
#include "ethereum/uint256.h"

#include <optional>
#include <string>

namespace ethereum {

struct Transaction
{
    std::uint64_t chain_id = 0;
    std::uint64_t nonce = 0;
    std::uint64_t gas_limit = 0;
    Uint256 max_fee_per_gas;                         // wei; the gas price of a legacy transaction
    std::optional<Uint256> max_priority_fee_per_gas; // wei; none makes a legacy transaction
    std::string to;                                  // address
    Uint256 value;                                   // wei
    std::string data;                                // raw bytes
};

struct SignedTransaction
{
    std::string raw;  // as eth_sendRawTransaction wants it, raw bytes
    std::string hash; // 0x and 64 hex digits: the transaction's id
};

// What is signed, before hashing.
std::string unsigned_payload(const Transaction& transaction);
SignedTransaction sign(const Transaction& transaction, const PrivateKey& key);

} // namespace ethereum
