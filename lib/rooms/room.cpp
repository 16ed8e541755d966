#include "rooms/room.h"

#include "rooms/ban.h"

#include <algorithm>

namespace rooms {

namespace {

using base::Error;
using base::ErrorCode;

// The columns of a Room, in the order of read_room().
#define ROOM_COLUMNS "r.room_id, r.host_wallet, r.visibility, r.capacity, r.created_at, r.title, r.ai_enabled"

Room read_room(const sqlite::Statement& row)
{
    return {row.text(0),    row.text(1), row.text(2),        row.integer(3),
            row.integer(4), row.text(5), row.integer(6) != 0};
}

void insert_room(sqlite::Database& db, const Room& room)
{
    db.prepare("INSERT INTO rooms (room_id, kind, host_wallet, visibility, ai_enabled, capacity, created_at, "
               "title) VALUES (:room_id, 'free', :host_wallet, :visibility, :ai_enabled, :capacity, "
               ":created_at, nullif(:title, ''))")
        .bind(":room_id", room.room_id)
        .bind(":host_wallet", room.host_wallet)
        .bind(":visibility", room.visibility)
        .bind(":ai_enabled", std::int64_t{room.ai_enabled})
        .bind(":capacity", room.capacity)
        .bind(":created_at", room.created_at)
        .bind(":title", room.title)
        .run();
}

Error already_in(const Connection& connection)
{
    return Error(ErrorCode::conflict, "already_in_free_room")
        .with("room_id", connection.room_id)
        .with("connection_id", connection.connection_id);
}

// The caller's open connection. A lapsed one is settled, for good, before it is refused.
Connection load_callers(sqlite::Database& db, sqlite::Transaction& tx, const base::Rules& rules,
                        const Caller& caller, base::UnixSeconds now)
{
    auto connection = find_connection(db, caller.connection_id);
    const bool is_callers = connection && connection->wallet == caller.wallet &&
                            connection->room_id == caller.room_id && connection->kind == "free" &&
                            !connection->left_at;
    if (is_callers && !connection->is_lapsed(now))
        return *std::move(connection);
    if (is_callers) {
        settle_room(db, rules, caller.room_id, now);
        tx.commit();
    }
    throw Error(ErrorCode::permission_denied, "not_your_connection");
}

// Ends the stays of everybody who is still in the room and closes it.
void close_with_everybody(sqlite::Database& db, const base::Rules& rules, const std::string& room_id,
                          base::UnixSeconds now)
{
    for (auto& connection : find_open_connections(db, room_id))
        end_stay(db, rules, connection, now);
    close_room(db, room_id, now);
}

// Ends the stay, and closes the room if it was the host's or the last one. Whether it did.
bool depart(sqlite::Database& db, const base::Rules& rules, Connection& connection, base::UnixSeconds now)
{
    end_stay(db, rules, connection, now);
    const bool is_host = find_room(db, connection.room_id)->room.host_wallet == connection.wallet;
    const bool closes = is_host || find_open_connections(db, connection.room_id).empty();
    if (closes)
        close_with_everybody(db, rules, connection.room_id, now);
    return closes;
}

// The refusals of what only the host of an active free room may do, once it is settled.
std::optional<Error> refuse_all_but_host(sqlite::Database& db, const std::string& wallet,
                                         const std::string& room_id)
{
    const auto stored = find_room(db, room_id);
    if (!stored || !stored->is_active_free())
        return Error(ErrorCode::not_found, "room_not_found");
    if (stored->room.host_wallet != wallet)
        return Error(ErrorCode::permission_denied, "not_host");
    return std::nullopt;
}

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

std::optional<StoredRoom> find_room(sqlite::Database& db, const std::string& room_id)
{
    auto row = db.prepare("SELECT " ROOM_COLUMNS ", kind, closed_at FROM rooms r WHERE room_id = :room_id");
    if (!row.bind(":room_id", room_id).step())
        return std::nullopt;
    return StoredRoom{read_room(row), row.text(7), row.optional_integer(8)};
}

std::string channel_of(const std::string& room_id)
{
    return "heaven-free-" + room_id;
}

Room create(sqlite::Database& db, const base::Rules& rules, const std::string& wallet,
            const credits::NameLookup& lookup, const CreateOptions& options, base::UnixSeconds now,
            base::Random& random)
{
    sqlite::Transaction tx(db);
    refuse_banned(db, wallet, now);
    const auto refuse = [&](Error error) {
        tx.commit(); // what was settled and granted stands
        throw error;
    };
    settle_wallet(db, rules, wallet, now);
    if (auto refusal = credits::refuse_to_spend(db, rules, wallet, lookup, now))
        refuse(*std::move(refusal));
    if (const auto connection = find_open_connection(db, wallet))
        refuse(already_in(*connection));
    if (const auto room_id = find_hosted_room(db, wallet))
        refuse(Error(ErrorCode::conflict, "already_hosting_free_room").with("room_id", *room_id));

    const Room room{random.uuid_v4(),
                    wallet,
                    options.is_private ? "private" : "open",
                    options.capacity.value_or(rules.free_room_capacity),
                    now,
                    options.title,
                    options.ai_enabled};
    insert_room(db, room);
    tx.commit();
    return room;
}

Seat join(sqlite::Database& db, const base::Rules& rules, const agora::TokenIssuer& tokens,
          const std::string& wallet, const credits::NameLookup& lookup, const std::string& room_id,
          base::UnixSeconds now, base::Random& random)
{
    sqlite::Transaction tx(db);
    refuse_banned(db, wallet, now);
    const auto refuse = [&](Error error) {
        tx.commit(); // what was settled and granted stands
        throw error;
    };
    settle_wallet(db, rules, wallet, now);
    settle_room(db, rules, room_id, now);
    if (auto refusal = credits::refuse_to_spend(db, rules, wallet, lookup, now))
        refuse(*std::move(refusal));
    if (const auto connection = find_open_connection(db, wallet))
        refuse(already_in(*connection));
    const auto stored = find_room(db, room_id);
    if (!stored || stored->closed_at)
        refuse(Error(ErrorCode::not_found, "room_not_found"));
    if (stored->kind != "free")
        refuse(Error(ErrorCode::invalid_argument, "room_type_mismatch"));
    const auto present = find_open_connections(db, room_id);
    if (static_cast<std::int64_t>(present.size()) >= stored->room.capacity)
        refuse(Error(ErrorCode::conflict, "room_full"));

    Connection connection;
    connection.connection_id = random.uuid_v4();
    connection.room_id = room_id;
    connection.kind = "free";
    connection.wallet = wallet;
    connection.agora_uid = choose_uid(db, room_id, wallet, now);
    connection.joined_at = connection.last_metered_at = now;
    connection.token_expires_at = now + rules.free_token_ttl_seconds;
    insert_connection(db, connection);
    const Seat seat{
        stored->room, connection,
        tokens.issue(channel_of(room_id), connection.agora_uid, now, rules.free_token_ttl_seconds, random),
        credits::account(db, wallet).remaining_seconds};
    tx.commit();
    return seat;
}

Heartbeat heartbeat(sqlite::Database& db, const base::Rules& rules, const Caller& caller,
                    base::UnixSeconds now)
{
    // Should a power cut take it back, debit and mark go together, and the next one charges the same seconds.
    sqlite::Transaction tx(db, sqlite::Durability::relaxed);
    const auto before = load_callers(db, tx, rules, caller, now);
    auto connection = before;
    Heartbeat result;
    result.remaining_seconds = meter(db, rules, connection, now);
    result.events = take_events(connection);
    if (connection != before)
        update_connection(db, connection);
    tx.commit();
    return result;
}

Renewal renew(sqlite::Database& db, const base::Rules& rules, const agora::TokenIssuer& tokens,
              const Caller& caller, base::UnixSeconds now, base::Random& random)
{
    // Made before others have to wait for this, as it takes as long as all the rest. A stay's uid never
    // changes.
    std::string token;
    if (const auto known = find_connection(db, caller.connection_id);
        known && known->wallet == caller.wallet && known->room_id == caller.room_id)
        token = tokens.issue(channel_of(known->room_id), known->agora_uid, now, rules.free_token_ttl_seconds,
                             random);

    sqlite::Transaction tx(db);
    refuse_banned(db, caller.wallet, now);
    auto connection = load_callers(db, tx, rules, caller, now);
    Renewal result;
    result.remaining_seconds = meter(db, rules, connection, now);
    result.events = take_events(connection);
    result.denied = result.remaining_seconds < rules.minimum_credit_seconds;
    if (!result.denied) {
        // Not before the mark, should the clock have stepped back.
        connection.token_expires_at =
            std::max(now + rules.free_token_ttl_seconds, connection.last_metered_at);
        result.agora_token = std::move(token);
    }
    result.token_expires_at = connection.token_expires_at;
    update_connection(db, connection);
    tx.commit();
    return result;
}

Departure leave(sqlite::Database& db, const base::Rules& rules, const Caller& caller, base::UnixSeconds now)
{
    sqlite::Transaction tx(db);
    auto connection = load_callers(db, tx, rules, caller, now);
    settle_room(db, rules, caller.room_id, now);
    Departure result;
    result.remaining_seconds = meter(db, rules, connection, now);
    result.events = take_events(connection);
    result.closed = depart(db, rules, connection, now);
    result.debited_seconds = connection.debited_seconds;
    tx.commit();
    return result;
}

bool close(sqlite::Database& db, const base::Rules& rules, const std::string& room_id, base::UnixSeconds now)
{
    sqlite::Transaction tx(db);
    settle_room(db, rules, room_id, now);
    const auto stored = find_room(db, room_id);
    const bool is_active = stored && stored->is_active_free();
    if (is_active)
        close_with_everybody(db, rules, room_id, now);
    tx.commit();
    return is_active;
}

void close_as_host(sqlite::Database& db, const base::Rules& rules, const std::string& host_wallet,
                   const std::string& room_id, base::UnixSeconds now)
{
    sqlite::Transaction tx(db);
    settle_room(db, rules, room_id, now);
    const auto refusal = refuse_all_but_host(db, host_wallet, room_id);
    if (!refusal)
        close_with_everybody(db, rules, room_id, now);
    tx.commit(); // what was settled stands
    if (refusal)
        throw *refusal;
}

Removal remove_as_host(sqlite::Database& db, const base::Rules& rules, const std::string& host_wallet,
                       const std::string& room_id, const std::string& connection_id, base::UnixSeconds now)
{
    sqlite::Transaction tx(db);
    settle_room(db, rules, room_id, now);
    Removal result;
    auto refusal = refuse_all_but_host(db, host_wallet, room_id);
    auto connection = find_connection(db, connection_id);
    const bool is_in_it = connection && connection->room_id == room_id && !connection->left_at;
    if (!refusal && !is_in_it)
        refusal = Error(ErrorCode::not_found, "participant_not_found");
    if (!refusal) {
        result.closed = depart(db, rules, *connection, now);
        result.debited_seconds = connection->debited_seconds;
    }
    tx.commit(); // what was settled stands
    if (refusal)
        throw *refusal;
    return result;
}

Removal remove(sqlite::Database& db, const base::Rules& rules, const std::string& connection_id,
               base::UnixSeconds now)
{
    const auto connection = find_connection(db, connection_id);
    const auto stored = connection ? find_room(db, connection->room_id) : std::nullopt;
    if (!stored || !stored->is_active_free())
        throw Error(ErrorCode::not_found, "participant_not_found");
    try {
        return remove_as_host(db, rules, stored->room.host_wallet, stored->room.room_id, connection_id, now);
    } catch (const Error& error) {
        if (error.name() != "room_not_found") // closed since we looked
            throw;
        throw Error(ErrorCode::not_found, "participant_not_found");
    }
}

Expulsion expel(sqlite::Database& db, const base::Rules& rules, const std::string& wallet,
                base::UnixSeconds now)
{
    settle_wallet(db, rules, wallet, now);
    Expulsion result;
    if (auto connection = find_open_connection(db, wallet)) {
        result.left_room_id = connection->room_id;
        settle_room(db, rules, connection->room_id, now);
        const auto hosted = find_hosted_room(db, wallet);
        if (depart(db, rules, *connection, now) && hosted == connection->room_id)
            result.closed_room_id = hosted;
    }
    if (const auto hosted = find_hosted_room(db, wallet)) {
        close_with_everybody(db, rules, *hosted, now);
        result.closed_room_id = hosted;
    }
    return result;
}

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

std::vector<std::string> audit(sqlite::Database& db)
{
    struct Check
    {
        const char* sql; // names each offender in its first column
        const char* violation;
    };
    constexpr Check checks[] = {
        {"SELECT connection_id FROM connections LEFT JOIN (SELECT connection_id AS id, -sum(delta_seconds) "
         "AS total "
         "FROM credit_events WHERE kind = 'debit_usage' GROUP BY connection_id) ON id = connection_id "
         "WHERE debited_seconds <> ifnull(total, 0)",
         "debited_seconds is not the sum of the ledger's debits for connection"},
        {"SELECT DISTINCT e.connection_id FROM credit_events e LEFT JOIN connections c "
         "ON c.connection_id = e.connection_id WHERE e.kind IN ('debit_usage', 'refund_usage') "
         "AND c.wallet IS NOT e.wallet",
         "the ledger debits a wallet for a connection that is not its own:"},
        {"SELECT connection_id FROM connections WHERE debited_seconds > ifnull(left_at, token_expires_at) - "
         "joined_at "
         "OR debited_seconds > last_metered_at - joined_at",
         "more seconds are debited than were spent in the room by connection"},
        {"SELECT connection_id FROM connections WHERE NOT (joined_at <= last_metered_at "
         "AND last_metered_at <= token_expires_at AND (left_at IS NULL OR left_at BETWEEN last_metered_at "
         "AND token_expires_at))",
         "joined, metered, left and expired are out of order for connection"},
        {"SELECT wallet FROM connections WHERE left_at IS NULL AND kind = 'free' GROUP BY wallet HAVING "
         "count(*) > 1",
         "more than one open free connection has wallet"},
        {"SELECT host_wallet FROM rooms WHERE closed_at IS NULL AND kind = 'free' GROUP BY host_wallet "
         "HAVING count(*) > 1",
         "more than one active free room has host"},
        {"SELECT r.room_id FROM rooms r JOIN connections c ON c.room_id = r.room_id AND c.left_at IS NULL "
         "GROUP BY r.room_id HAVING count(*) > r.capacity",
         "more participants than its capacity has room"},
        {"SELECT room_id FROM connections WHERE left_at IS NULL GROUP BY room_id "
         "HAVING count(DISTINCT agora_uid) <> count(*) OR min(agora_uid) < 1 OR max(agora_uid) > 4294967294",
         "uids are zero or not distinct in room"},
        {"SELECT c.connection_id FROM connections c JOIN rooms r ON r.room_id = c.room_id "
         "WHERE c.left_at IS NULL AND r.closed_at IS NOT NULL",
         "the room is closed but somebody is in it with connection"},
        {"SELECT c.connection_id FROM connections c LEFT JOIN rooms r ON r.room_id = c.room_id "
         "WHERE r.room_id IS NULL OR r.kind <> c.kind",
         "no room of its kind belongs to connection"},
        {"SELECT room_id FROM rooms r WHERE closed_at IS NULL AND kind = 'free' "
         "AND EXISTS (SELECT 1 FROM connections c WHERE c.room_id = r.room_id) "
         "AND NOT EXISTS (SELECT 1 FROM connections c WHERE c.room_id = r.room_id "
         "AND (c.left_at IS NULL OR c.left_at = r.emptied_at))",
         "everybody has left but it is not closed: room"},
        {"SELECT r.room_id FROM rooms r JOIN connections c ON c.room_id = r.room_id "
         "WHERE r.kind = 'free' GROUP BY r.room_id HAVING max(c.left_at) > r.closed_at",
         "somebody left after it was closed: room"},
    };
    std::vector<std::string> violations;
    for (const auto& check : checks) {
        auto row = db.prepare(check.sql);
        while (row.step())
            violations.push_back(std::string(check.violation) + " " + row.text(0));
    }
    return violations;
}

} // namespace rooms
