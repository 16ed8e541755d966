#include "rooms/departure.h"

#include "rooms/loaded_room.h"
#include "rooms/notices.h"

#include <algorithm>

namespace rooms {

void close_with_everybody(Context& context, LoadedRoom& room, Closing reason)
{
    for (auto& connection : room.open)
        end_stay(context, connection, context.now, Ending::room_closed);
    room.open.clear();
    close_room(context.db, room.stored.room.room_id, context.now);
    room.stored.closed_at = context.now;
    tell_closed(context, room.stored.room.room_id, reason, context.now);
}

Departed depart(Context& context, LoadedRoom& room, const Connection& connection, Ending reason,
                Closing if_host, std::optional<base::UnixSeconds> left_at)
{
    Departed result{connection};
    end_metered_stay(context, result.connection, left_at.value_or(context.now), reason);
    const auto its_place = std::find_if(room.open.begin(), room.open.end(), [&](const auto& each) {
        return each.connection_id == result.connection.connection_id;
    });
    room.open.erase(its_place);
    const bool is_host = room.stored.room.host_wallet == result.connection.wallet;
    result.closed = is_host || room.open.empty();
    if (result.closed)
        close_with_everybody(context, room, is_host ? if_host : Closing::empty);
    return result;
}

} // namespace rooms
