#include "credits/eligibility.h"

#include "base/log.h"

#include <cassert>

namespace credits {

using base::Error;
using base::ErrorCode;

NameLookup look_up_name(sqlite::Database& db, ethereum::Chain& chain, const std::string& wallet)
{
    assert(!db.in_transaction());
    if (account(db, wallet).base_granted_seconds > 0)
        return NameLookup::not_needed;
    try {
        return chain.has_heaven_name(wallet) ? NameLookup::has_name : NameLookup::no_name;
    } catch (const Error& error) {
        if (error.code() != ErrorCode::chain_unavailable)
            throw;
        // Credit from elsewhere may do; the caller finds out. Why the chain is silent is for the operator.
        base::log(error.what());
        return NameLookup::chain_unavailable;
    }
}

std::optional<Error> refuse_to_spend(sqlite::Database& db, const base::Rules& rules,
                                     const std::string& wallet, NameLookup lookup, base::UnixSeconds now)
{
    assert(db.in_transaction());
    if (lookup == NameLookup::has_name)
        grant_base(db, wallet, rules.base_grant_seconds, now);
    const auto current = account(db, wallet);
    if (current.remaining_seconds >= rules.minimum_credit_seconds)
        return std::nullopt;
    if (current.base_granted_seconds > 0)
        return Error(ErrorCode::permission_denied, "insufficient_credits")
            .with("remaining_seconds", current.remaining_seconds);
    if (lookup == NameLookup::chain_unavailable)
        return Error(ErrorCode::chain_unavailable, "chain_unavailable",
                     "the wallet's name could not be looked up");
    return Error(ErrorCode::permission_denied, "heaven_name_required");
}

bool look_up_celo(sqlite::Database& db, ethereum::Chain& chain, const std::string& wallet)
{
    assert(!db.in_transaction());
    return account(db, wallet).bonus_granted_seconds > 0 || chain.is_celo_verified(wallet);
}

CeloBonus take_celo_bonus(sqlite::Database& db, const base::Rules& rules, const std::string& wallet,
                          base::UnixSeconds now)
{
    if (const auto current = account(db, wallet); current.bonus_granted_seconds > 0)
        return CeloBonus{false, current.remaining_seconds};
    sqlite::Transaction tx(db);
    const bool granted = grant_celo_bonus(db, wallet, rules.celo_bonus_seconds, now);
    const auto remaining_seconds = account(db, wallet).remaining_seconds;
    tx.commit();
    return CeloBonus{granted, remaining_seconds};
}

} // namespace credits
