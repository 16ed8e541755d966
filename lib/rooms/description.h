// What a host says of a room: who may see it, and how it is shown. Nobody's entering, metering or leaving
// asks for it.
#pragma once

#include "rooms/stored_room.h"

#include <optional>
#include <string>

namespace rooms {

struct Description
{
    bool is_private = false;                         // not listed, and shown only to who hosts it or is in it
    std::optional<std::string> title = std::nullopt; // at most max_title_characters
    bool ai_enabled = false;

    const char* visibility() const { return is_private ? "private" : "open"; }
};

constexpr std::size_t max_title_characters = 80; // Unicode code points

// Its columns, of the table as `r`, and how a row of them is read.
constexpr const char* description_columns =
    "r.visibility AS visibility, r.title AS title, r.ai_enabled AS ai_enabled";
Description read_description(const database::Statement& row);

// A new room of that kind. Call inside a Transaction.
void insert_room(database::Connection& db, Kind kind, const Room& room, const Description& description);

struct DescribedRoom
{
    StoredRoom stored;
    Description description;
};

std::optional<DescribedRoom> find_room(database::Connection& db, const std::string& room_id);

} // namespace rooms
