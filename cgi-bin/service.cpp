#include "service.h"

#include "base/base64.h"
#include "base/error.h"
#include "base/random.h"
#include "base/rfc3339.h"
#include "charging.h"
#include "credits.h"
#include "credits/reference.h"
#include "fields.h"
#include "responses.h"
#include "rooms.h"
#include "rooms/ban.h"
#include "rooms/crediting.h"
#include "rooms/listing.h"
#include "rooms/moderation.h"
#include "rooms/settling.h"
#include "usage/daily.h"

#include <charconv>

namespace {

constexpr std::int64_t most_given_seconds = 365 * 86400;
constexpr std::size_t max_reason_characters = 200;

std::optional<std::string> read_reason(const Call& call)
{
    return line_field(call.body, "reason", max_reason_characters);
}

// Of a body that names `whose` credit.
struct GiftFields
{
    std::string whose;
    rooms::Gift gift;
};
GiftFields read_gift(const Call& call, const char* whose, const char* otherwise)
{
    auto name = text_field(call.body, whose);
    const auto seconds = integer_field(call.body, "seconds", 1, most_given_seconds);
    const auto reference = text_field(call.body, "reference");
    require_fields(name && seconds && reference, otherwise);
    if (!credits::is_reference(*reference))
        refuse_field("reference");
    return {*std::move(name), {*seconds, *reference, read_reason(call)}};
}

base::Json render(const rooms::Credited& credited)
{
    return {{"granted", credited.granted},
            {"wallet", credited.wallet},
            {"remaining_seconds", credited.remaining_seconds}};
}

base::Json render_stay(const rooms::Standing& standing)
{
    if (!standing.stay)
        return {};
    const auto& stay = *standing.stay;
    return {{"connection_id", stay.connection_id},
            {"room_id", stay.room_id},
            {"agora_uid", stay.agora_uid},
            {"joined_at", base::iso8601(stay.joined_at)},
            {"debited_seconds", stay.debited_seconds + standing.pending_seconds}};
}

base::Json render(const std::optional<rooms::Ban>& ban)
{
    if (!ban)
        return {};
    return {{"reason", ban->reason},
            {"banned_at", base::iso8601(ban->banned_at)},
            {"expires_at", ban->expires_at ? base::Json(base::iso8601(*ban->expires_at)) : base::Json()}};
}

// A page is continued behind the last room that it shows, whether or not that is still there.
std::string write_cursor(const rooms::RoomPlace& place)
{
    return base::base64url(std::to_string(place.created_at) + "." + std::to_string(place.ordinal));
}

rooms::RoomPlace read_place(std::string_view query)
{
    rooms::RoomPlace place;
    const auto cursor = query_parameter(query, "cursor");
    if (!cursor)
        return place;
    const auto text = base::from_base64url(*cursor).value_or("");
    const auto dot = std::min(text.find('.'), text.size());
    std::from_chars(text.data(), text.data() + dot, place.created_at);
    std::from_chars(text.data() + std::min(dot + 1, text.size()), text.data() + text.size(), place.ordinal);
    if (place.created_at < 0 || place.ordinal < 0 || write_cursor(place) != *cursor) // no other spelling
        refuse_field("cursor");
    return place;
}

// "2026-01-31", of which the first second is meant.
std::optional<base::UnixSeconds> date_parameter(std::string_view query, const char* name)
{
    const auto text = query_parameter(query, name);
    if (!text)
        return std::nullopt;
    constexpr std::size_t characters = 10;
    const auto at_ms = base::parse_rfc3339_ms(std::string(*text) + "T00:00:00Z");
    if (text->size() != characters || !at_ms || *at_ms < 0)
        refuse_field(name);
    return *at_ms / 1000;
}

base::Json render(const usage::Day& day)
{
    return {{"day", base::iso8601(day.begins_at).substr(0, 10)},
            {"debited_seconds", day.debited_seconds},
            {"granted_seconds", day.granted_seconds},
            {"admin_adjusted_seconds", day.admin_adjusted_seconds},
            {"refunded_seconds", day.refunded_seconds},
            {"wallets", day.wallets},
            {"rooms", day.rooms},
            {"sessions",
             {{"completed", day.sessions_completed},
              {"no_show_host", day.sessions_no_show_host},
              {"no_show_guest", day.sessions_no_show_guest}}}};
}

} // namespace

http::Response post_service_credits_grant(App& app, const Call& call)
{
    const auto fields = read_gift(call, "wallet", "missing wallet, seconds, or reference");
    const auto wallet = parse_wallet(fields.whose);
    Charging charging(app, call.request.now);
    return ok(render(rooms::top_up(charging.context, wallet, fields.gift)));
}

