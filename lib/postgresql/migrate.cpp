#include "postgresql/migrate.h"

#include "base/error.h"

#include <cstdlib>

namespace postgresql {

namespace {

using base::Error;
using base::ErrorCode;

// Nobody else's, as far as one number can tell: "SVOC" of SQLite's application_id.
constexpr const char* take_lock = "SELECT pg_catalog.pg_advisory_xact_lock(1398165347)";

constexpr const char* version_table = R"(
    CREATE TABLE IF NOT EXISTS schema_version (
        id       bigint PRIMARY KEY CHECK (id = 1),
        version  bigint NOT NULL,
        moved_to text -- where this database went; no program writes to it from then on
    );
    INSERT INTO schema_version (id, version) VALUES (1, 0) ON CONFLICT DO NOTHING;
)";

void check_version(std::int64_t version, std::int64_t newest)
{
    if (version > newest)
        throw Error(ErrorCode::database_newer, "database_unavailable",
                    "the database has schema version " + std::to_string(version) +
                        ", this program knows only " + std::to_string(newest) +
                        "; install the newer program");
}

} // namespace

std::int64_t Migration::version() const
{
    return std::strtoll(name, nullptr, 10);
}

int migrate(Connection& db, const std::vector<Migration>& migrations)
{
    const auto newest = migrations.back().version();
    int steps = 0;
    for (auto version = db.schema_version(); version != newest;) {
        check_version(version, newest);
        // One transaction of the server's own, since its begin asks nothing of a table that is not there yet.
        db.run_alone(std::string("BEGIN ISOLATION LEVEL READ COMMITTED; ") + take_lock + ";" + version_table);
        try {
            version = db.schema_version(); // again, under the lock: another machine may have been first
            check_version(version, newest);
            for (const auto& migration : migrations) {
                if (migration.version() <= version)
                    continue;
                db.run_alone(migration.script);
                version = migration.version();
                ++steps;
            }
            db.run_alone("UPDATE schema_version SET version = " + std::to_string(version) + "; COMMIT");
        } catch (...) {
            db.run_alone("ROLLBACK");
            throw;
        }
    }
    return steps;
}

int Connection::bring_up_to_date()
{
    const int steps = migrate(*this);
    if (const auto destination = passes_fence_ ? std::nullopt : moved_to())
        throw Error(ErrorCode::database_unavailable, "database_unavailable",
                    "this database has moved to " + *destination);
    expect_schema_version(schema_migrations.back().version());
    return steps;
}

std::unique_ptr<Connection> open_migrated(const std::string& url, const Options& options)
{
    auto db = std::make_unique<Connection>(url, options);
    db->bring_up_to_date();
    return db;
}

} // namespace postgresql
