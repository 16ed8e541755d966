#include "base/hmac.h"

#include <memory>
#include <new>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

namespace base {

namespace {

using namespace std::string_view_literals;

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

// Made once: to look the method up and to make this takes longer than the HMAC of an access token.
EVP_MAC_CTX* hmac_sha256_context()
{
    struct Closer
    {
        void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
        void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
    };
    static const auto context = [] {
        const std::unique_ptr<EVP_MAC, Closer> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
        std::unique_ptr<EVP_MAC_CTX, Closer> made(mac ? EVP_MAC_CTX_new(mac.get()) : nullptr);
        char digest[] = "SHA256";
        const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                         OSSL_PARAM_construct_end()};
        if (!made || EVP_MAC_CTX_set_params(made.get(), parameters) != 1)
            throw std::bad_alloc();
        return made;
    }();
    return context.get();
}

} // namespace

std::string hmac_sha256(std::string_view key, std::string_view message)
{
    // Shorter keys are filled up with zeros, so one zero stands for none, which OpenSSL refuses.
    if (key.empty())
        key = "\0"sv;
    std::string digest(digest_bytes, '\0');
    auto* const context = hmac_sha256_context();
    std::size_t written = 0;
    if (EVP_MAC_init(context, bytes_of(key), key.size(), nullptr) != 1 ||
        EVP_MAC_update(context, bytes_of(message), message.size()) != 1 ||
        EVP_MAC_final(context, reinterpret_cast<unsigned char*>(digest.data()), &written, digest.size()) != 1)
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
