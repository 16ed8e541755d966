// Internet addresses, as far as limits need them, and whoever is sent to a host that somebody else may name.
#pragma once

#include <optional>
#include <string>

struct sockaddr;

namespace base {

// The network that an address (REMOTE_ADDR) stands for: itself, or for IPv6 the 64 bits that one customer
// gets. One of IPv4 that IPv6 carries (::ffff:0:0/96, NAT64's 64:ff9b::/96) is itself. A port, brackets and a
// zone do not count. Empty if it is no address.
std::string network_of_address(const std::string& written);

// Who reaches an address. One of IPv4 that IPv6 carries is that one.
enum class AddressKind
{
    loopback, // this machine
    internal, // a network of somebody's own, a link, a carrier's, a group, or nobody (RFC 6890)
    global
};

// Of a socket's; what is neither IPv4 nor IPv6 is internal.
AddressKind kind_of_address(const sockaddr& address);
// Of a URI's host, such as "192.0.2.1" or "[::1]". Nothing for a name, but for "localhost".
std::optional<AddressKind> kind_of_host(const std::string& host);

} // namespace base
