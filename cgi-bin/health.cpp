#include "health.h"

#include "access.h"
#include "base/error.h"
#include "base/log.h"
#include "base/server_settings.h"
#include "base/settings.h"
#include "responses.h"
#include "rooms/sweep.h"

#include <cstdlib>

http::Response get_health(App& app, const Call& call)
{
    try {
        auto& db = app.database();
        const auto now = call.request.now;
        const auto swept_at = rooms::last_sweep_at(db);
        const bool is_stale =
            !swept_at || now - *swept_at > app.settings<base::ServerSettings>().sweep_stale_after_seconds;
        base::Json health = {
            {"ok", true},
            {"schema_version", db.schema_version()},
            {"last_sweep_age_seconds",
             swept_at ? base::Json(std::max<std::int64_t>(0, now - *swept_at)) : base::Json()},
            {"sweep_stale", is_stale}};
        if (has_demo(app.config))
            health["demo"] = true; // what the page asks for
        if (const auto server_now_ms = db.server_now_ms())
            health["clock_differs"] =
                std::abs(call.request.now_ms - *server_now_ms) >= database::tolerated_clock_difference_ms;
        return ok(health);
    } catch (const base::Error& error) {
        if (error.code() == base::ErrorCode::database_moved)
            throw base::Error(error).with("ok", false);
        // Whatever keeps the database from being read, this is what the one who asks wants to know.
        throw base::Error(base::ErrorCode::database_unavailable, "database_unavailable", error.what())
            .with("ok", false);
    }
}
