#include "base/uri.h"

#include <boost/test/unit_test.hpp>
#include <string>

namespace {

// "none" for what is no authority.
std::string host_of(std::string_view text)
{
    return std::string(base::host_of_authority(text).value_or("none"));
}

} // namespace

BOOST_AUTO_TEST_SUITE(uri_tests)

BOOST_AUTO_TEST_CASE(an_authority_has_a_host)
{
    const std::pair<const char*, const char*> table[] = {
        {"example.org", "example.org"},
        {"example.org:8080", "example.org"},
        {"example.org:", "example.org"},
        {"user@example.org", "example.org"},
        {"user:pass%20word@example.org:1", "example.org"},
        {"a%2Fb", "a%2Fb"},
        {"a%0A", "a%0A"},
        {"127.0.0.1:3338", "127.0.0.1"},
        {"[::1]", "[::1]"},
        {"[2001:db8::1:2]:443", "[2001:db8::1:2]"},
        {"[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]"},
        {"[v1.a:b]:2", "[v1.a:b]"},
        {"[V0F.a]", "[V0F.a]"},
        {"", ""},
        {":80", ""},
        {"!$&'()*+,;=", "!$&'()*+,;="},
    };
    for (const auto& [text, host] : table)
        BOOST_TEST(host_of(text) == host, text);
    for (const auto* wrong : {"exa mple.org",
                              "example.org:80a",
                              "example.org:80:80",
                              "a@b@c",
                              "[::1",
                              "::1",
                              "[::1]x",
                              "[]",
                              "[1:2]",
                              "[v1]",
                              "[v.a]",
                              "[vg.a]",
                              "[v1.]",
                              "[w1.a]",
                              "[v1.a b]",
                              "[fe80::1%25eth0]",
                              "a/b",
                              "a?b",
                              "a#b",
                              "a%2",
                              "a%zz",
                              "a%g4",
                              "a%20 b",
                              "us er@example.org",
                              "a\xff",
                              "ex\xc3\xa4mple.org",
                              "a\tb",
                              "a\\b",
                              "a\"b",
                              "<a",
                              "a>"})
        BOOST_TEST(host_of(wrong) == "none", wrong);
    BOOST_TEST(host_of(std::string_view("[::1\0]", 6)) == "none");
    BOOST_TEST(host_of(std::string_view("a\0b", 3)) == "none");
    // What is behind the text is no part of it.
    BOOST_TEST(host_of(std::string_view("a%2F", 3)) == "none");
    BOOST_TEST(host_of(std::string_view("a%2F", 2)) == "none");
}

BOOST_AUTO_TEST_CASE(a_uri_has_a_scheme_and_may_have_a_host)
{
    const std::pair<const char*, const char*> table[] = {
        {"https://example.org", "example.org"},
        {"https://example.org/a/b;c=1,2?d=e/f?g#h/?i", "example.org"},
        {"https://example.org:8080?x", "example.org"},
        {"https://example.org#", "example.org"},
        {"https://example.org?", "example.org"},
        {"https://example.org??#?", "example.org"},
        {"http://[::1]:3338/", "[::1]"},
        {"file:///etc/hosts", ""},
        {"urn:isbn:0451450523", "none"},
        {"did:key:z6Mk", "none"},
        {"mailto:a@example.org", "none"},
        {"a+b-c.d1:/x//y", "none"},
        {"x:", "none"},
        {"ipfs://Qm/x%20y", "Qm"},
    };
    for (const auto& [text, host] : table) {
        const auto uri = base::parse_uri(text);
        BOOST_TEST_REQUIRE(uri.has_value(), text);
        BOOST_TEST(uri->host.value_or("none") == host, text);
    }
    for (const auto* wrong : {"",
                              "example.org",
                              "//example.org",
                              "/path",
                              ":x",
                              "1a:b",
                              "a_b:c",
                              "a!b:c",
                              "https://example.org/a? b",
                              "https://example.org/# b",
                              "https://exa mple.org",
                              "https://example.org/a b",
                              "https://example.org/%",
                              "https://example.org/%4",
                              "https://example.org/%4g",
                              "https://example.org/a?b c",
                              "https://example.org/#a#b",
                              "https://example.org/[a]",
                              "https://example.org/\xc3\xa4",
                              "https://example.org/a?\"",
                              "https://example.org:x/",
                              "a:\n"})
        BOOST_TEST(!base::parse_uri(wrong).has_value(), wrong);
}

BOOST_AUTO_TEST_SUITE_END()
