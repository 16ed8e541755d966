#include "rooms/history.h"

#include "rooms/description.h"

namespace rooms {

namespace {

// Followed by a WHERE clause.
const std::string select_stay =
    std::string("SELECT r.host_wallet AS host_wallet, c.room_id AS room_id, c.kind AS kind, ") +
    connection_columns + " FROM connections c JOIN rooms r ON r.room_id = c.room_id ";

Stay read_stay(const database::Statement& row)
{
    return {read_connection(row), row.text("host_wallet")};
}

} // namespace

std::optional<Stay> find_stay(database::Connection& db, const std::string& connection_id)
{
    static const auto sql = select_stay + "WHERE c.connection_id = :connection_id";
    auto row = db.prepare(sql);
    if (!row.bind(":connection_id", connection_id).step())
        return std::nullopt;
    return read_stay(row);
}

std::vector<Stay> list_stays(database::Connection& db, const std::string& wallet, std::int64_t limit)
{
    static const auto sql =
        select_stay + "WHERE c.wallet = :wallet ORDER BY c.joined_at DESC, c.connection_id LIMIT :limit";
    auto row = db.prepare(sql);
    row.bind(":wallet", wallet).bind(":limit", limit);
    std::vector<Stay> stays;
    while (row.step())
        stays.push_back(read_stay(row));
    return stays;
}

std::vector<HostedRoom> list_hosted_rooms(database::Connection& db, const std::string& wallet,
                                          std::int64_t limit)
{
    static const auto sql =
        std::string("SELECT ") + room_columns + ", " + description_columns +
        ", (SELECT count(*) FROM connections c WHERE c.room_id = r.room_id) AS stays FROM rooms r "
        "WHERE r.host_wallet = :wallet ORDER BY r.created_at DESC, r.ordinal DESC LIMIT :limit";
    auto row = db.prepare(sql);
    row.bind(":wallet", wallet).bind(":limit", limit);
    std::vector<HostedRoom> rooms;
    while (row.step()) {
        const auto stored = read_room(row);
        const auto& room = stored.room;
        rooms.push_back({room.room_id, stored.kind, read_description(row).is_private, room.created_at,
                         stored.closed_at, row.integer("stays")});
    }
    return rooms;
}

} // namespace rooms
