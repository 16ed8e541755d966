// How often one core can do what a heartbeat or a renewal does to the database, with nothing around it: their
// statements in a loop, the participants of a copy of the database in any order. A heartbeat reads; a renewal
// books a second, moves the token's expiry, and is on the disk. Prints how many a second.  usage: bare
// DATABASE SECONDS heartbeat|renewal
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

// Of load_standing_in() in lib/rooms/standing.cpp, whose one row holds the account and the stay.
constexpr const char* select_standing =
    "SELECT a.base_granted_seconds, a.bonus_granted_seconds, a.adjusted_seconds, a.consumed_seconds, "
    "a.remaining_seconds, c.room_id, c.kind, c.connection_id, c.wallet, c.agora_uid, c.joined_at, "
    "c.token_expires_at, c.last_metered_at, c.debited_seconds, c.left_at, c.credits_low_at, "
    "c.credits_low_remaining_seconds, c.credits_exhausted_at, c.events_delivered "
    "FROM connections c LEFT JOIN credit_accounts a ON a.wallet = c.wallet "
    "WHERE c.connection_id = ?1 AND c.wallet = ?2";
enum Column
{
    remaining = 4,
    token_expiry = 11,
    mark = 12,
    debited = 13
};

} // namespace

int main(int argc, char** argv)
{
    using Clock = std::chrono::steady_clock;
    if (argc != 4)
        return 2;
    const std::chrono::duration<double> lasting(std::strtod(argv[2], nullptr));
    const bool renews = std::string(argv[3]) == "renewal";
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    check(sqlite3_open_v2(argv[1], &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr) ==
          SQLITE_OK);
    check(sqlite3_exec(database,
                       "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA journal_mode = WAL; "
                       "PRAGMA wal_autocheckpoint = 1000; PRAGMA synchronous = FULL",
                       nullptr, nullptr, nullptr) == SQLITE_OK);

    struct Participant
    {
        std::string connection_id, wallet;
    };
    std::vector<Participant> participants;
    auto* all =
        prepared("SELECT connection_id, wallet FROM connections WHERE left_at IS NULL AND kind = 'free'");
    const auto text = [](sqlite3_stmt* row, int column) {
        return std::string(reinterpret_cast<const char*>(sqlite3_column_text(row, column)));
    };
    while (sqlite3_step(all) == SQLITE_ROW)
        participants.push_back({text(all, 0), text(all, 1)});
    sqlite3_finalize(all);
    check(!participants.empty());
    std::shuffle(participants.begin(), participants.end(), std::mt19937(1));

    auto* begin = prepared("BEGIN IMMEDIATE");
    auto* commit = prepared("COMMIT");
    auto* standing = prepared(select_standing);
    auto* debit = prepared("UPDATE credit_accounts SET consumed_seconds = consumed_seconds + 1, "
                           "remaining_seconds = remaining_seconds - 1 WHERE wallet = ?");
    auto* event = prepared("INSERT INTO credit_events (wallet, event_id, kind, delta_seconds, "
                           "balance_after_seconds, connection_id, created_at) VALUES (?1, (SELECT "
                           "coalesce(max(event_id), 0) + 1 FROM credit_events WHERE wallet = ?1), "
                           "'debit_usage', -1, ?2, ?3, ?4)");
    auto* update =
        prepared("UPDATE connections SET token_expires_at = ?, last_metered_at = ?, debited_seconds = ? "
                 "WHERE connection_id = ?");
    long done = 0;
    const auto begun = Clock::now();
    for (; Clock::now() - begun < lasting; ++done) {
        const auto& [connection_id, wallet] =
            participants[static_cast<std::size_t>(done) % participants.size()];
        if (renews)
            run(begin);
        bind(standing, 1, connection_id);
        bind(standing, 2, wallet);
        check(sqlite3_step(standing) == SQLITE_ROW);
        const auto remaining_seconds = sqlite3_column_int64(standing, remaining);
        const auto token_expires_at = sqlite3_column_int64(standing, token_expiry);
        const auto last_metered_at = sqlite3_column_int64(standing, mark);
        const auto debited_seconds = sqlite3_column_int64(standing, debited);
        sqlite3_reset(standing);
        if (!renews)
            continue;
        bind(debit, 1, wallet);
        run(debit);
        bind(event, 1, wallet);
        bind(event, 2, remaining_seconds - 1);
        bind(event, 3, connection_id);
        bind(event, 4, last_metered_at + 1);
        run(event);
        bind(update, 1, token_expires_at + 1);
        bind(update, 2, last_metered_at + 1);
        bind(update, 3, debited_seconds + 1);
        bind(update, 4, connection_id);
        run(update);
        run(commit);
    }
    std::printf("%.0f\n",
                static_cast<double>(done) / std::chrono::duration<double>(Clock::now() - begun).count());
}
