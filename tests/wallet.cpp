#include "wallet.h"

#include "auth/wallet_signature.h"
#include "base/hex.h"

#include <stdexcept>

namespace {

ethereum::PrivateKey parse(const std::string& bytes)
{
    const auto key = ethereum::PrivateKey::parse("0x" + base::to_hex(bytes));
    if (!key)
        throw std::invalid_argument("not a private key");
    return *key;
}

} // namespace

Wallet::Wallet(const std::string& private_key) : key_(parse(private_key)), address_(key_.address()) {}

std::string Wallet::personal_sign(const std::string& message) const
{
    const auto signature = key_.sign(auth::personal_sign_hash(message));
    const auto v = static_cast<char>(27 + signature.recovery_id);
    return "0x" + base::to_hex(signature.r + signature.s + v);
}
