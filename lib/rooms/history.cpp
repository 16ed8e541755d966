#include "rooms/history.h"

namespace rooms {

std::optional<Stay> find_stay(sqlite::Database& db, const std::string& connection_id)
{
    auto connection = find_connection(db, connection_id);
    if (!connection)
        return std::nullopt;
    auto row = db.prepare("SELECT host_wallet FROM rooms WHERE room_id = :room_id");
    row.bind(":room_id", connection->room_id).step();
    return Stay{*std::move(connection), row.text(0)};
}

std::vector<Stay> list_stays(sqlite::Database& db, const std::string& wallet, std::int64_t limit)
{
    std::vector<std::string> connection_ids;
    {
        auto row = db.prepare("SELECT connection_id FROM connections WHERE wallet = :wallet "
                              "ORDER BY joined_at DESC, connection_id LIMIT :limit");
        row.bind(":wallet", wallet).bind(":limit", limit);
        while (row.step())
            connection_ids.push_back(row.text(0));
    }
    std::vector<Stay> stays;
    for (const auto& connection_id : connection_ids) {
        if (auto stay = find_stay(db, connection_id)) // pruned meanwhile
            stays.push_back(*std::move(stay));
    }
    return stays;
}

std::vector<HostedRoom> list_hosted_rooms(sqlite::Database& db, const std::string& wallet, std::int64_t limit)
{
    auto row = db.prepare("SELECT room_id, kind, visibility, created_at, closed_at, "
                          "(SELECT count(*) FROM connections c WHERE c.room_id = r.room_id) FROM rooms r "
                          "WHERE host_wallet = :wallet ORDER BY created_at DESC, rowid DESC LIMIT :limit");
    row.bind(":wallet", wallet).bind(":limit", limit);
    std::vector<HostedRoom> rooms;
    while (row.step())
        rooms.push_back(
            {row.text(0), row.text(1), row.text(2), row.integer(3), row.optional_integer(4), row.integer(5)});
    return rooms;
}

Pruned prune(sqlite::Database& db, base::UnixSeconds closed_before, bool rehearse)
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
        sqlite::Transaction tx(db, sqlite::Durability::relaxed);
        for (const auto& room_id : room_ids) {
            db.prepare("DELETE FROM connections WHERE room_id = :room_id").bind(":room_id", room_id).run();
            pruned.connections += db.changes();
            db.prepare("DELETE FROM rooms WHERE room_id = :room_id").bind(":room_id", room_id).run();
            pruned.rooms += db.changes();
        }
        if (!rehearse)
            tx.commit();
        after_room_id = room_ids.back();
    }
}

} // namespace rooms
