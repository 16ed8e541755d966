// What handlers read out of a body, a query, a path and a header.
#include "base/log.h"
#include "base/network.h"
#include "base/random.h"
#include "ethereum/address.h"
#include "fields.h"
#include "fuzz.h"
#include "requests/idempotency.h"

#include <algorithm>

namespace {

constexpr auto refusal = base::ErrorCode::invalid_argument;
constexpr const char* hex_digits = "0123456789abcdefABCDEF";

bool is_uuid(std::string_view text)
{
    if (text.size() != 36)
        return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash ? text[i] != '-' : std::string_view(hex_digits).find(text[i]) == std::string_view::npos)
            return false;
    }
    return true;
}

// Nothing that breaks a line, and no C1 control or change of direction, by its UTF-8.
bool is_line(const std::string& text)
{
    for (const char* control : {"\u2028", "\u2029", "\u202a", "\u202b", "\u202c", "\u202d", "\u202e",
                                "\u2066", "\u2067", "\u2068", "\u2069"}) {
        if (text.find(control) != std::string::npos)
            return false;
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte < 0x20 || byte == 0x7f ||
            (byte == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0)) // c2 80 to c2 9f
            return false;
    }
    return true;
}

void check_body(std::string_view text)
{
    base::Json body;
    if (!fuzz::accepts(refusal, [&] { body = base::parse_json(text); }) || !body.is_object())
        return;
    for (const char* name : {"a", "title", "room_id"}) {
        const auto field = body.find(name);
        const bool is_there = field != body.end() && !field->is_null();
        std::optional<std::string> read;
        const bool is_text = fuzz::accepts(refusal, [&] { read = text_field(body, name); });
        fuzz::require(is_text == (!is_there || field->is_string()), "a text of another type");
        fuzz::require(!read || *read == field->get<std::string>(), "another text");

        std::optional<std::string> line;
        if (fuzz::accepts(refusal, [&] { line = line_field(body, name, 20); }) && line) {
            const auto characters = std::count_if(line->begin(), line->end(), [](char c) {
                return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
            });
            fuzz::require(is_line(*line) && characters <= 20 && trim(*line) == *line && !line->empty(),
                          "a line that is none");
        }
        std::optional<std::string> id;
        if (fuzz::accepts(refusal, [&] { id = id_field(body, name); }) && id)
            fuzz::require(id->size() == read->size() && base::id_of(*id) == *id, "another id");
        std::optional<bool> flag;
        if (fuzz::accepts(refusal, [&] { flag = bool_field(body, name); }))
            fuzz::require(!is_there || *field == *flag, "another truth value");
        std::optional<std::int64_t> number;
        if (fuzz::accepts(refusal, [&] { number = integer_field(body, name, 2, 6); }) && is_there)
            fuzz::require(*field == *number && *number >= 2 && *number <= 6, "an integer out of range");
    }
}

void check_query(std::string_view query)
{
    std::optional<std::int64_t> limit;
    const bool is_accepted =
        fuzz::accepts(refusal, [&] { limit = integer_parameter(query, "limit", 1, 200); });
    const auto text = query_parameter(query, "limit");
    // The first of that name, wherever it stands.
    const auto with_ends = "&" + std::string(query) + "&";
    const auto at = with_ends.find("&limit=");
    fuzz::require(text.has_value() == (at != std::string::npos), "a parameter is overlooked");
    if (text)
        fuzz::require(with_ends.compare(at + 7, text->size() + 1, std::string(*text) + "&") == 0,
                      "another parameter");
    fuzz::require(!is_accepted || limit.has_value() == text.has_value(), "a number out of nothing");
    fuzz::require(!limit || (*limit >= 1 && *limit <= 200), "a limit out of range");
}

void check_texts(const std::string& text)
{
    fuzz::require(base::is_uuid(text) == is_uuid(text), "a UUID is accepted or refused wrongly");
    fuzz::require(base::is_uuid(base::id_of(text)) == is_uuid(text), "an id becomes another");
    const auto address = ethereum::parse_address(text);
    const bool is_address = text.size() == 42 && text.compare(0, 2, "0x") == 0 &&
                            text.find_first_not_of(hex_digits, 2) == std::string::npos;
    fuzz::require(address.has_value() == is_address, "an address is accepted or refused wrongly");
    const bool is_key = !text.empty() && text.size() <= 255 &&
                        std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
    fuzz::require(requests::is_idempotency_key(text) == is_key, "a key is accepted or refused wrongly");
    const auto network = base::network_of_address(text);
    fuzz::require(network.find_first_not_of(hex_digits) == std::string::npos &&
                      (network.empty() || network.size() == 8 || network.size() == 16),
                  "a network of another shape");
    const auto trimmed = trim(text);
    fuzz::require(trim(trimmed) == trimmed && text.find(trimmed) != std::string::npos, "trimmed wrongly");
    base::log(text);
}

} // namespace

FUZZ_TARGET(fields)
{
    fuzz::Input input(bytes);
    switch (input.byte() % 3) {
    case 0:
        return check_body(input.rest());
    case 1:
        return check_query(input.rest());
    default:
        return check_texts(std::string(input.rest()));
    }
}
