#include "ethereum/private_key.h"

#include "base/error.h"
#include "base/hex.h"
#include "ethereum/address.h"

#include <array>
#include <secp256k1.h>
#include <secp256k1_recovery.h>

namespace ethereum {

namespace {

const unsigned char* bytes_of(const std::string& text)
{
    return reinterpret_cast<const unsigned char*>(text.data());
}

// Signing needs tables of its own, made once a process.
const secp256k1_context* signing_context()
{
    static const secp256k1_context* const context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    return context;
}

[[noreturn]] void fail(const char* why)
{
    throw base::Error(base::ErrorCode::internal, "internal_error", why);
}

} // namespace

std::optional<PrivateKey> PrivateKey::parse(std::string_view text)
{
    if (text.size() != 66 || text.substr(0, 2) != "0x")
        return std::nullopt;
    auto bytes = base::from_hex(text.substr(2));
    if (!bytes || secp256k1_ec_seckey_verify(secp256k1_context_static, bytes_of(*bytes)) == 0)
        return std::nullopt;
    return PrivateKey(*std::move(bytes));
}

std::string PrivateKey::address() const
{
    secp256k1_pubkey key;
    if (secp256k1_ec_pubkey_create(signing_context(), &key, bytes_of(bytes_)) == 0)
        fail("no public key");
    std::array<unsigned char, 65> point{}; // 0x04, X, Y
    std::size_t length = point.size();
    secp256k1_ec_pubkey_serialize(secp256k1_context_static, point.data(), &length, &key,
                                  SECP256K1_EC_UNCOMPRESSED);
    return address_of_public_key({reinterpret_cast<const char*>(point.data()) + 1, 64});
}

PrivateKey::Signature PrivateKey::sign(const std::string& hash) const
{
    secp256k1_ecdsa_recoverable_signature signature;
    if (hash.size() != 32 || secp256k1_ecdsa_sign_recoverable(signing_context(), &signature, bytes_of(hash),
                                                              bytes_of(bytes_), nullptr, nullptr) == 0)
        fail("signing failed");
    std::array<unsigned char, 64> r_and_s{};
    Signature result;
    secp256k1_ecdsa_recoverable_signature_serialize_compact(secp256k1_context_static, r_and_s.data(),
                                                            &result.recovery_id, &signature);
    result.r.assign(reinterpret_cast<const char*>(r_and_s.data()), 32);
    result.s.assign(reinterpret_cast<const char*>(r_and_s.data()) + 32, 32);
    return result;
}

} // namespace ethereum
