#include "base/base64.h"

#include <cstdint>
#include <nettle/base64.h>

namespace base {

namespace {

std::string encode(std::string_view bytes, void (*init)(base64_encode_ctx*))
{
    std::string text(BASE64_ENCODE_LENGTH(bytes.size()) + BASE64_ENCODE_FINAL_LENGTH, '\0');
    base64_encode_ctx context;
    init(&context);
    auto length = base64_encode_update(&context, text.data(), bytes.size(),
                                       reinterpret_cast<const std::uint8_t*>(bytes.data()));
    length += base64_encode_final(&context, text.data() + length);
    text.resize(length);
    return text;
}

} // namespace

std::string base64(std::string_view bytes)
{
    return encode(bytes, base64_encode_init);
}

std::string base64url(std::string_view bytes)
{
    auto text = encode(bytes, base64url_encode_init);
    text.resize(text.find_last_not_of('=') + 1);
    return text;
}

std::optional<std::string> from_base64url(std::string_view text)
{
    std::string padded(text);
    padded.append((4 - text.size() % 4) % 4, '=');
    std::string bytes(BASE64_DECODE_LENGTH(padded.size()), '\0');
    auto length = bytes.size();
    base64_decode_ctx context;
    base64url_decode_init(&context);
    if (base64_decode_update(&context, &length, reinterpret_cast<std::uint8_t*>(bytes.data()), padded.size(),
                             padded.data()) == 0 ||
        base64_decode_final(&context) == 0)
        return std::nullopt;
    bytes.resize(length);
    // Nettle takes spaces, padding and bits that stand for nothing, of which this is to take none.
    if (base64url(bytes) != text)
        return std::nullopt;
    return bytes;
}

} // namespace base
