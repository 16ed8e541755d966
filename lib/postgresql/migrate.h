// The schema's versions, from schema/postgresql/*.sql, compiled into every program.
#pragma once

#include "postgresql/connection.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace postgresql {

// Versions are those of SQLite's schema; the first that there is here is the whole schema of its version.
struct Migration
{
    const char* name; // "017_everything"
    const char* script;

    std::int64_t version() const;
};

// In the order of their versions. Defined by the build from schema/postgresql/*.sql.
extern const std::vector<Migration> schema_migrations;

// Brings the database to the newest version, each step in one transaction, and returns how many steps were
// taken. Safe to call from many machines at once: a lock of the database's stands around each step. Changes
// nothing and throws Error(database_newer) if the database is newer than this program,
// Error(database_unavailable) if it has moved elsewhere.
int migrate(Connection& db, const std::vector<Migration>& migrations = schema_migrations);

// Connects to the database that every program works on, brought to the newest version.
std::unique_ptr<Connection> open_migrated(const std::string& url, const Options& options);

} // namespace postgresql
