#include "ethereum/uint256.h"

#include "base/hex.h"

#include <algorithm>
#include <gmpxx.h>

namespace ethereum {

namespace {

constexpr std::size_t bits = 256;

mpz_class to_mpz(std::string_view word)
{
    mpz_class number;
    mpz_import(number.get_mpz_t(), word.size(), 1, 1, 1, 0, word.data());
    return number;
}

mpz_class to_mpz(std::uint64_t value)
{
    return to_mpz(Uint256(value).to_word());
}

bool fits(const mpz_class& number)
{
    return mpz_sizeinbase(number.get_mpz_t(), 2) <= bits;
}

std::string to_saturated_word(const mpz_class& number)
{
    if (!fits(number))
        return std::string(32, '\xff');
    std::string bytes(32, '\0');
    std::size_t count = 0;
    mpz_export(bytes.data(), &count, 1, 1, 1, 0, number.get_mpz_t());
    bytes.resize(count);
    return std::string(32 - count, '\0') + bytes;
}

} // namespace

Uint256::Uint256(std::uint64_t value)
{
    for (auto byte = bytes_.rbegin(); value != 0; ++byte, value >>= 8)
        *byte = static_cast<unsigned char>(value & 0xff);
}

Uint256 Uint256::from_word(std::string_view word)
{
    Uint256 number;
    std::copy_n(reinterpret_cast<const unsigned char*>(word.data()), number.bytes_.size(),
                number.bytes_.begin());
    return number;
}

std::optional<Uint256> Uint256::parse_decimal(std::string_view text)
{
    constexpr std::size_t most_digits = 78;
    if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos)
        return std::nullopt;
    text.remove_prefix(std::min(text.find_first_not_of('0'), text.size() - 1));
    if (text.size() > most_digits)
        return std::nullopt;
    const mpz_class number(std::string(text), 10);
    if (!fits(number))
        return std::nullopt;
    return from_word(to_saturated_word(number));
}

std::optional<Uint256> Uint256::parse_quantity(std::string_view text)
{
    if (text.size() < 3 || text.size() > 66 || text.substr(0, 2) != "0x")
        return std::nullopt;
    const auto bytes = base::from_hex(std::string(66 - text.size(), '0') + std::string(text.substr(2)));
    if (!bytes)
        return std::nullopt;
    return from_word(*bytes);
}

std::string Uint256::to_decimal() const
{
    return to_mpz(to_word()).get_str();
}

std::string Uint256::to_word() const
{
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
}

std::string Uint256::to_bytes() const
{
    const auto word = to_word();
    return word.substr(std::min(word.find_first_not_of('\0'), word.size()));
}

Uint256 Uint256::scaled(std::uint64_t numerator, std::uint64_t denominator) const
{
    const auto divisor = to_mpz(denominator);
    return from_word(to_saturated_word((to_mpz(to_word()) * to_mpz(numerator) + divisor - 1) / divisor));
}

Uint256 Uint256::plus(const Uint256& other) const
{
    return from_word(to_saturated_word(to_mpz(to_word()) + to_mpz(other.to_word())));
}

Uint256 Uint256::minus(const Uint256& other) const
{
    if (other >= *this)
        return {};
    return from_word(to_saturated_word(to_mpz(to_word()) - to_mpz(other.to_word())));
}

} // namespace ethereum
