// Wallets that an operator keeps out of free rooms: they cannot create, join or stay in one. They sign in as
// before, and their credit and booked sessions are theirs.
#pragma once

#include "base/clock.h"
#include "sqlite/database.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rooms {

struct Ban
{
    std::int64_t ban_id = 0;
    std::string wallet;
    std::string reason; // never empty
    base::UnixSeconds banned_at = 0;
    std::optional<base::UnixSeconds> expires_at; // none: for good
    std::optional<base::UnixSeconds> lifted_at;

    bool is_active(base::UnixSeconds now) const { return !lifted_at && (!expires_at || now < *expires_at); }
};

std::optional<Ban> find_active_ban(sqlite::Database& db, const std::string& wallet, base::UnixSeconds now);
// Throws Error(permission_denied, "banned"), with `reason` and `expires_at`, if the wallet is banned now.
void refuse_banned(sqlite::Database& db, const std::string& wallet, base::UnixSeconds now);

// The newest `limit` bans of all wallets, active or not, the newest first.
std::vector<Ban> list_bans(sqlite::Database& db, std::int64_t limit);

// Bans the wallet for `duration_seconds` (1 or more), or for good. Takes the place of a ban that is active.
// Call inside a Transaction. What the wallet has open is for the caller to end.
void ban(sqlite::Database& db, const std::string& wallet, const std::string& reason,
         std::optional<std::int64_t> duration_seconds, base::UnixSeconds now);

// False if the wallet is not banned. Call inside a Transaction.
bool lift_ban(sqlite::Database& db, const std::string& wallet, base::UnixSeconds now);

} // namespace rooms
