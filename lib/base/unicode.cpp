#include "base/unicode.h"

#include "base/unicode_ranges.h"

#include <algorithm>

namespace base {

namespace {

template <std::size_t size>
bool is_among(const unicode::Range (&ranges)[size], char32_t point)
{
    const auto* after = std::upper_bound(std::begin(ranges), std::end(ranges), point,
                                         [](char32_t each, const auto& range) { return each < range.first; });
    return after != std::begin(ranges) && point <= (after - 1)->last;
}

bool is_joiner(char32_t point)
{
    return point == 0x200c || point == 0x200d;
}

bool is_variation_selector(char32_t point)
{
    return (point >= 0xfe00 && point <= 0xfe0f) || (point >= 0xe0100 && point <= 0xe01ef) ||
           (point >= 0x180b && point <= 0x180f && point != 0x180e);
}

// White space, and what has no ink though Unicode counts it among letters, marks and symbols.
bool is_blank(char32_t point)
{
    constexpr char32_t blanks[] = {0x20,   0xa0,   0x1680, 0x2000,  0x2001,  0x2002,  0x2003, 0x2004,
                                   0x2005, 0x2006, 0x2007, 0x2008,  0x2009,  0x200a,  0x202f, 0x205f,
                                   0x2800, 0x3000, 0xfffc, 0x13441, 0x13442, 0x16fe4, 0x1d159};
    return std::find(std::begin(blanks), std::end(blanks), point) != std::end(blanks);
}

// How many tags follow the flag at `at`, as those of Scotland do; 0 unless they name a region and end.
std::size_t count_tags(const std::u32string& line, std::size_t at)
{
    constexpr char32_t black_flag = 0x1f3f4;
    constexpr char32_t cancel_tag = 0xe007f;
    const auto is_tag_of_region = [](char32_t point) {
        return (point >= 0xe0030 && point <= 0xe0039) || (point >= 0xe0061 && point <= 0xe007a);
    };
    if (line[at] != black_flag)
        return 0;
    auto end = at + 1;
    while (is_tag_of_region(line[end])) // the line ends with a zero
        ++end;
    const bool is_whole = end > at + 1 && line[end] == cancel_tag;
    return is_whole ? end - at : 0;
}

} // namespace

bool is_visible_line(const std::u32string& line)
{
    bool is_visible = false;
    bool can_join = false; // what stands before
    for (std::size_t i = 0; i < line.size(); ++i) {
        const auto point = line[i];
        if (is_variation_selector(point)) {
            if (i == 0 || !is_among(unicode::joining, line[i - 1]) || is_among(unicode::hidden, line[i - 1]))
                return false;
        } else if (is_joiner(point)) {
            const auto next = line[i + 1]; // or the zero that ends the line, which is hidden
            if (!can_join || !is_among(unicode::joining, next) || is_among(unicode::hidden, next))
                return false;
        } else if (is_among(unicode::hidden, point)) {
            return false;
        } else {
            can_join = is_among(unicode::joining, point);
            is_visible = is_visible || !is_blank(point);
            i += count_tags(line, i);
        }
    }
    return is_visible;
}

} // namespace base
