#include "rooms/moderation.h"

#include "base/error.h"
#include "rooms/departure.h"
#include "rooms/loaded_room.h"
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

Removal remove_from(Context& context, LoadedRoom& room, const std::string& connection_id)
{
    const auto found = std::find_if(room.open.begin(), room.open.end(),
                                    [&](const auto& each) { return each.connection_id == connection_id; });
    if (found == room.open.end())
        throw Error(ErrorCode::not_found, "participant_not_found");
    meter(context, *found, context.now);
    const auto departed = depart(context, room, *found);
    return {departed.connection.debited_seconds, departed.closed};
}

} // namespace

bool close(Context& context, const std::string& room_id)
{
    return context.transact([&] {
        auto room = load_active(context, room_id);
        if (room)
            close_with_everybody(context, *room);
        return room.has_value();
    });
}

void close_as_host(Context& context, const std::string& host_wallet, const std::string& room_id)
{
    context.transact([&] {
        auto room = load_as_host(context, host_wallet, room_id);
        close_with_everybody(context, room);
    });
}

Removal remove_as_host(Context& context, const std::string& host_wallet, const std::string& room_id,
                       const std::string& connection_id)
{
    return context.transact([&] {
        auto room = load_as_host(context, host_wallet, room_id);
        return remove_from(context, room, connection_id);
    });
}

Removal remove(Context& context, const std::string& connection_id)
{
    return context.transact([&] {
        const auto connection = find_connection(context.db, connection_id);
        auto room = connection ? load_active(context, connection->room_id) : std::nullopt;
        if (!room)
            throw Error(ErrorCode::not_found, "participant_not_found");
        return remove_from(context, *room, connection_id);
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
            depart(context, room, *room.find(wallet));
        } else if (!room.stored.is_active_free()) {
            continue; // it closed because it was empty for long
        }
        if (room.stored.room.host_wallet != wallet)
            continue;
        if (!room.stored.closed_at)
            close_with_everybody(context, room);
        result.closed_room_id = room.stored.room.room_id;
    }
    return result;
}

} // namespace rooms
