#include "ethereum/rpc_chain.h"

#include "ethereum/abi.h"
#include "ethereum/http_transport.h"

namespace ethereum {

std::string decode_primary_name(std::string_view data)
{
    // (string label, bytes32 parentNode): the label's place, then the node as it is
    abi::require_words(data, 2);
    return abi::decode_string(data, 0);
}

std::uint64_t decode_verified_at(std::string_view data)
{
    return abi::decode_unsigned(data, 0, 64);
}

RpcChain::RpcChain(std::unique_ptr<Transport> transport, std::string registry,
                   std::string verification_mirror)
    : transport_(std::move(transport)), rpc_(*transport_), registry_(std::move(registry)),
      verification_mirror_(std::move(verification_mirror))
{
}

bool RpcChain::has_heaven_name(const std::string& wallet)
{
    const auto answer = rpc_.eth_call(registry_, abi::call_with_address("primaryName(address)", wallet));
    return !decode_primary_name(answer).empty();
}

bool RpcChain::is_celo_verified(const std::string& wallet)
{
    const auto answer =
        rpc_.eth_call(verification_mirror_, abi::call_with_address("verifiedAt(address)", wallet));
    return decode_verified_at(answer) > 0;
}

std::unique_ptr<Chain> make_chain(const base::Config& config)
{
    if (config.chain_mode == base::ChainMode::mock)
        return std::make_unique<MockChain>();
    HttpOptions options;
    options.url = config.rpc_url;
    options.timeout_ms = config.rpc_timeout_ms;
    options.max_concurrent = config.rpc_max_concurrent;
    options.slots_path = config.database_path + "-rpc-slots";
    return std::make_unique<RpcChain>(std::make_unique<HttpTransport>(std::move(options)),
                                      config.registry_address, config.verification_mirror_address);
}

} // namespace ethereum
