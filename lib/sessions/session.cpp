#include "sessions/session.h"

#include "base/error.h"
#include "rooms/connection.h"

#include <algorithm>

namespace sessions {

namespace {

using base::Error;
using base::ErrorCode;

constexpr std::int64_t max_token_ttl_seconds = 86400; // Agora's own limit

std::optional<std::string> find_room(sqlite::Database& db, const std::string& booking_id)
{
    auto row = db.prepare("SELECT room_id FROM sessions WHERE booking_id = :booking_id");
    if (!row.bind(":booking_id", booking_id).step())
        return std::nullopt;
    return row.text(0);
}

std::string find_or_create_room(sqlite::Database& db, const base::Rules& rules, const Session& session,
                                base::UnixSeconds now, base::Random& random)
{
    if (auto room_id = find_room(db, session.booking_id))
        return *std::move(room_id);
    const auto room_id = random.uuid_v4();
    db.prepare("INSERT INTO rooms (room_id, kind, host_wallet, visibility, ai_enabled, capacity, created_at) "
               "VALUES (:room_id, 'booked', :host_wallet, 'private', 0, :capacity, :created_at)")
        .bind(":room_id", room_id)
        .bind(":host_wallet", session.host)
        .bind(":capacity", rules.booked_room_capacity)
        .bind(":created_at", now)
        .run();
    db.prepare("INSERT INTO sessions (booking_id, room_id) VALUES (:booking_id, :room_id)")
        .bind(":booking_id", session.booking_id)
        .bind(":room_id", room_id)
        .run();
    return room_id;
}

void end_stay(sqlite::Database& db, rooms::Connection& connection, base::UnixSeconds now)
{
    connection.left_at = std::clamp(now, connection.joined_at, connection.token_expires_at);
    rooms::update_connection(db, connection);
}

// Frees the seats that stand in the way of the wallet: its own, those whose token has run out, and those of
// people who are no party any more.
void make_room(sqlite::Database& db, const std::string& room_id, const Session& session,
               const std::string& wallet, base::UnixSeconds now)
{
    for (auto& connection : rooms::find_open_connections(db, room_id)) {
        const bool is_party = connection.wallet == session.host || connection.wallet == session.guest;
        if (connection.wallet == wallet || connection.is_lapsed(now) || !is_party)
            end_stay(db, connection, now);
    }
}

} // namespace

Session look_up(ethereum::Chain& chain, const ethereum::Uint256& booking_id)
{
    const auto booking = chain.booking(booking_id);
    if (booking.status == ethereum::BookingStatus::none)
        throw Error(ErrorCode::not_found, "booking not found");
    if (booking.status != ethereum::BookingStatus::booked)
        throw Error(ErrorCode::invalid_argument, "booking not active");
    const auto slot = chain.slot(booking.slot_id);
    if (!slot.exists())
        throw Error(ErrorCode::not_found, "slot not found");
    return {booking_id.to_decimal(), slot.host, booking.guest, slot.start_at, slot.ends_at()};
}

Seat join(sqlite::Database& db, const base::Config& config, const agora::TokenIssuer& tokens,
          const Session& session, const std::string& wallet, base::UnixSeconds now, base::Random& random)
{
    const auto& rules = config.rules;
    if (wallet != session.host && wallet != session.guest)
        throw Error(ErrorCode::permission_denied, "not a participant");
    if (now < session.start_at - rules.join_window_seconds)
        throw Error(ErrorCode::invalid_argument, "too early to join");
    if (now > session.ends_at)
        throw Error(ErrorCode::invalid_argument, "session has ended");

    sqlite::Transaction tx(db);
    const auto room_id = find_or_create_room(db, rules, session, now, random);
    make_room(db, room_id, session, wallet, now);
    const auto ttl_seconds =
        std::min(std::max(rules.booked_token_ttl_seconds, session.ends_at - now), max_token_ttl_seconds);
    rooms::Connection connection;
    connection.connection_id = random.uuid_v4();
    connection.room_id = room_id;
    connection.kind = "booked";
    connection.wallet = wallet;
    connection.agora_uid = rooms::choose_uid(wallet, rooms::find_open_connections(db, room_id));
    connection.joined_at = connection.last_metered_at = now;
    connection.token_expires_at = now + ttl_seconds;
    rooms::insert_connection(db, connection);

    Seat seat;
    seat.channel = "heaven-" + std::to_string(config.chain_id) + "-" + session.booking_id;
    seat.agora_uid = connection.agora_uid;
    seat.agora_token = tokens.issue(seat.channel, seat.agora_uid, now, ttl_seconds, random);
    tx.commit();
    return seat;
}

std::int64_t leave(sqlite::Database& db, const std::string& booking_id, const std::string& wallet,
                   base::UnixSeconds now)
{
    sqlite::Transaction tx(db);
    std::int64_t seconds = 0;
    if (const auto room_id = find_room(db, booking_id)) {
        for (auto& connection : rooms::find_open_connections(db, *room_id)) {
            if (connection.wallet != wallet)
                continue;
            end_stay(db, connection, now);
            seconds = *connection.left_at - connection.joined_at;
        }
    }
    tx.commit();
    return seconds;
}

} // namespace sessions
