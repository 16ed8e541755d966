// Hexadecimal, strict: an even number of digits and nothing else.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace base {

// 0..15, or -1 for anything that is no hex digit. Either case.
int hex_value(char digit);

std::string to_hex(const unsigned char* bytes, std::size_t count); // lowercase, without 0x
std::string to_hex(std::string_view bytes);

// The bytes that `digits` (without 0x) spell, or nothing if it is not strictly hex.
std::optional<std::string> from_hex(std::string_view digits);

} // namespace base
