#include "base/unicode.h"

#include "base/unicode_ranges.h"
#include "fixture.h"

#include <algorithm>

namespace {

using base::is_visible_line;

constexpr char32_t zwnj = 0x200c;
constexpr char32_t zwj = 0x200d;
constexpr char32_t emoji_selector = 0xfe0f;

// Whether it may stand within a line.
bool passes(char32_t point)
{
    return is_visible_line({U'a', point, U'b'});
}

} // namespace

BOOST_AUTO_TEST_SUITE(unicode_tests)

BOOST_AUTO_TEST_CASE(a_line_shows_something)
{
    for (const std::u32string shown :
         {U"a", U" a", U"\u3000a", U"ä", U"語", U"🎙", U".", U"\u2801", U"\u0301"})
        BOOST_TEST(is_visible_line(shown));
    for (const std::u32string blank : {U"", U" ", U"\u00a0", U"\u2003", U"\u3000", U"\u2800",
                                       U"\u2800 \u2800", U"\ufffc", U"\U0001d159", U"\U00016fe4"})
        BOOST_TEST(!is_visible_line(blank));
    BOOST_TEST(is_visible_line(U"\u2801\u2800\u2803")); // Braille's own space
}

BOOST_AUTO_TEST_CASE(nothing_in_a_line_is_hidden)
{
    for (const char32_t point :
         {U'\0',         U'\t',         U'\n',         U'\x7f',       U'\x85',       U'\u00ad',
          U'\u034f',     U'\u061c',     U'\u115f',     U'\u1160',     U'\u17b4',     U'\u180e',
          U'\u200b',     U'\u200e',     U'\u200f',     U'\u2028',     U'\u2029',     U'\u202a',
          U'\u202e',     U'\u2060',     U'\u2066',     U'\u2069',     U'\u3164',     U'\ue000',
          U'\ufdd0',     U'\ufeff',     U'\uffa0',     U'\ufff9',     U'\uffff',     U'\U0001bca0',
          U'\U000e0001', U'\U000e0020', U'\U000f0000', U'\U0010fffd', U'\U0010ffff', U'\u0378'})
        BOOST_TEST(!passes(point), std::hex << std::uint32_t{point});
    BOOST_TEST(!passes(0xd800));
    for (const char32_t point : {U'z', U'\u00a0', U'\u0301', U'\u2800', U'\u2603', U'\ufffd', U'\U0001f600'})
        BOOST_TEST(passes(point), std::hex << std::uint32_t{point});
}

// The first and the last of every range, and their neighbours. That the ranges are Unicode's is tested where
// Unicode's data are (tests/e2e/unicode.test.mjs).
BOOST_AUTO_TEST_CASE(the_ranges_are_searched_to_their_ends)
{
    std::u32string ends;
    const base::unicode::Range* before = nullptr;
    for (const auto& range : base::unicode::hidden) {
        BOOST_REQUIRE(range.first <= range.last && (before == nullptr || before->last + 1 < range.first));
        before = &range;
        for (const auto point : {range.first, range.last}) {
            const bool has_its_place =
                point == zwnj || point == zwj || (point >= 0xfe00 && point <= 0xfe0f) ||
                (point >= 0x180b && point <= 0x180f) || (point >= 0xe0100 && point <= 0xe01ef);
            BOOST_TEST((has_its_place || !passes(point)), std::hex << std::uint32_t{point});
        }
        if (range.first > 0)
            BOOST_TEST(passes(range.first - 1), std::hex << std::uint32_t{range.first - 1});
        if (range.last < 0x10ffff)
            BOOST_TEST(passes(range.last + 1), std::hex << std::uint32_t{range.last + 1});
    }
}

BOOST_AUTO_TEST_CASE(emoji_and_scripts_have_what_they_need)
{
    const std::u32string shown[] = {
        U"👨\u200d👩\u200d👧\u200d👦",
        U"🏳\ufe0f\u200d🌈",
        U"❤\ufe0f",
        U"I ❤\ufe0f you",
        U"❤\ufe0f\u200d🔥",
        U"👩🏽\u200d🚀",
        U"1\ufe0f\u20e3",
        U"🇩🇪",
        U"🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        U"🏴\U000e0061\U000e007f",
        U"🏴\U000e0061\U000e007a\U000e0030\U000e0039\U000e007f",
        U"I 🏴\U000e0067\U000e0062\U000e007f you",
        U"می\u200cخواهم",
        U"क्\u200dष",
        U"क्\u200cष",
        U"ශ්\u200dරී",
        U"葛\U000e0100城",
        U"葛\U000e01ef城",
        U"ᠠ\u180bᠡ",
        U"ᠠ\u180fᠡ",
        U"≨\ufe00",
    };
    for (std::size_t i = 0; i < std::size(shown); ++i)
        BOOST_TEST(is_visible_line(shown[i]), "number " << i);
}

BOOST_AUTO_TEST_CASE(what_emoji_and_scripts_need_passes_nowhere_else)
{
    const std::u32string wrong[] = {
        {zwj},
        {emoji_selector},
        {zwj, U'👩'},
        {U'👩', zwj},
        {U'👩', zwj, zwj, U'👧'},
        {U'👩', zwj, U' ', U'👧'},
        {U'👩', zwj, U'\u200b', U'👧'},
        {U'👩', zwj, 0xe0fff}, // unassigned, within a range of those that join
        U"Offi\u200dcial",
        U"Offi\u200ccial",
        U"Offi\ufe0fcial",
        U"公\u200bxy",
        {U' ', emoji_selector},
        {emoji_selector, U'❤'},
        {U'❤', emoji_selector, emoji_selector},
        {U'\u0378', emoji_selector},
        U"a\U000e0067\U000e007f",            // tags behind no flag,
        U"🏴\U000e0067",                   // without an end,
        U"🏴\U000e007f",                   // with an end alone,
        U"🏴\U000e0041\U000e007f",         // of no region,
        U"🏴\U000e0067a\U000e007f",        // interrupted,
        U"🏴a\U000e0067\U000e007f",        // not at once,
        U"ab🏴\U000e0067\U000e007f\u200b", // and before what is hidden
    };
    for (std::size_t i = 0; i < std::size(wrong); ++i)
        BOOST_TEST(!is_visible_line(wrong[i]), "number " << i);
}

BOOST_AUTO_TEST_SUITE_END()
