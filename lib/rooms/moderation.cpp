#include "rooms/moderation.h"

#include "base/error.h"
#include "rooms/ban.h"
#include "rooms/departure.h"
#include "rooms/loaded_room.h"
#include "rooms/notices.h"
#include "rooms/settling.h"

#include <algorithm>

namespace rooms {

namespace {

using base::Error;
using base::ErrorCode;

// The active free room, settled; nothing if there is none.
std::optional<LoadedRoom> load_active(Context& context, const std::string& room_id)
{
    auto room = load_room(context.db, room_id);
    if (room)
        settle(context, *room);
    return room && room->stored.is_active_free() ? std::move(room) : std::nullopt;
}

// The same of its host.
LoadedRoom load_as_host(Context& context, const std::string& host_wallet, const std::string& room_id)
{
    auto room = load_active(context, room_id);
    if (!room)
        throw Error(ErrorCode::not_found, "room_not_found");
    if (room->stored.room.host_wallet != host_wallet)
        throw Error(ErrorCode::permission_denied, "not_host");
    return *std::move(room);
}

Removal remove_from(Context& context, LoadedRoom& room, const std::string& connection_id, Closing if_host)
{
    const auto found = std::find_if(room.open.begin(), room.open.end(),
                                    [&](const auto& each) { return each.connection_id == connection_id; });
    if (found == room.open.end())
        throw Error(ErrorCode::not_found, "participant_not_found");
    meter(context, *found, context.now);
    const auto departed = depart(context, room, *found, Ending::removed, if_host);
    return {departed.connection.debited_seconds, departed.closed};
}

} // namespace

bool close(Context& context, const std::string& room_id)
{
    return context.transact([&] {
        auto room = load_active(context, room_id);
        if (room)
            close_with_everybody(context, *room, Closing::by_operator);
        return room.has_value();
    });
}

void close_as_host(Context& context, const std::string& host_wallet, const std::string& room_id)
{
    context.transact([&] {
        auto room = load_as_host(context, host_wallet, room_id);
        close_with_everybody(context, room, Closing::host_left);
    });
}

Removal remove_as_host(Context& context, const std::string& host_wallet, const std::string& room_id,
                       const std::string& connection_id)
{
    return context.transact([&] {
        auto room = load_as_host(context, host_wallet, room_id);
        return remove_from(context, room, connection_id, Closing::host_left);
    });
}

Removal remove(Context& context, const std::string& connection_id)
{
    return context.transact([&] {
        const auto connection = find_connection(context.db, connection_id);
        auto room = connection ? load_active(context, connection->room_id) : std::nullopt;
        if (!room)
            throw Error(ErrorCode::not_found, "participant_not_found");
        return remove_from(context, *room, connection_id, Closing::by_operator);
    });
}

Removal remove_from_room(Context& context, const std::string& room_id, const std::string& connection_id)
{
    return context.transact([&] {
        auto room = load_active(context, room_id);
        if (!room)
            throw Error(ErrorCode::not_found, "room_not_found");
        return remove_from(context, *room, connection_id, Closing::by_operator);
    });
}

Expulsion expel(Context& context, const std::string& wallet)
{
    auto around = load_rooms_around(context.db, wallet);
    settle_wallet(context, wallet, around);
    Expulsion result;
    for (auto& room : around) {
        if (auto* connection = room.find(wallet)) {
            result.left_room_id = connection->room_id;
            settle(context, room);
            meter(context, *room.find(wallet), context.now);
            depart(context, room, *room.find(wallet), Ending::banned, Closing::by_operator);
        } else if (!room.stored.is_active_free()) {
            continue; // it closed because it was empty for long
        }
        if (room.stored.room.host_wallet != wallet)
            continue;
        if (!room.stored.closed_at)
            close_with_everybody(context, room, Closing::by_operator);
        result.closed_room_id = room.stored.room.room_id;
    }
    return result;
}

Expulsion ban_and_expel(Context& context, const std::string& wallet, const std::string& reason,
                        std::optional<std::int64_t> duration_seconds)
{
    return context.transact([&] {
        ban(context.db, wallet, reason, duration_seconds, context.now);
        auto expulsion = expel(context, wallet);
        tell_banned(context, wallet, reason, duration_seconds);
        return expulsion;
    });
}

bool unban(Context& context, const std::string& wallet)
{
    return context.transact([&] {
        const bool was_banned = lift_ban(context.db, wallet, context.now);
        if (was_banned)
            tell_unbanned(context, wallet);
        return was_banned;
    });
}

} // namespace rooms
