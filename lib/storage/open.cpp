#include "storage/open.h"

#include "sqlite/migrate.h"

#include <sys/stat.h>

namespace storage {

namespace {

std::int64_t bytes_of(const std::string& path)
{
    struct stat file = {};
    return ::stat(path.c_str(), &file) == 0 ? std::int64_t{file.st_size} : 0;
}

} // namespace

std::unique_ptr<database::Connection> open(const base::Config& config)
{
    return sqlite::open_migrated(config.database_path, config.database_busy_timeout_ms);
}

bool is_problem_to_be_told(const base::Config& config)
{
    return sqlite::DatabaseFiles::is_to_be_told(config.database_path);
}

Size size_of(const base::Config& config)
{
    return {bytes_of(config.database_path), bytes_of(sqlite::log_path(config.database_path))};
}

} // namespace storage
