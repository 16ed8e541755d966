#include "base/hex.h"

#include "fixture.h"

BOOST_AUTO_TEST_SUITE(hex_tests)

BOOST_AUTO_TEST_CASE(every_byte_survives_both_ways)
{
    std::string bytes;
    for (int byte = 0; byte < 256; ++byte)
        bytes += static_cast<char>(byte);
    const auto digits = base::to_hex(bytes);
    BOOST_TEST(digits.size() == 512u);
    BOOST_TEST(digits.substr(0, 8) == "00010203");
    BOOST_TEST(digits.substr(504) == "fcfdfeff");
    BOOST_TEST((base::from_hex(digits) == bytes));
}

BOOST_AUTO_TEST_CASE(both_cases_are_read_and_lowercase_is_written)
{
    BOOST_TEST((base::from_hex("aBcDeF") == "\xab\xcd\xef"));
    BOOST_TEST(base::to_hex("\xab\xcd\xef") == "abcdef");
    BOOST_TEST((base::from_hex("") == ""));
    BOOST_TEST(base::to_hex("").empty());
}

BOOST_AUTO_TEST_CASE(a_digit_has_its_value_and_nothing_else_is_a_digit)
{
    const std::string digits = "0123456789abcdef";
    const std::string uppercase = "0123456789ABCDEF";
    for (int c = 0; c < 256; ++c) {
        const auto character = static_cast<char>(c);
        auto expected = -1;
        if (const auto at = digits.find(character); at != std::string::npos)
            expected = static_cast<int>(at);
        if (const auto at = uppercase.find(character); at != std::string::npos)
            expected = static_cast<int>(at);
        BOOST_TEST(base::hex_value(character) == expected, "character " << c);
    }
}

BOOST_AUTO_TEST_CASE(whatever_is_not_strictly_hex_is_refused)
{
    for (const std::string text : {"a", "abc", "0x12", "0X12", "12 ", " 12", "1 2 ", "+1", "-1", "1g", "g1",
                                   "12\n", "\xef\xbc\x91\xef", "@a", "`a", "G0", "/0", ":0"})
        BOOST_TEST(!base::from_hex(text).has_value(), "accepted: " << text);
    // Not cut at a NUL.
    BOOST_TEST(!base::from_hex(std::string("12\0", 3)).has_value());
    BOOST_TEST(!base::from_hex(std::string("12\0\0", 4)).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
