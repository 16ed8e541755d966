#include "rooms/loaded_room.h"

#include <algorithm>

namespace rooms {

namespace {

const std::string columns = std::string("SELECT ") + room_columns + ", " + connection_columns;
// However many have been in a room: that uids are positive leads to the index of the open connections.
constexpr const char* from_rooms = " FROM rooms r LEFT JOIN connections c ON c.room_id = r.room_id "
                                   "AND c.agora_uid > 0 AND c.left_at IS NULL ";

std::vector<LoadedRoom> read_loaded(database::Statement& row)
{
    std::vector<LoadedRoom> rooms;
    while (row.step()) {
        if (rooms.empty() || rooms.back().stored.room.room_id != row.text("room_id"))
            rooms.push_back({read_room(row), {}, row.integer("removals") > 0});
        if (!row.is_null("connection_id"))
            rooms.back().open.push_back(read_connection(row));
    }
    for (auto& room : rooms)
        std::stable_sort(room.open.begin(), room.open.end(), [](const auto& one, const auto& other) {
            return one.token_expires_at < other.token_expires_at;
        });
    return rooms;
}

} // namespace

Connection* LoadedRoom::find(const std::string& wallet)
{
    const auto found =
        std::find_if(open.begin(), open.end(), [&](const auto& each) { return each.wallet == wallet; });
    return found == open.end() ? nullptr : &*found;
}

std::optional<LoadedRoom> load_room(database::Connection& db, const std::string& room_id)
{
    static const auto sql = columns + ", 0 AS removals" + from_rooms + "WHERE r.room_id = :room_id";
    auto row = db.prepare(sql);
    auto rooms = read_loaded(row.bind(":room_id", room_id));
    if (rooms.empty())
        return std::nullopt;
    return std::move(rooms.front());
}

std::vector<LoadedRoom> load_rooms_around(database::Connection& db, const std::string& wallet,
                                          const std::string& room_id)
{
    static const auto sql =
        columns +
        ", (SELECT count(*) FROM connections x WHERE x.room_id = r.room_id AND x.wallet = :wallet "
        "AND x.removed = 1) AS removals" +
        from_rooms +
        "WHERE r.room_id IN (SELECT room_id FROM connections WHERE wallet = :wallet AND left_at IS NULL "
        "AND kind = 'free' UNION SELECT room_id FROM rooms WHERE host_wallet = :wallet AND kind = 'free' "
        "AND closed_at IS NULL UNION SELECT :room_id) ORDER BY r.room_id";
    auto row = db.prepare(sql);
    return read_loaded(row.bind(":wallet", wallet).bind(":room_id", room_id));
}

} // namespace rooms
