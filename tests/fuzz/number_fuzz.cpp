// 256-bit numbers, beside long arithmetic as one learns it at school.
#include "base/hex.h"
#include "ethereum/uint256.h"
#include "fuzz.h"

#include <algorithm>
#include <vector>

namespace {

using ethereum::Uint256;

// Digits to the base of 256, the lowest first, without end.
using Plain = std::vector<unsigned>;

void carry(Plain& number)
{
    unsigned over = 0;
    for (auto& digit : number) {
        digit += over;
        over = digit >> 8;
        digit &= 0xff;
    }
    for (; over != 0; over >>= 8)
        number.push_back(over & 0xff);
    while (!number.empty() && number.back() == 0)
        number.pop_back();
}

Plain plain(std::string_view word)
{
    Plain number;
    for (auto c = word.rbegin(); c != word.rend(); ++c)
        number.push_back(static_cast<unsigned char>(*c));
    carry(number);
    return number;
}

Plain plain(std::uint64_t value)
{
    Plain number;
    for (; value != 0; value >>= 8)
        number.push_back(value & 0xff);
    return number;
}

Plain times(const Plain& left, const Plain& right)
{
    Plain product(left.size() + right.size(), 0);
    for (std::size_t i = 0; i < left.size(); ++i) {
        for (std::size_t j = 0; j < right.size(); ++j)
            product[i + j] += left[i] * right[j]; // at most 32 * 255 * 255
    }
    carry(product);
    return product;
}

Plain sum(Plain left, const Plain& right)
{
    left.resize(std::max(left.size(), right.size()), 0);
    for (std::size_t i = 0; i < right.size(); ++i)
        left[i] += right[i];
    carry(left);
    return left;
}

bool is_below(const Plain& left, const Plain& right)
{
    if (left.size() != right.size())
        return left.size() < right.size();
    return std::lexicographical_compare(left.rbegin(), left.rend(), right.rbegin(), right.rend());
}

bool fits(const Plain& number)
{
    return number.size() <= 32;
}

Plain plain(const Uint256& number)
{
    return plain(number.to_word());
}

bool is_largest(const Uint256& number)
{
    return number.to_word() == std::string(32, '\xff');
}

void check_decimal(std::string_view text)
{
    const auto parsed = Uint256::parse_decimal(text);
    Plain expected;
    bool is_number = !text.empty();
    for (const char c : text) {
        is_number = is_number && c >= '0' && c <= '9' && fits(expected);
        if (is_number)
            expected = sum(times(expected, {10}), plain(static_cast<std::uint64_t>(c - '0')));
    }
    is_number = is_number && fits(expected);
    fuzz::require(parsed.has_value() == is_number, "a decimal number is accepted or refused wrongly");
    if (!parsed)
        return;
    fuzz::require(plain(*parsed) == expected, "another number was read");
    const auto written = parsed->to_decimal();
    auto digits = text;
    digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size() - 1));
    fuzz::require(written == digits, "a number is written in another way");
}

void check_quantity(std::string_view text)
{
    const auto parsed = Uint256::parse_quantity(text);
    const auto digits = text.substr(std::min<std::size_t>(2, text.size()));
    const bool is_quantity = text.substr(0, 2) == "0x" && !digits.empty() && digits.size() <= 64 &&
                             digits.find_first_not_of("0123456789abcdefABCDEF") == digits.npos;
    fuzz::require(parsed.has_value() == is_quantity, "a quantity is accepted or refused wrongly");
    if (!parsed)
        return;
    Plain expected;
    for (const char c : digits)
        expected = sum(times(expected, {16}), plain(static_cast<std::uint64_t>(base::hex_value(c))));
    fuzz::require(plain(*parsed) == expected, "another quantity was read");
}

void check_arithmetic(fuzz::Input input)
{
    const auto numerator = input.number(8);
    const auto denominator = std::max<std::uint64_t>(1, input.number(input.byte() % 9));
    auto word = [&] {
        const std::string digits(input.take(input.byte() % 33));
        return Uint256::from_word(std::string(32 - digits.size(), '\0') + digits);
    };
    const auto left = word();
    const auto right = word();

    const auto together = sum(plain(left), plain(right));
    const auto plus = left.plus(right);
    fuzz::require(fits(together) ? plain(plus) == together : is_largest(plus), "a wrong sum");
    const auto minus = left.minus(right);
    fuzz::require(left < right ? minus == Uint256() : sum(plain(minus), plain(right)) == plain(left),
                  "a wrong difference");
    fuzz::require((left < right) == is_below(plain(left), plain(right)), "a wrong order");

    // q is n/d rounded up where q * d >= n > (q - 1) * d.
    const auto scaled = left.scaled(numerator, denominator);
    const auto product = times(plain(left), plain(numerator));
    const auto back = times(plain(scaled), plain(denominator));
    if (is_largest(scaled))
        fuzz::require(!is_below(sum(product, plain(denominator)), back), "saturated too early");
    else
        fuzz::require(!is_below(back, product) && is_below(back, sum(product, plain(denominator))),
                      "a wrong quotient");
    const auto bytes = left.to_bytes();
    fuzz::require(plain(bytes) == plain(left) && (bytes.empty() || bytes[0] != '\0'), "wrong bytes");
    fuzz::require(Uint256::parse_decimal(left.to_decimal()) == left, "not read as it is written");
}

} // namespace

FUZZ_TARGET(number)
{
    fuzz::Input input(bytes);
    switch (input.byte() % 3) {
    case 0:
        return check_decimal(input.rest());
    case 1:
        return check_quantity(input.rest());
    default:
        return check_arithmetic(input);
    }
}
