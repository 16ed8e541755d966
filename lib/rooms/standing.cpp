#include "rooms/standing.h"

namespace rooms {

Standing load_standing(database::Connection& db, const std::string& wallet, base::UnixSeconds now)
{
    static const auto sql =
        std::string("SELECT w.wallet AS wallet, ") + ban_columns + ", " + credits::account_columns +
        " FROM (SELECT CAST(:wallet AS text) AS wallet) w "
        "LEFT JOIN credit_accounts a ON a.wallet = w.wallet "
        "LEFT JOIN bans b ON b.ban_id = (SELECT max(ban_id) FROM bans WHERE wallet = :wallet "
        "AND lifted_at IS NULL AND (expires_at IS NULL OR expires_at > :now))";
    auto row = db.prepare(sql);
    row.bind(":wallet", wallet).bind(":now", now).step();
    Standing standing;
    if (!row.is_null("ban_id"))
        standing.ban = read_ban(row);
    standing.account = credits::read_account(row);
    return standing;
}

} // namespace rooms
