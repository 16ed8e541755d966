// Charging presence, second by second, each second once. Heartbeat, renewal, leaving, closing and the sweep
// all charge through meter(). Every function here wants to be called inside a Transaction.
#pragma once

#include "rooms/connection.h"
#include "rooms/context.h"

#include <vector>

namespace rooms {

// What a client is told about its credit, once per connection.
struct Event
{
    const char* type; // "credits_low" or "credits_exhausted"
    std::int64_t remaining_seconds;
    base::UnixSeconds raised_at;
};

// Charges whole seconds from the mark to `until`, or to the token's expiry if that is earlier; never more
// than the balance, and nothing if the clock stepped back. Moves the mark, raises events, changes
// `connection` but does not store it. Returns the wallet's remaining seconds.
std::int64_t meter(Context& context, Connection& connection, base::UnixSeconds until);

// The events that the client has not been told; they count as told from now on. Does not store `connection`.
std::vector<Event> take_events(Connection& connection);

// Meters the last seconds, ends the stay at `until` or at the token's expiry, and stores it.
void end_stay(Context& context, Connection& connection, base::UnixSeconds until);
// The same for one that is metered up to then.
void end_metered_stay(Context& context, Connection& connection, base::UnixSeconds until);

} // namespace rooms
