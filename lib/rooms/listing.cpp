#include "rooms/listing.h"

#include "base/rules.h"
#include "rooms/connection.h"

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
const std::string select_active = std::string("SELECT ") + room_columns + ", " + description_columns +
                                  ", (SELECT count(*) " + open_connections +
                                  "AND c.token_expires_at > :now) AS present FROM rooms r "
                                  "WHERE r.closed_at IS NULL AND r.kind = 'free' "
                                  "AND (r.visibility = 'open' OR :only_open = 0) ";
const std::string newest_first = "ORDER BY r.created_at DESC, r.ordinal DESC LIMIT :limit";

// Since when nobody has been in the room `r`, or from when on nobody will be.
const std::string empty_from =
    "coalesce((SELECT max(c.token_expires_at) " + open_connections + "), r.emptied_at, r.created_at) ";

// Active free rooms of which the condition holds, each with those who are present, along the index that the
// condition leads to.
std::string select_views(const std::string& condition)
{
    return std::string("SELECT ") + room_columns + ", " + description_columns +
           ", r.ordinal AS ordinal, c.connection_id AS connection_id, c.wallet AS wallet, "
           "c.agora_uid AS agora_uid, c.joined_at AS joined_at, "
           "CASE WHEN p.first_heard_at IS NOT NULL AND p.disconnected_at IS NULL THEN 1 ELSE 0 END AS "
           "connected "
           "FROM (SELECT * FROM rooms r WHERE r.closed_at IS NULL AND r.kind = 'free' AND " +
           condition + " AND " + empty_from +
           "> :emptied_after ORDER BY r.created_at, r.ordinal LIMIT :limit) r LEFT JOIN connections c "
           "ON c.room_id = r.room_id AND c.agora_uid > 0 AND c.left_at IS NULL AND c.token_expires_at > :now "
           "LEFT JOIN agora_presence p ON p.connection_id = c.connection_id "
           "ORDER BY r.created_at, r.ordinal";
}

struct Views
{
    std::vector<RoomView> rooms;
    std::vector<RoomPlace> places; // of each of them
};

Views read_views(database::Statement& row, const base::Rules& rules, std::int64_t limit,
                 base::UnixSeconds now)
{
    row.bind(":emptied_after", now - rules.unjoined_room_ttl_seconds).bind(":limit", limit).bind(":now", now);
    Views views;
    auto& rooms = views.rooms;
    while (row.step()) {
        if (rooms.empty() || rooms.back().room.room_id != row.text("room_id")) {
            rooms.push_back({read_room(row).room, read_description(row), {}});
            views.places.push_back({row.integer("created_at"), row.integer("ordinal")});
        }
        if (!row.is_null("connection_id"))
            rooms.back().participants.push_back({row.text("connection_id"), row.text("wallet"),
                                                 row.integer("agora_uid"), row.integer("joined_at"),
                                                 row.boolean("connected")});
    }
    for (auto& room : rooms)
        std::sort(room.participants.begin(), room.participants.end(), [](const auto& one, const auto& other) {
            return std::tie(one.joined_at, one.connection_id) <
                   std::tie(other.joined_at, other.connection_id);
        });
    return views;
}

std::optional<RoomView> read_single_view(database::Statement& row, const base::Rules& rules,
                                         base::UnixSeconds now)
{
    auto found = read_views(row, rules, 1, now).rooms;
    return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

void append(std::vector<ActiveRoom>& list, database::Statement& row)
{
    while (row.step())
        list.push_back({read_room(row).room, read_description(row), row.integer("present")});
}

} // namespace

std::optional<RoomView> view(database::Connection& db, const base::Rules& rules, const std::string& wallet,
                             const std::string& room_id, base::UnixSeconds now)
{
    static const auto sql = select_views("r.room_id = :room_id");
    auto row = db.prepare(sql);
    auto result = read_single_view(row.bind(":room_id", room_id), rules, now);
    if (!result)
        return std::nullopt;
    const bool may_see = !result->description.is_private || result->room.host_wallet == wallet ||
                         std::any_of(result->participants.begin(), result->participants.end(),
                                     [&](const auto& each) { return each.wallet == wallet; });
    return may_see ? std::move(result) : std::nullopt;
}

std::optional<RoomView> hosted_view(database::Connection& db, const base::Rules& rules,
                                    const std::string& wallet, base::UnixSeconds now)
{
    static const auto sql = select_views("r.host_wallet = :wallet");
    auto row = db.prepare(sql);
    return read_single_view(row.bind(":wallet", wallet), rules, now);
}

RoomPage list_all(database::Connection& db, const base::Rules& rules, const RoomPlace& after,
                  std::int64_t limit, base::UnixSeconds now)
{
    static const auto sql = select_views("(r.created_at, r.ordinal) > (:created_at, :ordinal)");
    auto row = db.prepare(sql);
    row.bind(":created_at", after.created_at).bind(":ordinal", after.ordinal);
    // One more than is wanted tells whether there are more.
    auto found = read_views(row, rules, limit + 1, now);
    RoomPage page{std::move(found.rooms), std::nullopt};
    if (page.rooms.size() > static_cast<std::size_t>(limit)) {
        page.rooms.pop_back();
        page.next = found.places[page.rooms.size() - 1];
    }
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
