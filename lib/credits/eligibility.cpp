#include "credits/eligibility.h"

#include "base/log.h"

#include <cassert>

namespace credits {

using base::Error;
using base::ErrorCode;

namespace {

bool is_granted_before(sqlite::Database& db, const std::string& name)
{
    return db.prepare("SELECT 1 FROM granted_names WHERE name = :name LIMIT 1").bind(":name", name).step();
}

void grant_for_name(sqlite::Database& db, const base::Rules& rules, const std::string& wallet,
                    const std::string& name, base::UnixSeconds now)
{
    if (!grant_base(db, wallet, rules.base_grant_seconds, now))
        return;
    db.prepare("INSERT INTO granted_names (wallet, name) VALUES (:wallet, :name)")
        .bind(":wallet", wallet)
        .bind(":name", name)
        .run();
}

} // namespace

bool needs_name(sqlite::Database& db, const std::string& wallet)
{
    return account(db, wallet).base_granted_seconds == 0;
}

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

std::optional<Error> refuse_to_spend(sqlite::Database& db, const base::Rules& rules,
                                     const std::string& wallet, const NameLookup& lookup,
                                     base::UnixSeconds now)
{
    assert(db.in_transaction());
    const bool is_used_up =
        rules.base_grant_per_name && !lookup.name.empty() && is_granted_before(db, lookup.name);
    if (lookup == NameLookup::has_name && !is_used_up)
        grant_for_name(db, rules, wallet, lookup.name, now);
    const auto current = account(db, wallet);
    if (current.remaining_seconds >= rules.minimum_credit_seconds)
        return std::nullopt;
    if (current.base_granted_seconds > 0)
        return Error(ErrorCode::permission_denied, "insufficient_credits")
            .with("remaining_seconds", current.remaining_seconds);
    if (lookup == NameLookup::chain_unavailable)
        return Error(ErrorCode::chain_unavailable, "chain_unavailable",
                     "the wallet's name could not be looked up");
    auto refusal = Error(ErrorCode::permission_denied, "heaven_name_required");
    return is_used_up ? std::move(refusal).with("reason", "name_granted_before") : std::move(refusal);
}

bool has_celo_bonus(sqlite::Database& db, const std::string& wallet)
{
    return account(db, wallet).bonus_granted_seconds > 0;
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
