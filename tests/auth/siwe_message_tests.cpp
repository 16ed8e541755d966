#include "auth/siwe_message.h"

#include "fixture.h"

namespace {

std::string host_of(std::string authority)
{
    const auto after_literal = authority.find(']');
    return authority.substr(0, authority.find(':', after_literal == std::string::npos ? 0 : after_literal));
}

std::string in_lowercase(std::string text)
{
    for (char& c : text)
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

std::optional<std::int64_t> instant(const base::Json& vector, const char* name)
{
    return vector.contains(name) ? std::optional(vector[name].get<std::int64_t>()) : std::nullopt;
}

const std::string good = "example.org wants you to sign in with your Ethereum account:\n"
                         "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2\n"
                         "\n"
                         "To talk.\n"
                         "\n"
                         "URI: https://example.org/login\n"
                         "Version: 1\n"
                         "Chain ID: 1\n"
                         "Nonce: 12345678\n"
                         "Issued At: 2026-01-01T00:00:00Z\n"
                         "Expiration Time: 2026-01-01T00:05:00Z\n"
                         "Not Before: 2026-01-01T00:00:00Z\n"
                         "Request ID: 7\n"
                         "Resources:\n"
                         "- https://example.org/a\n"
                         "- urn:b";

// The good one with something else in the place of a part.
std::string with(const std::string& part, const std::string& other)
{
    auto text = good;
    BOOST_REQUIRE(text.find(part) != std::string::npos);
    return text.replace(text.find(part), part.size(), other);
}

} // namespace

BOOST_AUTO_TEST_SUITE(siwe_message_tests)

BOOST_AUTO_TEST_CASE(the_messages_of_other_implementations_are_read_alike)
{
    const auto vectors = load_vectors("siwe.json")["messages"];
    BOOST_TEST(vectors.size() >= 300u);
    for (const auto& vector : vectors) {
        BOOST_TEST_CONTEXT(vector["name"].get<std::string>())
        {
            const auto message = auth::parse_siwe_message(vector["message"].get<std::string>());
            const auto& fields = vector["fields"];
            BOOST_TEST(message.has_value() == !fields.is_null());
            if (!message || fields.is_null())
                continue;
            BOOST_TEST(message->domain == in_lowercase(fields["domain"]));
            BOOST_TEST(message->wallet == in_lowercase(fields["address"]));
            BOOST_TEST(message->uri_host == in_lowercase(host_of(vector["uriHost"])));
            const std::string chain_id = fields["chainId"];
            BOOST_TEST(message->chain_id ==
                       chain_id.substr(std::min(chain_id.find_first_not_of('0'), chain_id.size() - 1)));
            BOOST_TEST(message->nonce == fields["nonce"].get<std::string>());
            BOOST_TEST(message->issued_at_ms == vector["issuedAtMs"].get<std::int64_t>());
            BOOST_TEST((message->expiration_time_ms == instant(vector, "expirationTimeMs")));
            BOOST_TEST((message->not_before_ms == instant(vector, "notBeforeMs")));
        }
    }
}

BOOST_AUTO_TEST_CASE(every_field_is_read)
{
    const auto message = auth::parse_siwe_message(good);
    BOOST_TEST_REQUIRE(message.has_value());
    BOOST_TEST(message->domain == "example.org");
    BOOST_TEST(message->wallet == "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2");
    BOOST_TEST(message->uri_host == "example.org");
    BOOST_TEST(message->chain_id == "1");
    BOOST_TEST(message->nonce == "12345678");
    BOOST_TEST(message->issued_at_ms == 1767225600000);
    BOOST_TEST((message->expiration_time_ms == 1767225900000));
    BOOST_TEST((message->not_before_ms == 1767225600000));
}

BOOST_AUTO_TEST_CASE(a_message_that_is_cut_anywhere_is_none_or_ends_behind_a_field)
{
    for (std::size_t length = 0; length < good.size(); ++length) {
        const auto cut = good.substr(0, length);
        const auto is_read = auth::parse_siwe_message(cut).has_value();
        if (!is_read)
            continue;
        // What is left ends where something optional may end, too.
        const auto last_line = cut.substr(cut.rfind('\n') + 1);
        const bool may_end =
            last_line.rfind("Issued At: ", 0) == 0 || last_line.rfind("Expiration Time: ", 0) == 0 ||
            last_line.rfind("Not Before: ", 0) == 0 || last_line.rfind("Request ID: ", 0) == 0 ||
            last_line == "Resources:" || last_line.rfind("- ", 0) == 0;
        BOOST_TEST(may_end, "read: " << cut);
    }
}

BOOST_AUTO_TEST_CASE(a_byte_too_many_anywhere_is_seen)
{
    for (std::size_t at = 0; at <= good.size(); ++at) {
        for (const char more : {'\n', '\r', '\0', '\t', '\x7f', '\xc3', '"', '%'}) {
            auto text = good;
            text.insert(at, 1, more);
            BOOST_TEST(!auth::parse_siwe_message(text).has_value(),
                       "read with byte " << int(more) << " at " << at);
        }
    }
}

BOOST_AUTO_TEST_CASE(each_line_stands_as_it_must)
{
    for (const auto& [part, other] : {std::pair("account:\n", "account;\n"),
                                      {"example.org wants", " wants"},
                                      {"example.org wants", ":8080 wants"},
                                      {"example.org wants", "example org wants"},
                                      {"example.org wants", "1ttps://example.org wants"},
                                      {"example.org wants", "://example.org wants"},
                                      {"0xC02", "0xc02"},
                                      {"0xC02", "0xC0g"},
                                      {"\n\nTo talk.\n\n", "\nTo talk.\n"},
                                      {"\n\nTo talk.\n\n", "\nTo talk.\n\n"},
                                      {"\n\nTo talk.\n\n", "\n\nTo talk.\n"},
                                      {"URI: https://example.org/login", "URI: example.org"},
                                      {"URI: https://example.org/login\n", ""},
                                      {"Version: 1", "Version: 2"},
                                      {"Version: 1\n", ""},
                                      {"Chain ID: 1", "Chain ID: "},
                                      {"Chain ID: 1", "Chain ID: 0x1"},
                                      {"Chain ID: 1\n", ""},
                                      {"Nonce: 12345678", "Nonce: 1234567"},
                                      {"Nonce: 12345678", "Nonce: 1234567-"},
                                      {"Nonce: 12345678\n", ""},
                                      {"Issued At: 2026-01-01T00:00:00Z", "Issued At: now"},
                                      {"Issued At: 2026-01-01T00:00:00Z\n", ""},
                                      {"Expiration Time: 2026-01-01T00:05:00Z", "Expiration Time: later"},
                                      {"Not Before: 2026-01-01T00:00:00Z", "Not Before: "},
                                      {"Request ID: 7", "Request ID: a/b"},
                                      {"Resources:\n- https://example.org/a\n- urn:b", "Resources:x"},
                                      {"- https://example.org/a\n- urn:b", "- https://example.org/a\n- b"},
                                      {"- urn:b", "- urn:b\nmore"}})
        BOOST_TEST(!auth::parse_siwe_message(with(part, other)).has_value(), "read with " << other);
}

BOOST_AUTO_TEST_CASE(what_may_be_written_otherwise_is_read_alike)
{
    const auto with_domain = auth::parse_siwe_message(with("example.org wants", "a://AZ.Example.ORG wants"));
    BOOST_TEST(with_domain.value().domain == "az.example.org");
    const auto with_uri =
        auth::parse_siwe_message(with("https://example.org/login", "https://AZ.example.org"));
    BOOST_TEST(with_uri.value().uri_host == "az.example.org");
    BOOST_TEST(auth::parse_siwe_message(with("\nTo talk.\n\n", "\n\n")).has_value());
    for (const auto& [written, chain_id] :
         {std::pair("0", "0"), {"00", "0"}, {"01", "1"}, {"10", "10"}, {"0070", "70"}})
        BOOST_TEST(auth::parse_siwe_message(with("Chain ID: 1", "Chain ID: " + std::string(written)))
                       .value()
                       .chain_id == chain_id);
}

BOOST_AUTO_TEST_CASE(the_host_of_a_domain_is_without_its_port)
{
    auth::SiweMessage message;
    for (const auto& [domain, host] :
         {std::pair("example.org", "example.org"), std::pair("example.org:8080", "example.org"),
          std::pair(":8080", ""), std::pair("[::1]:8080", "[::1]"), std::pair("[::1]", "[::1]")}) {
        message.domain = domain;
        BOOST_TEST(message.domain_host() == host);
    }
}

BOOST_AUTO_TEST_SUITE_END()
