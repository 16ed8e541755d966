#include "ethereum/transaction.h"

#include "base/error.h"
#include "base/hex.h"
#include "ethereum/keccak256.h"
#include "ethereum/rlp.h"

#include <vector>

namespace ethereum {

namespace {

constexpr char eip1559_type = 0x02;

std::string encode_number(const Uint256& number)
{
    return rlp::encode(number.to_bytes());
}

std::string encode_number(std::uint64_t number)
{
    return encode_number(Uint256(number));
}

std::string encode_address(const std::string& address)
{
    const auto bytes = base::from_hex(std::string_view(address).substr(2));
    if (!bytes || bytes->size() != 20)
        throw base::Error(base::ErrorCode::internal, "internal_error", "a transaction to no address");
    return rlp::encode(*bytes);
}

// The fields that both kinds have in common, in the order of both.
std::vector<std::string> encode_call(const Transaction& transaction)
{
    return {encode_number(transaction.gas_limit), encode_address(transaction.to),
            encode_number(transaction.value), rlp::encode(transaction.data)};
}

std::vector<std::string> encode_fields(const Transaction& transaction)
{
    std::vector<std::string> fields;
    if (transaction.max_priority_fee_per_gas)
        fields = {encode_number(transaction.chain_id), encode_number(transaction.nonce),
                  encode_number(*transaction.max_priority_fee_per_gas),
                  encode_number(transaction.max_fee_per_gas)};
    else
        fields = {encode_number(transaction.nonce), encode_number(transaction.max_fee_per_gas)};
    for (auto& field : encode_call(transaction))
        fields.push_back(std::move(field));
    if (transaction.max_priority_fee_per_gas)
        fields.push_back(rlp::encode_list({})); // no access list
    return fields;
}

std::string with_signature(std::vector<std::string> fields, const std::string& v,
                           const PrivateKey::Signature& signature)
{
    fields.push_back(v);
    fields.push_back(encode_number(Uint256::from_word(signature.r))); // as numbers: leading zeros are dropped
    fields.push_back(encode_number(Uint256::from_word(signature.s)));
    return rlp::encode_list(fields);
}

} // namespace

std::string unsigned_payload(const Transaction& transaction)
{
    auto fields = encode_fields(transaction);
    if (transaction.max_priority_fee_per_gas)
        return eip1559_type + rlp::encode_list(fields);
    // EIP-155: the chain id stands where the signature will.
    fields.push_back(encode_number(transaction.chain_id));
    fields.push_back(encode_number(0));
    fields.push_back(encode_number(0));
    return rlp::encode_list(fields);
}

SignedTransaction sign(const Transaction& transaction, const PrivateKey& key)
{
    const auto signature = key.sign(keccak256(unsigned_payload(transaction)));
    const auto parity = static_cast<std::uint64_t>(signature.recovery_id);
    SignedTransaction result;
    if (transaction.max_priority_fee_per_gas)
        result.raw =
            eip1559_type + with_signature(encode_fields(transaction), encode_number(parity), signature);
    else
        result.raw = with_signature(encode_fields(transaction),
                                    encode_number(transaction.chain_id * 2 + 35 + parity), signature);
    result.hash = "0x" + base::to_hex(keccak256(result.raw));
    return result;
}

} // namespace ethereum
