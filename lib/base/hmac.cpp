#include "base/hmac.h"

#include "base/error.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

namespace base {

std::string hmac_sha256(std::string_view key, std::string_view message)
{
    std::string digest(SHA256_DIGEST_LENGTH, '\0');
    unsigned int length = 0;
    const char* const key_bytes =
        key.empty() ? "" : key.data(); // OpenSSL takes a null pointer for "as before"
    if (HMAC(EVP_sha256(), key_bytes, static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(message.data()), message.size(),
             reinterpret_cast<unsigned char*>(digest.data()), &length) == nullptr ||
        length != digest.size())
        throw Error(ErrorCode::internal, "internal_error", "HMAC-SHA256 failed");
    return digest;
}

std::string sha256(std::string_view message)
{
    std::string digest(SHA256_DIGEST_LENGTH, '\0');
    SHA256(reinterpret_cast<const unsigned char*>(message.data()), message.size(),
           reinterpret_cast<unsigned char*>(digest.data()));
    return digest;
}

bool equal_in_constant_time(std::string_view left, std::string_view right)
{
    return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

} // namespace base
