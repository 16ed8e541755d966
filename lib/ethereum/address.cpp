#include "ethereum/address.h"

#include "base/hex.h"
#include "ethereum/keccak256.h"

namespace ethereum {

std::optional<std::string> parse_address(std::string_view text)
{
    if (text.size() != 42 || text.substr(0, 2) != "0x")
        return std::nullopt;
    const auto bytes = base::from_hex(text.substr(2));
    if (!bytes)
        return std::nullopt;
    return "0x" + base::to_hex(*bytes);
}

std::string address_of_public_key(std::string_view x_and_y)
{
    return "0x" + base::to_hex(keccak256(x_and_y).substr(12));
}

} // namespace ethereum
