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
    const bool is_verified = credits::look_up_celo(db, app.chain, call.wallet);
    rooms::settle_wallet_if_lapsed(db, app.config.rules, call.wallet, call.request.now);
    if (!is_verified)
        throw base::Error(base::ErrorCode::permission_denied, "not_verified").with("granted", false);
    const auto bonus = credits::take_celo_bonus(db, app.config.rules, call.wallet, call.request.now);
    return ok({{"granted", bonus.granted}, {"remaining_seconds", bonus.remaining_seconds}});
}
