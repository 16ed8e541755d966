// What cron does, so that it happens promptly. Nothing depends on it: whoever touches a room first does the
// same.
#pragma once

#include "rooms/settling.h"

#include <functional>

namespace rooms {

// What a sweep leaves to others, while it has many to settle. Both are called by the sweep; time is the
// caller's.
struct Pace
{
    std::function<bool()> is_over = [] { return false; }; // whether this transaction has lasted long enough
    std::function<void()> rest = [] {};                   // after each transaction, and outside of it
};

// Books every connection not booked for a minute, which are those that missed a renewal; settles the lapsed;
// closes the rooms in which nobody has been for unjoined_room_ttl_seconds. Works in small transactions, so
// that others get their turn between them; may run twice at once, be killed anywhere, or stay away for an
// hour, and the same seconds are charged. Call outside a Transaction. A transaction ends as soon as somebody
// waits for a turn, or when `pace` says so.
Tally sweep(database::Connection& db, const base::Rules& rules, base::UnixSeconds now, const Pace& pace = {});

// Notes that a sweep came to its end, for last_sweep_at().
void record_sweep(database::Connection& db, base::UnixSeconds finished_at);
std::optional<base::UnixSeconds> last_sweep_at(database::Connection& db);

} // namespace rooms
