// JSON from outside, read strictly.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace base {

using Json = nlohmann::json;

// RFC 8259 and nothing beside it: refuses a byte order mark, NUL bytes, duplicate keys, more than 32
// levels, invalid UTF-8, lone surrogates, numbers that overflow a double and text after the value.
// Throws Error(invalid_argument, "invalid_json").
Json parse_json(std::string_view text);

// null where there is none.
inline Json or_null(const std::optional<std::string>& text)
{
    return text ? Json(*text) : Json();
}

} // namespace base
