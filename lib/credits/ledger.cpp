#include "credits/ledger.h"

#include "base/error.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace credits {

namespace {

void open_account(sqlite::Database& db, const std::string& wallet)
{
    db.prepare("INSERT INTO credit_accounts (wallet) VALUES (:wallet) ON CONFLICT DO NOTHING")
        .bind(":wallet", wallet)
        .run();
}

void append_event(sqlite::Database& db, const std::string& wallet, const char* kind,
                  std::int64_t delta_seconds, std::int64_t balance_after_seconds,
                  const std::string& connection_id, const std::string& reason, base::UnixSeconds now)
{
    db.prepare("INSERT INTO credit_events (wallet, kind, delta_seconds, balance_after_seconds, "
               "connection_id, reason, "
               "created_at) VALUES (:wallet, :kind, :delta_seconds, :balance_after_seconds, "
               "nullif(:connection_id, ''), nullif(:reason, ''), :created_at)")
        .bind(":wallet", wallet)
        .bind(":kind", std::string_view(kind))
        .bind(":delta_seconds", delta_seconds)
        .bind(":balance_after_seconds", balance_after_seconds)
        .bind(":connection_id", connection_id)
        .bind(":reason", reason)
        .bind(":created_at", now)
        .run();
}

// Adds to one of the account's columns and to its balance, and books the event.
void grant(sqlite::Database& db, const std::string& wallet, std::string_view update, const char* kind,
           std::int64_t seconds, const std::string& reason, base::UnixSeconds now)
{
    open_account(db, wallet);
    std::int64_t balance = 0;
    {
        auto change = db.prepare(update);
        change.bind(":wallet", wallet).bind(":seconds", seconds);
        change.step();
        balance = change.integer(0);
        change.run();
    }
    append_event(db, wallet, kind, seconds, balance, {}, reason, now);
}

} // namespace

Account account(sqlite::Database& db, const std::string& wallet)
{
    auto row =
        db.prepare("SELECT base_granted_seconds, bonus_granted_seconds, adjusted_seconds, consumed_seconds, "
                   "remaining_seconds FROM credit_accounts WHERE wallet = :wallet");
    if (!row.bind(":wallet", wallet).step())
        return {};
    return {row.integer(0), row.integer(1), row.integer(2), row.integer(3), row.integer(4)};
}

Totals totals(sqlite::Database& db)
{
    auto row = db.prepare("SELECT (SELECT coalesce(sum(consumed_seconds), 0) FROM credit_accounts), "
                          "(SELECT coalesce(sum(delta_seconds), 0) FROM credit_events "
                          "WHERE kind = 'refund_usage')");
    row.step();
    return {row.integer(0) + row.integer(1), row.integer(1)};
}

bool grant_base(sqlite::Database& db, const std::string& wallet, std::int64_t seconds, base::UnixSeconds now)
{
    assert(db.in_transaction() && seconds > 0);
    if (account(db, wallet).base_granted_seconds > 0)
        return false;
    grant(
        db, wallet,
        "UPDATE credit_accounts SET base_granted_seconds = base_granted_seconds + :seconds, "
        "remaining_seconds = remaining_seconds + :seconds WHERE wallet = :wallet RETURNING remaining_seconds",
        "grant_base", seconds, {}, now);
    return true;
}

bool grant_celo_bonus(sqlite::Database& db, const std::string& wallet, std::int64_t seconds,
                      base::UnixSeconds now)
{
    assert(db.in_transaction() && seconds > 0);
    if (account(db, wallet).bonus_granted_seconds > 0)
        return false;
    grant(
        db, wallet,
        "UPDATE credit_accounts SET bonus_granted_seconds = bonus_granted_seconds + :seconds, "
        "remaining_seconds = remaining_seconds + :seconds WHERE wallet = :wallet RETURNING remaining_seconds",
        "grant_celo_bonus", seconds, {}, now);
    return true;
}

Debit debit(sqlite::Database& db, const std::string& wallet, std::int64_t seconds,
            const std::string& connection_id, base::UnixSeconds now)
{
    assert(db.in_transaction() && seconds >= 0);
    const auto balance = account(db, wallet).remaining_seconds;
    const auto taken = std::min(seconds, balance);
    if (taken == 0)
        return {0, balance};
    db.prepare("UPDATE credit_accounts SET consumed_seconds = consumed_seconds + :seconds, "
               "remaining_seconds = remaining_seconds - :seconds WHERE wallet = :wallet")
        .bind(":seconds", taken)
        .bind(":wallet", wallet)
        .run();
    append_event(db, wallet, "debit_usage", -taken, balance - taken, connection_id, {}, now);
    db.add_to_tally(taken);
    return {taken, balance - taken};
}

