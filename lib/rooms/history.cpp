#include "rooms/history.h"

#include "database/transaction.h"

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
        std::string("SELECT ") + room_columns +
        ", (SELECT count(*) FROM connections c WHERE c.room_id = r.room_id) AS stays FROM rooms r "
        "WHERE r.host_wallet = :wallet ORDER BY r.created_at DESC, r.ordinal DESC LIMIT :limit";
    auto row = db.prepare(sql);
    row.bind(":wallet", wallet).bind(":limit", limit);
    std::vector<HostedRoom> rooms;
    while (row.step()) {
        const auto stored = read_room(row);
        const auto& room = stored.room;
        rooms.push_back({room.room_id, stored.kind, room.is_private, room.created_at, stored.closed_at,
                         row.integer("stays")});
    }
    return rooms;
}

Pruned prune(database::Connection& db, base::UnixSeconds closed_before, bool rehearse)
{
    constexpr std::int64_t batch = 200;
    Pruned pruned;
    std::string after_room_id;
    for (;;) {
        std::vector<std::string> room_ids;
        {
            // What has closed changes no more, so it need not be looked at again under the lock.
            auto row =
                db.prepare("SELECT room_id FROM rooms r WHERE room_id > :after_room_id AND kind = 'free' "
                           "AND closed_at < :closed_before AND NOT EXISTS (SELECT 1 FROM connections c "
                           "WHERE c.room_id = r.room_id AND (debited_seconds > 0 OR left_at IS NULL)) "
                           "ORDER BY room_id LIMIT :limit");
            row.bind(":after_room_id", after_room_id).bind(":closed_before", closed_before);
            row.bind(":limit", batch);
            while (row.step())
                room_ids.push_back(row.text(0));
        }
        if (room_ids.empty())
            return pruned;
        database::Transaction tx(db, database::Durability::relaxed);
        for (const auto& room_id : room_ids) {
            auto stays = db.prepare("DELETE FROM connections WHERE room_id = :room_id");
            pruned.connections += stays.bind(":room_id", room_id).run();
            auto room = db.prepare("DELETE FROM rooms WHERE room_id = :room_id");
            pruned.rooms += room.bind(":room_id", room_id).run();
        }
        if (!rehearse)
            tx.commit();
        after_room_id = room_ids.back();
    }
}

} // namespace rooms
