// Charging presence, second by second, each second once. Until a balance runs out, what a stay has used is a
// matter of time alone, so nothing need be written for it: used_seconds() says how much that is. It is booked
// by meter() when the token is renewed, when the stay ends, before the wallet's balance changes otherwise,
// and by the sweep for those who missed a renewal.
#pragma once

#include "rooms/connection.h"
#include "rooms/context.h"
#include "rooms/ending.h"

#include <vector>

namespace rooms {

// What a client is told about its credit, once per connection.
struct Event
{
    const char* type; // "credits_low" or "credits_exhausted"
    std::int64_t remaining_seconds;
    base::UnixSeconds raised_at;
};

// The whole seconds that an open stay has used by `until` and that are not booked: from its mark to `until`,
// or to its token's expiry if that is earlier; never more than `balance_seconds`, what its wallet has booked;
// none if the clock stepped back, and none of a booked session.
std::int64_t used_seconds(const Connection& connection, std::int64_t balance_seconds,
                          base::UnixSeconds until);

// Whether the client has something to be told when its wallet has `remaining_seconds`.
bool is_event_due(const base::Rules& rules, const Connection& connection, std::int64_t remaining_seconds);

// The functions below want to be called inside a Transaction.

// Books what is used by `until`. Moves the mark, raises events, changes `connection` but does not store it.
// Returns the wallet's remaining seconds. `balance_seconds` is what the wallet has booked, for those who have
// read it in this Transaction.
std::int64_t meter(Context& context, Connection& connection, base::UnixSeconds until,
                   std::int64_t balance_seconds);
std::int64_t meter(Context& context, Connection& connection, base::UnixSeconds until);

// The events that the client has not been told; they count as told from now on. Does not store `connection`.
std::vector<Event> take_events(Connection& connection);

// Meters up to now, and stores that if it is anything. Returns the seconds that it booked.
std::int64_t book(Context& context, Connection& connection);

// Meters the last seconds, ends the stay at `until` or at the token's expiry, stores it and tells of it.
void end_stay(Context& context, Connection& connection, base::UnixSeconds until, Ending reason);
// The same for one that is metered up to then.
void end_metered_stay(Context& context, Connection& connection, base::UnixSeconds until, Ending reason);

} // namespace rooms
