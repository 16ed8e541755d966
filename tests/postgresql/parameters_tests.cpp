#include "postgresql/parameters.h"

#include <boost/test/unit_test.hpp>

using postgresql::number_parameters;
using Names = std::vector<std::string>;

BOOST_AUTO_TEST_SUITE(postgresql_parameters_tests)

BOOST_AUTO_TEST_CASE(names_become_numbers_in_the_order_of_their_first_place)
{
    const auto sql = number_parameters("UPDATE t SET a = :b_2, c = :a WHERE d > :b_2 - 1 AND e=:a");
    BOOST_TEST(sql.text == "UPDATE t SET a = $1, c = $2 WHERE d > $1 - 1 AND e=$2");
    BOOST_TEST(sql.names == (Names{":b_2", ":a"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_quoted_or_a_cast_is_no_parameter)
{
    for (const std::string text :
         {"SELECT ':a', \":b\", 'it''s :c', x::bigint, '", "SELECT 1", ":", "a: b", ""}) {
        const auto sql = number_parameters(text);
        BOOST_TEST(sql.text == text);
        BOOST_TEST(sql.names.empty());
    }
    BOOST_TEST(number_parameters("x::bigint = :x").text == "x::bigint = $1");
}

BOOST_AUTO_TEST_SUITE_END()
