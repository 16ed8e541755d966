// What stands in the way of a wallet that wants into a free room, what it has to spend, and its stay: read at
// once.
#pragma once

#include "credits/ledger.h"
#include "rooms/ban.h"
#include "rooms/connection.h"

#include <optional>
#include <string>

namespace rooms {

constexpr std::int64_t early_leave_window_seconds = 3600;

struct Standing
{
    std::optional<Ban> ban;           // that is active
    credits::Account booked;          // as the ledger has it
    std::optional<Connection> stay;   // see below
    std::int64_t pending_seconds = 0; // used by the stay, and not booked
    // Of tokens, by stays that the wallet has left within early_leave_window_seconds.
    std::int64_t left_over_seconds = 0;

    // As of the instant for which it was read.
    credits::Account account() const;
    std::int64_t remaining_seconds() const { return booked.remaining_seconds - pending_seconds; }
};

// Its stay is the one in a free room that nobody has seen off, lapsed or not.
Standing load_standing(database::Connection& db, const std::string& wallet, base::UnixSeconds now);
// Its stay is that connection, in whatever room and whether or not it is over. Nothing if that is not the
// wallet's. Does not ask for a ban, nor for what is left over.
Standing load_standing_in(database::Connection& db, const std::string& wallet,
                          const std::string& connection_id, base::UnixSeconds now);

// What all stays together have used, and what is not booked, at `now`.
std::int64_t pending_seconds(database::Connection& db, base::UnixSeconds now);

} // namespace rooms