http::Response post_service_credits_refund(App& app, const Call& call)
{
    const auto fields = read_gift(call, "connection_id", "missing connection_id, seconds, or reference");
    Charging charging(app, call.request.now);
    return ok(render(rooms::give_back(charging.context, base::id_of(fields.whose), fields.gift)));
}

http::Response get_service_wallet(App& app, const Call& call)
{
    const auto wallet = parse_wallet(call.path_id);
    const auto now = call.request.now;
    auto& db = app.database();
    Charging charging(app, db, now);
    rooms::load_settled_standing(charging.context, wallet);
    const database::Snapshot snapshot(db);
    const auto standing = rooms::load_standing(db, wallet, now);
    const auto account = standing.account();
    const auto hosted = rooms::hosted_view(db, app.rules, wallet, now);
    return ok({{"wallet", wallet},
               {"remaining_seconds", account.remaining_seconds},
               {"base_granted_seconds", account.base_granted_seconds},
               {"bonus_granted_seconds", account.bonus_granted_seconds},
               {"adjusted_seconds", account.adjusted_seconds},
               {"consumed_seconds", account.consumed_seconds},
               {"stay", render_stay(standing)},
               {"hosted_room", hosted ? render(app, *hosted) : base::Json()},
               {"ban", render(standing.ban)}});
}

http::Response get_service_wallet_history(App& app, const Call& call)
{
    return statement_of(app, call, parse_wallet(call.path_id));
}

http::Response put_service_wallet_ban(App& app, const Call& call)
{
    const auto wallet = parse_wallet(call.path_id);
    const auto reason = read_reason(call);
    const auto expires_in = integer_field(call.body, "expires_in", 1, rooms::max_ban_seconds);
    require_fields(reason.has_value(), "missing reason");
    Charging charging(app, call.request.now);
    const auto expulsion = rooms::ban_and_expel(charging.context, wallet, *reason, expires_in);
    base::Json expires_at;
    if (expires_in)
        expires_at = base::iso8601(call.request.now + *expires_in);
    return ok({{"wallet", wallet},
               {"reason", *reason},
               {"expires_at", std::move(expires_at)},
               {"left_room_id", base::or_null(expulsion.left_room_id)},
               {"closed_room_id", base::or_null(expulsion.closed_room_id)}});
}

http::Response delete_service_wallet_ban(App& app, const Call& call)
{
    const auto wallet = parse_wallet(call.path_id);
    Charging charging(app, call.request.now);
    if (!rooms::unban(charging.context, wallet))
        throw base::Error(base::ErrorCode::not_found, "not_banned");
    return ok({{"wallet", wallet}, {"banned", false}});
}

http::Response get_service_rooms(App& app, const Call& call)
{
    const auto limit = integer_parameter(call.request.query, "limit", 1, largest_page).value_or(default_page);
    const auto after = read_place(call.request.query);
    const auto page = rooms::list_all(app.database(), app.rules, after, limit, call.request.now);
    auto list = base::Json::array();
    for (const auto& room : page.rooms)
        list.push_back(render(app, room));
    return ok({{"rooms", std::move(list)},
               {"next_cursor", page.next ? base::Json(write_cursor(*page.next)) : base::Json()}});
}

http::Response delete_service_room(App& app, const Call& call)
{
    Charging charging(app, call.request.now);
    if (!rooms::close(charging.context, base::id_of(call.path_id)))
        throw base::Error(base::ErrorCode::not_found, "room_not_found");
    return ok({{"ok", true}, {"closed", true}});
}

http::Response delete_service_room_participant(App& app, const Call& call)
{
    Charging charging(app, call.request.now);
    const auto removal = rooms::remove_from_room(charging.context, base::id_of(call.path_id),
                                                 base::id_of(call.second_path_id));
    return ok({{"ok", true}, {"debited_seconds", removal.debited_seconds}, {"closed", removal.closed}});
}

http::Response get_service_usage(App& app, const Call& call)
{
    const auto from = date_parameter(call.request.query, "from");
    const auto to = date_parameter(call.request.query, "to");
    require_fields(from && to, "missing from or to");
    if (*to < *from || *to - *from >= usage::most_days * 86400)
        refuse_field("to");
    auto days = base::Json::array();
    for (const auto& day : usage::daily(app.database(), *from, *to, call.request.now))
        days.push_back(render(day));
    return ok({{"days", std::move(days)}});
}
