// A room as it is stored: free, or of a booked session.
#pragma once

#include "base/clock.h"
#include "database/connection.h"
#include "rooms/kind.h"

#include <optional>
#include <string>

namespace rooms {

struct Room
{
    std::string room_id; // uuid v4
    std::string host_wallet;
    bool is_private = false; // not listed
    std::int64_t capacity = 0;
    base::UnixSeconds created_at = 0;
    std::optional<std::string> title;
    bool ai_enabled = false;

    const char* visibility() const { return is_private ? "private" : "open"; }
};

// "heaven-free-<room_id>", the name of the room at Agora.
std::string channel_of(const std::string& room_id);

constexpr std::size_t max_title_characters = 80; // Unicode code points
constexpr std::int64_t least_capacity = 2;       // participants
constexpr std::int64_t largest_capacity = 6;

// A new room of that kind. Call inside a Transaction.
void insert_room(database::Connection& db, Kind kind, const Room& room);

// Since when nobody is in the room; none: somebody is. Call inside a Transaction.
void record_emptied(database::Connection& db, const std::string& room_id,
                    std::optional<base::UnixSeconds> emptied_at);

// Closes an active room that nobody is in any more, as of `closed_at`, but never before its creation or
// before somebody left it, should the clock have stepped back. Call inside a Transaction.
void close_room(database::Connection& db, const std::string& room_id, base::UnixSeconds closed_at);

} // namespace rooms
