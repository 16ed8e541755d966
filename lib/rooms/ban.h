// Wallets that an operator keeps out of free rooms: they cannot create, join or stay in one. They sign in as
// before, and their credit and booked sessions are theirs.
#pragma once

#include "base/clock.h"
#include "database/connection.h"

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

std::optional<Ban> find_active_ban(database::Connection& db, const std::string& wallet,
                                   base::UnixSeconds now);
// Throws Error(permission_denied, "banned"), with `reason` and `expires_at`, if there is one.
void refuse_banned(const std::optional<Ban>& active);

// The newest `limit` bans of all wallets, active or not, the newest first.
std::vector<Ban> list_bans(database::Connection& db, std::int64_t limit);

// Bans the wallet for `duration_seconds` (1 or more), or for good. Takes the place of a ban that is active.
// Call inside a Transaction. What the wallet has open is for the caller to end.
void ban(database::Connection& db, const std::string& wallet, const std::string& reason,
         std::optional<std::int64_t> duration_seconds, base::UnixSeconds now);

// False if the wallet is not banned. Call inside a Transaction.
bool lift_ban(database::Connection& db, const std::string& wallet, base::UnixSeconds now);

// The columns of a ban, of the table as `b`, and how a row of them is read.
constexpr const char* ban_columns = "b.ban_id AS ban_id, b.reason AS reason, b.banned_at AS banned_at, "
                                    "b.expires_at AS expires_at, b.lifted_at AS lifted_at";
Ban read_ban(const database::Statement& row); // `wallet` stands beside them

} // namespace rooms
