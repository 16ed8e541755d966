#include "rooms/notices.h"

#include "base/listeners.h"
#include "outbox/outbox.h"
#include "rooms/connection.h"
#include "rooms/description.h"
#include "rooms/metering.h"

namespace rooms {

namespace {

using base::Json;

void tell(Context& context, const std::string& stream, const char* type, base::UnixSeconds happened_at,
          Json data)
{
    outbox::write(context.db,
                  {outbox::Destination::webhook, stream, type, std::move(data), happened_at, context.now});
}

Json describe(const Connection& connection)
{
    return {{"room_id", connection.room_id},
            {"connection_id", connection.connection_id},
            {"wallet", connection.wallet},
            {"agora_uid", connection.agora_uid}};
}

} // namespace

void tell_opened(Context& context, const Room& room, const Description& description)
{
    if (!context.listeners.tells_application)
        return;
    tell(context, room.room_id, "room.opened", context.now,
         {{"room_id", room.room_id},
          {"host_wallet", room.host_wallet},
          {"visibility", description.visibility()},
          {"capacity", room.capacity},
          {"title", base::or_null(description.title)},
          {"ai_enabled", description.ai_enabled}});
}

void tell_closed(Context& context, const std::string& room_id, Closing reason, base::UnixSeconds closed_at)
{
    if (context.listeners.tells_application)
        tell(context, room_id, "room.closed", closed_at, {{"room_id", room_id}, {"reason", name_of(reason)}});
}

void tell_joined(Context& context, const Connection& connection)
{
    if (context.listeners.tells_application)
        tell(context, connection.room_id, "participant.joined", connection.joined_at, describe(connection));
}

void tell_left(Context& context, const Connection& connection, Ending reason)
{
    if (context.listeners.tells_application) {
        auto data = describe(connection);
        data["reason"] = name_of(reason);
        data["debited_seconds"] = connection.debited_seconds;
        tell(context, connection.room_id, "participant.left", connection.left_at.value_or(context.now),
             std::move(data));
    }
    turn_away(context, connection, context.now);
}

void tell_event(Context& context, const Connection& connection, const Event& event)
{
    if (!context.listeners.tells_application)
        return;
    auto data = describe(connection);
    data["remaining_seconds"] = event.remaining_seconds;
    const bool is_low = event.type == std::string_view("credits_low");
    tell(context, connection.room_id, is_low ? "credits.low" : "credits.exhausted", event.raised_at,
         std::move(data));
}

void turn_away(Context& context, const Connection& connection, base::UnixSeconds from)
{
    if (context.listeners.tells_agora)
        outbox::turn_away(context.db, channel_of(connection.room_id), connection.agora_uid,
                          connection.token_expires_at, context.now, from);
}

void tell_banned(Context& context, const std::string& wallet, const std::string& reason,
                 std::optional<std::int64_t> duration_seconds)
{
    if (!context.listeners.tells_application)
        return;
    const auto expires_at = duration_seconds ? Json(base::iso8601(context.now + *duration_seconds)) : Json();
    tell(context, wallet, "wallet.banned", context.now,
         {{"wallet", wallet}, {"reason", reason}, {"expires_at", expires_at}});
}

void tell_unbanned(Context& context, const std::string& wallet)
{
    if (context.listeners.tells_application)
        tell(context, wallet, "wallet.unbanned", context.now, {{"wallet", wallet}});
}

} // namespace rooms
