// What handlers ask the chain of a wallet. Known answers come from the database; that the chain said no is
// remembered for CHAIN_NO_TTL_SECONDS, so that who asks again and again does not keep the node busy. Slow:
// never call these inside a Transaction.
#pragma once

#include "call.h"
#include "credits/eligibility.h"

// Throws Error(rate_limited) if too much was asked from the address and the wallet's credit does not do.
credits::NameLookup look_up_name(App& app, const Call& call);

// Whether a wallet that is a contract says that it signed one of the messages of these hashes (see
// ethereum::Chain). `signature` is hex, as it came. Throws Error(chain_unavailable) or Error(rate_limited).
bool is_signed_by_contract(App& app, const Call& call, const std::string& wallet,
                           const std::vector<std::string>& hashes, const std::string& signature);

// Whether the wallet is Celo-verified. Throws Error(chain_unavailable) or Error(rate_limited).
bool is_celo_verified(App& app, const Call& call);
