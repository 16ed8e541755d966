#include "storage/open.h"

#include "base/config.h"
#include "postgresql/connection.h"
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

std::unique_ptr<database::Connection> connect(const base::Config& config, bool make_anew)
{
    if (config.database_url.empty()) {
        sqlite::Options options;
        options.make_anew = make_anew;
        options.busy_timeout_ms = static_cast<int>(config.database_busy_timeout_ms);
        return std::make_unique<sqlite::Connection>(config.database_path, options);
    }
    postgresql::Options options;
    options.busy_timeout_ms = config.database_busy_timeout_ms;
    options.connect_timeout_ms = config.rpc_timeout_ms;
    options.prepares = config.database_prepares;
    return std::make_unique<postgresql::Connection>(config.database_url, options);
}

std::int64_t newest_schema_version()
{
    return static_cast<std::int64_t>(sqlite::schema_migrations.size());
}

std::unique_ptr<database::Connection> open(const base::Config& config)
{
    auto db = connect(config);
    db->bring_up_to_date();
    return db;
}

std::size_t writers_at_once(const base::Config& config)
{
    return config.database_url.empty() ? 3 : 12;
}

bool is_problem_to_be_told(const base::Config& config)
{
    return config.database_url.empty() && sqlite::DatabaseFiles::is_to_be_told(config.database_path);
}

Size size_of(const base::Config& config, database::Connection* db)
{
    if (!config.database_url.empty())
        return {db != nullptr ? db->size_bytes() : 0, 0};
    return {bytes_of(config.database_path), bytes_of(sqlite::log_path(config.database_path))};
}

} // namespace storage
