#include "rooms/participation.h"

#include "base/error.h"
#include "rooms/ban.h"
#include "rooms/departure.h"

#include <algorithm>

namespace rooms {

namespace {

using base::Error;
using base::ErrorCode;

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

// What was settled and granted on the way stands.
[[noreturn]] void refuse(sqlite::Transaction& tx, const Error& error)
{
    tx.commit();
    throw error;
}

} // namespace

Room create(sqlite::Database& db, const base::Rules& rules, const std::string& wallet,
            const credits::NameLookup& lookup, const CreateOptions& options, base::UnixSeconds now,
            base::Random& random)
{
    sqlite::Transaction tx(db);
    refuse_banned(db, wallet, now);
    settle_wallet(db, rules, wallet, now);
    if (auto refusal = credits::refuse_to_spend(db, rules, wallet, lookup, now))
        refuse(tx, *std::move(refusal));
    if (const auto connection = find_open_connection(db, wallet))
        refuse(tx, already_in(*connection));
    if (const auto room_id = find_hosted_room(db, wallet))
        refuse(tx, Error(ErrorCode::conflict, "already_hosting_free_room").with("room_id", *room_id));

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
    settle_wallet(db, rules, wallet, now);
    settle_room(db, rules, room_id, now);
    if (auto refusal = credits::refuse_to_spend(db, rules, wallet, lookup, now))
        refuse(tx, *std::move(refusal));
    if (const auto connection = find_open_connection(db, wallet))
        refuse(tx, already_in(*connection));
    const auto stored = find_room(db, room_id);
    if (!stored || stored->closed_at)
        refuse(tx, Error(ErrorCode::not_found, "room_not_found"));
    if (stored->kind != "free")
        refuse(tx, Error(ErrorCode::invalid_argument, "room_type_mismatch"));
    const auto present = find_open_connections(db, room_id);
    if (static_cast<std::int64_t>(present.size()) >= stored->room.capacity)
        refuse(tx, Error(ErrorCode::conflict, "room_full"));

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

} // namespace rooms
