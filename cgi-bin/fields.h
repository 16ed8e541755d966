// Reading the fields of a request: of its body, and of the query in its URL.
#pragma once

#include "base/json.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// The text of a field; nothing if it is absent, null or empty.
// Throws Error(invalid_argument, "invalid <name>") for a field of another type.
std::optional<std::string> text_field(const base::Json& body, const char* name);

// The same for a truth value.
std::optional<bool> bool_field(const base::Json& body, const char* name);

// The same for an id of ours, in our spelling. One that is none is the id of nothing.
std::optional<std::string> id_field(const base::Json& body, const char* name);

// The same for an integer within these bounds.
std::optional<std::int64_t> integer_field(const base::Json& body, const char* name, std::int64_t lowest,
                                          std::int64_t highest);

// The same for a line of text, without the blanks around it: at most `most_characters` Unicode code points,
// and a visible line (base/unicode.h).
std::optional<std::string> line_field(const base::Json& body, const char* name, std::size_t most_characters);

// A wallet in its one spelling. Throws Error(invalid_argument, "invalid wallet").
std::string parse_wallet(const std::string& text);

// Without the blanks (also tabs and line breaks) around it.
std::string_view trim(std::string_view text);

// The value of the first parameter of that name in a raw query ("a=1&b=2"); nothing if there is none. Nothing
// is decoded: what our parameters may say needs no encoding.
std::optional<std::string_view> query_parameter(std::string_view query, std::string_view name);

// The same for an integer within these bounds. Throws Error(invalid_argument, "invalid <name>").
std::optional<std::int64_t> integer_parameter(std::string_view query, const char* name, std::int64_t lowest,
                                              std::int64_t highest);

// Of lists that are told in pages: what `limit` may say.
constexpr std::int64_t default_page = 50;
constexpr std::int64_t largest_page = 200;

// Throws Error(invalid_argument, "invalid <name>").
[[noreturn]] void refuse_field(const char* name);

// Throws Error(invalid_argument, `otherwise`) unless the value is there.
void require_fields(bool present, const char* otherwise);
