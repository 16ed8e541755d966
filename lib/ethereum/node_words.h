// What nodes say in their own words when something is not as it was asked for: geth, Besu, Nethermind,
// Erigon, relays and proxies each say it differently, and JSON-RPC has no code for most of it.
#pragma once

#include "ethereum/chain.h"
#include "ethereum/json_rpc.h"

#include <optional>
#include <string>

namespace ethereum {

// Why the contract refused; nothing if the error is about something else. Most nodes report a revert with
// code 3 and its data; others with -32000 or -32015 and words alone, or with data behind them.
std::optional<std::string> revert_reason_of(const RpcError& error);

// There is no code for any of these: each node has words of its own. What none of them says is a refusal.
SendResult classify(const RpcError& error);

// A pool that has no room now may have some later.
bool is_full(const RpcError& error);

// A call that used up what gas it was given.
bool is_out_of_gas(const RpcError& error);

// geth after a restart: which transactions are mined is not known yet.
bool is_indexing(const RpcError& error);

} // namespace ethereum
