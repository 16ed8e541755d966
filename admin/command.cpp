#include "command.h"

#include "base/error.h"
#include "base/startup.h"
#include "ethereum/address.h"

#include <filesystem>

namespace {

std::unique_ptr<sqlite::Connection> open(const base::Config& config, const std::string& path,
                                         bool make_anew = false)
{
    sqlite::Options options;
    options.make_anew = make_anew;
    options.busy_timeout_ms = static_cast<int>(config.database_busy_timeout_ms);
    return std::make_unique<sqlite::Connection>(path, options);
}

void bring_up_to_date(sqlite::Connection& db)
{
    sqlite::migrate(db);
    db.expect_schema_version(static_cast<std::int64_t>(sqlite::schema_migrations.size()));
}

} // namespace

Command::Command(const Arguments& given)
    : arguments(given), config(base::start(given.config_path, given.program)),
      wallet(ethereum::parse_address(given.wallet).value_or("")), now(base::system_now())
{
}

sqlite::Connection& Command::database(bool make_anew)
{
    if (database_)
        return *database_;
    const bool only_in_memory = arguments.dry_run && !std::filesystem::exists(config.database_path);
    database_ = open(config, only_in_memory ? base::Config::in_memory : config.database_path, make_anew);
    if (arguments.dry_run)
        rehearsal_.emplace(*database_);
    bring_up_to_date(*database_);
    return *database_;
}

sqlite::Connection& Command::database_without_rehearsal()
{
    if (database_)
        return *database_;
    if (arguments.dry_run && !std::filesystem::exists(config.database_path))
        throw base::Error(base::ErrorCode::database_unavailable, "database_unavailable",
                          "there is no database yet");
    database_ = open(config, config.database_path);
    if (arguments.dry_run &&
        database_->schema_version() < static_cast<std::int64_t>(sqlite::schema_migrations.size()))
        throw base::Error(base::ErrorCode::database_unavailable, "database_unavailable",
                          "the schema is older than this program's, and a dry run does not migrate");
    bring_up_to_date(*database_);
    return *database_;
}

base::Json instant(std::optional<base::UnixSeconds> at)
{
    return at ? base::Json(base::iso8601(*at)) : base::Json();
}
