// How wallets sign in, and for how long.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace base {

struct SignInSettings
{
    std::string jwt_secret;
    std::string jwt_secret_previous; // what it made is still accepted; empty if there is none
    std::int64_t nonce_ttl_seconds = 300;
    std::int64_t jwt_ttl_seconds = 3600;
    std::int64_t session_max_age_seconds = 604800; // since the wallet signed; then no token is refreshed

    // Of signed messages (EIP-4361): host[:port] in lowercase, empty for the request's own Host; and chains
    // by their decimal ids, empty for any.
    std::vector<std::string> sign_in_domains;
    std::vector<std::string> sign_in_chain_ids;
};

// Both as they are written: parted by commas or blanks. Whatever is wrong is appended to `problems`.
void read_sign_in_lists(const std::string& domains, const std::string& chain_ids, SignInSettings& sign_in,
                        std::vector<std::string>& problems);

} // namespace base
