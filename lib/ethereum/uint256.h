// The EVM's 256-bit unsigned integers: booking ids, amounts, fees. Text outside, bytes inside, never a
// double.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ethereum {

class Uint256
{
  public:
    Uint256() = default;
    explicit Uint256(std::uint64_t value);

    // Decimal digits and nothing else; leading zeros are dropped. Nothing over 2^256 - 1.
    static std::optional<Uint256> parse_decimal(std::string_view text);
    // A JSON-RPC quantity: 0x and 1 to 64 hex digits.
    static std::optional<Uint256> parse_quantity(std::string_view text);
    // 32 bytes, big-endian: a word of the ABI.
    static Uint256 from_word(std::string_view word);

    std::string to_decimal() const; // without leading zeros; the one text that stands for the number
    std::string to_word() const;    // 32 bytes, big-endian
    std::string to_bytes() const;   // big-endian without leading zero bytes; empty for 0, as RLP wants it

    // this * numerator / denominator, rounded up, or the largest number if that is too large.
    Uint256 scaled(std::uint64_t numerator, std::uint64_t denominator) const;
    // The sum, or the largest number if it is too large; the difference, or 0 if it is below.
    Uint256 plus(const Uint256& other) const;
    Uint256 minus(const Uint256& other) const;

    auto operator<=>(const Uint256&) const = default;

  private:
    std::array<unsigned char, 32> bytes_{}; // big-endian, so that comparing them compares the numbers
};

} // namespace ethereum
