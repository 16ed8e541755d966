#include "sqlite/migrate.h"

#include "base/error.h"
#include "database/transaction.h"

namespace sqlite {

std::int64_t read_integer(Connection& db, std::string_view sql)
{
    auto statement = db.prepare(sql);
    statement.step();
    return statement.integer(0);
}

namespace {

using base::Error;
using base::ErrorCode;

[[noreturn]] void refuse(ErrorCode code, const std::string& why)
{
    throw Error(code, "database_unavailable", why);
}

void check_origin(Connection& db, std::int64_t version, std::int64_t newest)
{
    if (version > newest)
        refuse(ErrorCode::database_newer, "the database has schema version " + std::to_string(version) +
                                              ", this program knows only " + std::to_string(newest) +
                                              "; install the newer program");
    const bool empty = read_integer(db, "SELECT count(*) FROM sqlite_schema") == 0;
    const bool ours = read_integer(db, "PRAGMA application_id") == application_id;
    if (!empty && !ours)
        refuse(ErrorCode::database_unavailable, "the database file belongs to another program");
}

} // namespace

int migrate(Connection& db, const std::vector<Migration>& migrations)
{
    const auto newest = static_cast<std::int64_t>(migrations.size());
    db.check_moved();
    if (const auto version = db.schema_version(); version >= newest) {
        check_origin(db, version, newest);
        return 0;
    }
    int steps = 0;
    for (std::int64_t version = 0; version < newest;) {
        database::Transaction tx(db);
        version = db.schema_version(); // again, under the lock: another process may have been first
        check_origin(db, version, newest);
        if (version == newest)
            break;
        db.execute(migrations[static_cast<std::size_t>(version)].script);
        ++version;
        db.execute("PRAGMA user_version = " + std::to_string(version) +
                   "; PRAGMA application_id = " + std::to_string(application_id));
        tx.commit();
        ++steps;
    }
    return steps;
}

int Connection::bring_up_to_date()
{
    const int steps = migrate(*this);
    expect_schema_version(static_cast<std::int64_t>(schema_migrations.size()));
    return steps;
}

std::unique_ptr<Connection> open_migrated(const std::string& path, std::int64_t busy_timeout_ms)
{
    Options options;
    options.busy_timeout_ms = static_cast<int>(busy_timeout_ms);
    auto db = std::make_unique<Connection>(path, options);
    db->bring_up_to_date();
    return db;
}

} // namespace sqlite
