// How a stay and a room end. Call all of it inside a Transaction.
#pragma once

#include "rooms/metering.h"

#include <optional>

namespace rooms {

struct LoadedRoom;

// Meters everybody who is still in the room, ends their stays and closes it.
void close_with_everybody(Context& context, LoadedRoom& room, Closing reason);

struct Departed
{
    Connection connection;
    bool closed = false; // the room
};

// Ends the stay of `connection`, one of the room's, which is metered up to now, or up to `left_at`, and
// closes the room if it was the host's, for the reason that is given for this, or the last one.
Departed depart(Context& context, LoadedRoom& room, const Connection& connection, Ending reason,
                Closing if_host = Closing::host_left,
                std::optional<base::UnixSeconds> left_at = std::nullopt);

} // namespace rooms
