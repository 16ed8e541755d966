#include "wallet.h"

#include "auth/wallet_signature.h"
#include "base/hex.h"
#include "ethereum/address.h"

#include <array>
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <stdexcept>

namespace {

const unsigned char* bytes_of(const std::string& text)
{
    return reinterpret_cast<const unsigned char*>(text.data());
}

const secp256k1_context* context()
{
    static const secp256k1_context* const shared = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    return shared;
}

} // namespace

Wallet::Wallet(std::string private_key) : private_key_(std::move(private_key))
{
    secp256k1_pubkey key;
    if (private_key_.size() != 32 || secp256k1_ec_pubkey_create(context(), &key, bytes_of(private_key_)) == 0)
        throw std::invalid_argument("not a private key");
    std::array<unsigned char, 65> point{};
    std::size_t length = point.size();
    secp256k1_ec_pubkey_serialize(context(), point.data(), &length, &key, SECP256K1_EC_UNCOMPRESSED);
    address_ = ethereum::address_of_public_key({reinterpret_cast<const char*>(point.data()) + 1, 64});
}

std::string Wallet::personal_sign(const std::string& message) const
{
    const auto hash = auth::personal_sign_hash(message);
    secp256k1_ecdsa_recoverable_signature signature;
    if (secp256k1_ecdsa_sign_recoverable(context(), &signature, bytes_of(hash), bytes_of(private_key_),
                                         nullptr, nullptr) == 0)
        throw std::runtime_error("signing failed");
    std::array<unsigned char, 65> rsv{};
    int recovery_id = 0;
    secp256k1_ecdsa_recoverable_signature_serialize_compact(context(), rsv.data(), &recovery_id, &signature);
    rsv[64] = static_cast<unsigned char>(27 + recovery_id);
    return "0x" + base::to_hex(rsv.data(), rsv.size());
}
