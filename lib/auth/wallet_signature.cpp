#include "auth/wallet_signature.h"

#include "base/hex.h"
#include "ethereum/address.h"
#include "ethereum/keccak256.h"

#include <array>
#include <secp256k1.h>
#include <secp256k1_recovery.h>

namespace auth {

namespace {

// libsecp256k1 aborts the process on a recovery id outside 0..3, so v is mapped before it gets there.
std::optional<int> recovery_id(unsigned char v)
{
    if (v == 27 || v == 28)
        return v - 27;
    if (v == 0 || v == 1)
        return v;
    return std::nullopt;
}

} // namespace

std::string personal_sign_hash(std::string_view message)
{
    std::string text = "\x19"
                       "Ethereum Signed Message:\n" +
                       std::to_string(message.size());
    text += message;
    return ethereum::keccak256(text);
}

std::optional<std::string> recover_personal_sign(std::string_view message, std::string_view signature)
{
    if (signature.size() != 132 || signature.substr(0, 2) != "0x")
        return std::nullopt;
    const auto bytes = base::from_hex(signature.substr(2));
    if (!bytes)
        return std::nullopt;
    const auto* rsv = reinterpret_cast<const unsigned char*>(bytes->data());
    const auto id = recovery_id(rsv[64]);
    if (!id)
        return std::nullopt;

    const auto* context = secp256k1_context_static;
    secp256k1_ecdsa_recoverable_signature parsed;
    if (secp256k1_ecdsa_recoverable_signature_parse_compact(context, &parsed, rsv, *id) == 0)
        return std::nullopt;
    const auto hash = personal_sign_hash(message);
    secp256k1_pubkey key;
    if (secp256k1_ecdsa_recover(context, &key, &parsed,
                                reinterpret_cast<const unsigned char*>(hash.data())) == 0)
        return std::nullopt;

    std::array<unsigned char, 65> point{}; // 0x04, X, Y
    std::size_t length = point.size();
    secp256k1_ec_pubkey_serialize(context, point.data(), &length, &key, SECP256K1_EC_UNCOMPRESSED);
    return ethereum::address_of_public_key({reinterpret_cast<const char*>(point.data()) + 1, 64});
}

} // namespace auth
