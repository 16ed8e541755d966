#include "rooms/listing.h"

namespace rooms {

namespace {

// The active free rooms with somebody in them, or those without, the newest first. What the sweep has not
// settled yet is left out by the clock: reading never waits for a writer. One pass along the index of active
// rooms, which ends with the last one that is wanted.
std::vector<ActiveRoom> list_active(sqlite::Database& db, const base::Rules& rules, bool only_open,
                                    bool occupied, std::int64_t limit, base::UnixSeconds now)
{
    auto row = db.prepare(
        "SELECT " ROOM_COLUMNS ", count(*) FILTER (WHERE c.token_expires_at > :now) AS present "
        "FROM rooms r LEFT JOIN connections c INDEXED BY connections_distinct_uids ON c.room_id = r.room_id "
        "AND c.left_at IS NULL "
        "WHERE r.closed_at IS NULL AND r.kind = 'free' AND (r.visibility = 'open' OR NOT :only_open) "
        "GROUP BY r.created_at, r.rowid HAVING (present > 0) = :occupied AND "
        "coalesce(max(c.token_expires_at), r.emptied_at, r.created_at) > :now - :unjoined_room_ttl_seconds "
        "ORDER BY r.created_at DESC, r.rowid DESC LIMIT :limit");
    row.bind(":now", now)
        .bind(":only_open", std::int64_t{only_open})
        .bind(":occupied", std::int64_t{occupied})
        .bind(":unjoined_room_ttl_seconds", rules.unjoined_room_ttl_seconds)
        .bind(":limit", limit);
    std::vector<ActiveRoom> list;
    while (row.step())
        list.push_back({read_room(row), row.integer(7)});
    return list;
}

} // namespace

std::optional<RoomView> view(sqlite::Database& db, const base::Rules& rules, const std::string& wallet,
                             const std::string& room_id, base::UnixSeconds now)
{
    // One statement, hence one moment of the database. What is not settled yet is left out by the clock.
    auto row = db.prepare("SELECT " ROOM_COLUMNS
                          ", c.connection_id, c.wallet, c.agora_uid, c.joined_at, c.token_expires_at, "
                          "coalesce(max(c.token_expires_at) OVER (), r.emptied_at, r.created_at) "
                          "FROM rooms r LEFT JOIN connections c INDEXED BY connections_distinct_uids ON "
                          "c.room_id = r.room_id AND c.left_at IS NULL "
                          "WHERE r.room_id = :room_id AND r.kind = 'free' AND r.closed_at IS NULL "
                          "ORDER BY c.joined_at, c.connection_id");
    row.bind(":room_id", room_id);
    RoomView result;
    bool is_active = false;
    bool may_see = false;
    while (row.step()) {
        result.room = read_room(row);
        is_active = now < row.integer(12) + rules.unjoined_room_ttl_seconds;
        if (const auto token_expires_at = row.optional_integer(11);
            token_expires_at && now < *token_expires_at) {
            result.participants.push_back({row.text(7), row.text(8), row.integer(9), row.integer(10)});
            may_see = may_see || row.text(8) == wallet;
        }
    }
    may_see = may_see || result.room.visibility == "open" || result.room.host_wallet == wallet;
    if (!is_active || !may_see)
        return std::nullopt;
    return result;
}

std::vector<ActiveRoom> list_active(sqlite::Database& db, const base::Rules& rules, bool only_open,
                                    std::int64_t limit, base::UnixSeconds now)
{
    auto list = list_active(db, rules, only_open, true, limit, now);
    // The empty ones come after them: they cost nothing, and must not push the others out.
    const auto empty =
        list_active(db, rules, only_open, false, limit - static_cast<std::int64_t>(list.size()), now);
    list.insert(list.end(), empty.begin(), empty.end());
    return list;
}

Occupancy occupancy(sqlite::Database& db, const base::Rules& rules, Kind kind, base::UnixSeconds now)
{
    // The kind stands in the text, so that the partial indexes serve; a booked room is there from the first
    // joining on.
    auto row = db.prepare(
        std::string("SELECT count(*), ifnull(sum(present), 0) FROM (SELECT "
                    "(SELECT count(*) FROM connections c WHERE c.room_id = r.room_id AND c.agora_uid > 0 "
                    "AND c.left_at IS NULL AND c.token_expires_at > :now) AS present, "
                    "coalesce((SELECT max(c.token_expires_at) FROM connections c WHERE c.room_id = r.room_id "
                    "AND c.agora_uid > 0 AND c.left_at IS NULL), emptied_at, created_at) AS emptied_at "
                    "FROM rooms r WHERE closed_at IS NULL AND kind = ") +
        (kind == Kind::free ? "'free'" : "'booked'") +
        ") WHERE present > 0 OR (:is_free AND emptied_at > :now - :unjoined_room_ttl_seconds)");
    row.bind(":now", now)
        .bind(":is_free", std::int64_t{kind == Kind::free})
        .bind(":unjoined_room_ttl_seconds", rules.unjoined_room_ttl_seconds);
    row.step();
    return {row.integer(0), row.integer(1)};
}

} // namespace rooms
