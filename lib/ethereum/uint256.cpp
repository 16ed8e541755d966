#include "ethereum/uint256.h"

#include "base/error.h"
#include "base/hex.h"

#include <algorithm>
#include <memory>
#include <openssl/bn.h>
#include <openssl/crypto.h>

namespace ethereum {

namespace {

struct Free
{
    void operator()(BIGNUM* number) const noexcept { BN_free(number); }
    void operator()(BN_CTX* context) const noexcept { BN_CTX_free(context); }
    void operator()(char* text) const noexcept { OPENSSL_free(text); }
};
using Bignum = std::unique_ptr<BIGNUM, Free>;

constexpr int bits = 256;

template <class Pointer>
Pointer checked(Pointer pointer)
{
    if (!pointer)
        throw base::Error(base::ErrorCode::internal, "internal_error", "out of memory for a large number");
    return pointer;
}

void check(int succeeded)
{
    if (succeeded != 1)
        throw base::Error(base::ErrorCode::internal, "internal_error", "arithmetic of large numbers failed");
}

Bignum to_bignum(std::string_view word)
{
    return checked(Bignum(BN_bin2bn(reinterpret_cast<const unsigned char*>(word.data()),
                                    static_cast<int>(word.size()), nullptr)));
}

Bignum to_bignum(std::uint64_t value)
{
    Bignum number = checked(Bignum(BN_new()));
    check(BN_set_word(number.get(), value));
    return number;
}

std::string to_saturated_word(const BIGNUM* number)
{
    std::string word(32, '\xff');
    if (BN_num_bits(number) <= bits)
        BN_bn2binpad(number, reinterpret_cast<unsigned char*>(word.data()), static_cast<int>(word.size()));
    return word;
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
    BIGNUM* parsed = nullptr;
    const int used = BN_dec2bn(&parsed, std::string(text).c_str());
    const Bignum number(parsed);
    if (used == 0 || BN_num_bits(number.get()) > bits)
        return std::nullopt;
    return from_word(to_saturated_word(number.get()));
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
    const auto number = to_bignum(to_word());
    const std::unique_ptr<char, Free> text = checked(std::unique_ptr<char, Free>(BN_bn2dec(number.get())));
    return text.get();
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
    const std::unique_ptr<BN_CTX, Free> context = checked(std::unique_ptr<BN_CTX, Free>(BN_CTX_new()));
    auto number = to_bignum(to_word());
    check(BN_mul(number.get(), number.get(), to_bignum(numerator).get(), context.get()));
    check(BN_add_word(number.get(), denominator - 1));
    check(BN_div(number.get(), nullptr, number.get(), to_bignum(denominator).get(), context.get()));
    return from_word(to_saturated_word(number.get()));
}

Uint256 Uint256::plus(const Uint256& other) const
{
    auto sum = to_bignum(to_word());
    check(BN_add(sum.get(), sum.get(), to_bignum(other.to_word()).get()));
    return from_word(to_saturated_word(sum.get()));
}

Uint256 Uint256::minus(const Uint256& other) const
{
    if (other >= *this)
        return {};
    auto difference = to_bignum(to_word());
    check(BN_sub(difference.get(), difference.get(), to_bignum(other.to_word()).get()));
    return from_word(to_saturated_word(difference.get()));
}

} // namespace ethereum
