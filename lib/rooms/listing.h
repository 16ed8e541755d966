// What can be seen of rooms. All of it only reads.
#pragma once

#include "base/clock.h"
#include "rooms/description.h"

#include <optional>
#include <string>
#include <vector>

namespace base {
struct Rules;
}

namespace rooms {

struct Participant
{
    std::string connection_id;
    std::string wallet;
    std::int64_t agora_uid = 0;
    base::UnixSeconds joined_at = 0;
    bool is_connected = false; // as Agora says
};

struct RoomView
{
    Room room;
    Description description;
    std::vector<Participant> participants; // present at `now`, the first to join first
};

// An active free room as `wallet` may see it; nothing if there is none, or if it is private and the wallet
// neither hosts it nor is present in it. Writes nothing.
std::optional<RoomView> view(database::Connection& db, const base::Rules& rules, const std::string& wallet,
                             const std::string& room_id, base::UnixSeconds now);

// The active free room that the wallet hosts.
std::optional<RoomView> hosted_view(database::Connection& db, const base::Rules& rules,
                                    const std::string& wallet, base::UnixSeconds now);

// A place in the list of all free rooms, in the order in which they were made.
struct RoomPlace
{
    base::UnixSeconds created_at = 0;
    std::int64_t ordinal = 0;
};

struct RoomPage
{
    std::vector<RoomView> rooms;
    std::optional<RoomPlace> next; // the last one of them; none: there are no more
};

// Up to `limit` active free rooms behind that place, private ones too, the first to be made first. So who
// turns the pages sees every room that is there all the while.
RoomPage list_all(database::Connection& db, const base::Rules& rules, const RoomPlace& after,
                  std::int64_t limit, base::UnixSeconds now);

struct ActiveRoom
{
    Room room;
    Description description;
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
