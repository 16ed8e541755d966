#include "sessions/session.h"

#include "base/error.h"
#include "base/hex.h"
#include "ethereum/keccak256.h"
#include "rooms/metering.h"

#include <algorithm>
#include <cstdlib>

namespace sessions {

namespace {

using base::Error;
using base::ErrorCode;

constexpr std::int64_t max_token_ttl_seconds = 86400; // Agora's own limit
constexpr std::int64_t recall_seconds = 60;

// Followed by a WHERE clause. read() depends on the order.
#define SELECT_SESSION                                                                                       \
    "SELECT booking_id, ifnull(host_wallet, ''), ifnull(guest_wallet, ''), start_at, ends_at, "              \
    "grace_seconds, min_overlap_seconds, ifnull(looked_up_at, 0), ifnull(concluded, '') FROM sessions "

KnownSession read_session(const sqlite::Statement& row)
{
    KnownSession session{row.text(0), row.text(1), row.text(2), std::nullopt, row.integer(7), row.text(8)};
    if (row.optional_integer(3))
        session.terms = Terms{row.integer(3), row.integer(4), row.integer(5), row.integer(6)};
    return session;
}

std::vector<KnownSession> read_all(sqlite::Statement& row)
{
    std::vector<KnownSession> found;
    while (row.step())
        found.push_back(read_session(row));
    return found;
}

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

bool is_closed(sqlite::Database& db, const std::string& room_id)
{
    auto row = db.prepare("SELECT closed_at FROM rooms WHERE room_id = :room_id");
    return row.bind(":room_id", room_id).step() && row.optional_integer(0).has_value();
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

Session look_up(ethereum::Chain& chain, const ethereum::Uint256& booking_id, Asker asker,
                base::UnixSeconds now)
{
    const auto booking = chain.booking(booking_id);
    if (booking.status == ethereum::BookingStatus::none)
        throw Error(ErrorCode::not_found, "booking not found");
    if (booking.status != ethereum::BookingStatus::booked)
        throw Error(ErrorCode::invalid_argument,
                    asker == Asker::participant
                        ? "booking not active"
                        : std::string("booking status is ") + name_of(booking.status) + ", expected Booked");
    const auto slot = chain.slot(booking.slot_id);
    if (!slot.exists())
        throw Error(ErrorCode::not_found, "slot not found");
    return {booking_id.to_decimal(), slot.host, booking.guest,
            Terms{slot.start_at, slot.ends_at(), slot.grace_minutes * 60, slot.min_overlap_minutes * 60},
            now};
}

Session look_up_to_join(sqlite::Database& db, ethereum::Chain& chain, const ethereum::Uint256& booking_id,
                        base::UnixSeconds now)
{
    try {
        return look_up(chain, booking_id, Asker::participant, now);
    } catch (const Error& error) {
        const auto known = find_session(db, booking_id.to_decimal());
        if (!known || !known->terms || known->looked_up_at == 0)
            throw;
        if (error.code() !=
            ErrorCode::chain_unavailable) { // a definite no, which an older yes must not outlive
            sqlite::Transaction tx(db, sqlite::Durability::relaxed);
            db.prepare("UPDATE sessions SET looked_up_at = NULL WHERE booking_id = :booking_id")
                .bind(":booking_id", known->booking_id)
                .run();
            tx.commit();
            throw;
        }
        if (!known->concluded.empty() || std::abs(now - known->looked_up_at) > recall_seconds)
            throw;
        return {known->booking_id, known->host, known->guest, *known->terms, known->looked_up_at};
    }
}

std::string channel_of(std::int64_t chain_id, const std::string& booking_id)
{
    constexpr std::size_t longest = 63;
    const auto prefix = "heaven-" + std::to_string(chain_id) + "-";
    if (prefix.size() + booking_id.size() <= longest)
        return prefix + booking_id;
    return prefix + "0x" + base::to_hex(ethereum::keccak256(booking_id)).substr(0, 32);
}

Seat join(sqlite::Database& db, const base::Config& config, const agora::TokenIssuer& tokens,
          const Session& session, const std::string& wallet, base::UnixSeconds now, base::Random& random)
{
    const auto& rules = config.rules;
    if (wallet != session.host && wallet != session.guest)
        throw Error(ErrorCode::permission_denied, "not a participant");
    if (now < session.terms.start_at - rules.join_window_seconds)
        throw Error(ErrorCode::invalid_argument, "too early to join");
    if (now > session.terms.ends_at)
        throw Error(ErrorCode::invalid_argument, "session has ended");

    sqlite::Transaction tx(db);
    const auto room_id = find_or_create_room(db, rules, session, now, random);
    if (is_closed(db, room_id)) // the clock stepped back
        throw Error(ErrorCode::invalid_argument, "session has ended");
    remember(db, session);
    make_room(db, room_id, session, wallet, now);
    const auto ttl_seconds = std::min(std::max(rules.booked_token_ttl_seconds, session.terms.ends_at - now),
                                      max_token_ttl_seconds);
    rooms::Connection connection;
    connection.connection_id = random.uuid_v4();
    connection.room_id = room_id;
    connection.kind = "booked";
    connection.wallet = wallet;
    connection.agora_uid = rooms::choose_uid(db, room_id, wallet, now);
    connection.joined_at = connection.last_metered_at = now;
    connection.token_expires_at = now + ttl_seconds;
    rooms::insert_connection(db, connection);

    Seat seat;
    seat.channel = channel_of(config.chain_id, session.booking_id);
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

std::vector<Stay> find_stays(sqlite::Database& db, const std::string& booking_id, const std::string& wallet,
                             base::UnixSeconds now)
{
    auto row = db.prepare("SELECT joined_at, ifnull(left_at, min(token_expires_at, :now)) FROM sessions "
                          "JOIN connections USING (room_id) WHERE booking_id = :booking_id "
                          "AND wallet = :wallet AND kind = 'booked' ORDER BY joined_at");
    row.bind(":now", now).bind(":booking_id", booking_id).bind(":wallet", wallet);
    std::vector<Stay> stays;
    while (row.step())
        stays.push_back({row.integer(0), row.integer(1)});
    return stays;
}

std::int64_t close_ended(sqlite::Database& db, base::UnixSeconds now)
{
    constexpr std::int64_t batch = 100;
    std::int64_t closed = 0;
    for (;;) {
        std::vector<std::pair<std::string, base::UnixSeconds>> ended; // room_id, ends_at
        {
            auto row =
                db.prepare("SELECT room_id, ends_at FROM rooms JOIN sessions USING (room_id) "
                           "WHERE closed_at IS NULL AND kind = 'booked' AND ends_at < :now LIMIT :limit");
            row.bind(":now", now).bind(":limit", batch);
            while (row.step())
                ended.emplace_back(row.text(0), row.integer(1));
        }
        if (ended.empty())
            return closed;
        sqlite::Transaction tx(db);
        for (const auto& [room_id, ends_at] : ended) {
            for (auto& connection : rooms::find_open_connections(db, room_id))
                end_stay(db, connection, ends_at);
            rooms::close_room(db, room_id, ends_at);
        }
        tx.commit();
        closed += static_cast<std::int64_t>(ended.size());
    }
}

std::optional<KnownSession> find_session(sqlite::Database& db, const std::string& booking_id)
{
    auto row = db.prepare(SELECT_SESSION "WHERE booking_id = :booking_id");
    if (!row.bind(":booking_id", booking_id).step())
        return std::nullopt;
    return read_session(row);
}

std::vector<KnownSession> list_sessions(sqlite::Database& db, std::int64_t limit)
{
    auto row = db.prepare(SELECT_SESSION "ORDER BY start_at DESC, booking_id LIMIT :limit");
    return read_all(row.bind(":limit", limit));
}

std::vector<KnownSession> find_sessions_to_attest(sqlite::Database& db, base::UnixSeconds now)
{
    auto row = db.prepare(SELECT_SESSION "WHERE concluded IS NULL AND (start_at IS NULL OR start_at <= :now) "
                                         "ORDER BY start_at");
    return read_all(row.bind(":now", now));
}

void remember(sqlite::Database& db, const Session& session)
{
    db.prepare("UPDATE sessions SET host_wallet = :host, guest_wallet = :guest, start_at = :start_at, "
               "ends_at = :ends_at, grace_seconds = :grace_seconds, min_overlap_seconds = "
               ":min_overlap_seconds, looked_up_at = :looked_up_at WHERE booking_id = :booking_id")
        .bind(":host", session.host)
        .bind(":guest", session.guest)
        .bind(":start_at", session.terms.start_at)
        .bind(":ends_at", session.terms.ends_at)
        .bind(":grace_seconds", session.terms.grace_seconds)
        .bind(":min_overlap_seconds", session.terms.min_overlap_seconds)
        .bind(":looked_up_at", session.looked_up_at)
        .bind(":booking_id", session.booking_id)
        .run();
}

void conclude(sqlite::Database& db, const std::string& booking_id, const std::string& why)
{
    db.prepare("UPDATE sessions SET concluded = :why WHERE booking_id = :booking_id")
        .bind(":why", why)
        .bind(":booking_id", booking_id)
        .run();
}

} // namespace sessions
