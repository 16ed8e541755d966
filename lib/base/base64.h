// Base64 (RFC 4648) in its two alphabets.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace base {

std::string base64(std::string_view bytes);    // alphabet + /, padded
std::string base64url(std::string_view bytes); // alphabet - _, unpadded, as JWS wants it

// Strict: no padding, no other alphabet, no white space, unused bits zero. Otherwise nothing.
std::optional<std::string> from_base64url(std::string_view text);
// The other alphabet, padded; as strict.
std::optional<std::string> from_base64(std::string_view text);

} // namespace base