std::int64_t adjust(sqlite::Database& db, const std::string& wallet, std::int64_t seconds,
                    const std::string& reason, base::UnixSeconds now)
{
    assert(db.in_transaction());
    const auto balance = account(db, wallet).remaining_seconds;
    if (seconds < -max_adjustment_seconds || seconds > max_adjustment_seconds ||
        balance + seconds > max_balance_seconds)
        throw base::Error(base::ErrorCode::invalid_argument, "invalid seconds",
                          "one adjustment moves at most " + std::to_string(max_adjustment_seconds) +
                              " s, and an account holds at most " + std::to_string(max_balance_seconds) +
                              " s");
    const auto applied = std::max(seconds, -balance);
    if (applied != 0)
        grant(db, wallet,
              "UPDATE credit_accounts SET adjusted_seconds = adjusted_seconds + :seconds, "
              "remaining_seconds = remaining_seconds + :seconds WHERE wallet = :wallet RETURNING "
              "remaining_seconds",
              "admin_adjust", applied, reason, now);
    return applied;
}

void refund(sqlite::Database& db, const std::string& wallet, const std::string& connection_id,
            std::int64_t seconds, const std::string& reason, base::UnixSeconds now)
{
    assert(db.in_transaction());
    std::int64_t debited_seconds = 0;
    std::int64_t refunded_seconds = 0;
    {
        auto row = db.prepare("SELECT ifnull(-sum(delta_seconds) FILTER (WHERE kind = 'debit_usage'), 0), "
                              "ifnull(sum(delta_seconds) FILTER (WHERE kind = 'refund_usage'), 0) "
                              "FROM credit_events WHERE wallet = :wallet AND connection_id = :connection_id");
        row.bind(":wallet", wallet).bind(":connection_id", connection_id).step();
        debited_seconds = row.integer(0);
        refunded_seconds = row.integer(1);
    }
    if (seconds < 1)
        throw base::Error(base::ErrorCode::invalid_argument, "invalid seconds", "a refund is 1 s or more");
    if (seconds > debited_seconds - refunded_seconds)
        throw base::Error(base::ErrorCode::conflict, "refund_exceeds_debits",
                          "connection " + connection_id + " was debited " + std::to_string(debited_seconds) +
                              " s, of which " + std::to_string(refunded_seconds) + " s are refunded already")
            .with("debited_seconds", debited_seconds)
            .with("refunded_seconds", refunded_seconds);
    db.prepare("UPDATE credit_accounts SET consumed_seconds = consumed_seconds - :seconds, "
               "remaining_seconds = remaining_seconds + :seconds WHERE wallet = :wallet")
        .bind(":seconds", seconds)
        .bind(":wallet", wallet)
        .run();
    append_event(db, wallet, "refund_usage", seconds, account(db, wallet).remaining_seconds, connection_id,
                 reason, now);
}

std::vector<Event> statement(sqlite::Database& db, const std::string& wallet, std::int64_t limit)
{
    auto events = history(db, wallet, std::numeric_limits<std::int64_t>::max(), limit);
    std::reverse(events.begin(), events.end());
    return events;
}

std::vector<Event> history(sqlite::Database& db, const std::string& wallet, std::int64_t before_event_id,
                           std::int64_t limit)
{
    auto row = db.prepare(
        "SELECT event_id, kind, delta_seconds, balance_after_seconds, connection_id, reason, created_at "
        "FROM credit_events WHERE wallet = :wallet AND event_id < :before_event_id "
        "ORDER BY event_id DESC LIMIT :limit");
    row.bind(":wallet", wallet).bind(":before_event_id", before_event_id).bind(":limit", limit);
    std::vector<Event> events;
    while (row.step())
        events.push_back({row.integer(0), row.text(1), row.integer(2), row.integer(3), row.text(4),
                          row.text(5), row.integer(6)});
    return events;
}

std::vector<Event> brief_statement(sqlite::Database& db, const std::string& wallet, base::UnixSeconds since)
{
    auto row = db.prepare(
        "SELECT event_id, kind, delta_seconds, balance_after_seconds, connection_id, reason, created_at "
        "FROM credit_events WHERE wallet = :wallet AND created_at >= :since ORDER BY event_id");
    row.bind(":wallet", wallet).bind(":since", day_of(since));
    std::vector<Event> events;
    while (row.step()) {
        Event event{row.integer(0), row.text(1), row.integer(2), row.integer(3),
                    row.text(4),    row.text(5), row.integer(6)};
        if (!events.empty() && event.kind == "debit_usage" && events.back().kind == event.kind &&
            events.back().connection_id == event.connection_id &&
            day_of(events.back().created_at) == day_of(event.created_at)) {
            event.delta_seconds += events.back().delta_seconds;
            events.pop_back();
        }
        events.push_back(std::move(event));
    }
    return events;
}

