#include "rooms/room.h"

namespace rooms {

Room read_room(const sqlite::Statement& row)
{
    return {row.text(0),    row.text(1), row.text(2),        row.integer(3),
            row.integer(4), row.text(5), row.integer(6) != 0};
}

void insert_room(sqlite::Database& db, const Room& room)
{
    db.prepare("INSERT INTO rooms (room_id, kind, host_wallet, visibility, ai_enabled, capacity, created_at, "
               "title) VALUES (:room_id, 'free', :host_wallet, :visibility, :ai_enabled, :capacity, "
               ":created_at, nullif(:title, ''))")
        .bind(":room_id", room.room_id)
        .bind(":host_wallet", room.host_wallet)
        .bind(":visibility", room.visibility)
        .bind(":ai_enabled", std::int64_t{room.ai_enabled})
        .bind(":capacity", room.capacity)
        .bind(":created_at", room.created_at)
        .bind(":title", room.title)
        .run();
}

std::optional<StoredRoom> find_room(sqlite::Database& db, const std::string& room_id)
{
    auto row = db.prepare("SELECT " ROOM_COLUMNS ", kind, closed_at FROM rooms r WHERE room_id = :room_id");
    if (!row.bind(":room_id", room_id).step())
        return std::nullopt;
    return StoredRoom{read_room(row), row.text(7), row.optional_integer(8)};
}

std::string channel_of(const std::string& room_id)
{
    return "heaven-free-" + room_id;
}

} // namespace rooms
