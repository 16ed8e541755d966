#include "rooms/standing.h"

#include "rooms/metering.h"

namespace rooms {

namespace {

const std::string account_and_stay =
    credits::account_columns + std::string(", c.room_id AS room_id, c.kind AS kind, ") + connection_columns;

// Of a row with an account and a stay, or with NULLs for what there is not.
Standing read_standing(const database::Statement& row, base::UnixSeconds now)
{
    Standing standing;
    standing.booked = credits::read_account(row);
    if (!row.is_null("connection_id")) {
        standing.stay = read_connection(row);
        standing.pending_seconds = used_seconds(*standing.stay, standing.booked.remaining_seconds, now);
    }
    return standing;
}

} // namespace

credits::Account Standing::account() const
{
    auto account = booked;
    account.consumed_seconds += pending_seconds;
    account.remaining_seconds -= pending_seconds;
    return account;
}

Standing load_standing(database::Connection& db, const std::string& wallet, base::UnixSeconds now)
{
    static const auto sql =
        std::string("SELECT w.wallet AS wallet, (SELECT coalesce(sum(c.token_expires_at - c.left_at), 0) "
                    "FROM connections c WHERE ") +
        left_early_lately + ") AS left_over_seconds, " + ban_columns + ", " + account_and_stay +
        " FROM (SELECT CAST(:wallet AS text) AS wallet) w "
        "LEFT JOIN credit_accounts a ON a.wallet = w.wallet "
        "LEFT JOIN bans b ON b.ban_id = (SELECT max(ban_id) FROM bans WHERE wallet = :wallet "
        "AND lifted_at IS NULL AND (expires_at IS NULL OR expires_at > :now)) "
        "LEFT JOIN connections c ON c.wallet = :wallet AND c.left_at IS NULL AND c.kind = 'free'";
    auto row = db.prepare(sql);
    row.bind(":wallet", wallet)
        .bind(":now", now)
        .bind(":left_after", now - early_leave_window_seconds)
        .step();
    auto standing = read_standing(row, now);
    standing.left_over_seconds = row.integer("left_over_seconds");
    if (!row.is_null("ban_id"))
        standing.ban = read_ban(row);
    return standing;
}

Standing load_standing_in(database::Connection& db, const std::string& wallet,
                          const std::string& connection_id, base::UnixSeconds now)
{
    static const auto sql = "SELECT " + account_and_stay +
                            " FROM connections c LEFT JOIN credit_accounts a ON a.wallet = c.wallet "
                            "WHERE c.connection_id = :connection_id AND c.wallet = :wallet";
    auto row = db.prepare(sql);
    if (!row.bind(":wallet", wallet).bind(":connection_id", connection_id).step())
        return {};
    return read_standing(row, now);
}

std::int64_t pending_seconds(database::Connection& db, base::UnixSeconds now)
{
    static const auto sql = std::string("SELECT a.remaining_seconds AS remaining_seconds, c.room_id AS "
                                        "room_id, c.kind AS kind, ") +
                            connection_columns +
                            " FROM connections c JOIN credit_accounts a ON a.wallet = c.wallet "
                            "WHERE c.left_at IS NULL AND c.kind = 'free'";
    auto row = db.prepare(sql);
    std::int64_t sum_seconds = 0;
    while (row.step())
        sum_seconds += used_seconds(read_connection(row), row.integer("remaining_seconds"), now);
    return sum_seconds;
}

} // namespace rooms
