// Why a stay and a room end.
#pragma once

namespace rooms {

enum class Ending // of a stay
{
    left,
    lapsed,  // the token ended
    removed, // by the host or an operator: the wallet cannot come back into the room
    banned,
    room_closed,
    gone // Agora says so
};

enum class Closing // of a room
{
    host_left,   // or closed it
    empty,       // the last participant left
    by_operator, // who may have banned or removed the host
    expired      // nobody was present for unjoined_room_ttl_seconds
};

const char* name_of(Ending ending);   // "left", "lapsed", ...
const char* name_of(Closing closing); // "host_left", "empty", "operator", "expired"

} // namespace rooms
