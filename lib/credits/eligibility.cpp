#include "credits/eligibility.h"

#include "base/log.h"
#include "base/rules.h"
#include "credits/notice.h"

#include <cassert>

namespace credits {

using base::Error;
using base::ErrorCode;

namespace {

bool is_granted_before(database::Connection& db, const std::string& name)
{
    return db.prepare("SELECT 1 FROM granted_names WHERE name = :name LIMIT 1").bind(":name", name).step();
}

bool grant_for_name(database::Connection& db, const base::Rules& rules, const std::string& wallet,
                    const std::string& name, base::UnixSeconds now)
{
    if (!grant_base(db, wallet, rules.base_grant_seconds, now))
        return false;
    db.prepare("INSERT INTO granted_names (wallet, name) VALUES (:wallet, :name)")
        .bind(":wallet", wallet)
        .bind(":name", name)
        .run();
    return true;
}

} // namespace

NameLookup look_up_name(ethereum::Chain& chain, const std::string& wallet)
{
    try {
        auto name = chain.heaven_name(wallet);
        return name ? NameLookup(NameLookup::has_name, *std::move(name)) : NameLookup::no_name;
    } catch (const Error& error) {
        if (error.code() != ErrorCode::chain_unavailable)
            throw;
        // Credit from elsewhere may do; the caller finds out. Why the chain is silent is for the operator.
        base::log(error.what());
        return NameLookup::chain_unavailable;
    }
}

std::int64_t expect_credit(database::Connection& db, const base::Rules& rules, const std::string& wallet,
                           const Account& account, const NameLookup& lookup, base::UnixSeconds now)
{
    assert(db.in_transaction());
    const bool is_used_up =
        rules.base_grant_per_name && !lookup.name.empty() && is_granted_before(db, lookup.name);
    const bool is_granted =
        lookup == NameLookup::has_name && !is_used_up && grant_for_name(db, rules, wallet, lookup.name, now);
    const auto granted_seconds = is_granted ? rules.base_grant_seconds : 0;
    const auto remaining_seconds = account.remaining_seconds + granted_seconds;
    if (is_granted)
        tell_granted(db, rules, wallet, EventKind::grant_base, granted_seconds, remaining_seconds, now);
    if (remaining_seconds >= rules.minimum_credit_seconds)
        return remaining_seconds;
    if (account.base_granted_seconds + granted_seconds > 0)
        throw Error(ErrorCode::permission_denied, "insufficient_credits")
            .with("remaining_seconds", remaining_seconds);
    if (lookup == NameLookup::chain_unavailable)
        throw Error(ErrorCode::chain_unavailable, "chain_unavailable",
                    "the wallet's name could not be looked up");
    auto refusal = Error(ErrorCode::permission_denied, "heaven_name_required");
    throw is_used_up ? std::move(refusal).with("reason", "name_granted_before") : std::move(refusal);
}

CeloBonus take_celo_bonus(database::Connection& db, const base::Rules& rules, const std::string& wallet,
                          base::UnixSeconds now)
{
    const bool granted = grant_celo_bonus(db, wallet, rules.celo_bonus_seconds, now);
    const auto remaining_seconds = account(db, wallet).remaining_seconds;
    if (granted)
        tell_granted(db, rules, wallet, EventKind::grant_celo_bonus, rules.celo_bonus_seconds,
                     remaining_seconds, now);
    return {granted, remaining_seconds};
}

} // namespace credits
