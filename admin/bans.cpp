#include "rooms/ban.h"

#include "base/error.h"
#include "command.h"
#include "rooms/moderation.h"

#include <iomanip>

void ban_wallet(Command& command)
{
    const auto& seconds = command.arguments.ban_seconds;
    rooms::Context context(command.database(), command.rules, command.now);
    const auto expulsion = rooms::ban_and_expel(context, command.wallet, command.arguments.reason, seconds);
    const auto expires_at = seconds ? std::optional(command.now + *seconds) : std::nullopt;
    command.json = {{"wallet", command.wallet},
                    {"reason", command.arguments.reason},
                    {"expires_at", instant(expires_at)},
                    {"left_room_id", base::or_null(expulsion.left_room_id)},
                    {"closed_room_id", base::or_null(expulsion.closed_room_id)}};
    command.text << command.wallet << " banned "
                 << (expires_at ? "until " + base::iso8601(*expires_at) : "for good") << "\n";
    if (expulsion.left_room_id)
        command.text << "its stay in room " << *expulsion.left_room_id << " is ended\n";
    if (expulsion.closed_room_id)
        command.text << "its room " << *expulsion.closed_room_id << " is closed\n";
}

void unban_wallet(Command& command)
{
    rooms::Context context(command.database(), command.rules, command.now);
    if (!rooms::unban(context, command.wallet))
        throw base::Error(base::ErrorCode::not_found, "not_banned", command.wallet + " is not banned");
    command.json = {{"wallet", command.wallet}, {"banned", false}};
    command.text << command.wallet << " may come back\n";
}

void bans_list(Command& command)
{
    command.json["bans"] = base::Json::array();
    for (const auto& ban : rooms::list_bans(command.database(), command.arguments.limit)) {
        const char* state = ban.lifted_at ? "lifted" : ban.is_active(command.now) ? "active" : "over";
        command.json["bans"].push_back({{"wallet", ban.wallet},
                                        {"reason", ban.reason},
                                        {"banned_at", base::iso8601(ban.banned_at)},
                                        {"expires_at", instant(ban.expires_at)},
                                        {"lifted_at", instant(ban.lifted_at)},
                                        {"state", state}});
        command.text << ban.wallet << "  " << base::iso8601(ban.banned_at) << " to "
                     << (ban.expires_at ? base::iso8601(*ban.expires_at) : "                    ever") << "  "
                     << std::left << std::setw(6) << state << std::right << "  " << ban.reason << "\n";
    }
}
