#include "base/network.h"

#include "fixture.h"

using base::network_of_address;

BOOST_AUTO_TEST_SUITE(network_tests)

BOOST_AUTO_TEST_CASE(an_address_stands_for_itself_and_one_of_ipv6_for_its_network)
{
    BOOST_TEST(network_of_address("192.0.2.1") != network_of_address("192.0.2.2"));
    BOOST_TEST(network_of_address("2001:db8:1:2::1") ==
               network_of_address("2001:db8:1:2:ffff:ffff:ffff:ffff"));
    BOOST_TEST(network_of_address("2001:db8:1:2::1") != network_of_address("2001:db8:1:3::1"));
    BOOST_TEST(network_of_address("2001:DB8:0::1") == network_of_address("2001:db8::2"));
}

// Web servers and proxies write addresses in these ways.
BOOST_AUTO_TEST_CASE(port_brackets_and_zone_do_not_change_an_address)
{
    const auto v4 = network_of_address("192.0.2.1");
    for (const auto* same : {"192.0.2.1:443", "192.0.2.1:65535", "[::ffff:192.0.2.1]:443"})
        BOOST_TEST(network_of_address(same) == v4, same);
    const auto v6 = network_of_address("2001:db8:1:2::1");
    for (const auto* same :
         {"[2001:db8:1:2::1]", "[2001:db8:1:2::1]:443", "2001:db8:1:2::1%eth0", "[2001:db8:1:2::1%eth0]:443"})
        BOOST_TEST(network_of_address(same) == v6, same);
    BOOST_TEST(network_of_address("fe80::1%eth0") == network_of_address("fe80::1"));
    BOOST_TEST(!network_of_address("fe80::1%eth0").empty());
}

BOOST_AUTO_TEST_CASE(an_address_of_ipv4_within_ipv6_is_that_of_ipv4)
{
    const auto v4 = network_of_address("192.0.2.1");
    for (const auto* same : {"::ffff:192.0.2.1", "::ffff:c000:201", "64:ff9b::192.0.2.1", "64:ff9b::c000:201",
                             "0064:FF9B::c000:201"})
        BOOST_TEST(network_of_address(same) == v4, same);
    BOOST_TEST(network_of_address("64:ff9b::192.0.2.1") != network_of_address("64:ff9b::192.0.2.2"));
    for (const auto* another :
         {"64:ff9b:0:0:0:1:c000:201", "64:ff9a::c000:201", "::fffe:c000:201", "::192.0.2.1"})
        BOOST_TEST(network_of_address(another).size() == 16u, another);
}

BOOST_AUTO_TEST_CASE(what_is_no_address_stands_for_nobody)
{
    for (const auto* none : {"",
                             "unix:",
                             "localhost",
                             "1.2.3",
                             "::g",
                             "192.0.2.1:",
                             "192.0.2.1:x",
                             "192.0.2.1:123456",
                             ":80",
                             ":",
                             "192.0.2.1%eth0",
                             "[192.0.2.1",
                             "[192.0.2.1:80",
                             "[2001:db8::1",
                             "2001:db8::1]",
                             "[2001:db8::1]80",
                             "[2001:db8::1]:",
                             "[2001:db8::1]:x",
                             "[]",
                             "[]:80",
                             "[",
                             "]",
                             "%",
                             "%eth0",
                             "fe80::1%",
                             "[2001:db8::1]:80:80",
                             "[[2001:db8::1]]"})
        BOOST_TEST(network_of_address(none) == "", none);
}

BOOST_AUTO_TEST_SUITE_END()
