// Addresses: "0x" and 40 lowercase hex digits, everywhere below the edge.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ethereum {

// Lowercase form of an address in any case; its EIP-55 checksum is not looked at. Nothing for any other text.
std::optional<std::string> parse_address(std::string_view text);

// The spelling with capitals that EIP-55 gives to an address in lowercase.
std::string to_checksum_address(const std::string& address);

// The address of an uncompressed public key, given as its 64 bytes X and Y.
std::string address_of_public_key(std::string_view x_and_y);

} // namespace ethereum
