// A room with everybody in it, as one statement reads them: so each row is read once, and at one moment.
#pragma once

#include "rooms/connection.h"
#include "rooms/stored_room.h"

#include <optional>
#include <string>
#include <vector>

namespace rooms {

struct LoadedRoom
{
    StoredRoom stored;
    std::vector<Connection> open; // the first to lapse first
    bool has_removed = false;     // the wallet around which it was loaded, see below

    // The wallet's open connection; null if it has none.
    Connection* find(const std::string& wallet);
};

std::optional<LoadedRoom> load_room(database::Connection& db, const std::string& room_id);

// The free room that the wallet is in, the active one that it hosts, and that of `room_id`, whatever its
// kind: those that there are, each once.
std::vector<LoadedRoom> load_rooms_around(database::Connection& db, const std::string& wallet,
                                          const std::string& room_id = {});

} // namespace rooms
