// What cron does, so that it happens promptly. Nothing depends on it: whoever touches a room first does the
// same.
#pragma once

#include "rooms/settling.h"

#include <functional>

namespace rooms {

// Books every connection not booked for a minute, which are those that missed a renewal; settles the lapsed;
// closes the rooms in which nobody has been for unjoined_room_ttl_seconds. Works in small transactions, so
// that others get their turn between them; may run twice at once, be killed anywhere, or stay away for an
// hour, and the same seconds are charged. Call outside a Transaction. Whenever somebody has waited for a
// turn, `pause` is called before the next of the sweep's own: a moment's sleep there is what keeps renewals
// quick while it has many to settle.
Tally sweep(
    database::Connection& db, const base::Rules& rules, base::UnixSeconds now,
    const std::function<void()>& pause = [] {});

// Notes that a sweep came to its end, for last_sweep_at().
void record_sweep(database::Connection& db, base::UnixSeconds finished_at);
std::optional<base::UnixSeconds> last_sweep_at(database::Connection& db);

} // namespace rooms
