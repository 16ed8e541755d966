// Accounts of another service, put into the ledger as if it had kept them from the beginning: a grant for
// what was granted, so that nothing is granted twice, and one debit for all that was consumed.
#pragma once

#include "base/clock.h"
#include "database/connection.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace credits {

struct ImportedAccount
{
    std::string wallet;
    std::int64_t base_granted_seconds = 0; // none is negative; together 1 or more
    std::int64_t bonus_granted_seconds = 0;
    std::int64_t consumed_seconds = 0; // at most what was granted
    std::string connection_id;         // of the stay that stands for what was consumed
};

enum class Presence
{
    imported, // by import_accounts(), whatever happened since
    in_use    // has credit by other means
};

// Those of the wallets that have an account here.
std::map<std::string, Presence> find_present(database::Connection& db,
                                             const std::vector<std::string>& wallets);

// None of the wallets may have an account here. Call inside a Transaction.
void import_accounts(database::Connection& db, const std::vector<ImportedAccount>& accounts,
                     base::UnixSeconds now);

} // namespace credits
