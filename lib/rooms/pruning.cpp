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
                .run_and_count();
        });
}

Pruned remove_rooms(database::Connection& db, const std::vector<std::string>& room_ids)
{
    Pruned removed;
    for (const auto& room_id : room_ids) {
        db.prepare("DELETE FROM agora_presence WHERE connection_id IN "
                   "(SELECT connection_id FROM connections WHERE room_id = :room_id)")
            .bind(":room_id", room_id)
            .run();
        auto stays = db.prepare("DELETE FROM connections WHERE room_id = :room_id");
        removed.connections += stays.bind(":room_id", room_id).run_and_count();
        auto room = db.prepare("DELETE FROM rooms WHERE room_id = :room_id");
        removed.rooms += room.bind(":room_id", room_id).run_and_count();
    }
    return removed;
}

} // namespace

Pruned prune(database::Connection& db, base::UnixSeconds closed_before, bool is_rehearsal)
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
        const auto remove = [&] { return remove_rooms(db, room_ids); };
        const auto removed = is_rehearsal ? database::rehearse(db, remove)
                                          : database::transact(db, database::Durability::relaxed, remove);
        pruned.rooms += removed.rooms;
        pruned.connections += removed.connections;
        after_room_id = room_ids.back();
    }
    if (!is_rehearsal)
        forget_tokens(db, closed_before);
    return pruned;
}

} // namespace rooms
