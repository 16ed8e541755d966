#include "storage/open.h"

#include "base/chain_settings.h"
#include "base/database_settings.h"
#include "base/settings.h"
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
    const auto& settings = base::settings<base::DatabaseSettings>(config);
    if (settings.database_url.empty()) {
        sqlite::Options options;
        options.make_anew = make_anew;
        options.busy_timeout_ms = static_cast<int>(settings.database_busy_timeout_ms);
        return std::make_unique<sqlite::Connection>(settings.database_path, options);
    }
    postgresql::Options options;
    options.busy_timeout_ms = settings.database_busy_timeout_ms;
    options.connect_timeout_ms = base::settings<base::ChainSettings>(config).rpc_timeout_ms;
    options.prepares = settings.database_prepares;
    return std::make_unique<postgresql::Connection>(settings.database_url, options);
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
    return base::settings<base::DatabaseSettings>(config).database_url.empty() ? 3 : 12;
}

bool is_problem_to_be_told(const base::Config& config)
{
    const auto& settings = base::settings<base::DatabaseSettings>(config);
    return settings.database_url.empty() && sqlite::DatabaseFiles::is_to_be_told(settings.database_path);
}

Size size_of(const base::Config& config, database::Connection* db)
{
    const auto& settings = base::settings<base::DatabaseSettings>(config);
    if (!settings.database_url.empty())
        return {db != nullptr ? db->size_bytes() : 0, 0};
    return {bytes_of(settings.database_path), bytes_of(sqlite::log_path(settings.database_path))};
}

} // namespace storage
