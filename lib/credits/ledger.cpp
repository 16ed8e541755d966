#include "credits/ledger.h"

#include "base/error.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

namespace credits {

namespace {

constexpr EventKind event_kinds[] = {EventKind::grant_base,   EventKind::grant_celo_bonus,
                                     EventKind::debit_usage,  EventKind::refund_usage,
                                     EventKind::admin_adjust, EventKind::top_up};

// Followed by a WHERE clause.
const std::string select_event =
    "SELECT event_id, kind, delta_seconds, balance_after_seconds, connection_id, reason, "
    "created_at FROM credit_events ";

Event read_event(const database::Statement& row)
{
    return {row.integer("event_id"),
            event_kind_named(row.text("kind")),
            row.integer("delta_seconds"),
            row.integer("balance_after_seconds"),
            row.optional_text("connection_id"),
            row.optional_text("reason"),
            row.integer("created_at")};
}

void open_account(database::Connection& db, const std::string& wallet)
{
    db.prepare("INSERT INTO credit_accounts (wallet) VALUES (:wallet) ON CONFLICT DO NOTHING")
        .bind(":wallet", wallet)
        .run();
}

// Its event_id is the next one of the wallet.
void append_event(database::Connection& db, const std::string& wallet, const Event& event,
                  const std::optional<std::string>& reference = std::nullopt)
{
    db.prepare("INSERT INTO credit_events (wallet, event_id, kind, delta_seconds, balance_after_seconds, "
               "connection_id, reason, created_at, reference) VALUES (:wallet, "
               "(SELECT coalesce(max(event_id), 0) + 1 FROM credit_events WHERE wallet = :wallet), :kind, "
               ":delta_seconds, :balance_after_seconds, :connection_id, :reason, :created_at, :reference)")
        .bind(":wallet", wallet)
        .bind(":kind", std::string_view(name_of(event.kind)))
        .bind(":delta_seconds", event.delta_seconds)
        .bind(":balance_after_seconds", event.balance_after_seconds)
        .bind(":connection_id", event.connection_id)
        .bind(":reason", event.reason)
        .bind(":created_at", event.created_at)
        .bind(":reference", reference)
        .run();
}

// Adds to one of the account's columns and to its balance, and books the event.
void grant(database::Connection& db, const std::string& wallet, std::string_view update, EventKind kind,
           std::int64_t seconds, const std::optional<std::string>& reason, base::UnixSeconds now,
           const std::optional<std::string>& reference = std::nullopt)
{
    open_account(db, wallet);
    const auto balance_seconds = [&] {
        auto change = db.prepare(update);
        change.bind(":wallet", wallet).bind(":seconds", seconds);
        change.step();
        const auto balance = change.integer("remaining_seconds");
        change.run();
        return balance;
    }();
    append_event(db, wallet, {0, kind, seconds, balance_seconds, std::nullopt, reason, now}, reference);
}

constexpr std::string_view add_to_adjusted =
    "UPDATE credit_accounts SET adjusted_seconds = adjusted_seconds + :seconds, "
    "remaining_seconds = remaining_seconds + :seconds WHERE wallet = :wallet RETURNING remaining_seconds";

void check_limits(std::int64_t balance, std::int64_t seconds)
{
    if (seconds < -max_adjustment_seconds || seconds > max_adjustment_seconds ||
        balance + seconds > max_balance_seconds)
        throw base::Error(base::ErrorCode::invalid_argument, "invalid seconds",
                          "one adjustment moves at most " + std::to_string(max_adjustment_seconds) +
                              " s, and an account holds at most " + std::to_string(max_balance_seconds) +
                              " s");
}

} // namespace

const char* name_of(EventKind kind)
{
    switch (kind) {
    case EventKind::grant_base:
        return "grant_base";
    case EventKind::grant_celo_bonus:
        return "grant_celo_bonus";
    case EventKind::debit_usage:
        return "debit_usage";
    case EventKind::refund_usage:
        return "refund_usage";
    case EventKind::admin_adjust:
        return "admin_adjust";
    case EventKind::top_up:
        return "top_up";
    }
    return "";
}

EventKind event_kind_named(const std::string& name)
{
    for (const auto kind : event_kinds) {
        if (name == name_of(kind))
            return kind;
    }
    throw base::Error(base::ErrorCode::internal, "internal_error", "an event of an unknown kind");
}

Account read_account(const database::Statement& row)
{
    return {row.integer("base_granted_seconds"), row.integer("bonus_granted_seconds"),
            row.integer("adjusted_seconds"), row.integer("consumed_seconds"),
            row.integer("remaining_seconds")};
}

Account account(database::Connection& db, const std::string& wallet)
{
    static const auto sql =
        std::string("SELECT ") + account_columns + " FROM credit_accounts a WHERE a.wallet = :wallet";
    auto row = db.prepare(sql);
    if (!row.bind(":wallet", wallet).step())
        return {};
    return read_account(row);
}

Totals totals(database::Connection& db)
{
    auto row = db.prepare(
        "SELECT (SELECT coalesce(sum(consumed_seconds), 0) FROM credit_accounts) AS consumed_seconds, "
        "(SELECT coalesce(sum(delta_seconds), 0) FROM credit_events WHERE kind = 'refund_usage') AS "
        "refunded_seconds");
    row.step();
    const auto refunded_seconds = row.integer("refunded_seconds");
    return {row.integer("consumed_seconds") + refunded_seconds, refunded_seconds};
}

bool grant_base(database::Connection& db, const std::string& wallet, std::int64_t seconds,
                base::UnixSeconds now)
{
    assert(db.in_transaction() && seconds > 0);
    if (account(db, wallet).base_granted_seconds > 0)
        return false;
    grant(
        db, wallet,
        "UPDATE credit_accounts SET base_granted_seconds = base_granted_seconds + :seconds, "
        "remaining_seconds = remaining_seconds + :seconds WHERE wallet = :wallet RETURNING remaining_seconds",
        EventKind::grant_base, seconds, std::nullopt, now);
    return true;
}

bool grant_celo_bonus(database::Connection& db, const std::string& wallet, std::int64_t seconds,
                      base::UnixSeconds now)
{
    assert(db.in_transaction() && seconds > 0);
    if (account(db, wallet).bonus_granted_seconds > 0)
        return false;
    grant(
        db, wallet,
        "UPDATE credit_accounts SET bonus_granted_seconds = bonus_granted_seconds + :seconds, "
        "remaining_seconds = remaining_seconds + :seconds WHERE wallet = :wallet RETURNING remaining_seconds",
        EventKind::grant_celo_bonus, seconds, std::nullopt, now);
    return true;
}

Debit debit(database::Connection& db, const std::string& wallet, std::int64_t balance_seconds,
            std::int64_t seconds, const std::string& connection_id, base::UnixSeconds now,
            const std::optional<std::string>& reason)
{
    assert(db.in_transaction() && seconds >= 0);
    const auto taken = std::min(seconds, balance_seconds);
    if (taken == 0)
        return {0, balance_seconds};
    db.prepare("UPDATE credit_accounts SET consumed_seconds = consumed_seconds + :seconds, "
               "remaining_seconds = remaining_seconds - :seconds WHERE wallet = :wallet")
        .bind(":seconds", taken)
        .bind(":wallet", wallet)
        .run();
    append_event(db, wallet,
                 {0, EventKind::debit_usage, -taken, balance_seconds - taken, connection_id, reason, now});
    return {taken, balance_seconds - taken};
}

std::int64_t adjust(database::Connection& db, const std::string& wallet, std::int64_t seconds,
                    const std::string& reason, base::UnixSeconds now)
{
    assert(db.in_transaction());
    const auto balance = account(db, wallet).remaining_seconds;
    check_limits(balance, seconds);
    const auto applied = std::max(seconds, -balance);
    if (applied != 0)
        grant(db, wallet, add_to_adjusted, EventKind::admin_adjust, applied, reason, now);
    return applied;
}

void top_up(database::Connection& db, const std::string& wallet, std::int64_t seconds,
            const std::string& reference, const std::optional<std::string>& reason, base::UnixSeconds now)
{
    assert(db.in_transaction() && seconds > 0);
    check_limits(account(db, wallet).remaining_seconds, seconds);
    grant(db, wallet, add_to_adjusted, EventKind::top_up, seconds, reason, now, reference);
}

void refund(database::Connection& db, const std::string& wallet, const std::string& connection_id,
            std::int64_t seconds, const std::optional<std::string>& reason, base::UnixSeconds now,
            const std::optional<std::string>& reference)
{
    assert(db.in_transaction());
    const auto [debited_seconds, refunded_seconds] = [&] {
        auto row = db.prepare(
            "SELECT coalesce(-sum(delta_seconds) FILTER (WHERE kind = 'debit_usage'), 0) AS debited_seconds, "
            "coalesce(sum(delta_seconds) FILTER (WHERE kind = 'refund_usage'), 0) AS refunded_seconds "
            "FROM credit_events WHERE wallet = :wallet AND connection_id = :connection_id");
        row.bind(":wallet", wallet).bind(":connection_id", connection_id).step();
        return std::pair(row.integer("debited_seconds"), row.integer("refunded_seconds"));
    }();
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
    append_event(db, wallet,
                 {0, EventKind::refund_usage, seconds, account(db, wallet).remaining_seconds, connection_id,
                  reason, now},
                 reference);
}

std::vector<Event> statement(database::Connection& db, const std::string& wallet, std::int64_t limit)
{
    auto events = history(db, wallet, std::numeric_limits<std::int64_t>::max(), limit);
    std::reverse(events.begin(), events.end());
    return events;
}

std::vector<Event> history(database::Connection& db, const std::string& wallet, std::int64_t before_event_id,
                           std::int64_t limit)
{
    static const auto sql = select_event + "WHERE wallet = :wallet AND event_id < :before_event_id "
                                           "ORDER BY event_id DESC LIMIT :limit";
    auto row = db.prepare(sql);
    row.bind(":wallet", wallet).bind(":before_event_id", before_event_id).bind(":limit", limit);
    std::vector<Event> events;
    while (row.step())
        events.push_back(read_event(row));
    return events;
}

std::vector<Event> brief_statement(database::Connection& db, const std::string& wallet,
                                   base::UnixSeconds since)
{
    static const auto sql =
        select_event + "WHERE wallet = :wallet AND created_at >= :since ORDER BY event_id";
    auto row = db.prepare(sql);
    row.bind(":wallet", wallet).bind(":since", day_of(since));
    std::vector<Event> events;
    while (row.step()) {
        auto event = read_event(row);
        if (!events.empty() && event.kind == EventKind::debit_usage && events.back().kind == event.kind &&
            events.back().connection_id == event.connection_id && events.back().reason == event.reason &&
            day_of(events.back().created_at) == day_of(event.created_at)) {
            event.delta_seconds += events.back().delta_seconds;
            events.pop_back();
        }
        events.push_back(std::move(event));
    }
    return events;
}

std::vector<Day> daily_totals(database::Connection& db, const std::string& wallet, base::UnixSeconds since)
{
    auto row = db.prepare(
        "SELECT d.begins_at AS begins_at, granted_seconds, adjusted_seconds, debited_seconds, "
        "refunded_seconds, "
        "e.balance_after_seconds AS balance_after_seconds FROM (SELECT created_at - created_at % 86400 AS "
        "begins_at, "
        "coalesce(sum(delta_seconds) FILTER (WHERE kind IN ('grant_base', 'grant_celo_bonus')), 0) AS "
        "granted_seconds, "
        "coalesce(sum(delta_seconds) FILTER (WHERE kind IN ('admin_adjust', 'top_up')), 0) AS "
        "adjusted_seconds, "
        "coalesce(-sum(delta_seconds) FILTER (WHERE kind = 'debit_usage'), 0) AS debited_seconds, "
        "coalesce(sum(delta_seconds) FILTER (WHERE kind = 'refund_usage'), 0) AS refunded_seconds, "
        "max(event_id) AS last_event_id FROM credit_events WHERE wallet = :wallet AND created_at >= :since "
        "GROUP BY created_at - created_at % 86400) d JOIN credit_events e ON e.wallet = :wallet AND "
        "e.event_id = d.last_event_id ORDER BY d.begins_at");
    row.bind(":wallet", wallet).bind(":since", day_of(since));
    std::vector<Day> days;
    while (row.step())
        days.push_back({row.integer("begins_at"), row.integer("granted_seconds"),
                        row.integer("adjusted_seconds"), row.integer("debited_seconds"),
                        row.integer("refunded_seconds"), row.integer("balance_after_seconds")});
    return days;
}

std::vector<ListedAccount> list_accounts(database::Connection& db, std::int64_t limit)
{
    static const auto sql =
        std::string("SELECT a.wallet AS wallet, ") + account_columns +
        ", e.created_at AS last_event_at FROM credit_accounts a LEFT JOIN credit_events e ON "
        "e.wallet = a.wallet AND e.event_id = "
        "(SELECT max(event_id) FROM credit_events own WHERE own.wallet = a.wallet) "
        "ORDER BY e.created_at DESC NULLS LAST, a.wallet LIMIT :limit";
    auto row = db.prepare(sql);
    row.bind(":limit", limit);
    std::vector<ListedAccount> accounts;
    while (row.step())
        accounts.push_back({row.text("wallet"), read_account(row), row.optional_integer("last_event_at")});
    return accounts;
}

Extent extent(database::Connection& db)
{
    auto row =
        db.prepare("SELECT (SELECT count(*) FROM credit_accounts) AS accounts, "
                   "(SELECT count(*) FROM credit_events) AS events, "
                   "(SELECT coalesce(sum(remaining_seconds), 0) FROM credit_accounts) AS remaining_seconds, "
                   "(SELECT max(created_at) FROM credit_events) AS last_event_at");
    row.step();
    return {row.integer("accounts"), row.integer("events"), row.integer("remaining_seconds"),
            row.optional_integer("last_event_at")};
}

std::vector<std::string> audit(database::Connection& db)
{
    std::vector<std::string> violations;
    {
        auto row = db.prepare(
            "SELECT a.wallet FROM credit_accounts a LEFT JOIN (SELECT wallet, sum(delta_seconds) AS total, "
            "sum(delta_seconds) FILTER (WHERE kind = 'grant_base') AS base, "
            "sum(delta_seconds) FILTER (WHERE kind = 'grant_celo_bonus') AS bonus, "
            "sum(delta_seconds) FILTER (WHERE kind IN ('admin_adjust', 'top_up')) AS adjusted, "
            "-sum(delta_seconds) FILTER (WHERE kind IN ('debit_usage', 'refund_usage')) AS consumed "
            "FROM credit_events GROUP BY wallet) e ON e.wallet = a.wallet "
            "WHERE a.remaining_seconds < 0 OR a.remaining_seconds <> coalesce(e.total, 0) "
            "OR a.base_granted_seconds <> coalesce(e.base, 0) OR a.bonus_granted_seconds <> "
            "coalesce(e.bonus, 0) "
            "OR a.adjusted_seconds <> coalesce(e.adjusted, 0) OR a.consumed_seconds <> coalesce(e.consumed, "
            "0)");
        while (row.step())
            violations.push_back("the account of " + row.text(0) + " is not the sum of its events");
    }
    {
        auto row = db.prepare(
            "SELECT wallet, event_id FROM (SELECT wallet, event_id, balance_after_seconds, "
            "sum(delta_seconds) OVER (PARTITION BY wallet ORDER BY event_id) AS running "
            "FROM credit_events) running_balances WHERE balance_after_seconds <> running OR running < 0");
        while (row.step())
            violations.push_back("event " + std::to_string(row.integer("event_id")) + " of " +
                                 row.text("wallet") + " does not state the running balance");
    }
    {
        auto row = db.prepare(
            "SELECT wallet, kind FROM credit_events WHERE kind IN ('grant_base', 'grant_celo_bonus') "
            "GROUP BY wallet, kind HAVING count(*) > 1");
        while (row.step())
            violations.push_back(row.text("wallet") + " has " + row.text("kind") + " more than once");
    }
    {
        auto row = db.prepare("SELECT connection_id FROM credit_events "
                              "WHERE kind IN ('debit_usage', 'refund_usage') "
                              "GROUP BY connection_id HAVING sum(delta_seconds) > 0");
        while (row.step())
            violations.push_back("more is refunded than was debited of connection " + row.text(0));
    }
    {
        // NOT IN would take PostgreSQL hours: it looks through all accounts for each event.
        auto row = db.prepare("SELECT DISTINCT e.wallet AS wallet FROM credit_events e "
                              "LEFT JOIN credit_accounts a ON a.wallet = e.wallet WHERE a.wallet IS NULL");
        while (row.step())
            violations.push_back("events without an account: " + row.text(0));
    }
    return violations;
}

} // namespace credits
