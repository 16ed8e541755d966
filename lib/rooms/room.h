// A room as it is stored: free, or of a booked session.
#pragma once

#include "base/clock.h"
#include "database/connection.h"

#include <optional>
#include <string>

namespace rooms {

enum class Kind
{
    free,
    booked
};

const char* name_of(Kind kind); // "free"
// Throws Error(internal) for what is none.
Kind kind_named(const std::string& name);

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

// A room as it is stored, whatever its kind and whether or not it is closed.
struct StoredRoom
{
    Room room;
    Kind kind = Kind::free;
    std::optional<base::UnixSeconds> closed_at;
    std::optional<base::UnixSeconds> emptied_at; // when the last participants lapsed

    bool is_active_free() const { return kind == Kind::free && !closed_at; }
};

std::optional<StoredRoom> find_room(database::Connection& db, const std::string& room_id);

// A new room of that kind. Call inside a Transaction.
void insert_room(database::Connection& db, Kind kind, const Room& room);

// Closes an active room that nobody is in any more, as of `closed_at`, but never before its creation or
// before somebody left it, should the clock have stepped back. Call inside a Transaction.
void close_room(database::Connection& db, const std::string& room_id, base::UnixSeconds closed_at);

// The columns of a room, of the table as `r`, and how a row of them is read.
constexpr const char* room_columns =
    "r.room_id AS room_id, r.kind AS kind, r.host_wallet AS host_wallet, "
    "r.visibility AS visibility, r.capacity AS capacity, r.created_at AS created_at, "
    "r.title AS title, r.ai_enabled AS ai_enabled, r.closed_at AS closed_at, "
    "r.emptied_at AS emptied_at";
StoredRoom read_room(const database::Statement& row);

} // namespace rooms
