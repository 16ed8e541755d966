// What a command of the operator's program gets, and how it answers: every command fills in a JSON document
// and a text that say the same; main() prints one of them.
#pragma once

#include "base/clock.h"
#include "base/json.h"
#include "base/program.h"
#include "database/transaction.h"
#include "sqlite/migrate.h"

#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace base {
struct Config;
struct Rules;
} // namespace base

// Given on the command line; which of them count depends on the command.
struct Arguments
{
    std::string config_path;
    bool as_json = false;
    bool dry_run = false; // change nothing; `database()` sees to it
    bool yes = false;
    std::string wallet; // any case
    std::int64_t seconds = 0;
    std::string reason;
    std::string room_id;
    std::string connection_id;
    std::string booking_id;
    std::int64_t limit = 100;
    std::optional<std::int64_t> days;
    std::optional<std::int64_t> ban_seconds;
    std::int64_t older_than_days = 30;
    bool vacuum = false;
    std::string file;
    std::string destination;
    std::vector<std::string> users;
    std::string message_id; // its number or what the receiver saw
    bool all = false;
    base::Program program = base::Program::tool;
};

class Command
{
    const std::unique_ptr<const base::Config> settings_;

  public:
    // Starts with the settings that the arguments name.
    explicit Command(const Arguments& given);
    ~Command();
    Command(const Command&) = delete;
    Command& operator=(const Command&) = delete;

    const Arguments& arguments;
    const base::Config& config;
    const base::Rules& rules; // the config's
    const std::string wallet; // in its one spelling
    const base::UnixSeconds now;

    // The answer.
    base::Json json = base::Json::object();
    std::ostringstream text;
    int exit_status = 0;

    // The database, of the newest schema. In a dry run all that is done to it is taken back, and one that
    // does not exist is an empty one in memory. `make_anew`: even if there are traces of one that was taken
    // away.
    database::Connection& database(bool make_anew = false);
    // The same for what takes long: nothing is taken back, so in a dry run nothing may be committed to it; it
    // must exist then and be of the newest schema.
    database::Connection& database_without_rehearsal();
    // The same, if it is SQLite's; otherwise throws Error(invalid_argument) that says what to do instead.
    sqlite::Connection& file(const char* otherwise);
    // Whether there is a database, as far as can be told without making one.
    bool is_there() const;

  private:
    std::unique_ptr<database::Connection> database_;
    std::optional<database::TransactionGroup> rehearsal_; // never committed
};

// When the day began (UTC) that was so many days ago; the first of 1970 if that would be before.
base::UnixSeconds first_day(base::UnixSeconds now, std::int64_t days);

// "2026-01-31T12:00:00.000Z", or null.
base::Json instant(std::optional<base::UnixSeconds> at);

// An account's fields, named as in GET /credits.
namespace credits {
struct Account;
}
base::Json render(const credits::Account& account);

// Everything that the domain can find wrong in a database.
std::vector<std::string> audit_all(database::Connection& db);

// ---- one for each command, in the order of their table in admin.cpp ----

void credits_show(Command& command);
void credits_statement(Command& command);
void credits_adjust(Command& command);
void credits_refund(Command& command);

void wallets_list(Command& command);
void wallets_show(Command& command);

void rooms_list(Command& command);
void rooms_close(Command& command);
void rooms_show(Command& command);
void rooms_kick(Command& command);

void ban_wallet(Command& command);
void unban_wallet(Command& command);
void bans_list(Command& command);

void sessions_list(Command& command);
void sessions_show(Command& command);
void attest_retry(Command& command);
void attest_cancel(Command& command);

void webhooks_list(Command& command);
void webhooks_show(Command& command);
void webhooks_retry(Command& command);
void webhooks_resume(Command& command);
void webhooks_test(Command& command);

void audit(Command& command);
void prune(Command& command);
void backup(Command& command);
void restore(Command& command);
void migrate(Command& command);
void move(Command& command);
void import_accounts(Command& command);
