#include "rooms/sweep.h"

namespace rooms {

namespace {

constexpr std::int64_t batch = 200; // some milliseconds under the write lock

// A whole batch shares one commit; a power cut takes back debits and marks together.
constexpr auto durability = sqlite::Durability::relaxed;

Tally sweep_connection(sqlite::Database& db, const base::Rules& rules, const std::string& connection_id,
                       base::UnixSeconds now)
{
    auto connection = find_connection(db, connection_id);
    if (!connection || connection->left_at)
        return {};
    if (connection->is_lapsed(now))
        return settle_room(db, rules, connection->room_id, now);
    Tally tally;
    if (connection->last_metered_at <= now - rules.heartbeat_interval_seconds) {
        const auto debited_before = connection->debited_seconds;
        meter(db, rules, *connection, now);
        update_connection(db, *connection);
        tally.connections_metered = 1;
        tally.debited_seconds = connection->debited_seconds - debited_before;
    }
    return tally;
}

Tally sweep_connections(sqlite::Database& db, const base::Rules& rules, base::UnixSeconds now,
                        const std::function<void()>& pause)
{
    const auto metered_until = now - rules.heartbeat_interval_seconds;
    Tally tally;
    std::string after_wallet;
    for (;;) {
        // Read before the lock is taken; what is found is looked at again under it.
        const auto due = find_due_connections(db, after_wallet, metered_until, now, batch);
        if (due.empty())
            return tally;
        for (auto next = due.begin(); next != due.end();) {
            bool is_awaited = false;
            sqlite::Transaction tx(db, durability);
            do { // until somebody waits: a heartbeat must not wait for the whole batch
                tally += sweep_connection(db, rules, next->connection_id, now);
                ++next;
                is_awaited = tx.is_awaited();
            } while (next != due.end() && !is_awaited);
            tx.commit();
            if (is_awaited)
                pause();
        }
        after_wallet = due.back().wallet;
    }
}

Tally sweep_empty_rooms(sqlite::Database& db, const base::Rules& rules, base::UnixSeconds now)
{
    Tally tally;
    std::string after_room_id;
    for (;;) {
        std::vector<std::string> room_ids;
        {
            auto row = db.prepare(
                "SELECT room_id FROM rooms r INDEXED BY rooms_active "
                "WHERE closed_at IS NULL AND kind = 'free' "
                "AND coalesce(emptied_at, created_at) <= :emptied_until AND room_id > :after_room_id "
                "AND NOT EXISTS (SELECT 1 FROM connections c "
                "WHERE c.room_id = r.room_id AND c.agora_uid > 0 AND c.left_at IS NULL) ORDER BY room_id "
                "LIMIT :limit");
            row.bind(":emptied_until", now - rules.unjoined_room_ttl_seconds)
                .bind(":after_room_id", after_room_id);
            row.bind(":limit", batch);
            while (row.step())
                room_ids.push_back(row.text(0));
        }
        if (room_ids.empty())
            return tally;
        sqlite::Transaction tx(db, durability);
        for (const auto& room_id : room_ids)
            tally += settle_room(db, rules, room_id, now);
        tx.commit();
        after_room_id = room_ids.back();
    }
}

} // namespace

Tally sweep(sqlite::Database& db, const base::Rules& rules, base::UnixSeconds now,
            const std::function<void()>& pause)
{
    auto tally = sweep_connections(db, rules, now, pause);
    tally += sweep_empty_rooms(db, rules, now);
    return tally;
}

void record_sweep(sqlite::Database& db, base::UnixSeconds finished_at)
{
    sqlite::Transaction tx(db, durability);
    db.prepare("INSERT INTO sweeps (id, finished_at) VALUES (1, :finished_at) "
               "ON CONFLICT (id) DO UPDATE SET finished_at = excluded.finished_at")
        .bind(":finished_at", finished_at)
        .run();
    tx.commit();
}

std::optional<base::UnixSeconds> last_sweep_at(sqlite::Database& db)
{
    auto row = db.prepare("SELECT finished_at FROM sweeps WHERE id = 1");
    if (!row.step())
        return std::nullopt;
    return row.integer(0);
}

} // namespace rooms
