// One participant's stay in a room: the row, and how it is found and stored.
#pragma once

#include "base/clock.h"
#include "database/connection.h"
#include "rooms/kind.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rooms {

struct Connection
{
    std::string connection_id; // uuid v4
    std::string room_id;
    Kind kind = Kind::free; // the room's
    std::string wallet;
    std::int64_t agora_uid = 0; // from 1 on, unlike any other in the room
    base::UnixSeconds joined_at = 0;
    base::UnixSeconds token_expires_at = 0; // presence ends here at the latest
    base::UnixSeconds last_metered_at = 0;  // seconds before this mark are paid
    std::int64_t debited_seconds = 0;
    std::optional<base::UnixSeconds> left_at; // none while open
    std::optional<base::UnixSeconds> credits_low_at;
    std::optional<std::int64_t> credits_low_remaining_seconds;
    std::optional<base::UnixSeconds> credits_exhausted_at;
    std::int64_t events_delivered = 0; // of the two above, in their order

    // Agora has cut the participant off: gone, whether or not left_at says so yet.
    bool is_lapsed(base::UnixSeconds now) const { return !left_at && now >= token_expires_at; }

    bool operator==(const Connection&) const = default;
};

std::optional<Connection> find_connection(database::Connection& db, const std::string& connection_id);
// The one free room that the wallet is in, lapsed or not.
std::optional<Connection> find_open_connection(database::Connection& db, const std::string& wallet);
// Everybody who is or was in the room, in the order in which they joined.
std::vector<Connection> find_all_connections(database::Connection& db, const std::string& room_id);

// What the sweep has to look at is found part by part: these many, by agora_uid.
constexpr std::int64_t parts_of_connections = 4096;
// The ids of open free connections of that part (from 0 on) that were metered last at or before
// `metered_until` or lapsed by `now`, and whose tokens expire at or before `expiring_until`.
std::vector<std::string> find_due_connections(database::Connection& db, std::int64_t part,
                                              base::UnixSeconds metered_until,
                                              base::UnixSeconds expiring_until, base::UnixSeconds now);

// The Agora uid of a wallet that is about to join: its last four bytes without the top bit, modulo 2^31 - 1,
// or the next number from 1 to 2^31 - 2 that nobody of `open`, who are in the room, holds, and that no other
// wallet has held with a token that is still good at `now`.
std::int64_t choose_uid(database::Connection& db, const std::string& room_id,
                        const std::vector<Connection>& open, const std::string& wallet,
                        base::UnixSeconds now);

void insert_connection(database::Connection& db, const Connection& connection);
// Stores what may change in the life of a connection.
void update_connection(database::Connection& db, const Connection& connection);

// The columns of a connection, of the table as `c`, and how a row of them is read; `room_id` and `kind` are
// the room's, and stand beside them.
constexpr const char* connection_columns =
    "c.connection_id AS connection_id, c.wallet AS wallet, c.agora_uid AS agora_uid, c.joined_at AS "
    "joined_at, "
    "c.token_expires_at AS token_expires_at, c.last_metered_at AS last_metered_at, "
    "c.debited_seconds AS debited_seconds, c.left_at AS left_at, c.credits_low_at AS credits_low_at, "
    "c.credits_low_remaining_seconds AS credits_low_remaining_seconds, "
    "c.credits_exhausted_at AS credits_exhausted_at, c.events_delivered AS events_delivered";
Connection read_connection(const database::Statement& row);

} // namespace rooms
