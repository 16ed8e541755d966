#include "command.h"

#include "base/config.h"
#include "base/error.h"
#include "base/startup.h"
#include "credits/ledger.h"
#include "ethereum/address.h"
#include "storage/open.h"

#include <algorithm>
#include <filesystem>

Command::Command(const Arguments& given)
    : settings_(std::make_unique<base::Config>(base::start(given.config_path, given.program))),
      arguments(given), config(*settings_), rules(config.rules),
      wallet(ethereum::parse_address(given.wallet).value_or("")), now(base::system_now())
{
}

Command::~Command() = default;

bool Command::is_there() const
{
    return !config.database_url.empty() || std::filesystem::exists(config.database_path);
}

database::Connection& Command::database(bool make_anew)
{
    if (database_)
        return *database_;
    auto settings = config;
    if (arguments.dry_run && !is_there())
        settings.database_path = base::Config::in_memory;
    database_ = storage::connect(settings, make_anew);
    if (arguments.dry_run)
        rehearsal_.emplace(*database_);
    database_->bring_up_to_date();
    return *database_;
}

database::Connection& Command::database_without_rehearsal()
{
    if (database_)
        return *database_;
    if (arguments.dry_run && !is_there())
        throw base::Error(base::ErrorCode::database_unavailable, "database_unavailable",
                          "there is no database yet");
    database_ = storage::connect(config);
    if (arguments.dry_run && database_->schema_version() < storage::newest_schema_version())
        throw base::Error(base::ErrorCode::database_unavailable, "database_unavailable",
                          "the schema is older than this program's, and a dry run does not migrate");
    database_->bring_up_to_date();
    return *database_;
}

sqlite::Connection& Command::file(const char* otherwise)
{
    auto& db = database_without_rehearsal();
    if (auto* const file = dynamic_cast<sqlite::Connection*>(&db))
        return *file;
    throw base::Error(base::ErrorCode::invalid_argument, "not_for_postgresql", otherwise);
}

base::UnixSeconds first_day(base::UnixSeconds now, std::int64_t days)
{
    return std::max(base::UnixSeconds{0}, credits::day_of(now) - days * credits::seconds_per_day);
}

base::Json instant(std::optional<base::UnixSeconds> at)
{
    return at ? base::Json(base::iso8601(*at)) : base::Json();
}
