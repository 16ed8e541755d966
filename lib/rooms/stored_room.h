// A row of the table of rooms.
#pragma once

#include "rooms/kind.h"
#include "rooms/room.h"

namespace rooms {

// A room as it is stored, whatever its kind and whether or not it is closed.
struct StoredRoom
{
    Room room;
    Kind kind = Kind::free;
    std::optional<base::UnixSeconds> closed_at;
    std::optional<base::UnixSeconds>
        emptied_at; // nobody is in it since then; none: somebody is, lapsed or not

    bool is_active_free() const { return kind == Kind::free && !closed_at; }
};

// The columns of a room, of the table as `r`, and how a row of them is read.
constexpr const char* room_columns =
    "r.room_id AS room_id, r.kind AS kind, r.host_wallet AS host_wallet, r.capacity AS capacity, "
    "r.created_at AS created_at, r.closed_at AS closed_at, r.emptied_at AS emptied_at";
StoredRoom read_room(const database::Statement& row);

} // namespace rooms
