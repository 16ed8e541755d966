// The schema's versions, from schema/sqlite/*.sql, compiled into every program.
#pragma once

#include "sqlite/connection.h"

#include <string>
#include <vector>

namespace sqlite {

struct Migration
{
    const char* name; // "001_auth"
    const char* script;
};

// In the order of their numbers; the first makes version 1. Defined by the build from schema/sqlite/*.sql.
extern const std::vector<Migration> schema_migrations;

// The first column of the first row.
std::int64_t read_integer(Connection& db, std::string_view sql);

// Brings the database to the newest version, each step in one transaction, and returns how many steps
// were taken. Safe to call from many processes at once. Changes nothing and throws Error(database_newer) if
// the database is newer than this program, Error(database_unavailable) if it is some other program's.
int migrate(Connection& db, const std::vector<Migration>& migrations = schema_migrations);

// Opens the database that every program works on, brought to the newest version.
std::unique_ptr<Connection> open_migrated(const std::string& path, std::int64_t busy_timeout_ms);

} // namespace sqlite
