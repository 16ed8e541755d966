// The contract ABI's encoding (Solidity's "Contract ABI Specification"), as much of it as the contracts need.
// Decoding is strict: an offset, length or number that does not fit is refused, never cut.
#pragma once

#include "ethereum/uint256.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ethereum::abi {

// Calldata: the first four bytes of the signature's Keccak-256 and the address as one word. Raw bytes.
std::string call_with_address(std::string_view signature, const std::string& address);

// The same with numbers as the arguments; a bytes32 is one as well.
std::string call_with_numbers(std::string_view signature, const std::vector<Uint256>& numbers);

// Throws Error(chain_unavailable) unless the data has at least `count` words.
void require_words(std::string_view data, std::size_t count);

// One word that must fit an unsigned integer of `bits` (8 to 64). `index` counts words from the start.
// Throws Error(chain_unavailable) if the data ends before or the value is out of range.
std::uint64_t decode_unsigned(std::string_view data, std::size_t index, unsigned bits);

// One word as a number of any size, and one that must be an address (its first 12 bytes zero).
// Throw Error(chain_unavailable) if the data ends before.
Uint256 decode_uint256(std::string_view data, std::size_t index);
std::string decode_address(std::string_view data, std::size_t index);

// The string whose offset stands in word `index`. Its bytes are not checked to be UTF-8.
// Throws Error(chain_unavailable) if offset or length point outside the data.
std::string decode_string(std::string_view data, std::size_t index);

// The text of a revert's data: of Error(string), or "Panic(0x11)" of Panic(uint256). Nothing for any other
// data.
std::optional<std::string> decode_revert_reason(std::string_view data);

} // namespace ethereum::abi
