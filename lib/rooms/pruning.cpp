#include "rooms/pruning.h"

#include "database/transaction.h"

#include <string>
#include <vector>

namespace rooms {

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
