#include "rooms/departure.h"

#include "rooms/room.h"

namespace rooms {

void close_with_everybody(sqlite::Database& db, const base::Rules& rules, const std::string& room_id,
                          base::UnixSeconds now)
{
    for (auto& connection : find_open_connections(db, room_id))
        end_stay(db, rules, connection, now);
    close_room(db, room_id, now);
}

bool depart(sqlite::Database& db, const base::Rules& rules, Connection& connection, base::UnixSeconds now)
{
    end_stay(db, rules, connection, now);
    const bool is_host = find_room(db, connection.room_id)->room.host_wallet == connection.wallet;
    const bool closes = is_host || find_open_connections(db, connection.room_id).empty();
    if (closes)
        close_with_everybody(db, rules, connection.room_id, now);
    return closes;
}

} // namespace rooms
