// How often one core can do what a heartbeat or a renewal does to the database, with nothing around it: their
// statements in a loop, each participant of a copy of the database in turn. Prints how many a second.
// usage: bare DATABASE SECONDS IN_ONE_TRANSACTION SYNCHRONOUS
//   IN_ONE_TRANSACTION  1: in any order, as requests come; more: in the order of wallets, as the sweep goes
//   SYNCHRONOUS         NORMAL, as heartbeats and sweeps; FULL: each on the disk, as renewals
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <sqlite3.h>
#include <string>
#include <vector>

namespace {

sqlite3* database = nullptr;

void check(bool is_good)
{
    if (is_good)
        return;
    std::fprintf(stderr, "bare: %s\n", sqlite3_errmsg(database));
    std::exit(1);
}

sqlite3_stmt* prepared(const char* sql)
{
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) == SQLITE_OK);
    return statement;
}

void bind(sqlite3_stmt* statement, int index, const std::string& text)
{
    check(sqlite3_bind_text(statement, index, text.data(), static_cast<int>(text.size()), SQLITE_STATIC) ==
          SQLITE_OK);
}

void bind(sqlite3_stmt* statement, int index, sqlite3_int64 number)
{
    check(sqlite3_bind_int64(statement, index, number) == SQLITE_OK);
}

void run(sqlite3_stmt* statement)
{
    check(sqlite3_step(statement) == SQLITE_DONE);
    sqlite3_reset(statement);
}

// The first row, of which the caller takes what it needs before it resets the statement.
void find(sqlite3_stmt* statement, const std::string& key)
{
    bind(statement, 1, key);
    check(sqlite3_step(statement) == SQLITE_ROW);
}

} // namespace

int main(int argc, char** argv)
{
    using Clock = std::chrono::steady_clock;
    if (argc != 5)
        return 2;
    const std::chrono::duration<double> lasting(std::strtod(argv[2], nullptr));
    const auto in_one_transaction = std::strtol(argv[3], nullptr, 10);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    check(sqlite3_open_v2(argv[1], &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr) ==
          SQLITE_OK);
    const auto settings =
        std::string("PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA journal_mode = WAL; "
                    "PRAGMA wal_autocheckpoint = 1000; PRAGMA synchronous = ") +
        argv[4];
    check(sqlite3_exec(database, settings.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);

    struct Participant
    {
        std::string connection_id, wallet;
    };
    std::vector<Participant> participants;
    auto* all =
        prepared("SELECT connection_id, wallet FROM connections WHERE left_at IS NULL AND kind = 'free' "
                 "ORDER BY wallet");
    const auto text = [](sqlite3_stmt* row, int column) {
        return std::string(reinterpret_cast<const char*>(sqlite3_column_text(row, column)));
    };
    while (sqlite3_step(all) == SQLITE_ROW)
        participants.push_back({text(all, 0), text(all, 1)});
    sqlite3_finalize(all);
    check(!participants.empty());
    if (in_one_transaction == 1)
        std::shuffle(participants.begin(), participants.end(), std::mt19937(1));

    auto* begin = prepared("BEGIN IMMEDIATE");
    auto* commit = prepared("COMMIT");
    auto* connection = prepared(
        "SELECT connection_id, room_id, kind, wallet, agora_uid, joined_at, token_expires_at, "
        "last_metered_at, "
        "debited_seconds, left_at, credits_low_at, credits_low_remaining_seconds, credits_exhausted_at, "
        "events_delivered FROM connections WHERE connection_id = ?");
    auto* account = prepared("SELECT remaining_seconds FROM credit_accounts WHERE wallet = ?");
    auto* debit = prepared("UPDATE credit_accounts SET consumed_seconds = consumed_seconds + 1, "
                           "remaining_seconds = remaining_seconds - 1 WHERE wallet = ?");
    auto* event = prepared("INSERT INTO credit_events (wallet, kind, delta_seconds, balance_after_seconds, "
                           "connection_id, created_at) VALUES (?, 'debit_usage', -1, ?, ?, ?)");
    auto* mark =
        prepared("UPDATE connections SET token_expires_at = ?, last_metered_at = ?, debited_seconds = ? "
                 "WHERE connection_id = ?");
    long done = 0;
    const auto begun = Clock::now();
    for (auto next = participants.begin(); Clock::now() - begun < lasting;) {
        run(begin);
        for (long i = 0; i < in_one_transaction; ++i, ++done) {
            const auto& [connection_id, wallet] = *next;
            find(connection, connection_id);
            const auto token_expires_at = sqlite3_column_int64(connection, 6);
            const auto last_metered_at = sqlite3_column_int64(connection, 7);
            const auto debited_seconds = sqlite3_column_int64(connection, 8);
            sqlite3_reset(connection);
            find(account, wallet);
            const auto remaining_seconds = sqlite3_column_int64(account, 0);
            sqlite3_reset(account);
            bind(debit, 1, wallet);
            run(debit);
            bind(event, 1, wallet);
            bind(event, 2, remaining_seconds - 1);
            bind(event, 3, connection_id);
            bind(event, 4, last_metered_at);
            run(event);
            bind(mark, 1, token_expires_at);
            bind(mark, 2, last_metered_at + 1);
            bind(mark, 3, debited_seconds + 1);
            bind(mark, 4, connection_id);
            run(mark);
            if (++next == participants.end())
                next = participants.begin();
        }
        run(commit);
    }
    std::printf("%.0f\n",
                static_cast<double>(done) / std::chrono::duration<double>(Clock::now() - begun).count());
}
