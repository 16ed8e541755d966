// What the database of the first service says: its accounts, and what of them cannot be brought along. It was
// Cloudflare's D1; its tables are credit_accounts, credit_events, verifications, rooms, room_participants and
// auth_nonces. Its accounts are the truth. Its events repeat grants and do not add up, so nobody reads them.
#pragma once

#include "base/clock.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace importing {

struct OldAccount
{
    std::array<char, 42> wallet = {}; // in our spelling
    std::int64_t base_granted_seconds = 0;
    std::int64_t bonus_granted_seconds = 0;
    std::int64_t consumed_seconds = 0; // at most what was granted

    std::string wallet_text() const { return {wallet.data(), wallet.size()}; }
};

struct Finding
{
    std::string wallet; // as it stands in the file, or its beginning
    std::string what;
};

struct FirstService
{
    std::vector<OldAccount> accounts; // ascending by wallet, each of them granted something
    std::int64_t rows = 0;            // of credit_accounts
    std::int64_t empty_accounts = 0;  // of those that were never granted nor charged anything
    std::int64_t open_stays = 0;      // what they used since they were last charged is charged nowhere
    std::vector<Finding> refused;     // accounts that cannot be brought along
    std::vector<Finding> noted;       // what an operator should know of the others
};

// Reads a dump as wrangler's `d1 export` or sqlite3's `.dump` writes it, or an SQLite file; the file's first
// bytes decide. What consumption there is has to fit between 1970 and `now`.
//
// Throws Error(invalid_argument) for a file that is no such database: "cannot_read", "incomplete_dump",
// "not_a_dump", "wrong_table".
FirstService read_first_service(const std::string& path, base::UnixSeconds now);

} // namespace importing
