#include "base/network.h"

#include "fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>

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
    for (const auto* same : {"192.0.2.1:443", "192.0.2.1:65535", "192.0.2.1:1", "[::ffff:192.0.2.1]:443"})
        BOOST_TEST(network_of_address(same) == v4, same);
    const auto v6 = network_of_address("2001:db8:1:2::1");
    for (const auto* same : {"[2001:db8:1:2::1]", "[2001:db8:1:2::1]:443", "2001:db8:1:2::1%eth0",
                             "[2001:db8:1:2::1%eth0]:443", "2001:db8:1:2::1%2"})
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

BOOST_AUTO_TEST_CASE(hosts_are_this_machine_or_within_a_network_or_reached_by_all)
{
    using base::AddressKind;
    const auto are = [](AddressKind kind, const std::vector<std::string>& hosts) {
        for (const auto& host : hosts)
            BOOST_TEST((base::kind_of_host(host) == kind), host);
    };
    are(AddressKind::loopback, {"localhost", "127.0.0.1", "127.255.255.255", "[::1]", "[::ffff:127.0.0.1]"});
    are(AddressKind::internal, {"0.0.0.0",
                                "0.255.255.255",
                                "10.0.0.0",
                                "10.255.255.255",
                                "100.64.0.0",
                                "100.127.255.255",
                                "169.254.169.254",
                                "169.254.255.255",
                                "172.16.0.0",
                                "172.31.255.255",
                                "192.0.0.8",
                                "192.0.0.255",
                                "192.0.2.1",
                                "192.0.2.255",
                                "192.88.99.1",
                                "192.88.99.255",
                                "192.168.0.1",
                                "192.168.255.255",
                                "198.18.0.1",
                                "198.19.255.255",
                                "198.51.100.7",
                                "198.51.100.255",
                                "203.0.113.7",
                                "203.0.113.255",
                                "224.0.0.1",
                                "239.255.255.255",
                                "240.0.0.1",
                                "255.255.255.255",
                                "[::]",
                                "[::ffff:10.0.0.1]",
                                "[::ffff:169.254.169.254]",
                                "[::10.0.0.1]",
                                "[64:ff9b::10.0.0.1]",
                                "[64:ff9b::127.0.0.1]",
                                "[64:ff9b:1::1]",
                                "[100::1]",
                                "[2001::1]",
                                "[2001:1ff::1]",
                                "[2001:db8::1]",
                                "[2002:a00:1::]",
                                "[2002:7f00:1::]",
                                "[3fff::1]",
                                "[3fff:fff::1]",
                                "[5f00::1]",
                                "[fc00::1]",
                                "[fdff::1]",
                                "[fe80::1]",
                                "[fec0::1]",
                                "[ff02::1]"});
    are(AddressKind::global, {"1.1.1.1",          "9.255.255.255",      "11.0.0.0",
                              "100.63.255.255",   "100.128.0.0",        "126.255.255.255",
                              "128.0.0.0",        "169.253.255.255",    "172.15.255.255",
                              "172.32.0.0",       "192.0.1.0",          "192.0.3.0",
                              "192.88.98.255",    "192.88.100.0",       "198.51.99.255",
                              "198.51.101.0",     "203.0.112.255",      "203.0.114.0",
                              "192.167.255.255",  "192.169.0.0",        "198.17.255.255",
                              "198.20.0.0",       "223.255.255.255",    "[2606:4700::1111]",
                              "[::ffff:1.1.1.1]", "[64:ff9b::1.1.1.1]", "[64:ff9b::8.10.0.1]",
                              "[2002:101:101::]", "[2002:80a:1::]",     "[2001:200::1]",
                              "[2a00::1]",        "[3fff:1000::1]"});
    for (const char* name : {"", "example.org", "LOCALHOST", "127.1", "2130706433", "0x7f.1", "::1", "[",
                             "[]", "[::1", "[fe80::1%1]", "[127.0.0.1]"})
        BOOST_TEST(!base::kind_of_host(name).has_value(), name);
}

BOOST_AUTO_TEST_CASE(a_sockets_address_is_of_the_kind_of_its_host)
{
    using base::AddressKind;
    const std::pair<const char*, AddressKind> of_ipv4[] = {{"127.0.0.1", AddressKind::loopback},
                                                           {"10.0.0.1", AddressKind::internal},
                                                           {"1.1.1.1", AddressKind::global}};
    for (const auto& [host, kind] : of_ipv4) {
        sockaddr_in ipv4 = {};
        ipv4.sin_family = AF_INET;
        ipv4.sin_port = htons(443);
        BOOST_REQUIRE(::inet_pton(AF_INET, host, &ipv4.sin_addr) == 1);
        sockaddr address = {};
        std::memcpy(&address, &ipv4, sizeof address);
        BOOST_TEST((base::kind_of_address(address) == kind), host);
    }
    const std::pair<const char*, AddressKind> of_ipv6[] = {{"::1", AddressKind::loopback},
                                                           {"::ffff:127.0.0.1", AddressKind::loopback},
                                                           {"fe80::1", AddressKind::internal},
                                                           {"2a00::1", AddressKind::global}};
    for (const auto& [host, kind] : of_ipv6) {
        sockaddr_in6 ipv6 = {};
        ipv6.sin6_family = AF_INET6;
        ipv6.sin6_port = htons(443);
        BOOST_REQUIRE(::inet_pton(AF_INET6, host, &ipv6.sin6_addr) == 1);
        BOOST_TEST((base::kind_of_address(reinterpret_cast<const sockaddr&>(ipv6)) == kind), host);
    }
    sockaddr of_a_path = {};
    of_a_path.sa_family = AF_UNIX;
    BOOST_TEST((base::kind_of_address(of_a_path) == AddressKind::internal));
}

BOOST_AUTO_TEST_SUITE_END()
