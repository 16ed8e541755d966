#include "base/base64.h"

#include <algorithm>
#include <openssl/evp.h>

namespace base {

namespace {

constexpr std::string_view url_safe = "-_";
constexpr std::string_view standard = "+/";

void replace_alphabet(std::string& text, std::string_view from, std::string_view to)
{
    for (std::size_t i = 0; i < from.size(); ++i)
        std::replace(text.begin(), text.end(), from[i], to[i]);
}

} // namespace

std::string base64(std::string_view bytes)
{
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0'); // OpenSSL ends it with a zero
    const int length =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(length));
    return text;
}

std::string base64url(std::string_view bytes)
{
    auto text = base64(bytes);
    text.resize(text.find_last_not_of('=') + 1);
    replace_alphabet(text, standard, url_safe);
    return text;
}

std::optional<std::string> from_base64url(std::string_view text)
{
    const auto padding = (4 - text.size() % 4) % 4;
    std::string padded(text);
    padded.append(padding, '=');
    replace_alphabet(padded, url_safe, standard);
    std::string bytes(padded.size() / 4 * 3, '\0');
    const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                       reinterpret_cast<const unsigned char*>(padded.data()),
                                       static_cast<int>(padded.size()));
    if (length < 0 || static_cast<std::size_t>(length) < padding)
        return std::nullopt;
    bytes.resize(static_cast<std::size_t>(length) - padding);
    // OpenSSL takes spaces, padding and bits that stand for nothing, of which this is to take none.
    if (base64url(bytes) != text)
        return std::nullopt;
    return bytes;
}

std::optional<std::string> from_base64(std::string_view text)
{
    std::string unpadded(text.substr(0, text.find_last_not_of('=') + 1));
    if (unpadded.find_first_of(url_safe) != std::string::npos)
        return std::nullopt;
    replace_alphabet(unpadded, standard, url_safe);
    auto bytes = from_base64url(unpadded);
    return bytes && base64(*bytes) == text ? bytes : std::nullopt;
}

} // namespace base
