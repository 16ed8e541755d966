// Hex and base64, beside plain ones that are written for nothing but to be obviously right.
#include "base/base64.h"
#include "base/hex.h"
#include "fuzz.h"

namespace {

constexpr std::string_view url_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string bits_of(std::string_view bytes)
{
    std::string bits;
    for (const char c : bytes) {
        for (int bit = 7; bit >= 0; --bit)
            bits += (c >> bit & 1) != 0 ? '1' : '0';
    }
    return bits;
}

// Of groups of `width` bits, the last filled up with zeroes.
std::string spell(std::string bits, std::size_t width, std::string_view alphabet)
{
    std::string text;
    while (bits.size() % width != 0)
        bits += '0';
    for (std::size_t at = 0; at < bits.size(); at += width)
        text += alphabet[std::stoul(bits.substr(at, width), nullptr, 2)];
    return text;
}

// Whole bytes, and no bit set in what is left over.
bool is_base64url(std::string_view text)
{
    if (text.size() % 4 == 1 || text.find_first_not_of(url_alphabet) != text.npos)
        return false;
    const auto unused_bits = text.size() * 6 % 8;
    return text.empty() || (url_alphabet.find(text.back()) & ((1U << unused_bits) - 1)) == 0;
}

} // namespace

FUZZ_TARGET(encoding)
{
    const auto bits = bits_of(bytes);
    const auto hex = base::to_hex(bytes);
    fuzz::require(hex == spell(bits, 4, "0123456789abcdef"), "another hex");
    fuzz::require(base::from_hex(hex) == bytes, "hex is not read as it is written");

    const auto url = base::base64url(bytes);
    fuzz::require(url == spell(bits, 6, url_alphabet), "another base64url");
    fuzz::require(base::from_base64url(url) == bytes, "base64url is not read as it is written");
    auto padded = base::base64(bytes);
    fuzz::require(padded.size() == (bytes.size() + 2) / 3 * 4, "base64 of another length");
    for (auto& c : padded)
        c = c == '+' ? '-' : c == '/' ? '_' : c;
    fuzz::require(padded.substr(0, url.size()) == url &&
                      padded.find_first_not_of('=', url.size()) == std::string::npos,
                  "another base64");

    // The other way round: there is one spelling of everything, but for the case of hex digits.
    const auto from_url = base::from_base64url(bytes);
    fuzz::require(from_url.has_value() == is_base64url(bytes), "base64url is accepted or refused wrongly");
    if (from_url)
        fuzz::require(base::base64url(*from_url) == bytes, "base64url with two spellings");
    const auto read = base::from_hex(bytes);
    const bool is_hex =
        bytes.size() % 2 == 0 && bytes.find_first_not_of("0123456789abcdefABCDEF") == bytes.npos;
    fuzz::require(read.has_value() == is_hex, "hex is accepted or refused wrongly");
    if (read) {
        for (std::size_t i = 0; i < bytes.size(); ++i)
            fuzz::require(base::hex_value(base::to_hex(*read)[i]) == base::hex_value(bytes[i]),
                          "another number");
    }
}
