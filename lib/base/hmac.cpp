#include "base/hmac.h"

#include <cstdint>
#include <nettle/hmac.h>
#include <nettle/memops.h>

namespace base {

namespace {

const std::uint8_t* bytes_of(std::string_view text)
{
    return reinterpret_cast<const std::uint8_t*>(text.data());
}

} // namespace

std::string hmac_sha256(std::string_view key, std::string_view message)
{
    std::string digest(SHA256_DIGEST_SIZE, '\0');
    hmac_sha256_ctx context;
    hmac_sha256_set_key(&context, key.size(), bytes_of(key));
    hmac_sha256_update(&context, message.size(), bytes_of(message));
    hmac_sha256_digest(&context, digest.size(), reinterpret_cast<std::uint8_t*>(digest.data()));
    return digest;
}

std::string sha256(std::string_view message)
{
    std::string digest(SHA256_DIGEST_SIZE, '\0');
    sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, message.size(), bytes_of(message));
    sha256_digest(&context, digest.size(), reinterpret_cast<std::uint8_t*>(digest.data()));
    return digest;
}

bool equal_in_constant_time(std::string_view left, std::string_view right)
{
    return left.size() == right.size() && memeql_sec(left.data(), right.data(), left.size()) != 0;
}

} // namespace base
