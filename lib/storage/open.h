// The database that the settings name, by the driver that knows it.
#pragma once

#include "base/config.h"
#include "database/connection.h"

#include <cstdint>
#include <memory>

namespace storage {

// Opens the database that every program works on, makes it if there is none yet, and brings it to the newest
// schema. Throws Error(database_unavailable) if that cannot be done right now, Error(database_newer) if it is
// of a newer program, Error(database_moved) if it was taken away or another is in its place.
std::unique_ptr<database::Connection> open(const base::Config& config);

// See Connection::is_problem_to_be_told(), for one that cannot be opened.
bool is_problem_to_be_told(const base::Config& config);

// What it takes of the disk; 0 if that cannot be told.
struct Size
{
    std::int64_t database_bytes = 0;
    std::int64_t log_bytes = 0; // of what was committed last
};
Size size_of(const base::Config& config);

} // namespace storage
