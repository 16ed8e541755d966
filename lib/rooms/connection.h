// One participant's stay in a room: the row, and how it is found and stored.
#pragma once

#include "base/clock.h"
#include "sqlite/database.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rooms {

struct Connection
{
    std::string connection_id; // uuid v4
    std::string room_id;
    std::string kind; // "free" or "booked"
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

std::optional<Connection> find_connection(sqlite::Database& db, const std::string& connection_id);
// The one free room that the wallet is in, lapsed or not.
std::optional<Connection> find_open_connection(sqlite::Database& db, const std::string& wallet);
// Everybody in the room, in the order in which their tokens expire.
std::vector<Connection> find_open_connections(sqlite::Database& db, const std::string& room_id);
// Everybody who is or was in the room, in the order in which they joined. Slow: reads the whole table.
std::vector<Connection> find_all_connections(sqlite::Database& db, const std::string& room_id);

// Open free connections whose wallet comes after `after_wallet` and that were metered last at or before
// `metered_until` or lapsed by `now`: their ids, in the order of wallets.
std::vector<Connection> find_due_connections(sqlite::Database& db, const std::string& after_wallet,
                                             base::UnixSeconds metered_until, base::UnixSeconds now,
                                             std::int64_t limit);

// The Agora uid of a wallet that is about to join: its last four bytes without the top bit, modulo 2^31 - 1,
// or the next number from 1 to 2^31 - 2 that nobody in the room holds, and that no other wallet has held with
// a token that is still good at `now`.
std::int64_t choose_uid(sqlite::Database& db, const std::string& room_id, const std::string& wallet,
                        base::UnixSeconds now);

void insert_connection(sqlite::Database& db, const Connection& connection);
// Stores what may change in the life of a connection.
void update_connection(sqlite::Database& db, const Connection& connection);

} // namespace rooms
