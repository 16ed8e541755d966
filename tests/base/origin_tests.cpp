#include "base/origin.h"

#include "fixture.h"

#include <algorithm>

BOOST_AUTO_TEST_SUITE(origin_tests)

BOOST_AUTO_TEST_CASE(an_origin_is_written_as_browsers_write_it)
{
    for (const auto* origin : {"https://app.example.org",
                               "http://app.example.org",
                               "http://localhost",
                               "http://localhost:5173",
                               "https://app.example.org:8443",
                               "http://app.example.org:443",
                               "https://app.example.org:80",
                               "http://127.0.0.1:3000",
                               "http://[::1]:3000",
                               "https://[2001:db8::1]",
                               "https://[2001:db8::1:2]",
                               "http://localhost:1",
                               "http://localhost:65535",
                               "https://a1",
                               "app://localhost",
                               "https://xn--bcher-kva.example",
                               "https://a_b.example.org",
                               "https://1.example.org",
                               "https://1a",
                               "capacitor://localhost",
                               "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
                               "https://*.example.org",
                               "https://*.example.org:8443",
                               "http://*.localhost:5173"})
        BOOST_TEST(base::fault_of_origin(origin) == nullptr, origin);
}

BOOST_AUTO_TEST_CASE(what_no_browser_says_has_a_fault)
{
    const std::pair<const char*, const char*> table[] = {
        {"app.example.org", "scheme://host"},
        {"null", "scheme://host"},
        {"https:/app.example.org", "scheme://host"},
        {"://app.example.org", "scheme in small letters"},
        {"HTTPS://app.example.org", "scheme in small letters"},
        {"1https://app.example.org", "scheme in small letters"},
        {"https*://app.example.org", "scheme in small letters"},
        {"https://", "no host"},
        {"https://:8443", "no host"},
        {"https://.example.org", "no host"},
        {"https://app..example.org", "no host"},
        {"https://app.exa mple.org", "no host"},
        {"https://app.example.org.", "ends in a dot"},
        {"https://App.example.org", "capitals"},
        {"https://Zoo.example.org", "capitals"},
        {"https://b\xc3\xbc"
         "cher.example",
         "ASCII"},
        {"https://a\x80", "ASCII"},
        {"https://app.example.org/", "goes on"},
        {"https://app.example.org/path", "goes on"},
        {"https://app.example.org\\", "goes on"},
        {"https://app.example.org?a=b", "goes on"},
        {"https://app.example.org#a", "goes on"},
        {"https://user@app.example.org", "user"},
        {"https://user:secret@app.example.org", "user"},
        {"https://app.example.org:443", "leave out"},
        {"http://app.example.org:80", "leave out"},
        {"http://[::1]:80", "leave out"},
        {"https://*.example.org:443", "leave out"},
        {"https://app.example.org:", "port"},
        {"https://app.example.org:0", "port"},
        {"https://app.example.org:08443", "port"},
        {"https://app.example.org:65536", "port"},
        {"https://app.example.org:x", "port"},
        {"https://app.example.org:-0", "port"},
        {"https://app.example.org:-1", "port"},
        {"https://:x", "port"},
        {"https://app.example.org:1:2", "port"},
        {"https://2001:db8::1", "port"},
        {"https://127.1", "IPv4"},
        {"https://127.0.0.01", "IPv4"},
        {"https://1.2.3.4.5", "IPv4"},
        {"https://256.0.0.1", "IPv4"},
        {"https://[::1", "port"},
        {"https://[localhost", "IPv6"},
        {"https://[0:0::1]", "IPv6"},
        {"https://[2001:DB8::1]", "capitals"},
        {"https://[localhost]", "IPv6"},
        {"https://*", "first part"},
        {"https://*example.org", "first part"},
        {"https://app.*.org", "first part"},
        {"https://*.*.example.org", "first part"},
        {"https://a*.example.org", "first part"},
        {"https://*.", "no host"},
        {"https://*.example.org.", "ends in a dot"},
        {"https://*.127.0.0.1", "before an address"},
        {"https://*.[::1]", "before an address"},
        {"*.example.org", "scheme://host"},
    };
    for (const auto& [entry, said] : table) {
        const auto* fault = base::fault_of_origin(entry);
        BOOST_TEST_REQUIRE(fault != nullptr, entry);
        BOOST_TEST(std::string(fault).find(said) != std::string::npos, entry << " " << fault);
    }
}

BOOST_AUTO_TEST_CASE(an_entry_admits_itself_alone)
{
    BOOST_TEST(base::admits("https://a.example", "https://a.example"));
    for (const auto* other : {"", "null", "https://a.example:8443", "http://a.example", "https://b.a.example",
                              "https://a.example.", "https://A.example", "https://a.example.evil.example"})
        BOOST_TEST(!base::admits("https://a.example", other), other);
}

BOOST_AUTO_TEST_CASE(a_wildcard_admits_every_depth_but_not_the_bare_domain)
{
    const std::string entry = "https://*.example.org";
    for (const auto* below : {"https://a.example.org", "https://b.a.example.org", "https://1.example.org",
                              "https://example.org.example.org", "https://xn--bcher-kva.example.org"})
        BOOST_TEST(base::admits(entry, below), below);
    for (const auto* other :
         {"", "null", "https://example.org", "https://.example.org", "http://a.example.org",
          "https://a.example.org:8443", "https://a.example.org.evil.example", "https://evilexample.org",
          "https://a.example.com", "https://evil.example/.example.org", "https://user@a.example.org",
          "https://evil.example:1.example.org", "https://A.example.org", "https://*.example.org", "https://"})
        BOOST_TEST(!base::admits(entry, other), other);
    BOOST_TEST(base::admits("http://*.localhost:5173", "http://a.localhost:5173"));
    BOOST_TEST(!base::admits("http://*.localhost:5173", "http://a.localhost"));
}

BOOST_AUTO_TEST_SUITE_END()