std::vector<Day> daily_totals(sqlite::Database& db, const std::string& wallet, base::UnixSeconds since)
{
    // Of a bare column SQLite takes the value in the row that holds the max().
    auto row =
        db.prepare("SELECT created_at - created_at % 86400 AS begins_at, "
                   "ifnull(sum(delta_seconds) FILTER (WHERE kind IN ('grant_base', 'grant_celo_bonus')), 0), "
                   "ifnull(sum(delta_seconds) FILTER (WHERE kind = 'admin_adjust'), 0), "
                   "ifnull(-sum(delta_seconds) FILTER (WHERE kind = 'debit_usage'), 0), "
                   "ifnull(sum(delta_seconds) FILTER (WHERE kind = 'refund_usage'), 0), "
                   "balance_after_seconds, max(event_id) "
                   "FROM credit_events WHERE wallet = :wallet AND created_at >= :since "
                   "GROUP BY begins_at ORDER BY begins_at");
    row.bind(":wallet", wallet).bind(":since", day_of(since));
    std::vector<Day> days;
    while (row.step())
        days.push_back(
            {row.integer(0), row.integer(1), row.integer(2), row.integer(3), row.integer(4), row.integer(5)});
    return days;
}

std::vector<ListedAccount> list_accounts(sqlite::Database& db, std::int64_t limit)
{
    auto row = db.prepare("SELECT a.wallet, base_granted_seconds, bonus_granted_seconds, adjusted_seconds, "
                          "consumed_seconds, remaining_seconds, ifnull(created_at, 0) FROM credit_accounts a "
                          "LEFT JOIN credit_events ON event_id = "
                          "(SELECT max(event_id) FROM credit_events e WHERE e.wallet = a.wallet) "
                          "ORDER BY event_id DESC, a.wallet LIMIT :limit");
    row.bind(":limit", limit);
    std::vector<ListedAccount> accounts;
    while (row.step())
        accounts.push_back({row.text(0),
                            {row.integer(1), row.integer(2), row.integer(3), row.integer(4), row.integer(5)},
                            row.integer(6)});
    return accounts;
}

Extent extent(sqlite::Database& db)
{
    auto row =
        db.prepare("SELECT (SELECT count(*) FROM credit_accounts), (SELECT count(*) FROM credit_events), "
                   "(SELECT ifnull(sum(remaining_seconds), 0) FROM credit_accounts), "
                   "ifnull((SELECT created_at FROM credit_events ORDER BY event_id DESC LIMIT 1), 0)");
    row.step();
    return {row.integer(0), row.integer(1), row.integer(2), row.integer(3)};
}

std::vector<std::string> audit(sqlite::Database& db)
{
    std::vector<std::string> violations;
    {
        auto row = db.prepare(
            "SELECT a.wallet FROM credit_accounts a LEFT JOIN (SELECT wallet, sum(delta_seconds) AS total, "
            "sum(delta_seconds) FILTER (WHERE kind = 'grant_base') AS base, "
            "sum(delta_seconds) FILTER (WHERE kind = 'grant_celo_bonus') AS bonus, "
            "sum(delta_seconds) FILTER (WHERE kind = 'admin_adjust') AS adjusted, "
            "-sum(delta_seconds) FILTER (WHERE kind IN ('debit_usage', 'refund_usage')) AS consumed "
            "FROM credit_events GROUP BY wallet) e ON e.wallet = a.wallet "
            "WHERE a.remaining_seconds < 0 OR a.remaining_seconds <> ifnull(e.total, 0) "
            "OR a.base_granted_seconds <> ifnull(e.base, 0) OR a.bonus_granted_seconds <> ifnull(e.bonus, 0) "
            "OR a.adjusted_seconds <> ifnull(e.adjusted, 0) OR a.consumed_seconds <> ifnull(e.consumed, 0)");
        while (row.step())
            violations.push_back("the account of " + row.text(0) + " is not the sum of its events");
    }
    {
        auto row = db.prepare("SELECT wallet, event_id FROM (SELECT wallet, event_id, balance_after_seconds, "
                              "sum(delta_seconds) OVER (PARTITION BY wallet ORDER BY event_id) AS running "
                              "FROM credit_events) WHERE balance_after_seconds <> running OR running < 0");
        while (row.step())
            violations.push_back("event " + std::to_string(row.integer(1)) + " of " + row.text(0) +
                                 " does not state the running balance");
    }
    {
        auto row = db.prepare(
            "SELECT wallet, kind FROM credit_events WHERE kind IN ('grant_base', 'grant_celo_bonus') "
            "GROUP BY wallet, kind HAVING count(*) > 1");
        while (row.step())
            violations.push_back(row.text(0) + " has " + row.text(1) + " more than once");
    }
    {
        auto row = db.prepare("SELECT connection_id FROM credit_events "
                              "WHERE kind IN ('debit_usage', 'refund_usage') "
                              "GROUP BY connection_id HAVING sum(delta_seconds) > 0");
        while (row.step())
            violations.push_back("more is refunded than was debited of connection " + row.text(0));
    }
    {
        auto row = db.prepare("SELECT DISTINCT wallet FROM credit_events "
                              "WHERE wallet NOT IN (SELECT wallet FROM credit_accounts)");
        while (row.step())
            violations.push_back("events without an account: " + row.text(0));
    }
    return violations;
}

} // namespace credits
