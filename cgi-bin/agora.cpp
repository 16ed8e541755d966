#include "agora.h"

#include "base/session_settings.h"
#include "base/settings.h"
#include "charging.h"
#include "responses.h"
#include "rooms/presence.h"
#include "rooms/room.h"
#include "sessions/presence.h"

#include <algorithm>

namespace {

// Agora's numbers: broadcasters, the audience, and whoever is in a channel where all may talk.
constexpr std::int64_t arrivals[] = {103, 105, 107};
constexpr std::int64_t departures[] = {104, 106, 108};

template <class List>
bool is_one_of(const List& list, std::int64_t type)
{
    return std::find(std::begin(list), std::end(list), type) != std::end(list);
}

// 0 for what is no number, which is nothing of ours.
std::int64_t number_in(const base::Json& object, const char* name)
{
    const auto field = object.find(name);
    return field != object.end() && field->is_number_integer() ? field->get<std::int64_t>() : 0;
}

// The id of the free room whose channel that is; another text is the id of nothing.
std::string room_of(const std::string& channel)
{
    const auto prefix = rooms::channel_of("");
    return channel.rfind(prefix, 0) == 0 ? base::id_of(channel.substr(prefix.size())) : std::string();
}

void hear(App& app, const Call& call, const std::string& channel, rooms::Notice notice)
{
    Charging charging(app, call.request.now);
    notice.at = std::min(notice.at, call.request.now);
    if (const auto room_id = room_of(channel); !room_id.empty()) {
        rooms::hear(charging.context, room_id, notice);
    } else if (const auto booking_id = sessions::find_booking_of(
                   charging.context.db, app.settings<base::SessionSettings>().chain_id, channel)) {
        sessions::hear({charging.context.db, app.config, call.request.now}, *booking_id, notice);
    }
}

} // namespace

// Whatever it is, Agora would only send it again.
http::Response post_agora_events(App& app, const Call& call)
{
    const auto type = number_in(call.body, "eventType");
    const bool is_arrival = is_one_of(arrivals, type);
    const auto payload = call.body.find("payload");
    if ((is_arrival || is_one_of(departures, type)) && payload != call.body.end() && payload->is_object()) {
        const auto channel = payload->find("channelName");
        const rooms::Notice notice{number_in(*payload, "uid"), is_arrival, number_in(*payload, "clientSeq"),
                                   number_in(*payload, "reason"), number_in(*payload, "ts")};
        if (channel != payload->end() && channel->is_string() && notice.uid > 0 && notice.at > 0)
            hear(app, call, channel->get<std::string>(), notice);
    }
    return ok({{"ok", true}});
}
