#include "rooms/listing.h"

#include "base/rules.h"
#include "rooms/loaded_room.h"
#include "rooms/presence.h"

#include <algorithm>
#include <tuple>

namespace rooms {

namespace {

// Somebody whom nobody has seen off, of the room `r`. What the sweep has not settled yet is left out by the
// clock: reading never waits for a writer.
const std::string open_connections = "FROM connections c WHERE c.room_id = r.room_id AND c.agora_uid > 0 "
                                     "AND c.left_at IS NULL ";
const std::string somebody_present = "(SELECT 1 " + open_connections + "AND c.token_expires_at > :now) ";

// Along the index of active rooms, up to the last one that is wanted.
const std::string select_active = std::string("SELECT ") + room_columns + ", (SELECT count(*) " +
                                  open_connections +
                                  "AND c.token_expires_at > :now) AS present FROM rooms r "
                                  "WHERE r.closed_at IS NULL AND r.kind = 'free' "
                                  "AND (r.visibility = 'open' OR :only_open = 0) ";
const std::string newest_first = "ORDER BY r.created_at DESC, r.ordinal DESC LIMIT :limit";

// Since when nobody has been in the room `r`, or from when on nobody will be.
const std::string empty_from =
    "coalesce((SELECT max(c.token_expires_at) " + open_connections + "), r.emptied_at, r.created_at) ";

// The first to join first.
void sort(std::vector<Participant>& participants)
{
    std::sort(participants.begin(), participants.end(), [](const auto& one, const auto& other) {
        return std::tie(one.joined_at, one.connection_id) < std::tie(other.joined_at, other.connection_id);
    });
}

// Nothing if it is no active free room.
std::optional<RoomView> view_of(database::Connection& db, const LoadedRoom& loaded, const base::Rules& rules,
                                base::UnixSeconds now)
{
    const auto& stored = loaded.stored;
    const auto emptied_at = loaded.open.empty() ? stored.emptied_at.value_or(stored.room.created_at)
                                                : loaded.open.back().token_expires_at;
    if (!stored.is_active_free() || now >= emptied_at + rules.unjoined_room_ttl_seconds)
        return std::nullopt;
    RoomView result{stored.room, {}};
    for (const auto& each : loaded.open) {
        if (!each.is_lapsed(now))
            result.participants.push_back({each.connection_id, each.wallet, each.agora_uid, each.joined_at});
    }
    for (const auto& connection_id : find_connected(db, stored.room.room_id)) {
        for (auto& participant : result.participants)
            participant.is_connected = participant.is_connected || participant.connection_id == connection_id;
    }
    sort(result.participants);
    return result;
}

void append(std::vector<ActiveRoom>& list, database::Statement& row)
{
    while (row.step())
        list.push_back({read_room(row).room, row.integer("present")});
}

} // namespace

std::optional<RoomView> view(database::Connection& db, const base::Rules& rules, const std::string& wallet,
                             const std::string& room_id, base::UnixSeconds now)
{
    const auto loaded = load_room(db, room_id);
    auto result = loaded ? view_of(db, *loaded, rules, now) : std::nullopt;
    if (!result)
        return std::nullopt;
    const bool may_see = !result->room.is_private || result->room.host_wallet == wallet ||
                         std::any_of(result->participants.begin(), result->participants.end(),
                                     [&](const auto& each) { return each.wallet == wallet; });
    return may_see ? std::move(result) : std::nullopt;
}

std::optional<RoomView> hosted_view(database::Connection& db, const base::Rules& rules,
                                    const std::string& wallet, base::UnixSeconds now)
{
    for (const auto& room : load_rooms_around(db, wallet)) {
        if (room.stored.room.host_wallet == wallet)
            return view_of(db, room, rules, now);
    }
    return std::nullopt;
}

RoomPage list_all(database::Connection& db, const base::Rules& rules, const RoomPlace& after,
                  std::int64_t limit, base::UnixSeconds now)
{
    // Along the index of active rooms; one more than is wanted tells whether there are more.
    static const auto sql =
        std::string("SELECT ") + room_columns + ", r.ordinal AS ordinal, " + connection_columns +
        ", CASE WHEN p.first_heard_at IS NOT NULL AND p.disconnected_at IS NULL THEN 1 ELSE 0 END AS "
        "connected "
        "FROM (SELECT * FROM rooms r WHERE r.closed_at IS NULL AND r.kind = 'free' "
        "AND (r.created_at, r.ordinal) > (:created_at, :ordinal) AND " +
        empty_from +
        "> :emptied_after ORDER BY r.created_at, r.ordinal LIMIT :limit) r LEFT JOIN connections c "
        "ON c.room_id = r.room_id AND c.agora_uid > 0 AND c.left_at IS NULL AND c.token_expires_at > :now "
        "LEFT JOIN agora_presence p ON p.connection_id = c.connection_id "
        "ORDER BY r.created_at, r.ordinal";
    auto row = db.prepare(sql);
    row.bind(":created_at", after.created_at)
        .bind(":ordinal", after.ordinal)
        .bind(":emptied_after", now - rules.unjoined_room_ttl_seconds)
        .bind(":limit", limit + 1)
        .bind(":now", now);
    RoomPage page;
    RoomPlace last;
    while (row.step()) {
        if (page.rooms.empty() || page.rooms.back().room.room_id != row.text("room_id")) {
            if (page.rooms.size() == static_cast<std::size_t>(limit)) {
                page.next = last;
                break;
            }
            page.rooms.push_back({read_room(row).room, {}});
            last = {row.integer("created_at"), row.integer("ordinal")};
        }
        if (!row.is_null("connection_id"))
            page.rooms.back().participants.push_back({row.text("connection_id"), row.text("wallet"),
                                                      row.integer("agora_uid"), row.integer("joined_at"),
                                                      row.boolean("connected")});
    }
    for (auto& room : page.rooms)
        sort(room.participants);
    return page;
}

std::vector<ActiveRoom> list_active(database::Connection& db, const base::Rules& rules, bool only_open,
                                    std::int64_t limit, base::UnixSeconds now)
{
    static const auto occupied_sql = select_active + "AND EXISTS " + somebody_present + newest_first;
    static const auto empty_sql = select_active + "AND NOT EXISTS " + somebody_present + "AND " + empty_from +
                                  "> :emptied_after " + newest_first;
    std::vector<ActiveRoom> list;
    auto occupied = db.prepare(occupied_sql);
    occupied.bind(":now", now).bind(":only_open", std::int64_t{only_open}).bind(":limit", limit);
    append(list, occupied);
    // The empty ones come after them: they cost nothing, and must not push the others out.
    auto empty = db.prepare(empty_sql);
    empty.bind(":now", now)
        .bind(":only_open", std::int64_t{only_open})
        .bind(":emptied_after", now - rules.unjoined_room_ttl_seconds)
        .bind(":limit", limit - static_cast<std::int64_t>(list.size()));
    append(list, empty);
    return list;
}

Occupancy occupancy(database::Connection& db, const base::Rules& rules, Kind kind, base::UnixSeconds now)
{
    // The kind stands in the text, so that the partial indexes serve; a booked room is there from the first
    // joining on.
    static const auto sql = [](const char* of_kind) {
        return "SELECT count(*) AS rooms, coalesce(sum(present), 0) AS participants FROM (SELECT (SELECT "
               "count(*) " +
               open_connections +
               "AND c.token_expires_at > :now) AS present, coalesce((SELECT max(c.token_expires_at) " +
               open_connections +
               "), emptied_at, created_at) AS emptied_at FROM rooms r WHERE closed_at IS NULL "
               "AND kind = '" +
               of_kind +
               "') active "
               "WHERE present > 0 OR (:is_free = 1 AND emptied_at > :emptied_after)";
    };
    static const std::string of_free = sql(name_of(Kind::free));
    static const std::string of_booked = sql(name_of(Kind::booked));
    auto row = db.prepare(kind == Kind::free ? of_free : of_booked);
    row.bind(":now", now)
        .bind(":is_free", std::int64_t{kind == Kind::free})
        .bind(":emptied_after", now - rules.unjoined_room_ttl_seconds);
    row.step();
    return {row.integer("rooms"), row.integer("participants")};
}

} // namespace rooms
