// One participant's stay in a room: the row, and how it is found and stored.
#pragma once

#include "base/clock.h"
#include "database/connection.h"
#include "rooms/kind.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace base {
struct Listeners;
}

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
    bool is_removed = false; // by the host or an operator: the wallet cannot come back into the room

    // Agora has cut the participant off: gone, whether or not left_at says so yet.
    bool is_lapsed(base::UnixSeconds now) const { return !left_at && now >= token_expires_at; }

    bool operator==(const Connection&) const = default;
};

std::optional<Connection> find_connection(database::Connection& db, const std::string& connection_id);
// The one free room that the wallet is in, lapsed or not.
std::optional<Connection> find_open_connection(database::Connection& db, const std::string& wallet);
// Everybody who is or was in the room, in the order in which they joined.
std::vector<Connection> find_all_connections(database::Connection& db, const std::string& room_id);

// Of those, whoever has or had the uid.
std::vector<Connection> find_holders(database::Connection& db, const std::string& room_id, std::int64_t uid);
// The wallet's stays in free rooms that ended after `left_after` and by `now`, before their tokens did: the
// newest first.
std::vector<Connection> find_early_leaves(database::Connection& db, const std::string& wallet,
                                          base::UnixSeconds left_after, base::UnixSeconds now);
// What these have in common, of the table as `c`. Were it said that the wallet is this one, an engine would
// put that into substr() and miss the index.
constexpr const char* left_early_lately =
    "substr(c.wallet, 35) = substr(:wallet, 35) AND c.wallet || '' = :wallet AND c.left_at > :left_after "
    "AND c.left_at <= :now AND c.left_at < c.token_expires_at AND c.kind <> 'booked' ";

// What the sweep has to look at is found part by part: these many, by agora_uid.
constexpr std::int64_t parts_of_connections = 4096;
struct DueConnections
{
    std::optional<std::int64_t> part; // none when there is no more
    std::vector<std::string> ids;
};
// In the first part from `first` on (from 0) that has an open free connection: the ids of those that were
// metered last at or before `metered_until` or lapsed by `now`, and whose tokens expire at or before
// `expiring_until`.
DueConnections find_due_connections(database::Connection& db, std::int64_t first,
                                    base::UnixSeconds metered_until, base::UnixSeconds expiring_until,
                                    base::UnixSeconds now);

// The Agora uid of a wallet that is about to join: its last four bytes without the top bit, modulo 2^31 - 1,
// or the next number from 1 to 2^31 - 2 that nobody of `open`, who are in the room, holds, and that no other
// wallet has held with a token that is still good at `now`. Where Agora is told to turn those away, the
// wallet's own are none of its own any more.
std::int64_t choose_uid(database::Connection& db, const base::Listeners& listeners,
                        const std::string& room_id, const std::vector<Connection>& open,
                        const std::string& wallet, base::UnixSeconds now);

void insert_connection(database::Connection& db, const Connection& connection);
// Free stays that ended elsewhere, before they were known here. Their room is active.
void insert_ended_connections(database::Connection& db, const std::vector<Connection>& connections);
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
    "c.credits_exhausted_at AS credits_exhausted_at, c.events_delivered AS events_delivered, "
    "c.removed AS removed";
Connection read_connection(const database::Statement& row);

} // namespace rooms
