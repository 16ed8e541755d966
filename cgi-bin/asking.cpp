#include "asking.h"

#include "base/chain_settings.h"
#include "base/hex.h"
#include "base/rules.h"
#include "base/settings.h"
#include "rate_limits.h"
#include "rooms/standing.h"

#include <cassert>

namespace {

constexpr const char* no_name = "no name";
constexpr const char* not_verified = "not verified";

shared::Milliseconds memory(const App& app)
{
    return app.settings<base::ChainSettings>().chain_no_ttl_seconds * 1000;
}

bool is_remembered(App& app, const Call& call, const char* what)
{
    return memory(app) > 0 && app.limits.wait(what, call.wallet, call.request.now_ms, memory(app)) > 0;
}

void remember(App& app, const Call& call, const char* what)
{
    if (memory(app) > 0)
        app.limits.take(what, call.wallet, 1, call.request.now_ms, memory(app));
}

} // namespace

credits::NameLookup look_up_name(App& app, const Call& call)
{
    using credits::NameLookup;
    auto& db = app.database();
    assert(!db.in_transaction());
    const auto standing = rooms::load_standing(db, call.wallet, call.request.now);
    rooms::refuse_banned(standing.ban); // the chain is not asked for them
    if (standing.booked.base_granted_seconds > 0)
        return NameLookup::not_needed;
    if (is_remembered(app, call, no_name))
        return NameLookup::no_name;
    const bool has_credit = standing.remaining_seconds() >= app.rules.minimum_credit_seconds;
    if (!has_credit)
        count_question(app, call.request);
    else if (take_question(app, call.request) > 0)
        return NameLookup::chain_unavailable; // nor is it needed now
    auto lookup = credits::look_up_name(app.chain, call.wallet);
    if (lookup == NameLookup::no_name)
        remember(app, call, no_name);
    return lookup;
}

bool is_signed_by_contract(App& app, const Call& call, const std::string& wallet,
                           const std::vector<std::string>& hashes, const std::string& signature)
{
    constexpr std::size_t most_bytes = 8 * 1024; // of passkeys, many owners, and wrappers
    if (signature.rfind("0x", 0) != 0)
        return false;
    const auto bytes = base::from_hex(std::string_view(signature).substr(2));
    if (!bytes || bytes->size() > most_bytes)
        return false;
    count_question(app, call.request);
    return app.chain.is_signed_by_contract(wallet, hashes, *bytes);
}

bool is_celo_verified(App& app, const Call& call)
{
    auto& db = app.database();
    assert(!db.in_transaction());
    if (credits::account(db, call.wallet).bonus_granted_seconds > 0)
        return true;
    if (is_remembered(app, call, not_verified))
        return false;
    count_question(app, call.request);
    const bool is_verified = app.chain.is_celo_verified(call.wallet);
    if (!is_verified)
        remember(app, call, not_verified);
    return is_verified;
}
