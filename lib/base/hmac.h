// HMAC-SHA256 (RFC 2104), SHA-256 and the comparison that goes with them, by OpenSSL, which uses what the
// processor has for it. They throw std::bad_alloc if there is no memory.
#pragma once

#include <string>
#include <string_view>

namespace base {

std::string hmac_sha256(std::string_view key, std::string_view message); // 32 raw bytes
std::string sha256(std::string_view message);                            // 32 raw bytes

// Takes the same time wherever the two differ. Lengths are not secret.
bool equal_in_constant_time(std::string_view left, std::string_view right);

} // namespace base
