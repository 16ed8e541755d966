#include "auth/nonce.h"
#include "base/database_settings.h"
#include "base/error.h"
#include "base/settings.h"
#include "command.h"
#include "credits/ledger.h"
#include "credits/pruning.h"
#include "rooms/audit.h"
#include "rooms/history.h"
#include "rooms/pruning.h"
#include "rooms/sweep.h"
#include "sqlite/backup.h"
#include "storage/open.h"
#include "usage/daily.h"

#include <algorithm>
#include <filesystem>

namespace {

// What a database holds, in a line and in JSON; nothing for one that holds nothing yet.
base::Json describe(database::Connection& db)
{
    constexpr std::int64_t first_with_credits = 2;
    const auto version = db.schema_version();
    if (version < first_with_credits)
        return nullptr;
    const auto extent = credits::extent(db);
    return {{"schema_version", version},
            {"wallets", extent.accounts},
            {"events", extent.events},
            {"remaining_seconds", extent.remaining_seconds},
            {"last_event_at", instant(extent.last_event_at)}};
}

std::string sentence(const base::Json& description)
{
    if (description.is_null())
        return "nothing";
    return description["wallets"].dump() + " wallets with " + description["remaining_seconds"].dump() +
           " s and " + description["events"].dump() + " events, the last of " +
           (description["last_event_at"].is_null() ? "never"
                                                   : description["last_event_at"].get<std::string>()) +
           " (schema version " + description["schema_version"].dump() + ")";
}

std::int64_t purge_nonces(Command& command, database::Connection& db)
{
    constexpr std::int64_t at_a_time = 1000;
    std::optional<database::TransactionGroup> rehearsal; // never committed
    if (command.arguments.dry_run)
        rehearsal.emplace(db);
    std::int64_t purged = 0;
    for (std::int64_t step = at_a_time; step == at_a_time; purged += step)
        step = auth::purge_spent_nonces(db, command.now, at_a_time);
    return purged;
}

} // namespace

std::vector<std::string> audit_all(database::Connection& db)
{
    auto violations = credits::audit(db);
    const auto more = rooms::audit(db);
    violations.insert(violations.end(), more.begin(), more.end());
    return violations;
}

void audit(Command& command)
{
    auto& db = command.database();
    auto violations = db.integrity_problems();
    const auto more = audit_all(db);
    violations.insert(violations.end(), more.begin(), more.end());
    for (const auto& violation : violations)
        command.text << violation << "\n";
    command.text << violations.size() << " violations\n";
    command.json["violations"] = violations;
    command.exit_status = violations.empty() ? 0 : 1;
}

void prune(Command& command)
{
    auto& db = command.database_without_rehearsal();
    const bool rehearse = command.arguments.dry_run;
    const auto before = first_day(command.now, command.arguments.older_than_days);
    const auto size_before = db.size_bytes();
    if (!rehearse) { // what lapsed long ago and was not booked belongs to the old, too
        rooms::sweep(db, command.rules, command.now);
        while (usage::book_days(db, command.now) > 0) {
        }
    }
    const auto events_merged = credits::prune(db, before, rehearse);
    // Who was in a room is to be summed up before it is forgotten.
    const auto rooms_pruned =
        rooms::prune(db, std::min(before, usage::summed_up_until(command.now)), rehearse);
    const auto nonces_purged = purge_nonces(command, db);
    if (command.arguments.vacuum && !rehearse)
        db.vacuum();
    const auto size_after = db.size_bytes();
    command.json = {{"older_than", base::iso8601(before)}, {"events_merged", events_merged},
                    {"rooms_deleted", rooms_pruned.rooms}, {"connections_deleted", rooms_pruned.connections},
                    {"nonces_purged", nonces_purged},      {"free_bytes", db.free_bytes()},
                    {"size_bytes_before", size_before},    {"size_bytes_after", size_after}};
    command.text << "of what is older than " << base::iso8601(before) << ": " << events_merged
                 << " debits merged into others, " << rooms_pruned.rooms << " rooms deleted with "
                 << rooms_pruned.connections << " stays, " << nonces_purged << " spent nonces forgotten\n"
                 << "the file had " << size_before << " bytes and has " << size_after << ", of which "
                 << db.free_bytes() << " are free to be used again\n";
}

void backup(Command& command)
{
    auto& db = command.file("the database is PostgreSQL: back it up with pg_dump, or pgBackRest");
    const auto& file = command.arguments.file;
    sqlite::Backup backup(db, file, audit_all);
    if (!command.arguments.dry_run)
        backup.keep();
    command.json = {
        {"file", file}, {"size_bytes", backup.size_bytes()}, {"schema_version", db.schema_version()}};
    command.text << file << ": " << backup.size_bytes() << " bytes, checked\n";
}

void restore(Command& command)
{
    const auto& path = base::settings<base::DatabaseSettings>(command.config).database_path;
    const auto& file = command.arguments.file;
    if (path.empty())
        throw base::Error(base::ErrorCode::invalid_argument, "not_for_postgresql",
                          "the database is PostgreSQL: restore it with pg_restore, or pgBackRest");
    sqlite::Restoration restoration(file, path, audit_all);
    base::Json replaced = nullptr;
    if (std::filesystem::exists(path)) {
        sqlite::Connection current(path);
        replaced = describe(current);
    }
    const auto restored = describe(restoration.content());
    command.json = {{"file", file}, {"replaces", replaced}, {"restores", restored}};
    command.text << "replaces  " << sentence(replaced) << "\nwith      " << sentence(restored) << "\n";
    if (command.arguments.dry_run)
        return;
    if (!command.arguments.yes)
        throw base::Error(base::ErrorCode::invalid_argument, "not_confirmed",
                          "this replaces " + sentence(replaced) + " with " + sentence(restored) +
                              "; to do it, add --yes");
    sqlite::Options options;
    options.busy_timeout_ms =
        static_cast<int>(base::settings<base::DatabaseSettings>(command.config).database_busy_timeout_ms);
    options.make_anew = true;
    sqlite::Connection current(path, options);
    restoration.replace(current);
    command.text << "restored\n";
}

void migrate(Command& command)
{
    const auto before = command.is_there() ? storage::connect(command.config)->schema_version() : 0;
    const auto version = command.database(true).schema_version();
    command.json = {{"schema_version", version}, {"migrations_applied", version - before}};
    command.text << "schema version " << version << ", " << version - before << " migrations applied\n";
}
