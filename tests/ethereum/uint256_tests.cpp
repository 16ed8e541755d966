#include "ethereum/uint256.h"

#include "base/hex.h"
#include "fixture.h"

namespace {

using ethereum::Uint256;

const std::string greatest =
    "115792089237316195423570985008687907853269984665640564039457584007913129639935"; // 2^256 - 1

} // namespace

BOOST_AUTO_TEST_SUITE(uint256_tests)

BOOST_AUTO_TEST_CASE(decimal_text_goes_in_and_comes_out)
{
    for (const std::string text :
         {"0", "1", "9", "255", "256", "18446744073709551615", "18446744073709551616"})
        BOOST_TEST(Uint256::parse_decimal(text)->to_decimal() == text);
    BOOST_TEST(Uint256::parse_decimal(greatest)->to_decimal() == greatest);
    BOOST_TEST(base::to_hex(Uint256::parse_decimal(greatest)->to_word()) == std::string(64, 'f'));
}

BOOST_AUTO_TEST_CASE(leading_zeros_are_dropped)
{
    BOOST_TEST(Uint256::parse_decimal("007")->to_decimal() == "7");
    BOOST_TEST(Uint256::parse_decimal("000")->to_decimal() == "0");
    BOOST_TEST(Uint256::parse_decimal(std::string(1000, '0') + greatest)->to_decimal() == greatest);
}

BOOST_AUTO_TEST_CASE(other_text_is_no_number)
{
    const std::string one_more = greatest.substr(0, 77) + "6";
    for (const std::string& text :
         {std::string(), std::string("-1"), std::string("+1"), std::string("1.0"), std::string("1e3"),
          std::string("0x1"), std::string(" 1"), std::string("1 "), std::string("1\0", 2), one_more,
          "9" + greatest, std::string(100000, '9')})
        BOOST_TEST(!Uint256::parse_decimal(text), text.substr(0, 100));
}

BOOST_AUTO_TEST_CASE(quantities_are_hex_of_any_length)
{
    BOOST_TEST(Uint256::parse_quantity("0x0")->to_decimal() == "0");
    BOOST_TEST(Uint256::parse_quantity("0x10")->to_decimal() == "16");
    BOOST_TEST(Uint256::parse_quantity("0xABC")->to_decimal() == "2748");
    BOOST_TEST(Uint256::parse_quantity("0x" + std::string(64, 'f'))->to_decimal() == greatest);
    for (const std::string& text : {std::string(), std::string("0x"), std::string("10"), std::string("0xg"),
                                    std::string("0X1"), std::string("0x 1"), "0x" + std::string(65, '0')})
        BOOST_TEST(!Uint256::parse_quantity(text), text);
}

BOOST_AUTO_TEST_CASE(bytes_have_no_leading_zeros)
{
    BOOST_TEST(Uint256(0).to_bytes().empty());
    BOOST_TEST(base::to_hex(Uint256(1).to_bytes()) == "01");
    BOOST_TEST(base::to_hex(Uint256(0x0100).to_bytes()) == "0100");
    BOOST_TEST(base::to_hex(Uint256(UINT64_MAX).to_bytes()) == std::string(16, 'f'));
}

BOOST_AUTO_TEST_CASE(comparison_is_that_of_the_numbers)
{
    BOOST_TEST((Uint256(255) < Uint256(256)));
    BOOST_TEST((*Uint256::parse_decimal(greatest) > Uint256(UINT64_MAX)));
    BOOST_TEST((Uint256(7) == *Uint256::parse_decimal("007")));
}

BOOST_AUTO_TEST_CASE(scaling_rounds_up_and_stops_at_the_largest)
{
    BOOST_TEST(Uint256(8).scaled(9, 8).to_decimal() == "9");
    BOOST_TEST(Uint256(9).scaled(9, 8).to_decimal() == "11");
    BOOST_TEST(Uint256(0).scaled(9, 8).to_decimal() == "0");
    BOOST_TEST(Uint256(UINT64_MAX).scaled(2, 1).to_decimal() == "36893488147419103230");
    BOOST_TEST(Uint256::parse_decimal(greatest)->scaled(9, 8).to_decimal() == greatest);
    BOOST_TEST(Uint256(UINT64_MAX).plus(Uint256(1)).to_decimal() == "18446744073709551616");
    BOOST_TEST(Uint256::parse_decimal(greatest)->plus(Uint256(1)).to_decimal() == greatest);
}

BOOST_AUTO_TEST_CASE(a_difference_stops_at_zero)
{
    const auto most = *Uint256::parse_decimal(greatest);
    BOOST_TEST(Uint256(9).minus(Uint256(4)).to_decimal() == "5");
    BOOST_TEST(Uint256(9).minus(Uint256(0)).to_decimal() == "9");
    BOOST_TEST(Uint256(9).minus(Uint256(9)).to_decimal() == "0");
    BOOST_TEST(Uint256(9).minus(Uint256(10)).to_decimal() == "0");
    BOOST_TEST(Uint256(0).minus(most).to_decimal() == "0");
    BOOST_TEST(most.minus(most).to_decimal() == "0");
    BOOST_TEST(most.minus(Uint256(0)).to_decimal() == greatest);
    BOOST_TEST(Uint256(UINT64_MAX).plus(Uint256(1)).minus(Uint256(1)).to_decimal() == "18446744073709551615");
    BOOST_TEST(Uint256(UINT64_MAX).plus(Uint256(5)).minus(Uint256(UINT64_MAX)).to_decimal() == "5");
}

BOOST_AUTO_TEST_SUITE_END()
