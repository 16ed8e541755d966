#include "base/network.h"

#include "base/hex.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <netinet/in.h>
#include <string_view>

namespace base {

namespace {

bool is_port(std::string_view text)
{
    return text.size() > 1 && text.size() <= 6 && text.front() == ':' &&
           text.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

// Of an address as web servers and proxies may write it: "192.0.2.1:443", "[2001:db8::1]",
// "[2001:db8::1]:443", "fe80::1%eth0". What is none of these stays as it is.
std::string_view without_port_and_zone(std::string_view address)
{
    const bool is_bracketed = address.starts_with('[');
    const bool has_one_colon = std::count(address.begin(), address.end(), ':') == 1;
    const auto end = is_bracketed ? address.find(']') : address.find(':');
    if (end != std::string_view::npos && is_bracketed) {
        const auto rest = address.substr(end + 1);
        if (rest.empty() || is_port(rest))
            address = address.substr(1, end - 1);
    } else if (!is_bracketed && has_one_colon && is_port(address.substr(end))) {
        address = address.substr(0, end);
    }
    const auto zone = address.find('%', address.find(':')); // only in those of IPv6
    return zone < address.size() - 1 ? address.substr(0, zone) : address;
}

} // namespace

std::string network_of_address(const std::string& written)
{
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

namespace {

using Bytes4 = std::array<unsigned char, sizeof(in_addr)>;
using Bytes16 = std::array<unsigned char, sizeof(in6_addr)>;

// The IPv4 networks that are not global (IANA's registry of special addresses), and the groups.
// What a network does not say is zero.
constexpr struct
{
    Bytes4 network;
    int bits;
} internal_networks[] = {
    {{0}, 8},         {{10}, 8},         {{100, 64}, 10},      {{169, 254}, 16},
    {{172, 16}, 12},  {{192, 0, 0}, 24}, {{192, 0, 2}, 24},    {{192, 88, 99}, 24},
    {{192, 168}, 16}, {{198, 18}, 15},   {{198, 51, 100}, 24}, {{203, 0, 113}, 24},
    {{224}, 3},
};

std::uint32_t number_of(const Bytes4& bytes)
{
    return ntohl(std::bit_cast<std::uint32_t>(bytes));
}

AddressKind kind_of_ipv4(const Bytes4& address)
{
    if (address[0] == 127)
        return AddressKind::loopback;
    for (const auto& [network, bits] : internal_networks) {
        if (((number_of(address) ^ number_of(network)) >> (32 - bits)) == 0)
            return AddressKind::internal;
    }
    return AddressKind::global;
}

bool begins_with(const Bytes16& address, std::string_view bytes)
{
    return std::memcmp(address.data(), bytes.data(), bytes.size()) == 0;
}

AddressKind kind_of_ipv6(const Bytes16& address)
{
    using namespace std::string_view_literals;
    const auto carried = [&](std::size_t at) {
        Bytes4 bytes{};
        std::copy_n(address.begin() + static_cast<std::ptrdiff_t>(at), bytes.size(), bytes.begin());
        return kind_of_ipv4(bytes);
    };
    if (begins_with(address, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"sv))
        return AddressKind::loopback;
    if (begins_with(address, "\0\0\0\0\0\0\0\0\0\0\xff\xff"sv))
        return carried(12);
    // NAT64's, and 6to4: what they lead to is not this machine, but may be another of the network.
    const bool is_nat64 = begins_with(address, "\0\x64\xff\x9b\0\0\0\0\0\0\0\0"sv);
    if (is_nat64 || begins_with(address, "\x20\x02"sv))
        return carried(is_nat64 ? 12 : 2) == AddressKind::global ? AddressKind::global
                                                                 : AddressKind::internal;
    const bool is_unicast = (address[0] & 0xe0) == 0x20;              // 2000::/3, all that is given out
    const bool is_special = begins_with(address, "\x20\x01\x00"sv) || // 2001::/23: Teredo and its like
                            begins_with(address, "\x20\x01\x01"sv) ||
                            begins_with(address, "\x20\x01\x0d\xb8"sv) || // examples
                            (begins_with(address, "\x3f\xff"sv) && address[2] < 0x10);
    return is_unicast && !is_special ? AddressKind::global : AddressKind::internal;
}

} // namespace

AddressKind kind_of_address(const sockaddr& address)
{
    if (address.sa_family == AF_INET) {
        sockaddr_in ipv4 = {};
        std::memcpy(&ipv4, &address, sizeof ipv4);
        Bytes4 bytes{};
        std::memcpy(bytes.data(), &ipv4.sin_addr, bytes.size());
        return kind_of_ipv4(bytes);
    }
    if (address.sa_family == AF_INET6) {
        sockaddr_in6 ipv6 = {};
        std::memcpy(&ipv6, &address, sizeof ipv6);
        Bytes16 bytes{};
        std::memcpy(bytes.data(), &ipv6.sin6_addr, bytes.size());
        return kind_of_ipv6(bytes);
    }
    return AddressKind::internal;
}

std::optional<AddressKind> kind_of_host(const std::string& host)
{
    if (host == "localhost")
        return AddressKind::loopback;
    Bytes4 ipv4{};
    if (::inet_pton(AF_INET, host.c_str(), ipv4.data()) == 1)
        return kind_of_ipv4(ipv4);
    const bool is_bracketed = host.starts_with('[') && host.ends_with(']');
    Bytes16 ipv6{};
    if (is_bracketed && ::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), ipv6.data()) == 1)
        return kind_of_ipv6(ipv6);
    return std::nullopt;
}

} // namespace base
