// Instants as RFC 3339 writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace base {

// A date-time of RFC 3339, 5.6, in milliseconds since 1970-01-01 UTC; less than a millisecond is cut off.
// Nothing for any other text, nor for a day that no calendar has. A leap second, which ends a month at 23:59
// UTC, is the second after it.
std::optional<std::int64_t> parse_rfc3339_ms(std::string_view text);

} // namespace base
