#include "storage/move.h"

#include "base/config.h"
#include "base/error.h"
#include "command.h"
#include "storage/open.h"

#include <filesystem>

namespace {

bool is_url(const std::string& destination)
{
    return destination.find("://") != std::string::npos;
}

base::Config settings_for(const base::Config& config, const std::string& destination)
{
    auto settings = config;
    settings.database_url = is_url(destination) ? destination : "";
    settings.database_path = is_url(destination) ? "" : destination;
    return settings;
}

void show(Command& command, const std::vector<storage::MovedTable>& tables)
{
    command.json["tables"] = base::Json::object();
    for (const auto& table : tables) {
        command.json["tables"][table.name] = table.rows;
        command.text << table.name << "  " << table.rows << "\n";
    }
}

} // namespace

void move(Command& command)
{
    const auto& destination = command.arguments.destination;
    const auto name = is_url(destination) ? storage::without_password(destination)
                                          : std::filesystem::absolute(destination).string();
    if (is_url(destination) && name != destination)
        throw base::Error(
            base::ErrorCode::invalid_argument, "password_on_command_line",
            "everybody on this machine can read a command line: leave the password out, and put it "
            "into the variable PGPASSWORD or the file ~/.pgpass");
    command.json["to"] = name;
    if (!command.is_there())
        throw base::Error(base::ErrorCode::not_found, "no_database", "there is no database to move");
    const auto from = storage::connect(command.config);
    if (command.arguments.dry_run) {
        from->bring_up_to_date();
        show(command, storage::list_tables(*from));
        return;
    }
    if (!command.arguments.yes)
        throw base::Error(base::ErrorCode::invalid_argument, "not_confirmed",
                          "this closes the database for ever, once all of it is in " + name +
                              "; to do it, add --yes");
    const auto to = storage::connect(settings_for(command.config, destination));
    show(command, storage::move(*from, *to, name, audit_all));
    command.text << "moved to " << name << "; now set "
                 << (is_url(destination) ? "DATABASE_URL" : "DATABASE_PATH")
                 << " in the settings in the place of the other, and restart the service and cron\n";
}
