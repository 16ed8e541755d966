#include "ethereum/uint256.h"

#include "base/hex.h"

#include <algorithm>
#include <memory>
#include <new>
#include <openssl/bn.h>
#include <openssl/crypto.h>

namespace ethereum {

namespace {

struct Free
{
    void operator()(BIGNUM* number) const { BN_free(number); }
    void operator()(BN_CTX* context) const { BN_CTX_free(context); }
    void operator()(char* text) const { OPENSSL_free(text); }
};
using Number = std::unique_ptr<BIGNUM, Free>;

void require(bool there_was_memory)
{
    if (!there_was_memory)
        throw std::bad_alloc();
}

Number make_number()
{
    Number number(BN_new());
    require(number != nullptr);
    return number;
}

Number to_number(const Uint256& value)
{
    const auto word = value.to_word();
    Number number(BN_bin2bn(reinterpret_cast<const unsigned char*>(word.data()),
                            static_cast<int>(word.size()), nullptr));
    require(number != nullptr);
    return number;
}

bool fits(const Number& number)
{
    return BN_num_bytes(number.get()) <= 32;
}

Uint256 saturated(const Number& number)
{
    std::string word(32, '\xff');
    if (fits(number))
        BN_bn2binpad(number.get(), reinterpret_cast<unsigned char*>(word.data()),
                     static_cast<int>(word.size()));
    return Uint256::from_word(word);
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
    const bool is_parsed = BN_dec2bn(&parsed, std::string(text).c_str()) != 0;
    const Number number(parsed);
    require(is_parsed);
    if (!fits(number))
        return std::nullopt;
    return saturated(number);
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
    const std::unique_ptr<char, Free> text(BN_bn2dec(to_number(*this).get()));
    require(text != nullptr);
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
    const std::unique_ptr<BN_CTX, Free> context(BN_CTX_new());
    require(context != nullptr);
    const auto divisor = to_number(Uint256(denominator));
    const auto product = make_number();
    const auto result = make_number();
    require(BN_mul(product.get(), to_number(*this).get(), to_number(Uint256(numerator)).get(),
                   context.get()) == 1 &&
            BN_add(product.get(), product.get(), divisor.get()) == 1 && BN_sub_word(product.get(), 1) == 1 &&
            BN_div(result.get(), nullptr, product.get(), divisor.get(), context.get()) == 1);
    return saturated(result);
}

Uint256 Uint256::plus(const Uint256& other) const
{
    const auto sum = make_number();
    require(BN_add(sum.get(), to_number(*this).get(), to_number(other).get()) == 1);
    return saturated(sum);
}

Uint256 Uint256::minus(const Uint256& other) const
{
    if (other >= *this)
        return {};
    const auto difference = make_number();
    require(BN_sub(difference.get(), to_number(*this).get(), to_number(other).get()) == 1);
    return saturated(difference);
}

} // namespace ethereum
