#include "rooms/sweep.h"

#include "base/rules.h"
#include "rooms/loaded_room.h"

#include <algorithm>

namespace rooms {

namespace {

constexpr std::int64_t batch = 200; // at most, under the write lock

// Who renews is booked more often than that.
constexpr std::int64_t booked_every_seconds = 60;

// A whole batch shares one commit; a power cut takes back debits and marks together.
constexpr auto durability = database::Durability::relaxed;

Tally sweep_connection(Context& context, const std::string& connection_id)
{
    auto connection = find_connection(context.db, connection_id);
    if (!connection || connection->left_at)
        return {};
    if (connection->is_lapsed(context.now)) {
        auto room = load_room(context.db, connection->room_id);
        return room ? settle(context, *room) : Tally{};
    }
    Tally tally;
    if (connection->last_metered_at <= context.now - booked_every_seconds) {
        tally.debited_seconds = book(context, *connection);
        tally.connections_metered = 1;
    }
    return tally;
}

// In small transactions: until somebody waits, as a renewal must not wait for all of them.
template <typename Visit>
Tally sweep_each(Context& context, const std::vector<std::string>& ids, const Pace& pace, Visit visit)
{
    Tally tally;
    for (auto next = ids.begin(); next != ids.end();) {
        struct Turn
        {
            Tally tally;
            decltype(next) end; // of what was looked at
        };
        const auto turn = context.transact(durability, [&] {
            Turn done{{}, next};
            const auto last = next + std::min<std::ptrdiff_t>(batch, ids.end() - next);
            do {
                done.tally += visit(*done.end);
                ++done.end;
            } while (done.end != last && !context.db.is_awaited() && !pace.is_over());
            return done;
        });
        tally += turn.tally;
        next = turn.end;
        pace.rest();
    }
    return tally;
}

Tally sweep_connections(Context& context, const Pace& pace)
{
    const auto metered_until = context.now - booked_every_seconds;
    // A token never ends later than that after the mark.
    const auto expiring_until = std::max(metered_until + context.rules.free_token_ttl_seconds, context.now);
    Tally tally;
    std::vector<std::string> due;
    for (std::optional<std::int64_t> part = 0; part;) {
        // Read before the transaction; what is found is looked at again inside it.
        const auto more = find_due_connections(context.db, *part, metered_until, expiring_until, context.now);
        due.insert(due.end(), more.ids.begin(), more.ids.end());
        part = more.part;
        if (due.size() >= static_cast<std::size_t>(batch) || !part) {
            tally += sweep_each(context, due, pace, [&](const std::string& connection_id) {
                return sweep_connection(context, connection_id);
            });
            due.clear();
        }
        if (part)
            ++*part;
    }
    return tally;
}

// Some of the rooms that have been empty for too long, in the order in which they became so.
struct Place
{
    base::UnixSeconds emptied_at = 0;
    std::int64_t ordinal = 0;
};
std::vector<std::string> find_empty_rooms(Context& context, Place& after)
{
    auto row = context.db.prepare(
        "SELECT room_id, emptied_at, ordinal FROM rooms "
        "WHERE closed_at IS NULL AND kind = 'free' AND emptied_at IS NOT NULL "
        "AND (emptied_at, ordinal) > (:emptied_at, :ordinal) AND emptied_at <= :emptied_until "
        "ORDER BY emptied_at, ordinal LIMIT :limit");
    row.bind(":emptied_at", after.emptied_at)
        .bind(":ordinal", after.ordinal)
        .bind(":emptied_until", context.now - context.rules.unjoined_room_ttl_seconds)
        .bind(":limit", batch);
    std::vector<std::string> room_ids;
    while (row.step()) {
        room_ids.push_back(row.text("room_id"));
        after = {row.integer("emptied_at"), row.integer("ordinal")};
    }
    return room_ids;
}

Tally sweep_empty_rooms(Context& context, const Pace& pace)
{
    Tally tally;
    Place after;
    for (;;) {
        const auto room_ids = find_empty_rooms(context, after);
        if (room_ids.empty())
            return tally;
        tally += sweep_each(context, room_ids, pace, [&](const std::string& room_id) {
            auto room = load_room(context.db, room_id);
            return room ? settle(context, *room) : Tally{};
        });
    }
}

} // namespace

Tally sweep(database::Connection& db, const base::Rules& rules, base::UnixSeconds now, const Pace& pace)
{
    Context context(db, rules, now);
    auto tally = sweep_connections(context, pace);
    tally += sweep_empty_rooms(context, pace);
    return tally;
}

void record_sweep(database::Connection& db, base::UnixSeconds finished_at)
{
    database::transact(db, durability, [&] {
        db.prepare("INSERT INTO sweeps (id, finished_at) VALUES (1, :finished_at) "
                   "ON CONFLICT (id) DO UPDATE SET finished_at = excluded.finished_at")
            .bind(":finished_at", finished_at)
            .run();
    });
}

std::optional<base::UnixSeconds> last_sweep_at(database::Connection& db)
{
    auto row = db.prepare("SELECT finished_at FROM sweeps WHERE id = 1");
    if (!row.step())
        return std::nullopt;
    return row.integer(0);
}

} // namespace rooms
