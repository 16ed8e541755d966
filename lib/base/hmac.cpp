#include "base/hmac.h"

#include <memory>
#include <new>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace base {

namespace {

constexpr std::size_t digest_bytes = 32;

const unsigned char* bytes_of(std::string_view text)
{
    return reinterpret_cast<const unsigned char*>(text.data());
}

// Looked up once.
const EVP_MD* sha256_method()
{
    static const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> method(
        EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_free);
    if (!method)
        throw std::bad_alloc();
    return method.get();
}

} // namespace

std::string hmac_sha256(std::string_view key, std::string_view message)
{
    // Shorter keys are filled up with zeros, so one zero stands for none, which OpenSSL refuses.
    if (key.empty())
        key = std::string_view("\0", 1);
    std::string digest(digest_bytes, '\0');
    if (HMAC(sha256_method(), key.data(), static_cast<int>(key.size()), bytes_of(message), message.size(),
             reinterpret_cast<unsigned char*>(digest.data()), nullptr) == nullptr)
        throw std::bad_alloc();
    return digest;
}

std::string sha256(std::string_view message)
{
    std::string digest(digest_bytes, '\0');
    if (EVP_Digest(message.data(), message.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr,
                   sha256_method(), nullptr) != 1)
        throw std::bad_alloc();
    return digest;
}

bool equal_in_constant_time(std::string_view left, std::string_view right)
{
    return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

} // namespace base
