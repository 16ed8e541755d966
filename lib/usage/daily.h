// What the service was used for, day by day (UTC). A day that is over is summed up once, by the sweep, and
// kept: pruning changes nothing of it. Until then it is counted when somebody asks. Requests that meter write
// nothing for it.
#pragma once

#include "base/clock.h"
#include "database/connection.h"

#include <cstdint>
#include <vector>

namespace usage {

struct Day
{
    base::UnixSeconds begins_at = 0;
    std::int64_t debited_seconds = 0;        // booked; what open stays have used since is not among it
    std::int64_t granted_seconds = 0;        // base grants, bonuses and top-ups
    std::int64_t admin_adjusted_seconds = 0; // either way
    std::int64_t refunded_seconds = 0;
    std::int64_t wallets = 0;            // that were in a free room
    std::int64_t rooms = 0;              // free ones, in which somebody was
    std::int64_t sessions_completed = 0; // booked ones of which that was decided on the day, here and below
    std::int64_t sessions_no_show_host = 0;
    std::int64_t sessions_no_show_guest = 0;

    bool operator==(const Day&) const = default;
};

constexpr std::int64_t most_days = 366;

// Every day from that of `from` to that of `to`, at most most_days, as of `now`; all zero if nothing
// happened.
std::vector<Day> daily(database::Connection& db, base::UnixSeconds from, base::UnixSeconds to,
                       base::UnixSeconds now);

// Where the days begin that are not summed up by book_days() at `now`: an hour after its end a day counts as
// over, so that a clock that is a little slow does no harm.
base::UnixSeconds summed_up_until(base::UnixSeconds now);

// Sums up the days that are over, at most a week of them at a time; gives back how many. Call it after a
// sweep of rooms, which has ended whatever lapsed on those days, and outside a Transaction. May run twice at
// once and be killed anywhere.
std::int64_t book_days(database::Connection& db, base::UnixSeconds now);

} // namespace usage
