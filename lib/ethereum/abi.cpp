#include "ethereum/abi.h"

#include "base/error.h"
#include "base/hex.h"
#include "ethereum/keccak256.h"

#include <algorithm>

namespace ethereum::abi {

namespace {

constexpr std::size_t word_bytes = 32;

[[noreturn]] void refuse(const char* why)
{
    throw base::Error(base::ErrorCode::chain_unavailable, "chain_unavailable", why);
}

// The word at `position` bytes as a number, if it is below 2^64.
std::uint64_t number_at(std::string_view data, std::size_t position)
{
    if (position > data.size() || data.size() - position < word_bytes)
        refuse("the contract's answer is cut off");
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < word_bytes; ++i) {
        const auto byte = static_cast<unsigned char>(data[position + i]);
        if (i < word_bytes - sizeof number) {
            if (byte != 0)
                refuse("a number in the contract's answer is out of range");
        } else {
            number = number << 8 | byte;
        }
    }
    return number;
}

} // namespace

std::string call_with_address(std::string_view signature, const std::string& address)
{
    const auto bytes = base::from_hex(std::string_view(address).substr(2));
    if (!bytes || bytes->size() != 20)
        throw base::Error(base::ErrorCode::internal, "internal_error", "not an address");
    return keccak256(signature).substr(0, 4) + std::string(12, '\0') + *bytes;
}

std::string call_with_numbers(std::string_view signature, const std::vector<Uint256>& numbers)
{
    auto calldata = keccak256(signature).substr(0, 4);
    for (const auto& number : numbers)
        calldata += number.to_word();
    return calldata;
}

void require_words(std::string_view data, std::size_t count)
{
    if (data.size() < count * word_bytes)
        refuse("the contract's answer is cut off");
}

std::uint64_t decode_unsigned(std::string_view data, std::size_t index, unsigned bits)
{
    const auto number = number_at(data, index * word_bytes);
    if (bits < 64 && number >> bits != 0)
        refuse("a number in the contract's answer is out of range");
    return number;
}

Uint256 decode_uint256(std::string_view data, std::size_t index)
{
    require_words(data, index + 1);
    return Uint256::from_word(data.substr(index * word_bytes, word_bytes));
}

std::string decode_address(std::string_view data, std::size_t index)
{
    require_words(data, index + 1);
    const auto word = data.substr(index * word_bytes, word_bytes);
    if (word.find_first_not_of('\0') < 12)
        refuse("an address in the contract's answer is out of range");
    return "0x" + base::to_hex(word.substr(12));
}

std::string decode_string(std::string_view data, std::size_t index)
{
    const auto offset = number_at(data, index * word_bytes);
    const auto length = number_at(data, offset); // which is refused past the end
    const auto content = data.substr(offset + word_bytes);
    if (length > content.size())
        refuse("a length in the contract's answer points past its end");
    return std::string(content.substr(0, length));
}

std::optional<std::string> decode_revert_reason(std::string_view data)
{
    const auto selector = data.substr(0, 4);
    const auto arguments = data.substr(selector.size());
    try {
        if (selector == keccak256("Error(string)").substr(0, 4))
            return decode_string(arguments, 0);
        if (selector == keccak256("Panic(uint256)").substr(0, 4))
            return "Panic(0x" +
                   base::to_hex(
                       std::max<std::string>(decode_uint256(arguments, 0).to_bytes(), std::string(1, '\0'))) +
                   ")";
    } catch (const base::Error&) { // cut off, or an offset that points past the end
    }
    return std::nullopt;
}

} // namespace ethereum::abi
