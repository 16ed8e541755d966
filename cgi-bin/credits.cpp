#include "base/error.h"
#include "credits/eligibility.h"
#include "rooms/metering.h"
#include "routes.h"

http::Response get_credits(App& app, const Call& call)
{
    auto& db = app.database();
    rooms::settle_wallet_if_lapsed(db, app.config.rules, call.wallet, call.request.now);
    const auto account = credits::account(db, call.wallet);
    return ok({{"remaining_seconds", account.remaining_seconds},
               {"base_granted_seconds", account.base_granted_seconds},
               {"bonus_granted_seconds", account.bonus_granted_seconds},
               {"consumed_seconds", account.consumed_seconds}});
}

http::Response post_credits_verify_celo(App& app, const Call& call)
{
    auto& db = app.database();
    rooms::settle_wallet_if_lapsed(db, app.config.rules, call.wallet, call.request.now);
    const auto bonus = credits::verify_celo(db, app.chain, app.config.rules, call.wallet, call.request.now);
    if (!bonus)
        throw base::Error(base::ErrorCode::permission_denied, "not_verified").with("granted", false);
    return ok({{"granted", bonus->granted}, {"remaining_seconds", bonus->remaining_seconds}});
}
