#include "base/network.h"

#include "base/hex.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <string_view>

namespace base {

namespace {

bool is_port(std::string_view text)
{
    return text.size() > 1 && text.size() <= 6 && text.front() == ':' &&
           text.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

// Of an address as web servers and proxies may write it: "192.0.2.1:443", "[2001:db8::1]",
// "[2001:db8::1]:443", "fe80::1%eth0". What is none of these stays as it is; it is not empty.
std::string_view without_port_and_zone(std::string_view address)
{
    const bool is_bracketed = address.front() == '[';
    const bool has_one_colon = std::count(address.begin(), address.end(), ':') == 1;
    const auto end = is_bracketed ? address.find(']') : address.find(':');
    if (end != std::string_view::npos && is_bracketed) {
        const auto rest = address.substr(end + 1);
        if (rest.empty() || is_port(rest))
            address = address.substr(1, end - 1);
    } else if (!is_bracketed && has_one_colon && is_port(address.substr(end))) {
        address = address.substr(0, end);
    }
    const auto zone = address.find('%');
    const bool has_zone = zone < address.size() - 1 && address.find(':') < zone; // only in those of IPv6
    return has_zone ? address.substr(0, zone) : address;
}

} // namespace

std::string network_of_address(const std::string& written)
{
    if (written.empty())
        return {};
    const std::string address(without_port_and_zone(written));
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    if (::inet_pton(AF_INET, address.c_str(), bytes.data()) == 1)
        return to_hex(bytes.data(), sizeof(in_addr));
    if (::inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1)
        return {};
    constexpr unsigned char carriers[][12] = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, // a socket for both
                                              {0, 0x64, 0xff, 0x9b}};                     // NAT64
    for (const auto& carrier : carriers) {
        if (std::equal(std::begin(carrier), std::end(carrier), bytes.begin()))
            return to_hex(bytes.data() + sizeof carrier, sizeof(in_addr));
    }
    return to_hex(bytes.data(), bytes.size() / 2);
}

} // namespace base
