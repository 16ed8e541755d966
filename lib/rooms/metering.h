// Charging presence, second by second, each second once. Heartbeat, renewal, leaving, closing and the sweep
// all charge through meter(); whoever finds a lapsed connection settles it through settle_room(). Every
// function here wants to be called inside a Transaction, unless it says otherwise.
#pragma once

#include "base/config.h"
#include "rooms/connection.h"

namespace rooms {

// What a client is told about its credit, once per connection.
struct Event
{
    const char* type; // "credits_low" or "credits_exhausted"
    std::int64_t remaining_seconds;
    base::UnixSeconds raised_at;
};

// What was done, for the sweep's summary.
struct Tally
{
    std::int64_t connections_metered = 0; // found open and still present
    std::int64_t connections_lapsed = 0;
    std::int64_t rooms_closed = 0;
    std::int64_t debited_seconds = 0;

    Tally& operator+=(const Tally& other);
};

// Charges whole seconds from the mark to `now`, or to the token's expiry if that is earlier; never more than
// the balance, and nothing if the clock stepped back. Moves the mark, raises events, changes `connection` but
// does not store it. Returns the wallet's remaining seconds.
std::int64_t meter(sqlite::Database& db, const base::Rules& rules, Connection& connection,
                   base::UnixSeconds now);

// The events that the client has not been told; they count as told from now on. Does not store `connection`.
std::vector<Event> take_events(Connection& connection);

// Meters the last seconds, ends the stay at `now` or at the token's expiry, and stores it.
// Returns the wallet's remaining seconds.
std::int64_t end_stay(sqlite::Database& db, const base::Rules& rules, Connection& connection,
                      base::UnixSeconds now);

// Ends every lapsed stay in the room at its token's expiry, then closes the room if nobody has been in it for
// unjoined_room_ttl_seconds: since the last of these lapses, or since its creation if nobody ever came.
Tally settle_room(sqlite::Database& db, const base::Rules& rules, const std::string& room_id,
                  base::UnixSeconds now);

// The active free room that the wallet hosts. Needs no Transaction.
std::optional<std::string> find_hosted_room(sqlite::Database& db, const std::string& wallet);

// Settles the room that the wallet is in and the one that it hosts.
void settle_wallet(sqlite::Database& db, const base::Rules& rules, const std::string& wallet,
                   base::UnixSeconds now);

// The same from outside a Transaction; begins one only if something lapsed. For those who just want to read
// the wallet's balance.
void settle_wallet_if_lapsed(sqlite::Database& db, const base::Rules& rules, const std::string& wallet,
                             base::UnixSeconds now);

// Closes an active room that nobody is in any more, as of `closed_at`, but never before its creation or
// before somebody left it, should the clock have stepped back.
void close_room(sqlite::Database& db, const std::string& room_id, base::UnixSeconds closed_at);

} // namespace rooms
