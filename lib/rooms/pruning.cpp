#include "rooms/pruning.h"

#include "database/transaction.h"

#include <string>
#include <vector>

namespace rooms {

namespace {

// Until when the token of a stay was good that was left before is of interest for as long as it was good. The
// index of those that were left early is as small as that.
void forget_tokens(database::Connection& db, base::UnixSeconds left_before)
{
    constexpr std::int64_t batch = 1000;
    std::int64_t changed = batch;
    while (changed == batch)
        changed = database::transact(db, database::Durability::relaxed, [&] {
            return db
                .prepare("UPDATE connections SET token_expires_at = left_at WHERE connection_id IN "
                         "(SELECT connection_id FROM connections WHERE left_at < token_expires_at "
                         "AND left_at < :left_before AND kind = 'free' LIMIT :limit)")
                .bind(":left_before", left_before)
                .bind(":limit", batch)
                .run();
        });
}

} // namespace

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
            break;
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
    if (!rehearse)
        forget_tokens(db, closed_before);
    return pruned;
}

} // namespace rooms
