#include "ethereum/contract_signature.h"

#include "base/error.h"
#include "base/hex.h"
#include "ethereum/abi.h"
#include "ethereum/signature_validator.h"
#include "ethereum/uint256.h"

#include <algorithm>

namespace ethereum {

namespace {

constexpr std::size_t word_bytes = 32;

bool is_wrapper(std::string_view bytes)
{
    if (bytes.size() < word_bytes)
        return false;
    const auto end = bytes.substr(bytes.size() - word_bytes);
    for (std::size_t i = 0; i < end.size(); ++i) {
        if (end[i] != (i % 2 == 0 ? '\x64' : '\x92'))
            return false;
    }
    return true;
}

std::string address_word(std::string_view address)
{
    return std::string(word_bytes - address.size(), '\0').append(address);
}

} // namespace

std::optional<ContractSignature> read_contract_signature(std::string_view bytes)
{
    if (!is_wrapper(bytes))
        return ContractSignature{{}, {}, std::string(bytes)};
    bytes.remove_suffix(word_bytes);
    try { // (address factory, bytes calldata, bytes signature)
        const auto factory = abi::decode_address(bytes, 0);
        return ContractSignature{base::from_hex(std::string_view(factory).substr(2)).value(),
                                 abi::decode_string(bytes, 1), abi::decode_string(bytes, 2)};
    } catch (const base::Error&) {
        return std::nullopt;
    }
}

std::string validation_call(const std::string& wallet, const std::vector<std::string>& hashes,
                            const ContractSignature& signature)
{
    const auto address = base::from_hex(std::string_view(wallet).substr(2)).value();
    return base::from_hex(signature_validator).value() + address_word(address) + hashes.at(0) +
           (hashes.size() > 1 ? hashes[1] : std::string(word_bytes, '\0')) + address_word(signature.factory) +
           Uint256(signature.factory_calldata.size()).to_word() + signature.factory_calldata +
           signature.signature;
}

} // namespace ethereum
