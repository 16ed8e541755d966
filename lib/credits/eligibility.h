// Who may spend: a .heaven name brings the base grant, a Celo verification the bonus, and a wallet needs
// minimum_credit_seconds from wherever to create, join or renew.
#pragma once

#include "base/config.h"
#include "base/error.h"
#include "credits/ledger.h"
#include "ethereum/chain.h"

#include <optional>
#include <string>

namespace credits {

enum class NameLookup
{
    not_needed, // the base grant was made before
    has_name,
    no_name,
    chain_unavailable,
};

// Asks the chain for the wallet's name if the base grant is still to be made. Slow: never call it inside a
// Transaction.
NameLookup look_up_name(sqlite::Database& db, ethereum::Chain& chain, const std::string& wallet);

// Makes the base grant if the name allows it, then says why the wallet cannot spend, if it cannot:
// heaven_name_required, insufficient_credits (with remaining_seconds), or chain_unavailable where the answer
// depends on the chain. Call inside a Transaction, and commit it either way: the grant stands.
std::optional<base::Error> refuse_to_spend(sqlite::Database& db, const base::Rules& rules,
                                           const std::string& wallet, NameLookup lookup,
                                           base::UnixSeconds now);

struct CeloBonus
{
    bool granted = false; // now; false if it was before
    std::int64_t remaining_seconds = 0;
};

// Whether the wallet is Celo-verified. One that has the bonus is, and is not asked of the chain again. Slow:
// never call it inside a Transaction. Throws Error(chain_unavailable).
bool look_up_celo(sqlite::Database& db, ethereum::Chain& chain, const std::string& wallet);

// Grants the bonus, once, to a wallet that look_up_celo() found verified.
CeloBonus take_celo_bonus(sqlite::Database& db, const base::Rules& rules, const std::string& wallet,
                          base::UnixSeconds now);

} // namespace credits
