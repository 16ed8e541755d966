#include "rooms/metering.h"

#include "credits/ledger.h"

#include <algorithm>
#include <cassert>

namespace rooms {

Tally& Tally::operator+=(const Tally& other)
{
    connections_metered += other.connections_metered;
    connections_lapsed += other.connections_lapsed;
    rooms_closed += other.rooms_closed;
    debited_seconds += other.debited_seconds;
    return *this;
}

std::int64_t meter(sqlite::Database& db, const base::Rules& rules, Connection& connection,
                   base::UnixSeconds now)
{
    assert(db.in_transaction() && !connection.left_at);
    const auto until = std::min(now, connection.token_expires_at);
    // The clock may step back (NTP). Charging nothing beats refunding by accident.
    const auto elapsed_seconds = std::max<std::int64_t>(0, until - connection.last_metered_at);
    const auto debit = credits::debit(db, connection.wallet, elapsed_seconds, connection.connection_id, now);
    connection.debited_seconds += debit.debited_seconds;
    connection.last_metered_at += elapsed_seconds;

    if (debit.remaining_seconds <= rules.low_credit_seconds && !connection.credits_low_at) {
        connection.credits_low_at = until;
        connection.credits_low_remaining_seconds = debit.remaining_seconds;
    }
    if (debit.remaining_seconds == 0 && !connection.credits_exhausted_at)
        connection.credits_exhausted_at = until;
    return debit.remaining_seconds;
}

std::vector<Event> take_events(Connection& connection)
{
    // Low comes before exhausted, always: an empty balance is a low one.
    std::vector<Event> events;
    if (connection.credits_low_at)
        events.push_back(
            {"credits_low", *connection.credits_low_remaining_seconds, *connection.credits_low_at});
    if (connection.credits_exhausted_at)
        events.push_back({"credits_exhausted", 0, *connection.credits_exhausted_at});
    events.erase(events.begin(), events.begin() + connection.events_delivered);
    connection.events_delivered += static_cast<std::int64_t>(events.size());
    return events;
}

std::int64_t end_stay(sqlite::Database& db, const base::Rules& rules, Connection& connection,
                      base::UnixSeconds now)
{
    const auto remaining_seconds = meter(db, rules, connection, now);
    // Not before the mark, should the clock have stepped back: what is paid was presence.
    connection.left_at = std::clamp(now, connection.last_metered_at, connection.token_expires_at);
    update_connection(db, connection);
    return remaining_seconds;
}

void close_room(sqlite::Database& db, const std::string& room_id, base::UnixSeconds closed_at)
{
    assert(db.in_transaction());
    {
        auto stays = db.prepare("SELECT max(left_at) FROM connections WHERE room_id = :room_id");
        stays.bind(":room_id", room_id).step();
        closed_at = std::max(closed_at, stays.optional_integer(0).value_or(closed_at));
    }
    db.prepare("UPDATE rooms SET closed_at = max(created_at, :closed_at) WHERE room_id = :room_id AND "
               "closed_at IS NULL")
        .bind(":closed_at", closed_at)
        .bind(":room_id", room_id)
        .run();
}

Tally settle_room(sqlite::Database& db, const base::Rules& rules, const std::string& room_id,
                  base::UnixSeconds now)
{
    assert(db.in_transaction());
    Tally tally;
    base::UnixSeconds emptied_at = 0;
    {
        auto room = db.prepare("SELECT coalesce(emptied_at, created_at) FROM rooms "
                               "WHERE room_id = :room_id AND kind = 'free' AND closed_at IS NULL");
        if (!room.bind(":room_id", room_id).step())
            return tally;
        emptied_at = room.integer(0);
    }
    auto open = find_open_connections(db, room_id); // the first to lapse first
    std::size_t lapsed = 0;
    for (; lapsed < open.size() && open[lapsed].is_lapsed(now); ++lapsed) {
        auto& connection = open[lapsed];
        const auto debited_before = connection.debited_seconds;
        end_stay(db, rules, connection, connection.token_expires_at);
        tally.debited_seconds += connection.debited_seconds - debited_before;
        emptied_at = connection.token_expires_at;
    }
    tally.connections_lapsed = static_cast<std::int64_t>(lapsed);
    if (lapsed < open.size())
        return tally;
    if (lapsed > 0)
        db.prepare("UPDATE rooms SET emptied_at = :emptied_at WHERE room_id = :room_id")
            .bind(":emptied_at", emptied_at)
            .bind(":room_id", room_id)
            .run();
    const auto closes_at = emptied_at + rules.unjoined_room_ttl_seconds;
    if (now >= closes_at) {
        close_room(db, room_id, closes_at);
        tally.rooms_closed = 1;
    }
    return tally;
}

std::optional<std::string> find_hosted_room(sqlite::Database& db, const std::string& wallet)
{
    auto room = db.prepare("SELECT room_id FROM rooms "
                           "WHERE host_wallet = :wallet AND kind = 'free' AND closed_at IS NULL");
    if (!room.bind(":wallet", wallet).step())
        return std::nullopt;
    return room.text(0);
}

void settle_wallet(sqlite::Database& db, const base::Rules& rules, const std::string& wallet,
                   base::UnixSeconds now)
{
    if (const auto connection = find_open_connection(db, wallet); connection && connection->is_lapsed(now))
        settle_room(db, rules, connection->room_id, now);
    if (const auto room_id = find_hosted_room(db, wallet))
        settle_room(db, rules, *room_id, now);
}

void settle_wallet_if_lapsed(sqlite::Database& db, const base::Rules& rules, const std::string& wallet,
                             base::UnixSeconds now)
{
    const auto connection = find_open_connection(db, wallet);
    if (!connection || !connection->is_lapsed(now))
        return;
    sqlite::Transaction tx(db);
    settle_room(db, rules, connection->room_id, now);
    tx.commit();
}

} // namespace rooms
