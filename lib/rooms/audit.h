// The rules of rooms and connections, looked at in what is stored.
#pragma once

#include "sqlite/database.h"

#include <string>
#include <vector>

namespace rooms {

// Checks the invariants of rooms and connections, and that debits match presence. A sentence per violation.
std::vector<std::string> audit(sqlite::Database& db);

} // namespace rooms
