#include "base/base64.h"

#include <algorithm>
#include <openssl/evp.h>

namespace base {

namespace {

constexpr std::string_view url_safe = "-_";
constexpr std::string_view standard = "+/";

void replace_alphabet(std::string& text, std::string_view from, std::string_view to)
{
    std::replace(text.begin(), text.end(), from.front(), to.front());
    std::replace(text.begin(), text.end(), from.back(), to.back());
}

} // namespace

std::string base64(std::string_view bytes)
{
    std::string text((bytes.size() + 2) / 3 * 4, '\0'); // OpenSSL ends it with a zero, as it ends itself
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                    reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
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
    EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                    reinterpret_cast<const unsigned char*>(padded.data()), static_cast<int>(padded.size()));
    bytes.resize(bytes.size() - padding);
    // OpenSSL takes spaces, padding and bits that stand for nothing, of which this is to take none, and none
    // of what OpenSSL does not take either: a text is taken if the bytes have no other.
    if (base64url(bytes) != text)
        return std::nullopt;
    return bytes;
}

std::optional<std::string> from_base64(std::string_view text)
{
    std::string unpadded(text.substr(0, text.find_last_not_of('=') + 1));
    replace_alphabet(unpadded, standard, url_safe);
    auto bytes = from_base64url(unpadded);
    return bytes && base64(*bytes) == text ? bytes : std::nullopt;
}

} // namespace base
