#include "postgresql/text.h"

#include <algorithm>

namespace postgresql {

namespace {

// How many bytes the character at the front has; 0 if they are none.
std::size_t bytes_of_character(std::string_view text)
{
    struct Form
    {
        unsigned char first_from, first_to, second_from, second_to;
        std::size_t bytes;
    };
    static constexpr Form forms[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    if (byte(0) > 0 && byte(0) < 0x80)
        return 1;
    for (const auto& form : forms) {
        if (byte(0) < form.first_from || byte(0) > form.first_to || text.size() < form.bytes ||
            byte(1) < form.second_from || byte(1) > form.second_to)
            continue;
        const auto rest = text.substr(2, form.bytes - 2);
        const bool goes_on = std::all_of(
            rest.begin(), rest.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; });
        return goes_on ? form.bytes : 0;
    }
    return 0;
}

} // namespace

std::string storable(std::string_view text)
{
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const auto count = bytes_of_character(text);
        if (count == 0)
            result += "\ufffd";
        else
            result += text.substr(0, count);
        text.remove_prefix(std::max<std::size_t>(count, 1));
    }
    return result;
}

} // namespace postgresql
