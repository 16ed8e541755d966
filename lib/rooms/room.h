// A room: free, or of a booked session. description.h has what is shown of it.
#pragma once

#include "base/clock.h"
#include "database/connection.h"

#include <optional>
#include <string>

namespace rooms {

struct Room
{
    std::string room_id; // uuid v4
    std::string host_wallet;
    std::int64_t capacity = 0; // participants at once
    base::UnixSeconds created_at = 0;
};

// "heaven-free-<room_id>", the name of the room at Agora.
std::string channel_of(const std::string& room_id);

constexpr std::int64_t least_capacity = 2; // participants
constexpr std::int64_t largest_capacity = 6;

// Since when nobody is in the room; none: somebody is. Call inside a Transaction.
void record_emptied(database::Connection& db, const std::string& room_id,
                    std::optional<base::UnixSeconds> emptied_at);

// Closes an active room that nobody is in any more, as of `closed_at`, but never before its creation or
// before somebody left it, should the clock have stepped back. Call inside a Transaction.
void close_room(database::Connection& db, const std::string& room_id, base::UnixSeconds closed_at);

} // namespace rooms
