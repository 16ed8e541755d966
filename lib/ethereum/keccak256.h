// Keccak-256 as Ethereum uses it: the SHA-3 competition's entry, before FIPS 202 changed its padding.
#pragma once

#include <string>
#include <string_view>

namespace ethereum {

std::string keccak256(std::string_view message); // 32 raw bytes

// The same sponge with another first padding byte; 0x06 makes it SHA3-256 (FIPS 202), by which tests can
// hold it against OpenSSL's.
std::string keccak256_padded_with(std::string_view message, unsigned char padding);

} // namespace ethereum
