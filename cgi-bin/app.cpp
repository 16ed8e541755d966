#include "app.h"

#include "base/agora_settings.h"
#include "base/database_settings.h"
#include "base/error.h"
#include "base/settings.h"
#include "base/sign_in_settings.h"

App::App(const base::Config& all_settings, ethereum::Chain& asked_chain, base::Random& source,
         shared::Counters& counted, base::Clock& read_clock)
    : config(all_settings), rules(settings<base::Rules>()), chain(asked_chain), random(source),
      counters(counted), clock(read_clock),
      limits(settings<base::DatabaseSettings>().shared_path("limits"), source),
      nonces(settings<base::SignInSettings>().jwt_secret, settings<base::SignInSettings>().nonce_ttl_seconds,
             settings<base::SignInSettings>().jwt_secret_previous),
      tokens(settings<base::AgoraSettings>().agora_app_id,
             settings<base::AgoraSettings>().agora_app_certificate),
      traffic_(counted)
{
}

database::Connection& App::connection()
{
    if (!database_)
        database_ = storage::open(config);
    database_->defer_syncs(is_deferring_);
    return *database_;
}

database::Connection& App::database()
{
    auto& db = connection();
    if (!is_in_place_)
        db.require_in_place();
    is_in_place_ = true;
    return db;
}

void App::close_database()
{
    if (!database_)
        return;
    if (database_->is_sync_due()) {
        try {
            database_->sync();
        } catch (const base::Error&) {
            is_sync_lost_ = true;
        }
    }
    if (!database_->is_in_place())
        return;
    count_traffic();
    traffic_.forget();
    database_.reset();
    listing.reset(); // its mark means nothing to another connection
}

void App::sync_or_remember()
{
    try {
        sync();
    } catch (const base::Error&) {
        is_sync_lost_ = true;
        throw;
    }
}

void App::sync()
{
    if (std::exchange(is_sync_lost_, false))
        throw base::Error(base::ErrorCode::database_unavailable, "database_unavailable",
                          "what was committed may not be on the disk");
    if (database_)
        database_->sync();
}
