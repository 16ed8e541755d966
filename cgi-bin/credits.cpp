#include "credits.h"

#include "asking.h"
#include "base/base64.h"
#include "base/error.h"
#include "charging.h"
#include "fields.h"
#include "responses.h"
#include "rooms/settling.h"

#include <charconv>
#include <limits>
#include <map>

namespace {

// A page is continued behind the last event that it shows, so that new events do not move what is to come.
std::string cursor_behind(const credits::Event& event)
{
    return base::base64url(std::to_string(event.event_id));
}

std::int64_t read_cursor(std::string_view query)
{
    const auto cursor = query_parameter(query, "cursor");
    if (!cursor)
        return std::numeric_limits<std::int64_t>::max();
    const auto text = base::from_base64url(*cursor).value_or("");
    std::int64_t event_id = 0;
    std::from_chars(text.data(), text.data() + text.size(), event_id);
    if (event_id < 1 || std::to_string(event_id) != text) // no other spelling
        refuse_field("cursor");
    return event_id;
}

// As of now, when the stay has ended that lapsed.
rooms::Standing load_standing(App& app, const std::string& wallet, base::UnixSeconds now)
{
    Charging charging(app, app.database(), now);
    return rooms::load_settled_standing(charging.context, wallet);
}

// What is used of the open stay, and is not in the list of events yet.
base::Json render_pending(const rooms::Standing& standing)
{
    if (!standing.stay)
        return {};
    return {{"delta_seconds", -standing.pending_seconds},
            {"balance_after_seconds", standing.remaining_seconds()},
            {"connection_id", standing.stay->connection_id},
            {"room_id", standing.stay->room_id}};
}

} // namespace

http::Response get_credits(App& app, const Call& call)
{
    const auto account = load_standing(app, call.wallet, call.request.now).account();
    return ok({{"remaining_seconds", account.remaining_seconds},
               {"base_granted_seconds", account.base_granted_seconds},
               {"bonus_granted_seconds", account.bonus_granted_seconds},
               {"consumed_seconds", account.consumed_seconds}});
}

http::Response get_credits_history(App& app, const Call& call)
{
    return statement_of(app, call, call.wallet);
}

http::Response statement_of(App& app, const Call& call, const std::string& wallet)
{
    const auto limit = integer_parameter(call.request.query, "limit", 1, largest_page).value_or(default_page);
    const auto before_event_id = read_cursor(call.request.query);

    auto& db = app.database();
    load_standing(app, wallet, call.request.now);
    const database::Snapshot snapshot(db); // so that events and pending make the balance
    const auto standing = rooms::load_standing(db, wallet, call.request.now);
    auto found = credits::history(db, wallet, before_event_id, limit + 1);
    const bool is_last_page = found.size() <= static_cast<std::size_t>(limit);
    if (!is_last_page)
        found.pop_back();

    std::map<std::string, std::optional<std::string>> room_ids; // by connection_id: a stay has many events
    auto events = base::Json::array();
    for (const auto& event : found) {
        const auto [room_id, is_new] = room_ids.try_emplace(event.connection_id.value_or(""));
        if (is_new && event.connection_id) {
            if (const auto connection = rooms::find_connection(db, *event.connection_id))
                room_id->second = connection->room_id;
        }
        base::Json rendered{{"event_id", event.event_id},
                            {"kind", name_of(event.kind)},
                            {"delta_seconds", event.delta_seconds},
                            {"balance_after_seconds", event.balance_after_seconds},
                            {"connection_id", base::or_null(event.connection_id)},
                            {"room_id", base::or_null(room_id->second)},
                            {"created_at", base::iso8601(event.created_at)}};
        if (event.reason)
            rendered["reason"] = *event.reason;
        events.push_back(std::move(rendered));
    }
    return ok({{"events", std::move(events)},
               {"next_cursor", is_last_page ? base::Json() : base::Json(cursor_behind(found.back()))},
               {"pending", render_pending(standing)}});
}

http::Response post_credits_verify_celo(App& app, const Call& call)
{
    const bool is_verified = is_celo_verified(app, call);
    const auto now = app.clock.now();
    const auto standing = load_standing(app, call.wallet, now);
    if (!is_verified)
        throw base::Error(base::ErrorCode::permission_denied, "not_verified").with("granted", false);
    if (standing.booked.bonus_granted_seconds > 0)
        return ok({{"granted", false}, {"remaining_seconds", standing.remaining_seconds()}});
    Charging charging(app, now);
    const auto bonus = charging.context.transact([&] {
        rooms::settle_wallet(charging.context, call.wallet);
        return credits::take_celo_bonus(app.database(), app.rules, call.wallet, now);
    });
    return ok({{"granted", bonus.granted}, {"remaining_seconds", bonus.remaining_seconds}});
}
