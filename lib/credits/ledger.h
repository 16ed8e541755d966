// The credit ledger, in whole seconds: an account per wallet, and an append-only list of events whose running
// sum it is. Every change of a balance goes through here.
#pragma once

#include "base/clock.h"
#include "database/connection.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace credits {

struct Account
{
    std::int64_t base_granted_seconds = 0;
    std::int64_t bonus_granted_seconds = 0;
    std::int64_t adjusted_seconds = 0; // by operators, either way, and top-ups
    std::int64_t consumed_seconds = 0;
    std::int64_t remaining_seconds = 0; // base + bonus + adjusted - consumed, never negative
};

// The columns of an account, of the table as `a`, and how a row of them is read; NULLs are an account of
// nothing.
constexpr const char* account_columns =
    "a.base_granted_seconds AS base_granted_seconds, a.bonus_granted_seconds AS bonus_granted_seconds, "
    "a.adjusted_seconds AS adjusted_seconds, a.consumed_seconds AS consumed_seconds, "
    "a.remaining_seconds AS remaining_seconds";
Account read_account(const database::Statement& row);

// All zero for a wallet that never had credit. Reading creates nothing.
Account account(database::Connection& db, const std::string& wallet);

// Of all wallets together, and of all time.
struct Totals
{
    std::int64_t metered_seconds = 0; // charged, whether or not they were given back
    std::int64_t refunded_seconds = 0;
};

// Reads every account, at one moment.
Totals totals(database::Connection& db);

// The functions below change the ledger. Call them inside a Transaction: balance and event appear together.

// Each grant once per wallet, ever: false if it had it before.
bool grant_base(database::Connection& db, const std::string& wallet, std::int64_t seconds,
                base::UnixSeconds now);
bool grant_celo_bonus(database::Connection& db, const std::string& wallet, std::int64_t seconds,
                      base::UnixSeconds now);

struct Debit
{
    std::int64_t debited_seconds = 0;
    std::int64_t remaining_seconds = 0;
};

// Takes up to `seconds` (>= 0) for the presence of a connection, of `balance_seconds`, which is what the
// account has; an empty account yields 0.
Debit debit(database::Connection& db, const std::string& wallet, std::int64_t balance_seconds,
            std::int64_t seconds, const std::string& connection_id, base::UnixSeconds now,
            const std::optional<std::string>& reason = std::nullopt);

// The most that one adjustment may move, and the most that an account may hold by adjustments.
constexpr std::int64_t max_adjustment_seconds = 1000000000;
constexpr std::int64_t max_balance_seconds = 1000000000000;

// An operator's correction; a negative one stops at a balance of 0. Returns what was really added or taken.
// Throws Error(invalid_argument) beyond the limits above.
std::int64_t adjust(database::Connection& db, const std::string& wallet, std::int64_t seconds,
                    const std::string& reason, base::UnixSeconds now);

// Adds seconds (1 or more) that were paid for, under a reference that no other event has:
// credits/reference.h. Throws Error(invalid_argument) beyond the limits above.
void top_up(database::Connection& db, const std::string& wallet, std::int64_t seconds,
            const std::string& reference, const std::optional<std::string>& reason, base::UnixSeconds now);

// Gives back seconds that the presence of a connection took; consumed_seconds goes down. `wallet` is the
// connection's. Throws Error(conflict, "refund_exceeds_debits") beyond what was debited for that connection
// less what was refunded of it before, and says both.
void refund(database::Connection& db, const std::string& wallet, const std::string& connection_id,
            std::int64_t seconds, const std::optional<std::string>& reason, base::UnixSeconds now,
            const std::optional<std::string>& reference = std::nullopt);

enum class EventKind
{
    grant_base,
    grant_celo_bonus,
    debit_usage,
    refund_usage,
    admin_adjust,
    top_up
};

const char* name_of(EventKind kind); // "grant_base"
// Throws Error(internal) for what is none.
EventKind event_kind_named(const std::string& name);

struct Event
{
    std::int64_t event_id = 0; // ascending for each wallet, in the order of booking
    EventKind kind = EventKind::debit_usage;
    std::int64_t delta_seconds = 0;
    std::int64_t balance_after_seconds = 0;
    std::optional<std::string> connection_id; // of a debit or a refund
    std::optional<std::string> reason;        // an operator's words, the backend's, or "left_early"
    base::UnixSeconds created_at = 0;

    bool operator==(const Event&) const = default;
};

// The newest `limit` events of a wallet, oldest first.
std::vector<Event> statement(database::Connection& db, const std::string& wallet, std::int64_t limit);

// The newest `limit` events of a wallet with an event_id below `before_event_id`, newest first.
std::vector<Event> history(database::Connection& db, const std::string& wallet, std::int64_t before_event_id,
                           std::int64_t limit);

// The wallet's events from the day of `since` on, oldest first, told in short: debits that follow one another
// for one connection on one day (UTC) are one, with the last one's event_id, balance and instant. So prune()
// leaves it as it is.
std::vector<Event> brief_statement(database::Connection& db, const std::string& wallet,
                                   base::UnixSeconds since);

// What a day (UTC) did to an account. None of it negative but adjusted_seconds.
struct Day
{
    base::UnixSeconds begins_at = 0;
    std::int64_t granted_seconds = 0;
    std::int64_t adjusted_seconds = 0;
    std::int64_t debited_seconds = 0;
    std::int64_t refunded_seconds = 0;
    std::int64_t balance_after_seconds = 0;

    bool operator==(const Day&) const = default;
};

constexpr std::int64_t seconds_per_day = 86400;
constexpr base::UnixSeconds day_of(base::UnixSeconds instant)
{
    return instant - instant % seconds_per_day;
}

// The days on which something happened, from that of `since` on.
std::vector<Day> daily_totals(database::Connection& db, const std::string& wallet, base::UnixSeconds since);

struct ListedAccount
{
    std::string wallet;
    Account account;
    std::optional<base::UnixSeconds> last_event_at;
};

// Those whose balance changed last come first.
std::vector<ListedAccount> list_accounts(database::Connection& db, std::int64_t limit);

struct Extent
{
    std::int64_t accounts = 0;
    std::int64_t events = 0;
    std::int64_t remaining_seconds = 0; // of all accounts
    std::optional<base::UnixSeconds> last_event_at;
};

Extent extent(database::Connection& db);

// Checks that every account equals its events, every running balance is right, and nothing is refunded that
// was not debited. A sentence per violation.
std::vector<std::string> audit(database::Connection& db);

} // namespace credits
