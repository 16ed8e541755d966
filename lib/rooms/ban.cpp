#include "rooms/ban.h"

#include "base/error.h"

#include <cassert>

namespace rooms {

namespace {

// Followed by a WHERE clause. read() depends on the order.
#define SELECT_BAN "SELECT ban_id, wallet, reason, banned_at, expires_at, lifted_at FROM bans "
#define IS_ACTIVE "lifted_at IS NULL AND (expires_at IS NULL OR expires_at > :now) "

Ban read_ban(const sqlite::Statement& row)
{
    return {row.integer(0),         row.text(1), row.text(2), row.integer(3), row.optional_integer(4),
            row.optional_integer(5)};
}

} // namespace

std::optional<Ban> find_active_ban(sqlite::Database& db, const std::string& wallet, base::UnixSeconds now)
{
    auto row = db.prepare(SELECT_BAN "WHERE wallet = :wallet AND " IS_ACTIVE "ORDER BY ban_id DESC LIMIT 1");
    if (!row.bind(":wallet", wallet).bind(":now", now).step())
        return std::nullopt;
    return read_ban(row);
}

void refuse_banned(sqlite::Database& db, const std::string& wallet, base::UnixSeconds now)
{
    const auto ban = find_active_ban(db, wallet, now);
    if (!ban)
        return;
    using Value = base::Error::Value;
    throw base::Error(base::ErrorCode::permission_denied, "banned")
        .with("reason", ban->reason)
        .with("expires_at", ban->expires_at ? Value(base::iso8601(*ban->expires_at)) : Value(nullptr));
}

std::vector<Ban> list_bans(sqlite::Database& db, std::int64_t limit)
{
    auto row = db.prepare(SELECT_BAN "ORDER BY ban_id DESC LIMIT :limit");
    row.bind(":limit", limit);
    std::vector<Ban> bans;
    while (row.step())
        bans.push_back(read_ban(row));
    return bans;
}

void ban(sqlite::Database& db, const std::string& wallet, const std::string& reason,
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

bool lift_ban(sqlite::Database& db, const std::string& wallet, base::UnixSeconds now)
{
    assert(db.in_transaction());
    // Not before it began, should the clock have stepped back.
    db.prepare("UPDATE bans SET lifted_at = max(banned_at, :now) WHERE wallet = :wallet AND " IS_ACTIVE)
        .bind(":wallet", wallet)
        .bind(":now", now)
        .run();
    return db.changes() > 0;
}

} // namespace rooms
