#include "base/uri.h"

#include "base/hex.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <string>

namespace base {

namespace {

// Which parts of a URI a character may stand in.
enum Kind : unsigned char
{
    alpha = 1,
    digit = 2,
    unreserved = 4,
    sub_delim = 8
};

constexpr auto kinds = [] {
    std::array<unsigned char, 256> all = {};
    const auto add = [&](std::string_view characters, unsigned kind) {
        for (const char c : characters)
            all[static_cast<unsigned char>(c)] |= static_cast<unsigned char>(kind);
    };
    add("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", alpha | unreserved);
    add("0123456789", digit | unreserved);
    add("-._~", unreserved);
    add("!$&'()*+,;=", sub_delim);
    return all;
}();

bool is(unsigned char c, unsigned wanted)
{
    return (kinds[c] & wanted) != 0;
}

// Whether all of it is unreserved, percent-encoded, a sub-delim, or one of `more`.
bool consists_of(std::string_view text, std::string_view more)
{
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '%') {
            if (text.size() - i < 3 || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0)
                return false; // digits are unreserved
        } else if (!is(static_cast<unsigned char>(c), unreserved | sub_delim) &&
                   more.find(c) == std::string_view::npos) {
            return false;
        }
    }
    return true;
}

bool is_ipv6(std::string_view text)
{
    in6_addr address = {};
    return ::inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1 &&
           text.find('\0') == std::string_view::npos;
}

// "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )
bool is_ip_future(std::string_view text)
{
    const auto dot = text.find('.');
    if (text.empty() || (text[0] != 'v' && text[0] != 'V') || dot == std::string_view::npos || dot == 1)
        return false;
    const auto version = text.substr(1, dot - 1);
    const auto address = text.substr(dot + 1);
    return std::all_of(version.begin(), version.end(), [](char c) { return hex_value(c) >= 0; }) &&
           !address.empty() && std::all_of(address.begin(), address.end(), [](char c) {
               return c == ':' || is(static_cast<unsigned char>(c), unreserved | sub_delim);
           });
}

bool is_port_number(std::string_view text)
{
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return is(static_cast<unsigned char>(c), digit); });
}

// The text up to the first of these characters, taken off its front.
std::string_view take_until(std::string_view& text, std::string_view ends)
{
    const auto taken = text.substr(0, text.find_first_of(ends));
    text.remove_prefix(taken.size());
    return taken;
}

} // namespace

std::optional<std::string_view> host_of_authority(std::string_view text)
{
    if (const auto at = text.find('@'); at != std::string_view::npos) {
        if (!consists_of(text.substr(0, at), ":"))
            return std::nullopt;
        text.remove_prefix(at + 1);
    }
    std::string_view host;
    if (!text.empty() && text.front() == '[') {
        const auto end = text.find(']');
        if (end == std::string_view::npos)
            return std::nullopt;
        const auto literal = text.substr(1, end - 1);
        if (!is_ipv6(literal) && !is_ip_future(literal))
            return std::nullopt;
        host = text.substr(0, end + 1);
    } else {
        host = text.substr(0, text.find(':'));
        if (!consists_of(host, ""))
            return std::nullopt;
    }
    const auto rest = text.substr(host.size());
    if (!rest.empty() && (rest.front() != ':' || !is_port_number(rest.substr(1))))
        return std::nullopt;
    return host;
}

std::optional<Uri> parse_uri(std::string_view text)
{
    Uri uri{take_until(text, ":"), std::nullopt};
    if (!is_uri_scheme(uri.scheme) || text.empty())
        return std::nullopt;
    text.remove_prefix(1);
    if (text.substr(0, 2) == "//") {
        text.remove_prefix(2);
        uri.host = host_of_authority(take_until(text, "/?#"));
        if (!uri.host)
            return std::nullopt;
    }
    if (!consists_of(take_until(text, "?#"), ":@/"))
        return std::nullopt;
    if (!consists_of(take_until(text, "#"), ":@/?"))
        return std::nullopt;
    if (!text.empty() && !consists_of(text.substr(1), ":@/?"))
        return std::nullopt;
    return uri;
}

bool is_uri_scheme(std::string_view text)
{
    return !text.empty() && is(static_cast<unsigned char>(text.front()), alpha) &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return is(static_cast<unsigned char>(c), alpha | digit) || c == '+' || c == '-' || c == '.';
           });
}

bool is_uri_segment(std::string_view text)
{
    return consists_of(text, ":@");
}

} // namespace base
