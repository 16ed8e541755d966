// Texts as PostgreSQL takes them.
#pragma once

#include <string>
#include <string_view>

namespace postgresql {

// PostgreSQL refuses texts that are no well-formed UTF-8 (Unicode, table 3-7) and the character 0. Somebody
// may send either in the place of an id, which then belongs to nobody: each such byte becomes U+FFFD.
std::string storable(std::string_view text);

} // namespace postgresql
