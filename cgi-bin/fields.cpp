#include "fields.h"

#include "base/error.h"
#include "base/random.h"
#include "base/unicode.h"
#include "ethereum/address.h"

#include <algorithm>
#include <charconv>

namespace {

using base::Error;
using base::ErrorCode;

const base::Json* find(const base::Json& body, const char* name)
{
    const auto field = body.find(name);
    return field == body.end() || field->is_null() ? nullptr : &*field;
}

// Of well-formed UTF-8, which is what a JSON text holds.
std::u32string code_points(std::string_view text)
{
    std::u32string points;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80)
            points.push_back(byte);
        else if (byte < 0xc0)
            points.back() = points.back() << 6 | (byte & 0x3f);
        else
            points.push_back(byte < 0xe0 ? byte & 0x1f : byte < 0xf0 ? byte & 0x0f : byte & 0x07);
    }
    return points;
}

} // namespace

void refuse_field(const char* name)
{
    throw Error(ErrorCode::invalid_argument, std::string("invalid ") + name);
}

std::optional<std::string> text_field(const base::Json& body, const char* name)
{
    const auto* field = find(body, name);
    if (field == nullptr)
        return std::nullopt;
    if (!field->is_string())
        refuse_field(name);
    auto text = field->get<std::string>();
    if (text.empty())
        return std::nullopt;
    return text;
}

std::optional<bool> bool_field(const base::Json& body, const char* name)
{
    const auto* field = find(body, name);
    if (field == nullptr)
        return std::nullopt;
    if (!field->is_boolean())
        refuse_field(name);
    return field->get<bool>();
}

std::optional<std::string> id_field(const base::Json& body, const char* name)
{
    auto text = text_field(body, name);
    if (!text)
        return std::nullopt;
    return base::id_of(*std::move(text));
}

std::optional<std::int64_t> integer_field(const base::Json& body, const char* name, std::int64_t lowest,
                                          std::int64_t highest)
{
    const auto* field = find(body, name);
    if (field == nullptr)
        return std::nullopt;
    // One that is beyond int64_t reads as a negative number, and no bound of ours is negative.
    const auto value = field->is_number_integer() ? field->get<std::int64_t>() : lowest - 1;
    if (value < lowest || value > highest)
        refuse_field(name);
    return value;
}

std::optional<std::string> line_field(const base::Json& body, const char* name, std::size_t most_characters)
{
    const auto field = text_field(body, name);
    if (!field)
        return std::nullopt;
    const auto line = trim(*field);
    if (line.empty())
        return std::nullopt;
    const auto points = code_points(line);
    if (points.size() > most_characters || !base::is_visible_line(points))
        refuse_field(name);
    return std::string(line);
}

std::string parse_wallet(const std::string& text)
{
    auto wallet = ethereum::parse_address(text);
    if (!wallet)
        refuse_field("wallet");
    return *std::move(wallet);
}

std::string_view trim(std::string_view text)
{
    constexpr std::string_view blanks = " \t\r\n";
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    text.remove_suffix(text.size() - (text.find_last_not_of(blanks) + 1));
    return text;
}

std::optional<std::string_view> query_parameter(std::string_view query, std::string_view name)
{
    while (!query.empty()) {
        const auto parameter = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(parameter.size() + 1, query.size()));
        const auto equals = parameter.find('=');
        if (equals != std::string_view::npos && parameter.substr(0, equals) == name)
            return parameter.substr(equals + 1);
    }
    return std::nullopt;
}

std::optional<std::int64_t> integer_parameter(std::string_view query, const char* name, std::int64_t lowest,
                                              std::int64_t highest)
{
    const auto text = query_parameter(query, name);
    if (!text)
        return std::nullopt;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc() || end != text->data() + text->size() || value < lowest || value > highest)
        refuse_field(name);
    return value;
}

void require_fields(bool present, const char* otherwise)
{
    if (!present)
        throw Error(ErrorCode::invalid_argument, otherwise);
}
