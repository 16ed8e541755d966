// Forgetting rooms that nobody needs to know of any more.
#pragma once

#include "base/clock.h"
#include "database/connection.h"

#include <cstdint>

namespace rooms {

struct Pruned
{
    std::int64_t rooms = 0;
    std::int64_t connections = 0;
};

// Deletes the free rooms that closed before `closed_before` and in which nobody was charged a second, with
// their stays. The others stay, because the ledger speaks of their connections; so do booked ones, because
// attestations rest on them. Of free stays that were left before it forgets how long the token was still
// good. Works in small transactions; nothing stays of them if `is_rehearsal`. Call outside a Transaction.
Pruned prune(database::Connection& db, base::UnixSeconds closed_before, bool is_rehearsal = false);

} // namespace rooms
