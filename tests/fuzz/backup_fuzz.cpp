// Files that an operator is told are backups: one is refused with the running database untouched, or is
// restored and then stands every check.
#include "base/rules.h"
#include "credits/ledger.h"
#include "fuzz.h"
#include "rooms/audit.h"
#include "rooms/sweep.h"
#include "sqlite/backup.h"
#include "sqlite/migrate.h"
#include "temporary_folder.h"

#include <sqlite3.h>
#include <sstream>

namespace {

constexpr base::UnixSeconds now = 1767225600;
const std::string somebody = "0x9e07903b62319682f51003922b2e7474783b5043";
const std::string other = "0x0000000000000000000000000000000000000001";

std::vector<std::string> audit(database::Connection& db)
{
    auto violations = credits::audit(db);
    const auto more = rooms::audit(db);
    violations.insert(violations.end(), more.begin(), more.end());
    return violations;
}

std::int64_t count_triggers(sqlite::Connection& db)
{
    auto row = db.prepare("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'");
    row.step();
    return row.integer(0);
}

void adjust(sqlite::Connection& db, const std::string& wallet, std::int64_t seconds)
{
    database::Transaction tx(db);
    credits::adjust(db, wallet, seconds, "fuzz", now);
    tx.commit();
}

// A backup of a database in which the wallet has that much.
std::string make_backup(const TemporaryFolder& folder, const std::string& name, std::int64_t seconds)
{
    const auto db = sqlite::open_migrated(folder / (name + ".db"), 1000);
    adjust(*db, somebody, seconds + 60);
    adjust(*db, somebody, -60);
    rooms::record_sweep(*db, now);
    sqlite::Backup backup(*db, folder / name, audit);
    backup.keep();
    return folder / name;
}

std::string content_of(const std::string& path)
{
    std::ostringstream content;
    content << std::ifstream(path, std::ios::binary).rdbuf();
    return content.str();
}

// What somebody made of it with SQLite itself, who takes no longer than it should.
std::string make_by_sql(const TemporaryFolder& folder, const std::string& good, const std::string& sql)
{
    const auto path = folder.write("made.backup", good);
    sqlite3* db = nullptr;
    sqlite3_open(path.c_str(), &db);
    sqlite3_db_config(db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, nullptr);
    // VACUUM attaches a file without a name; no other is to be touched.
    sqlite3_set_authorizer(
        db,
        [](void*, int action, const char* file, const char*, const char*, const char*) {
            return action == SQLITE_ATTACH && (file == nullptr || *file != '\0') ? SQLITE_DENY : SQLITE_OK;
        },
        nullptr);
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 100000);
    int steps = 0;
    sqlite3_progress_handler(
        db, 1000, [](void* count) { return static_cast<int>(++*static_cast<int*>(count) > 100); }, &steps);
    sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr);
    sqlite3_progress_handler(db, 0, nullptr, nullptr);
    sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
    sqlite3_close(db);
    return path;
}

} // namespace

FUZZ_TARGET(backup)
{
    static const TemporaryFolder folder;
    static const auto database = folder / "session-voice.db";
    static const auto good = content_of(make_backup(folder, "good", 1740));
    static const auto first = make_backup(folder, "first", 7);
    static const auto running = [] {
        auto db = sqlite::open_migrated(database, 1000);
        sqlite::Restoration(first, database, audit).replace(*db);
        return db;
    }();

    static const auto good_triggers = count_triggers(*running);

    fuzz::Input input(bytes);
    std::string path;
    const auto kind = input.byte() % 4;
    if (kind == 0) {
        path = folder.write("made.backup", std::string(input.rest()));
    } else if (kind == 1) { // bytes of a good one changed where the input says
        auto content = good;
        while (!input.is_empty()) {
            const auto at = static_cast<std::size_t>(input.number(3)) % content.size();
            const auto changed = input.take(input.byte() % 64);
            content.replace(at, std::min(changed.size(), content.size() - at), changed);
        }
        content.resize(good.size());
        path = folder.write("made.backup", content);
    } else if (kind == 2) { // cut off
        path = folder.write("made.backup", good.substr(0, static_cast<std::size_t>(input.number(3))));
    } else {
        path = make_by_sql(folder, good, std::string(input.rest()));
    }

    try {
        sqlite::Restoration restoration(path, database, audit);
        restoration.replace(*running);
    } catch (const base::Error& error) {
        fuzz::require(error.name() == "not_a_backup" || error.name() == "backup_is_newer", error.what());
        fuzz::require(credits::account(*running, somebody).remaining_seconds == 7,
                      "a refused backup changed the database");
        return;
    }
    fuzz::require(running->integrity_problems().empty() && audit(*running).empty(),
                  "what was restored does not stand the audit");
    // The service goes on with it, unless somebody's own trigger is in the way.
    if (count_triggers(*running) == good_triggers) {
        const auto before = credits::account(*running, other).remaining_seconds;
        adjust(*running, other, 1);
        fuzz::require(credits::account(*running, other).remaining_seconds == before + 1,
                      "the ledger does not count any more");
        rooms::sweep(*running, base::Rules(), now);
    }

    // As it was, for the next input.
    sqlite::Restoration(first, database, audit).replace(*running);
}
