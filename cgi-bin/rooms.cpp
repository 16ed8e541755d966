#include "rooms.h"

#include "asking.h"
#include "base/agora_settings.h"
#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "base/rules.h"
#include "base/settings.h"
#include "charging.h"
#include "ethereum/address.h"
#include "fields.h"
#include "responses.h"
#include "rooms/listing.h"
#include "rooms/moderation.h"
#include "rooms/participation.h"

namespace {

constexpr std::size_t listing_limit = 50;
constexpr const char* listing_cache = "no-cache"; // kept, and asked for each time

rooms::Caller read_caller(const Call& call)
{
    const auto room_id = id_field(call.body, "room_id");
    const auto connection_id = id_field(call.body, "connection_id");
    require_fields(room_id && connection_id, "missing room_id or connection_id");
    return {call.wallet, *room_id, *connection_id};
}

base::Json render(const std::string& wallet, const std::vector<rooms::Event>& events)
{
    auto list = base::Json::array();
    for (const auto& event : events)
        list.push_back({{"type", event.type},
                        {"wallet", wallet},
                        {"remaining_seconds", event.remaining_seconds},
                        {"at_epoch", event.raised_at}});
    return list;
}

// One list element, or nothing for a row that no client could read: it must not take the others with it.
std::optional<base::Json> render(const rooms::ActiveRoom& active)
{
    try {
        if (!base::is_uuid(active.room.room_id) || !ethereum::parse_address(active.room.host_wallet))
            throw base::Error(base::ErrorCode::internal, "internal_error", "malformed row");
        return base::Json{{"room_id", active.room.room_id},
                          {"host_wallet", active.room.host_wallet},
                          {"title", base::or_null(active.description.title)},
                          {"capacity", active.room.capacity},
                          {"participant_count", active.participant_count},
                          {"created_at", base::iso8601(active.room.created_at)}};
    } catch (const base::Error& error) {
        base::log("room " + active.room.room_id + " is left out of the listing: " + error.what());
        return std::nullopt;
    }
}

std::string list_active_rooms(App& app, base::UnixSeconds now)
{
    auto list = base::Json::array();
    // Twice as many, in case some cannot be rendered.
    const auto found = rooms::list_active(app.database(), app.rules, true, 2 * listing_limit, now);
    for (const auto& active : found) {
        if (list.size() == listing_limit)
            break;
        if (auto element = render(active))
            list.push_back(*std::move(element));
    }
    return base::Json{{"rooms", std::move(list)}}.dump();
}

} // namespace

http::Response post_rooms_create(App& app, const Call& call)
{
    const auto visibility = text_field(call.body, "visibility");
    rooms::CreateOptions options;
    auto& description = options.description;
    description.is_private = visibility == "private"; // any other means open
    description.ai_enabled = bool_field(call.body, "ai_enabled").value_or(false);
    description.title = line_field(call.body, "title", rooms::max_title_characters);
    options.capacity = integer_field(call.body, "capacity", rooms::least_capacity, rooms::largest_capacity);
    const auto lookup = look_up_name(app, call);
    Charging charging(app, app.clock.now());
    const auto room = rooms::create(charging.context, {app.tokens, app.random}, call.wallet, lookup, options);
    return ok({{"room_id", room.room_id},
               {"channel", rooms::channel_of(room.room_id)},
               {"visibility", description.visibility()},
               {"capacity", room.capacity},
               {"title", base::or_null(description.title)}});
}

http::Response post_rooms_join(App& app, const Call& call)
{
    const auto room_id = id_field(call.body, "room_id");
    require_fields(room_id.has_value(), "missing room_id");
    const auto& rules = app.rules;
    const auto lookup = look_up_name(app, call);
    Charging charging(app, app.clock.now());
    const auto seat = rooms::join(charging.context, {app.tokens, app.random}, call.wallet, lookup, *room_id);
    return ok({{"room_id", seat.room.room_id},
               {"channel", rooms::channel_of(seat.room.room_id)},
               {"connection_id", seat.connection.connection_id},
               {"agora_uid", seat.connection.agora_uid},
               {"host_wallet", seat.room.host_wallet},
               {"is_host", seat.room.host_wallet == call.wallet},
               {"agora_token", seat.agora_token},
               {"token_expires_in_seconds", rules.free_token_ttl_seconds},
               {"renew_after_seconds", rules.renew_after_seconds},
               {"heartbeat_interval_seconds", rules.heartbeat_interval_seconds},
               {"remaining_seconds", seat.remaining_seconds}});
}

