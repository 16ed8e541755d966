// What is done to texts everywhere.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace base {

// The parts of a list, between which any of the separators stand, one or more; none of the parts is empty.
std::vector<std::string> split(std::string_view list, std::string_view separators);

} // namespace base
