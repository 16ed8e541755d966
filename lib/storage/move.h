// All that is in one database, put into another, of whichever engines.
#pragma once

#include "database/connection.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace storage {

struct MovedTable
{
    std::string name;
    std::int64_t rows = 0;
};

// What the domain knows to look for in a database: a sentence per violation.
using Audit = std::function<std::vector<std::string>(database::Connection&)>;

// What is in it, table by table.
std::vector<MovedTable> list_tables(database::Connection& db);

// Puts everything into `to`, where nothing is yet, and then closes `from` for ever: it says `destination`,
// and every program refuses to write to it. Nobody else writes meanwhile. Both are looked at, by what they
// hold and by the audit, before that.
//
// A process that is killed on the way leaves `from` in service, or both closed; called again it begins anew,
// or ends what was begun. Throws Error(conflict, "not_empty") if somebody already uses `to`, Error(conflict,
// "moved_elsewhere"), Error(internal, "move_failed") with what was found.
std::vector<MovedTable> move(database::Connection& from, database::Connection& to,
                             const std::string& destination, const Audit& audit);

// The URL without its password, for those who read of it.
std::string without_password(const std::string& url);

} // namespace storage
