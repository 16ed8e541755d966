#include "credits/importing.h"

#include "credits/ledger.h"
#include "database/many_rows.h"

#include <cassert>
#include <optional>

namespace credits {

namespace {

// By this an imported grant is known.
constexpr const char* imported = "imported";

struct Change
{
    const ImportedAccount* account;
    EventKind kind;
    std::int64_t event_id;
    std::int64_t delta_seconds;
    std::int64_t balance_after_seconds;
};

// The accounts must have moved already: the schema compares.
void append_events(database::Connection& db, const std::vector<Change>& changes, base::UnixSeconds now)
{
    static const database::ManyRows insert(
        "INSERT INTO credit_events (wallet, event_id, kind, delta_seconds, balance_after_seconds, "
        "connection_id, reason, created_at) VALUES ",
        "(:wallet#, :event_id#, :kind#, :delta#, :balance#, :connection_id#, :reason, :now)");
    insert.run(db, changes, [&](auto& statement, const std::string& i, const Change& change) {
        const bool is_debit = change.kind == EventKind::debit_usage;
        statement.bind((":wallet" + i).c_str(), change.account->wallet)
            .bind((":event_id" + i).c_str(), change.event_id)
            .bind((":kind" + i).c_str(), std::string_view(name_of(change.kind)))
            .bind((":delta" + i).c_str(), change.delta_seconds)
            .bind((":balance" + i).c_str(), change.balance_after_seconds)
            .bind((":connection_id" + i).c_str(),
                  is_debit ? std::optional(change.account->connection_id) : std::nullopt)
            .bind(":reason", std::string_view(imported))
            .bind(":now", now);
    });
}

// `update` adds `change.seconds` to the account that is `change.wallet`'s.
void move_accounts(database::Connection& db, const std::string& assignments,
                   const std::vector<Change>& changes)
{
    const database::ManyRows update("WITH change (wallet, seconds) AS (VALUES ", "(:wallet#, :seconds#)",
                                    ") UPDATE credit_accounts SET " + assignments +
                                        " FROM change WHERE credit_accounts.wallet = change.wallet");
    update.run(db, changes, [&](auto& statement, const std::string& i, const Change& change) {
        statement.bind((":wallet" + i).c_str(), change.account->wallet)
            .bind((":seconds" + i).c_str(), change.delta_seconds);
    });
}

void open_accounts(database::Connection& db, const std::vector<ImportedAccount>& accounts)
{
    static const database::ManyRows insert(
        "INSERT INTO credit_accounts (wallet, base_granted_seconds, remaining_seconds) VALUES ",
        "(:wallet#, :seconds#, :seconds#)");
    insert.run(db, accounts, [](auto& statement, const std::string& i, const ImportedAccount& account) {
        statement.bind((":wallet" + i).c_str(), account.wallet)
            .bind((":seconds" + i).c_str(), account.base_granted_seconds);
    });
}

} // namespace

std::map<std::string, Presence> find_present(database::Connection& db,
                                             const std::vector<std::string>& wallets)
{
    constexpr std::size_t at_once = 100;
    static const auto sql = [] {
        std::string text = "SELECT a.wallet AS wallet, EXISTS (SELECT 1 FROM credit_events e WHERE "
                           "e.wallet = a.wallet AND e.reason = :reason AND e.kind IN ('grant_base', "
                           "'grant_celo_bonus')) AS was_imported FROM credit_accounts a WHERE a.wallet IN (";
        for (std::size_t i = 0; i < at_once; ++i)
            text += (i == 0 ? ":wallet" : ", :wallet") + std::to_string(i);
        return text + ")";
    }();
    std::map<std::string, Presence> present;
    for (std::size_t next = 0; next < wallets.size(); next += at_once) {
        auto row = db.prepare(sql);
        row.bind(":reason", std::string_view(imported));
        for (std::size_t i = 0; i < at_once; ++i)
            row.bind((":wallet" + std::to_string(i)).c_str(),
                     next + i < wallets.size() ? std::string_view(wallets[next + i]) : std::string_view());
        while (row.step())
            present.emplace(row.text("wallet"),
                            row.boolean("was_imported") ? Presence::imported : Presence::in_use);
    }
    return present;
}

void import_accounts(database::Connection& db, const std::vector<ImportedAccount>& accounts,
                     base::UnixSeconds now)
{
    assert(db.in_transaction());
    std::vector<Change> base_grants;
    std::vector<Change> bonus_grants;
    std::vector<Change> debits;
    for (const auto& account : accounts) {
        const auto base = account.base_granted_seconds;
        const auto granted = base + account.bonus_granted_seconds;
        assert(base >= 0 && account.bonus_granted_seconds >= 0 && granted > 0);
        assert(account.consumed_seconds >= 0 && account.consumed_seconds <= granted);
        std::int64_t event_id = 0;
        if (base > 0)
            base_grants.push_back({&account, EventKind::grant_base, ++event_id, base, base});
        if (granted > base)
            bonus_grants.push_back(
                {&account, EventKind::grant_celo_bonus, ++event_id, granted - base, granted});
        if (account.consumed_seconds > 0)
            debits.push_back({&account, EventKind::debit_usage, ++event_id, -account.consumed_seconds,
                              granted - account.consumed_seconds});
    }
    open_accounts(db, accounts);
    append_events(db, base_grants, now);
    move_accounts(db,
                  "bonus_granted_seconds = bonus_granted_seconds + seconds, "
                  "remaining_seconds = remaining_seconds + seconds",
                  bonus_grants);
    append_events(db, bonus_grants, now);
    move_accounts(db,
                  "consumed_seconds = consumed_seconds - seconds, "
                  "remaining_seconds = remaining_seconds + seconds",
                  debits);
    append_events(db, debits, now);
}

} // namespace credits
