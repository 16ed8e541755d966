// How a stay and a room end. Call all of it inside a Transaction.
#pragma once

#include "rooms/metering.h"

#include <string>

namespace rooms {

// Meters everybody who is still in the room, ends their stays and closes it.
void close_with_everybody(sqlite::Database& db, const base::Rules& rules, const std::string& room_id,
                          base::UnixSeconds now);

// Ends the stay, and closes the room if it was the host's or the last one. Whether it did.
bool depart(sqlite::Database& db, const base::Rules& rules, Connection& connection, base::UnixSeconds now);

} // namespace rooms
