// Signatures of wallets that are contracts: ERC-1271, and ERC-6492 for those that are not deployed yet.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ethereum {

// What an ERC-6492 wrapper holds, or a signature without one.
struct ContractSignature
{
    std::string factory; // raw, 20 bytes; empty without a wrapper
    std::string factory_calldata;
    std::string signature; // what the wallet itself is asked about
};

// Of raw bytes. Nothing if they end as a wrapper does, in 32 bytes of 0x6492, and are none.
std::optional<ContractSignature> read_contract_signature(std::string_view bytes);

// The data of an eth_call without `to` whose answer is one byte: 1 if the wallet says that the signature is
// of one of the hashes, or else 0. `hashes` are one or two of 32 raw bytes; an all-zero second one is not
// asked about.
std::string validation_call(const std::string& wallet, const std::vector<std::string>& hashes,
                            const ContractSignature& signature);

} // namespace ethereum
