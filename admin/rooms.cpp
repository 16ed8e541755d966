#include "base/error.h"
#include "command.h"
#include "rooms/connection.h"
#include "rooms/description.h"
#include "rooms/listing.h"
#include "rooms/moderation.h"
#include "rooms/presence.h"
#include "rooms/standing.h"

#include <iomanip>

void rooms_list(Command& command)
{
    constexpr std::int64_t rooms_shown = 1000;
    command.json["rooms"] = base::Json::array();
    const auto active =
        rooms::list_active(command.database(), command.rules, false, rooms_shown, command.now);
    for (const auto& each : active) {
        const auto& [room, description, participant_count] = each;
        command.json["rooms"].push_back({{"room_id", room.room_id},
                                         {"title", base::or_null(description.title)},
                                         {"host_wallet", room.host_wallet},
                                         {"visibility", description.visibility()},
                                         {"participant_count", participant_count},
                                         {"capacity", room.capacity},
                                         {"created_at", base::iso8601(room.created_at)}});
        command.text << room.room_id << "  " << base::iso8601(room.created_at) << "  " << std::setw(7)
                     << description.visibility() << "  " << participant_count << "/" << room.capacity
                     << "  host " << room.host_wallet << "\n";
    }
}

void rooms_close(Command& command)
{
    const auto& room_id = command.arguments.room_id;
    rooms::Context context(command.database(), command.rules, command.now);
    if (!rooms::close(context, room_id))
        throw base::Error(base::ErrorCode::not_found, "room_not_found", "there is no such active room");
    command.json = {{"room_id", room_id}, {"closed", true}};
    command.text << room_id << " closed\n";
}

void rooms_show(Command& command)
{
    auto& db = command.database();
    const auto found = rooms::find_room(db, command.arguments.room_id);
    if (!found)
        throw base::Error(base::ErrorCode::not_found, "room_not_found", "there is no such room");
    const auto& [stored, description] = *found;
    const auto& room = stored.room;
    command.json = {{"room_id", room.room_id},
                    {"kind", name_of(stored.kind)},
                    {"title", base::or_null(description.title)},
                    {"host_wallet", room.host_wallet},
                    {"visibility", description.visibility()},
                    {"capacity", room.capacity},
                    {"ai_enabled", description.ai_enabled},
                    {"created_at", base::iso8601(room.created_at)},
                    {"closed_at", instant(stored.closed_at)},
                    {"connections", base::Json::array()}};
    command.text << name_of(stored.kind) << " room " << room.room_id << "\n"
                 << "  title      " << description.title.value_or("none") << "\n"
                 << "  host       " << room.host_wallet << "\n"
                 << "  admits     " << room.capacity << ", " << description.visibility()
                 << (description.ai_enabled ? ", an AI takes part" : "") << "\n"
                 << "  created    " << base::iso8601(room.created_at) << "\n"
                 << "  closed     " << (stored.closed_at ? base::iso8601(*stored.closed_at) : "no") << "\n";
    const database::Snapshot snapshot(db);
    for (const auto& stay : rooms::find_all_connections(db, room.room_id)) {
        const auto debited_seconds =
            stay.debited_seconds +
            rooms::load_standing_in(db, stay.wallet, stay.connection_id, command.now).pending_seconds;
        const char* state = stay.left_at ? "left" : stay.is_lapsed(command.now) ? "lapsed" : "present";
        const auto presence = rooms::find_presence(db, stay.connection_id);
        const auto heard_at = presence ? presence->first_heard_at : std::nullopt;
        const auto until = stay.left_at.value_or(stay.token_expires_at);
        command.json["connections"].push_back({{"connection_id", stay.connection_id},
                                               {"wallet", stay.wallet},
                                               {"agora_uid", stay.agora_uid},
                                               {"joined_at", base::iso8601(stay.joined_at)},
                                               {"until", base::iso8601(until)},
                                               {"state", state},
                                               {"first_heard_at", instant(heard_at)},
                                               {"connected", presence && presence->is_connected()},
                                               {"debited_seconds", debited_seconds}});
        command.text << "  " << stay.connection_id << "  " << stay.wallet << "  "
                     << base::iso8601(stay.joined_at) << " to " << base::iso8601(until) << "  " << state
                     << ", " << debited_seconds << " s charged"
                     << (heard_at ? ", heard from " + base::iso8601(*heard_at) : "") << "\n";
    }
}

void rooms_kick(Command& command)
{
    const auto& connection_id = command.arguments.connection_id;
    rooms::Context context(command.database(), command.rules, command.now);
    const auto removal = rooms::remove(context, connection_id);
    command.json = {{"connection_id", connection_id},
                    {"debited_seconds", removal.debited_seconds},
                    {"closed", removal.closed}};
    command.text << connection_id << " removed, " << removal.debited_seconds << " s charged"
                 << (removal.closed ? ", the room is closed" : "") << "\n";
}