http::Response post_rooms_heartbeat(App& app, const Call& call)
{
    const auto caller = read_caller(call);
    Charging charging(app, app.database(), call.request.now);
    const auto beat = rooms::heartbeat(charging.context, caller);
    return ok({{"ok", true},
               {"remaining_seconds", beat.remaining_seconds},
               {"events", render(call.wallet, beat.events)}});
}

http::Response post_rooms_token_renew(App& app, const Call& call)
{
    const auto caller = read_caller(call);
    const auto& rules = app.rules;
    Charging charging(app, call.request.now);
    const auto renewal = rooms::renew(charging.context, {app.tokens, app.random}, caller);
    const auto events = render(call.wallet, renewal.events);
    if (renewal.denied)
        return ok({{"denied", true},
                   {"reason", "credits_exhausted"},
                   {"remaining_seconds", renewal.remaining_seconds},
                   {"events", events}});
    return ok({{"agora_token", renewal.agora_token},
               {"token_expires_in_seconds", rules.free_token_ttl_seconds},
               {"remaining_seconds", renewal.remaining_seconds},
               {"events", events}});
}

http::Response post_rooms_leave(App& app, const Call& call)
{
    const auto caller = read_caller(call);
    Charging charging(app, call.request.now);
    const auto departure = rooms::leave(charging.context, caller);
    return ok({{"ok", true},
               {"debited_seconds", departure.debited_seconds},
               {"remaining_seconds", departure.remaining_seconds},
               {"closed", departure.closed},
               {"events", render(call.wallet, departure.events)}});
}

http::Response get_rooms_active(App& app, const Call& call)
{
    const auto now = call.request.now;
    const auto as_of = app.database().change_mark();
    auto& kept = app.listing;
    if (!kept || kept->as_of != as_of || kept->now != now) {
        auto body = list_active_rooms(app, now);
        auto etag = etag_of(body);
        kept = KeptAnswer{as_of, now, std::move(body), std::move(etag)};
    }
    auto response = cacheable(call.request, kept->etag, listing_cache);
    if (response.status != 304)
        response.body = kept->body;
    return response;
}

http::Response get_room(App& app, const Call& call)
{
    const auto room_id = base::id_of(call.path_id);
    const auto view = rooms::view(app.database(), app.rules, call.wallet, room_id, call.request.now);
    if (!view)
        throw base::Error(base::ErrorCode::not_found, "room_not_found");
    return ok(render(app, *view));
}

base::Json render(const App& app, const rooms::RoomView& view)
{
    const bool is_told = !app.settings<base::AgoraSettings>().agora_notification_secret.empty();
    auto participants = base::Json::array();
    const auto& [room, description, present] = view;
    for (const auto& participant : present)
        participants.push_back(
            {{"connection_id", participant.connection_id},
             {"wallet", participant.wallet},
             {"agora_uid", participant.agora_uid},
             {"joined_at", base::iso8601(participant.joined_at)},
             {"connected", is_told ? base::Json(participant.is_connected) : base::Json()}});
    return {{"room_id", room.room_id},
            {"channel", rooms::channel_of(room.room_id)},
            {"title", base::or_null(description.title)},
            {"host_wallet", room.host_wallet},
            {"visibility", description.visibility()},
            {"capacity", room.capacity},
            {"ai_enabled", description.ai_enabled},
            {"created_at", base::iso8601(room.created_at)},
            {"participants", std::move(participants)}};
}

http::Response delete_room(App& app, const Call& call)
{
    const auto room_id = base::id_of(call.path_id);
    Charging charging(app, call.request.now);
    rooms::close_as_host(charging.context, call.wallet, room_id);
    return ok({{"ok", true}, {"closed", true}});
}

http::Response delete_room_participant(App& app, const Call& call)
{
    const auto room_id = base::id_of(call.path_id);
    const auto connection_id = base::id_of(call.second_path_id);
    Charging charging(app, call.request.now);
    const auto removal = rooms::remove_as_host(charging.context, call.wallet, room_id, connection_id);
    return ok({{"ok", true}, {"debited_seconds", removal.debited_seconds}, {"closed", removal.closed}});
}
