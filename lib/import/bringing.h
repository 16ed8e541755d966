// Puts the accounts of another service into the database, while others work on it.
#pragma once

#include "base/random.h"
#include "database/connection.h"
#include "import/first_service.h"

#include <cstdint>
#include <string>
#include <vector>

namespace importing {

struct Brought
{
    std::int64_t wallets = 0;
    std::int64_t base_granted_seconds = 0; // of all of them, here and below
    std::int64_t bonus_granted_seconds = 0;
    std::int64_t consumed_seconds = 0;
    std::int64_t already_here = 0;   // wallets that were brought along before
    std::vector<std::string> in_use; // wallets with credit of their own here, which are left alone
};

// Each wallet gets its grants and, for what it has consumed, one stay that ended `now`, in a closed room
// whose host is nobody: the address of zeroes. So the ledger and the rooms add up as if all of it had
// happened here.
//
// Works in transactions of some hundred wallets, each whole or not at all, and returns when all is on the
// disk. May be killed anywhere and run again, or twice at once. Each transaction is rolled back if
// `is_rehearsal`. `accounts` are ascending by wallet. Call outside a Transaction.
Brought bring_along(database::Connection& db, const std::vector<OldAccount>& accounts, base::Random& random,
                    base::UnixSeconds now, bool is_rehearsal = false);

} // namespace importing
