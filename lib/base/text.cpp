#include "base/text.h"

#include <algorithm>

namespace base {

std::vector<std::string> split(std::string_view list, std::string_view separators)
{
    std::vector<std::string> parts;
    for (std::size_t at = 0; (at = list.find_first_not_of(separators, at)) != std::string_view::npos;) {
        const auto end = std::min(list.find_first_of(separators, at), list.size());
        parts.emplace_back(list.substr(at, end - at));
        at = end;
    }
    return parts;
}

} // namespace base
