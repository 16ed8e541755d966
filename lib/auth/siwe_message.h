// Sign-In with Ethereum: the message that a wallet shows to its owner, and signs (EIP-4361).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace auth {

// What signing in looks at. Instants are in milliseconds since 1970-01-01 UTC.
struct SiweMessage
{
    std::string domain;   // an authority of RFC 3986, in lowercase
    std::string wallet;   // in lowercase
    std::string uri_host; // of the URI's authority, in lowercase; empty if it has none
    std::string chain_id; // decimal digits without leading zeros
    std::string nonce;
    std::int64_t issued_at_ms = 0;
    std::optional<std::int64_t> expiration_time_ms;
    std::optional<std::int64_t> not_before_ms;

    // The domain without its port; its own text where that has an "@", too.
    std::string domain_host() const;
};

// Reads a message by the EIP's grammar, with nothing left over. Nothing for any other text: also where the
// address is not spelled by EIP-55, the version is not 1, or a day does not exist.
std::optional<SiweMessage> parse_siwe_message(std::string_view text);

} // namespace auth
