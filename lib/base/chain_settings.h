// The chain, its node, and the contracts that are asked.
#pragma once

#include <cstdint>
#include <string>

namespace base {

enum class ChainMode
{
    rpc,
    mock
};

struct ChainSettings
{
    ChainMode chain_mode = ChainMode::rpc;
    std::string rpc_url;
    std::string sign_in_rpc_url; // for wallets that are contracts; empty: rpc_url
    std::int64_t rpc_timeout_ms = 5000;
    std::int64_t rpc_max_concurrent = 3; // calls under way at once, over all worker processes
    // How long it is remembered that the chain said no: that a wallet has no name, or is not verified.
    // 0, the default in development: not at all.
    std::int64_t chain_no_ttl_seconds = 10;
    std::string registry_address;
    std::string verification_mirror_address;
    std::string mock_host;
    std::string mock_guest;
};

} // namespace base
