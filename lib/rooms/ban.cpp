#include "rooms/ban.h"

#include "base/error.h"

#include <cassert>

namespace rooms {

namespace {

// Followed by a WHERE clause.
const std::string select_ban = std::string("SELECT b.wallet AS wallet, ") + ban_columns + " FROM bans b ";

} // namespace

Ban read_ban(const database::Statement& row)
{
    return {row.integer("ban_id"),
            row.text("wallet"),
            row.text("reason"),
            row.integer("banned_at"),
            row.optional_integer("expires_at"),
            row.optional_integer("lifted_at")};
}

std::optional<Ban> find_active_ban(database::Connection& db, const std::string& wallet, base::UnixSeconds now)
{
    static const auto sql = select_ban + "WHERE b.wallet = :wallet AND b.lifted_at IS NULL "
                                         "AND (b.expires_at IS NULL OR b.expires_at > :now) "
                                         "ORDER BY b.ban_id DESC LIMIT 1";
    auto row = db.prepare(sql);
    if (!row.bind(":wallet", wallet).bind(":now", now).step())
        return std::nullopt;
    return read_ban(row);
}

void refuse_banned(const std::optional<Ban>& active)
{
    if (!active)
        return;
    using Value = base::Error::Value;
    throw base::Error(base::ErrorCode::permission_denied, "banned")
        .with("reason", active->reason)
        .with("expires_at", active->expires_at ? Value(base::iso8601(*active->expires_at)) : Value(nullptr));
}

std::vector<Ban> list_bans(database::Connection& db, std::int64_t limit)
{
    static const auto sql = select_ban + "ORDER BY b.ban_id DESC LIMIT :limit";
    auto row = db.prepare(sql);
    row.bind(":limit", limit);
    std::vector<Ban> bans;
    while (row.step())
        bans.push_back(read_ban(row));
    return bans;
}

void ban(database::Connection& db, const std::string& wallet, const std::string& reason,
         std::optional<std::int64_t> duration_seconds, base::UnixSeconds now)
{
    assert(db.in_transaction() && duration_seconds.value_or(1) > 0);
    lift_ban(db, wallet, now);
    const auto expires_at = duration_seconds ? std::optional(now + *duration_seconds) : std::nullopt;
    db.prepare("INSERT INTO bans (wallet, reason, banned_at, expires_at) "
               "VALUES (:wallet, :reason, :banned_at, :expires_at)")
        .bind(":wallet", wallet)
        .bind(":reason", reason)
        .bind(":banned_at", now)
        .bind(":expires_at", expires_at)
        .run();
}

bool lift_ban(database::Connection& db, const std::string& wallet, base::UnixSeconds now)
{
    assert(db.in_transaction());
    // Not before it began, should the clock have stepped back.
    auto update =
        db.prepare("UPDATE bans SET lifted_at = CASE WHEN banned_at > :now THEN banned_at ELSE :now END "
                   "WHERE wallet = :wallet AND lifted_at IS NULL "
                   "AND (expires_at IS NULL OR expires_at > :now)");
    return update.bind(":wallet", wallet).bind(":now", now).run_and_count() > 0;
}

} // namespace rooms
