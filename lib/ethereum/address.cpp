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

std::string to_checksum_address(const std::string& address)
{
    const auto hash = base::to_hex(keccak256(std::string_view(address).substr(2)));
    auto spelled = address;
    for (std::size_t i = 2; i < spelled.size(); ++i) {
        if (spelled[i] >= 'a' && base::hex_value(hash[i - 2]) >= 8)
            spelled[i] = static_cast<char>(spelled[i] - 'a' + 'A');
    }
    return spelled;
}

std::string address_of_public_key(std::string_view x_and_y)
{
    return "0x" + base::to_hex(keccak256(x_and_y).substr(12));
}

} // namespace ethereum
