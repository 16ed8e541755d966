// What can be seen of rooms. All of it only reads.
#pragma once

#include "base/clock.h"
#include "base/config.h"
#include "rooms/room.h"

#include <optional>
#include <string>
#include <vector>

namespace rooms {

struct Participant
{
    std::string connection_id;
    std::string wallet;
    std::int64_t agora_uid = 0;
    base::UnixSeconds joined_at = 0;
};

struct RoomView
{
    Room room;
    std::vector<Participant> participants; // present at `now`, the first to join first
};

// An active free room as `wallet` may see it; nothing if there is none, or if it is private and the wallet
// neither hosts it nor is present in it. Writes nothing.
std::optional<RoomView> view(database::Connection& db, const base::Rules& rules, const std::string& wallet,
                             const std::string& room_id, base::UnixSeconds now);

struct ActiveRoom
{
    Room room;
    std::int64_t participant_count = 0; // present at `now`
};

// Active free rooms: those with somebody in them, then the others, the newest first within both. `only_open`
// leaves out the private ones.
std::vector<ActiveRoom> list_active(database::Connection& db, const base::Rules& rules, bool only_open,
                                    std::int64_t limit, base::UnixSeconds now);

struct Occupancy
{
    std::int64_t rooms = 0;        // active: somebody is present, or a free room may still be joined
    std::int64_t participants = 0; // present at `now`
};

Occupancy occupancy(database::Connection& db, const base::Rules& rules, Kind kind, base::UnixSeconds now);

} // namespace rooms
