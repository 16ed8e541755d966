#include "postgresql/text.h"

#include <boost/test/unit_test.hpp>

using postgresql::storable;

BOOST_AUTO_TEST_SUITE(postgresql_text_tests)

BOOST_AUTO_TEST_CASE(well_formed_text_stays_as_it_is)
{
    for (const std::string text :
         {"", "a", "\x7f", "\u0080\u07ff", "\u0800\ud7ff\ue000\uffff", "\U00010000\U0010ffff"})
        BOOST_TEST(storable(text) == text);
}

BOOST_AUTO_TEST_CASE(every_byte_that_is_no_character_is_replaced)
{
    const std::string mark = "\ufffd";
    BOOST_TEST(storable(std::string("a\0b", 3)) == "a" + mark + "b");
    BOOST_TEST(storable("\x80") == mark);
    BOOST_TEST(storable("\xc3") == mark);            // cut off
    BOOST_TEST(storable("\xc3(") == mark + "(");     // goes on with something else
    BOOST_TEST(storable("\xc0\xaf") == mark + mark); // overlong
    BOOST_TEST(storable("\xe0\x80\x80") == mark + mark + mark);
    BOOST_TEST(storable("\xed\xa0\x80") == mark + mark + mark);            // half of a pair
    BOOST_TEST(storable("\xf4\x90\x80\x80") == mark + mark + mark + mark); // beyond Unicode
    BOOST_TEST(storable("\xf0\x9f\x98") == mark + mark + mark);
    BOOST_TEST(storable("\xff"
                        "ü") == mark + "ü");
}

BOOST_AUTO_TEST_SUITE_END()
