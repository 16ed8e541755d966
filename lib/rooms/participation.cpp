#include "rooms/participation.h"

#include "base/error.h"
#include "base/rules.h"
#include "rooms/departure.h"
#include "rooms/early_leave.h"
#include "rooms/loaded_room.h"
#include "rooms/notices.h"
#include "rooms/settling.h"
#include "rooms/standing.h"

#include <algorithm>

namespace rooms {

namespace {

using base::Error;
using base::ErrorCode;

Error not_callers()
{
    return {ErrorCode::permission_denied, "not_your_connection"};
}

bool speaks_for(const Caller& caller, const Connection& connection)
{
    return connection.connection_id == caller.connection_id && connection.wallet == caller.wallet &&
           connection.room_id == caller.room_id && connection.kind == Kind::free && !connection.left_at;
}

Standing load_callers(Context& context, const Caller& caller)
{
    return load_standing_in(context.db, caller.wallet, caller.connection_id, context.now);
}

void refuse_strangers(const Caller& caller, const Standing& standing)
{
    if (!standing.stay || !speaks_for(caller, *standing.stay))
        throw not_callers();
}

// One that has lapsed is settled, for good, before it is refused. Call inside a Transaction.
void refuse_absent(Context& context, const Caller& caller, const Standing& standing)
{
    refuse_strangers(caller, standing);
    if (!standing.stay->is_lapsed(context.now))
        return;
    if (auto room = load_room(context.db, caller.room_id))
        settle(context, *room);
    throw not_callers();
}

// What the wallet has, when what it has used is booked and what it left too early is charged.
credits::Account spendable(Context& context, const std::string& wallet, const Standing& standing)
{
    return is_beyond_budget(context, standing) ? charge_early_leaves(context, wallet) : standing.account();
}

LoadedRoom* find_room_of(std::vector<LoadedRoom>& around, const std::string& room_id)
{
    const auto found = std::find_if(around.begin(), around.end(),
                                    [&](const auto& each) { return each.stored.room.room_id == room_id; });
    return found == around.end() ? nullptr : &*found;
}

// Throws if the wallet is in one of these rooms.
void refuse_present(std::vector<LoadedRoom>& around, const std::string& wallet)
{
    for (auto& room : around) {
        const auto* connection = room.stored.kind == Kind::free ? room.find(wallet) : nullptr;
        if (connection != nullptr)
            throw Error(ErrorCode::conflict, "already_in_free_room")
                .with("room_id", connection->room_id)
                .with("connection_id", connection->connection_id);
    }
}

} // namespace

Room create(Context& context, const Mint& mint, const std::string& wallet, const credits::NameLookup& lookup,
            const CreateOptions& options)
{
    return context.transact([&] {
        const auto standing = load_standing(context.db, wallet, context.now);
        refuse_banned(standing.ban);
        auto around = load_rooms_around(context.db, wallet);
        settle_wallet(context, wallet, around);
        credits::expect_credit(context.db, context.rules, wallet, spendable(context, wallet, standing),
                               lookup, context.now);
        refuse_present(around, wallet);
        for (const auto& room : around) {
            if (room.stored.is_active_free() && room.stored.room.host_wallet == wallet)
                throw Error(ErrorCode::conflict, "already_hosting_free_room")
                    .with("room_id", room.stored.room.room_id);
        }
        Room room{mint.random.uuid_v4(), wallet, options.capacity.value_or(context.rules.free_room_capacity),
                  context.now};
        insert_room(context.db, Kind::free, room, options.description);
        tell_opened(context, room, options.description);
        return room;
    });
}

Seat join(Context& context, const Mint& mint, const std::string& wallet, const credits::NameLookup& lookup,
          const std::string& room_id)
{
    return context.transact([&] {
        const auto standing = load_standing(context.db, wallet, context.now);
        refuse_banned(standing.ban);
        auto around = load_rooms_around(context.db, wallet, room_id);
        settle_wallet(context, wallet, around);
        auto* const room = find_room_of(around, room_id);
        if (room != nullptr)
            settle(context, *room);
        const auto remaining_seconds = credits::expect_credit(
            context.db, context.rules, wallet, spendable(context, wallet, standing), lookup, context.now);
        refuse_present(around, wallet);
        if (room == nullptr || room->stored.closed_at)
            throw Error(ErrorCode::not_found, "room_not_found");
        if (room->has_removed)
            throw Error(ErrorCode::permission_denied, "removed_from_room");
        if (room->stored.kind != Kind::free)
            throw Error(ErrorCode::invalid_argument, "room_type_mismatch");
        if (static_cast<std::int64_t>(room->open.size()) >= room->stored.room.capacity)
            throw Error(ErrorCode::conflict, "room_full");

        const auto ttl_seconds = context.rules.free_token_ttl_seconds;
        Connection connection;
        connection.connection_id = mint.random.uuid_v4();
        connection.room_id = room_id;
        connection.wallet = wallet;
        connection.agora_uid =
            choose_uid(context.db, context.rules, room_id, room->open, wallet, context.now);
        connection.joined_at = connection.last_metered_at = context.now;
        connection.token_expires_at = context.now + ttl_seconds;
        insert_connection(context.db, connection);
        tell_joined(context, connection);
        if (room->stored.emptied_at)
            record_emptied(context.db, room_id, std::nullopt);
        auto token = mint.tokens.issue(channel_of(room_id), connection.agora_uid, context.now, ttl_seconds,
                                       mint.random);
        return Seat{room->stored.room, std::move(connection), std::move(token), remaining_seconds};
    });
}

Heartbeat heartbeat(Context& context, const Caller& caller)
{
    const auto seen = load_callers(context, caller);
    refuse_strangers(caller, seen);
    if (!seen.stay->is_lapsed(context.now) &&
        !is_event_due(context.rules, *seen.stay, seen.remaining_seconds()))
        return {seen.remaining_seconds(), {}};

    // Should a power cut take it back, debit and mark go together, and whoever comes next charges the same
    // seconds.
    return context.transact(database::Durability::relaxed, [&] {
        const auto standing = load_callers(context, caller);
        refuse_absent(context, caller, standing);
        auto connection = *standing.stay;
        Heartbeat result;
        result.remaining_seconds = meter(context, connection, context.now, standing.booked.remaining_seconds);
        result.events = take_events(connection);
        update_connection(context.db, connection);
        return result;
    });
}

Renewal renew(Context& context, const Mint& mint, const Caller& caller)
{
    std::int64_t uid = 0;
    auto renewal = context.transact([&] {
        refuse_banned(find_active_ban(context.db, caller.wallet, context.now));
        const auto standing = load_callers(context, caller);
        refuse_absent(context, caller, standing);
        auto connection = *standing.stay;
        Renewal result;
        result.remaining_seconds = meter(context, connection, context.now, standing.booked.remaining_seconds);
        result.events = take_events(connection);
        result.denied = result.remaining_seconds < context.rules.minimum_credit_seconds;
        if (!result.denied) {
            // Not before the mark, should the clock have stepped back.
            connection.token_expires_at =
                std::max(context.now + context.rules.free_token_ttl_seconds, connection.last_metered_at);
        } else if (result.remaining_seconds < connection.token_expires_at - context.now)
            turn_away(context, connection, context.now + result.remaining_seconds);
        uid = connection.agora_uid;
        result.token_expires_at = connection.token_expires_at;
        update_connection(context.db, connection);
        return result;
    });
    // Now that nobody waits for this: it takes as long as all the rest.
    if (!renewal.denied)
        renewal.agora_token = mint.tokens.issue(channel_of(caller.room_id), uid, context.now,
                                                context.rules.free_token_ttl_seconds, mint.random);
    return renewal;
}

Departure leave(Context& context, const Caller& caller)
{
    return context.transact([&] {
        auto room = load_room(context.db, caller.room_id);
        const auto is_there = [&] {
            const auto* found = room ? room->find(caller.wallet) : nullptr;
            return found != nullptr && speaks_for(caller, *found);
        };
        if (!is_there())
            throw not_callers();
        settle(context, *room); // what lapsed is refused after that
        if (!is_there())
            throw not_callers();
        auto& connection = *room->find(caller.wallet);
        Departure result;
        result.remaining_seconds = meter(context, connection, context.now);
        result.events = take_events(connection);
        const auto departed = depart(context, *room, connection, Ending::left);
        result.closed = departed.closed;
        result.debited_seconds = departed.connection.debited_seconds;
        return result;
    });
}

} // namespace rooms
