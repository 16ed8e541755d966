#include "rooms/room.h"

#include "base/error.h"
#include "rooms/description.h"

#include <cassert>

namespace rooms {

const char* name_of(Kind kind)
{
    return kind == Kind::free ? "free" : "booked";
}

Kind kind_named(const std::string& name)
{
    for (const auto kind : {Kind::free, Kind::booked}) {
        if (name == name_of(kind))
            return kind;
    }
    throw base::Error(base::ErrorCode::internal, "internal_error", "a room of an unknown kind");
}

StoredRoom read_room(const database::Statement& row)
{
    StoredRoom stored;
    auto& room = stored.room;
    room.room_id = row.text("room_id");
    stored.kind = kind_named(row.text("kind"));
    room.host_wallet = row.text("host_wallet");
    room.capacity = row.integer("capacity");
    room.created_at = row.integer("created_at");
    stored.closed_at = row.optional_integer("closed_at");
    stored.emptied_at = row.optional_integer("emptied_at");
    return stored;
}

Description read_description(const database::Statement& row)
{
    return {row.text("visibility") != "open", row.optional_text("title"), row.boolean("ai_enabled")};
}

void insert_room(database::Connection& db, Kind kind, const Room& room, const Description& description)
{
    db.prepare(
          "INSERT INTO rooms (room_id, kind, host_wallet, visibility, ai_enabled, capacity, created_at, "
          "emptied_at, title) VALUES (:room_id, :kind, :host_wallet, :visibility, :ai_enabled, :capacity, "
          ":created_at, :emptied_at, :title)")
        .bind(":room_id", room.room_id)
        .bind(":kind", std::string_view(name_of(kind)))
        .bind(":host_wallet", room.host_wallet)
        .bind(":visibility", std::string_view(description.visibility()))
        .bind(":ai_enabled", std::int64_t{description.ai_enabled})
        .bind(":capacity", room.capacity)
        .bind(":created_at", room.created_at)
        .bind(":emptied_at", kind == Kind::free ? std::optional(room.created_at) : std::nullopt)
        .bind(":title", description.title)
        .run();
}

std::optional<DescribedRoom> find_room(database::Connection& db, const std::string& room_id)
{
    static const auto sql = std::string("SELECT ") + room_columns + ", " + description_columns +
                            " FROM rooms r WHERE r.room_id = :room_id";
    auto row = db.prepare(sql);
    if (!row.bind(":room_id", room_id).step())
        return std::nullopt;
    return DescribedRoom{read_room(row), read_description(row)};
}

void record_emptied(database::Connection& db, const std::string& room_id,
                    std::optional<base::UnixSeconds> emptied_at)
{
    assert(db.in_transaction());
    db.prepare("UPDATE rooms SET emptied_at = :emptied_at WHERE room_id = :room_id")
        .bind(":emptied_at", emptied_at)
        .bind(":room_id", room_id)
        .run();
}

void close_room(database::Connection& db, const std::string& room_id, base::UnixSeconds closed_at)
{
    assert(db.in_transaction());
    db.prepare("UPDATE rooms SET closed_at = (SELECT max(instant) FROM (SELECT :closed_at AS instant "
               "UNION ALL SELECT created_at FROM rooms WHERE room_id = :room_id "
               "UNION ALL SELECT left_at FROM connections WHERE room_id = :room_id) instants) "
               "WHERE room_id = :room_id AND closed_at IS NULL")
        .bind(":closed_at", closed_at)
        .bind(":room_id", room_id)
        .run();
}

std::string channel_of(const std::string& room_id)
{
    return "heaven-free-" + room_id;
}

} // namespace rooms
