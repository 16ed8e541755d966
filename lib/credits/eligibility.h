// Who may spend: a .heaven name brings the base grant, a Celo verification the bonus, and a wallet needs
// minimum_credit_seconds from wherever to create, join or renew.
#pragma once

#include "base/error.h"
#include "credits/ledger.h"
#include "ethereum/chain.h"

#include <optional>
#include <string>

namespace base {
struct Rules;
}

namespace credits {

struct NameLookup
{
    enum Answer
    {
        not_needed, // the base grant was made before
        has_name,
        no_name,
        chain_unavailable,
    };

    NameLookup(Answer given, std::string node = {}) : answer(given), name(std::move(node)) {}
    bool operator==(Answer other) const { return answer == other; }

    Answer answer;
    std::string name; // its node, as ethereum::Chain gives it; empty if there is none
};

// Asks the chain for the wallet's name. Slow: never call it inside a Transaction.
NameLookup look_up_name(ethereum::Chain& chain, const std::string& wallet);

// Makes the base grant if the name allows it: with base_grant_per_name a name that brought one to another
// wallet before does not. Gives back the wallet's remaining seconds. `account` is as it stands. Throws why
// the wallet cannot spend, if it cannot: heaven_name_required, insufficient_credits (with remaining_seconds),
// or chain_unavailable where the answer depends on the chain; the grant stands even then. Call inside a
// Transaction.
std::int64_t expect_credit(database::Connection& db, const base::Rules& rules, const std::string& wallet,
                           const Account& account, const NameLookup& lookup, base::UnixSeconds now);

struct CeloBonus
{
    bool granted = false; // now; false if it was before
    std::int64_t remaining_seconds = 0;
};

// Grants the bonus, once, to a wallet that is Celo-verified. Call inside a Transaction.
CeloBonus take_celo_bonus(database::Connection& db, const base::Rules& rules, const std::string& wallet,
                          base::UnixSeconds now);

} // namespace credits
