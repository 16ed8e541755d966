// Internet addresses, as far as limits need them.
#pragma once

#include <string>

namespace base {

// The network that an address (REMOTE_ADDR) stands for: itself, or for IPv6 the 64 bits that one customer
// gets. One of IPv4 that IPv6 carries (::ffff:0:0/96, NAT64's 64:ff9b::/96) is itself. A port, brackets and a
// zone do not count. Empty if it is no address.
std::string network_of_address(const std::string& written);

} // namespace base
