#include "base/error.h"
#include "command.h"
#include "rooms/room.h"

#include <iomanip>

void rooms_list(Command& command)
{
    constexpr std::int64_t rooms_shown = 1000;
    command.json["rooms"] = base::Json::array();
    const auto active =
        rooms::list_active(command.database(), command.config.rules, false, rooms_shown, command.now);
    for (const auto& each : active) {
        const auto& room = each.room;
        command.json["rooms"].push_back({{"room_id", room.room_id},
                                         {"host_wallet", room.host_wallet},
                                         {"visibility", room.visibility},
                                         {"participant_count", each.participant_count},
                                         {"capacity", room.capacity},
                                         {"created_at", base::iso8601(room.created_at)}});
        command.text << room.room_id << "  " << base::iso8601(room.created_at) << "  " << std::setw(7)
                     << room.visibility << "  " << each.participant_count << "/" << room.capacity << "  host "
                     << room.host_wallet << "\n";
    }
}

void rooms_close(Command& command)
{
    const auto& room_id = command.arguments.room_id;
    if (!rooms::close(command.database(), command.config.rules, room_id, command.now))
        throw base::Error(base::ErrorCode::not_found, "room_not_found", "there is no such active room");
    command.json = {{"room_id", room_id}, {"closed", true}};
    command.text << room_id << " closed\n";
}
