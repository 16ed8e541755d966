#include "rooms/presence.h"

#include "rooms/departure.h"
#include "rooms/loaded_room.h"
#include "rooms/settling.h"
#include "rooms/stored_room.h"

#include <algorithm>

namespace rooms {

namespace {

// Agora sees a client go a little later than we do.
constexpr std::int64_t slack_seconds = 10;

// Whose notice it is. One that comes back at once has the same uid as before: then the going is that of the
// stay that ended just now, if nobody has heard of it yet.
std::optional<Connection> find_stay_of(database::Connection& db, const std::string& room_id,
                                       const Notice& notice)
{
    std::optional<Connection> found;
    for (auto& stay : find_holders(db, room_id, notice.uid)) {
        if (stay.joined_at > notice.at)
            continue;
        const bool has_just_left = stay.left_at && *stay.left_at >= notice.at - slack_seconds;
        if (!notice.is_arrival && has_just_left) {
            const auto known = find_presence(db, stay.connection_id);
            if (!known || known->is_connected() || known->client_seq == notice.client_seq)
                return stay;
        }
        found = std::move(stay);
    }
    return found;
}

void store(database::Connection& db, const Presence& presence)
{
    db.prepare("INSERT INTO agora_presence (connection_id, first_heard_at, client_seq, disconnected_at) "
               "VALUES (:connection_id, :first_heard_at, :client_seq, :disconnected_at) "
               "ON CONFLICT (connection_id) DO UPDATE SET first_heard_at = excluded.first_heard_at, "
               "client_seq = excluded.client_seq, disconnected_at = excluded.disconnected_at")
        .bind(":connection_id", presence.connection_id)
        .bind(":first_heard_at", presence.first_heard_at)
        .bind(":client_seq", presence.client_seq)
        .bind(":disconnected_at", presence.disconnected_at)
        .run();
}

} // namespace

bool Notice::is_farewell() const
{
    constexpr std::int64_t farewells[] = {0, 1, 2, 3, 999};
    return !is_arrival &&
           std::find(std::begin(farewells), std::end(farewells), reason) != std::end(farewells);
}

bool Notice::is_timeout() const
{
    return !is_arrival && reason == 2;
}

std::optional<Presence> find_presence(database::Connection& db, const std::string& connection_id)
{
    auto row = db.prepare("SELECT first_heard_at, client_seq, disconnected_at FROM agora_presence "
                          "WHERE connection_id = :connection_id");
    if (!row.bind(":connection_id", connection_id).step())
        return std::nullopt;
    return Presence{connection_id, row.optional_integer("first_heard_at"), row.integer("client_seq"),
                    row.optional_integer("disconnected_at")};
}

std::optional<Connection> note(database::Connection& db, const std::string& room_id, const Notice& notice)
{
    auto stay = find_stay_of(db, room_id, notice);
    if (!stay)
        return std::nullopt;
    auto known = find_presence(db, stay->connection_id);
    const bool is_newest = !known || notice.client_seq > known->client_seq;
    auto presence = known.value_or(Presence{stay->connection_id, {}, notice.client_seq, {}});
    if (notice.is_arrival)
        presence.first_heard_at = std::min(presence.first_heard_at.value_or(notice.at), notice.at);
    if (is_newest) {
        presence.client_seq = notice.client_seq;
        presence.disconnected_at = notice.is_arrival ? std::nullopt : std::optional(notice.at);
    }
    if (presence != known)
        store(db, presence);
    if (!is_newest || !notice.is_farewell() || stay->left_at)
        return std::nullopt;
    return stay;
}

void hear(Context& context, const std::string& room_id, const Notice& notice)
{
    context.transact([&] {
        const auto gone = note(context.db, room_id, notice);
        auto room = gone ? load_room(context.db, room_id) : std::nullopt;
        if (!room)
            return;
        settle(context, *room);
        auto* const stay = room->find(gone->wallet);
        if (stay == nullptr || stay->connection_id != gone->connection_id)
            return; // it has lapsed
        const auto until = std::clamp(notice.at, std::min(stay->last_metered_at, context.now), context.now);
        if (notice.is_timeout() && room->stored.room.host_wallet == stay->wallet) {
            end_stay(context, *stay, until, Ending::gone);
            if (room->open.size() == 1)
                record_emptied(context.db, room_id, stay->left_at);
            return;
        }
        meter(context, *stay, until);
        depart(context, *room, *stay, Ending::gone, Closing::host_left, until);
    });
}

} // namespace rooms
