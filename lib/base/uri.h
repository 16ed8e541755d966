// URIs by the grammar of RFC 3986, appendix A: which texts are one, and where they point.
#pragma once

#include <optional>
#include <string_view>

namespace base {

// The host of an authority, [userinfo "@"] host [":" port], as it is written there; of an IPv6 literal with
// its brackets. Nothing for a text that is no authority. One with an empty host is one: RFC 3986 allows it.
std::optional<std::string_view> host_of_authority(std::string_view text);

struct Uri
{
    std::string_view scheme;
    std::optional<std::string_view> host; // of its authority; "urn:isbn:1" has none
};

// Nothing for a text that is no URI: it has no scheme, or a character that must be percent-encoded.
std::optional<Uri> parse_uri(std::string_view text);

// scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )
bool is_uri_scheme(std::string_view text);
// *pchar: what a segment of a path consists of.
bool is_uri_segment(std::string_view text);

} // namespace base
