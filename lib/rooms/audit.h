// The rules of rooms and connections, looked at in what is stored.
#pragma once

#include "database/connection.h"

#include <string>
#include <vector>

namespace rooms {

// Checks the invariants of rooms and connections, and that debits match presence. A sentence per violation.
std::vector<std::string> audit(database::Connection& db);

} // namespace rooms
