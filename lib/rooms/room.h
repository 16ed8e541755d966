// A room as it is stored: free, or of a booked session.
#pragma once

#include "base/clock.h"
#include "sqlite/database.h"

#include <optional>
#include <string>

namespace rooms {

enum class Kind
{
    free,
    booked
};

struct Room
{
    std::string room_id; // uuid v4
    std::string host_wallet;
    std::string visibility; // "open" or "private"
    std::int64_t capacity = 0;
    base::UnixSeconds created_at = 0;
    std::string title; // empty if it has none
    bool ai_enabled = false;
};

// "heaven-free-<room_id>", the name of the room at Agora.
std::string channel_of(const std::string& room_id);

constexpr std::size_t max_title_characters = 80; // Unicode code points
constexpr std::int64_t least_capacity = 2;       // participants
constexpr std::int64_t largest_capacity = 6;

// A room as it is stored, whatever its kind and whether or not it is closed.
struct StoredRoom
{
    Room room;
    std::string kind; // "free" or "booked"
    std::optional<base::UnixSeconds> closed_at;

    bool is_active_free() const { return kind == "free" && !closed_at; }
};

std::optional<StoredRoom> find_room(sqlite::Database& db, const std::string& room_id);

// A new free room. Call inside a Transaction.
void insert_room(sqlite::Database& db, const Room& room);

// The columns of a Room, of the table as `r`, in the order of read_room(), which reads them from the first
// on.
#define ROOM_COLUMNS "r.room_id, r.host_wallet, r.visibility, r.capacity, r.created_at, r.title, r.ai_enabled"
Room read_room(const sqlite::Statement& row);

} // namespace rooms
