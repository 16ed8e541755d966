// Makes the ledger small without changing what it says. A heartbeat's debit is of interest for some weeks;
// after that it is enough to know what each stay took on each day.
//
// Of debits of one wallet that follow one another, for one connection and on one day (UTC), only the last
// stays, with the sum of them. Every balance, every running balance, brief_statement() and daily_totals()
// are what they were. Grants, refunds, adjustments, and whatever is younger, stay as they are; so does every
// connection that was charged, since the events that remain speak of it.
#pragma once

#include "base/clock.h"
#include "database/connection.h"

#include <cstdint>

namespace credits {

// How many events one transaction of prune() looks at, unless told otherwise.
constexpr std::int64_t pruning_batch = 5000;

// Merges what is older than `created_before`, the beginning of a day, and returns how many events are gone.
// Works in small transactions of at most `batch` events, between which others get their turn. May be killed
// anywhere and run again, or twice at once; each transaction is rolled back if `is_rehearsal`. Call outside a
// Transaction.
std::int64_t prune(database::Connection& db, base::UnixSeconds created_before, bool is_rehearsal = false,
                   std::int64_t batch = pruning_batch);

} // namespace credits
