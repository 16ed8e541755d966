#include "sessions/session.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/session_settings.h"
#include "database/transaction.h"
#include "ethereum/keccak256.h"
#include "rooms/description.h"
#include "rooms/loaded_room.h"
#include "sessions/notices.h"

#include <algorithm>
#include <cstdlib>

namespace sessions {

namespace {

using base::Error;
using base::ErrorCode;

constexpr std::int64_t max_token_ttl_seconds = 86400; // Agora's own limit
constexpr std::int64_t recall_seconds = 60;

// Followed by a WHERE clause.
const std::string select_session =
    "SELECT booking_id, host_wallet, guest_wallet, start_at, ends_at, grace_seconds, "
    "min_overlap_seconds, looked_up_at, concluded FROM sessions ";

KnownSession read_session(const database::Statement& row)
{
    KnownSession session{row.text("booking_id"),
                         row.text("host_wallet"),
                         row.text("guest_wallet"),
                         std::nullopt,
                         row.optional_integer("looked_up_at"),
                         row.optional_text("concluded")};
    if (const auto start_at = row.optional_integer("start_at"))
        session.terms = Terms{*start_at, row.integer("ends_at"), row.integer("grace_seconds"),
                              row.integer("min_overlap_seconds")};
    return session;
}

std::vector<KnownSession> read_all(database::Statement& row)
{
    std::vector<KnownSession> found;
    while (row.step())
        found.push_back(read_session(row));
    return found;
}

// The session's room with those who are in it, made for the first who joins.
rooms::LoadedRoom load_or_create_room(const Context& context, const Session& session, base::Random& random)
{
    auto& db = context.db;
    if (const auto room_id = find_room(db, session.booking_id)) {
        if (auto loaded = rooms::load_room(db, *room_id))
            return *std::move(loaded);
    }
    rooms::LoadedRoom made;
    made.stored.kind = rooms::Kind::booked;
    auto& room = made.stored.room;
    room.room_id = random.uuid_v4();
    room.host_wallet = session.host;
    room.capacity = context.settings.booked_room_capacity;
    room.created_at = context.now;
    rooms::insert_room(db, made.stored.kind, room, {.is_private = true});
    db.prepare("INSERT INTO sessions (booking_id, room_id) VALUES (:booking_id, :room_id)")
        .bind(":booking_id", session.booking_id)
        .bind(":room_id", room.room_id)
        .run();
    return made;
}

// Ends what stands in the way of the wallet: its own stay, those whose token has run out, and those of people
// who are no party any more.
void free_seats(const Context& context, rooms::LoadedRoom& room, const Session& session,
                const std::string& wallet)
{
    const auto is_in_the_way = [&](const rooms::Connection& connection) {
        const bool is_party = connection.wallet == session.host || connection.wallet == session.guest;
        return connection.wallet == wallet || connection.is_lapsed(context.now) || !is_party;
    };
    for (auto& connection : room.open) {
        if (is_in_the_way(connection))
            end_stay(context, session.booking_id, connection, context.now,
                     connection.is_lapsed(context.now) ? "lapsed" : "replaced");
    }
    std::erase_if(room.open, [](const auto& connection) { return connection.left_at.has_value(); });
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

Session look_up_to_join(database::Connection& db, ethereum::Chain& chain, const ethereum::Uint256& booking_id,
                        base::UnixSeconds now)
{
    try {
        return look_up(chain, booking_id, Asker::participant, now);
    } catch (const Error& error) {
        const auto known = find_session(db, booking_id.to_decimal());
        if (!known || !known->terms || !known->looked_up_at)
            throw;
        if (error.code() !=
            ErrorCode::chain_unavailable) { // a definite no, which an older yes must not outlive
            database::transact(db, database::Durability::relaxed, [&] {
                db.prepare("UPDATE sessions SET looked_up_at = NULL WHERE booking_id = :booking_id")
                    .bind(":booking_id", known->booking_id)
                    .run();
            });
            throw;
        }
        if (known->concluded || std::abs(now - *known->looked_up_at) > recall_seconds)
            throw;
        return {known->booking_id, known->host, known->guest, *known->terms, *known->looked_up_at};
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

Seat join(const Context& context, const rooms::Mint& mint, const Session& session, const std::string& wallet)
{
    auto& db = context.db;
    const auto& settings = context.settings;
    const auto now = context.now;
    if (wallet != session.host && wallet != session.guest)
        throw Error(ErrorCode::permission_denied, "not a participant");
    if (now < session.terms.start_at - settings.join_window_seconds)
        throw Error(ErrorCode::invalid_argument, "too early to join");
    if (now > session.terms.ends_at)
        throw Error(ErrorCode::invalid_argument, "session has ended");

    return database::transact(db, [&] {
        auto room = load_or_create_room(context, session, mint.random);
        if (room.stored.closed_at) // the clock stepped back
            throw Error(ErrorCode::invalid_argument, "session has ended");
        const auto& room_id = room.stored.room.room_id;
        remember(db, session);
        free_seats(context, room, session, wallet);
        const auto ttl_seconds = std::min(
            std::max(settings.booked_token_ttl_seconds, session.terms.ends_at - now), max_token_ttl_seconds);
        rooms::Connection connection;
        connection.connection_id = mint.random.uuid_v4();
        connection.room_id = room_id;
        connection.kind = rooms::Kind::booked;
        connection.wallet = wallet;
        connection.agora_uid = rooms::choose_uid(db, context.listeners, room_id, room.open, wallet, now);
        connection.joined_at = connection.last_metered_at = now;
        connection.token_expires_at = now + ttl_seconds;
        rooms::insert_connection(db, connection);
        tell_joined(context, session.booking_id, connection);

        Seat seat;
        seat.channel = channel_of(settings.chain_id, session.booking_id);
        seat.agora_uid = connection.agora_uid;
        seat.agora_token = mint.tokens.issue(seat.channel, seat.agora_uid, now, ttl_seconds, mint.random);
        return seat;
    });
}

std::int64_t leave(const Context& context, const std::string& booking_id, const std::string& wallet)
{
    auto& db = context.db;
    return database::transact(db, [&]() -> std::int64_t {
        const auto room_id = find_room(db, booking_id);
        auto room = room_id ? rooms::load_room(db, *room_id) : std::nullopt;
        auto* const connection = room ? room->find(wallet) : nullptr;
        if (connection == nullptr)
            return 0;
        end_stay(context, booking_id, *connection, context.now, "left");
        return *connection->left_at - connection->joined_at;
    });
}

std::vector<Stay> find_stays(const Context& context, const std::string& booking_id, const std::string& wallet)
{
    auto row = context.db.prepare(
        "SELECT joined_at, CASE WHEN left_at IS NOT NULL THEN left_at "
        "WHEN token_expires_at < :now THEN token_expires_at ELSE :now END AS left_at, first_heard_at, "
        "disconnected_at FROM sessions JOIN connections USING (room_id) LEFT JOIN agora_presence USING "
        "(connection_id) WHERE booking_id = :booking_id AND wallet = :wallet AND kind = 'booked' "
        "ORDER BY joined_at");
    row.bind(":now", context.now).bind(":booking_id", booking_id).bind(":wallet", wallet);
    std::vector<Stay> stays;
    while (row.step()) {
        Stay stay{row.integer("joined_at"), row.integer("left_at")};
        if (context.settings.agora_require_audio) {
            const auto heard_at = row.optional_integer("first_heard_at");
            if (!heard_at)
                continue;
            stay.joined_at = std::clamp(*heard_at, stay.joined_at, stay.left_at);
            stay.left_at = std::clamp(row.optional_integer("disconnected_at").value_or(stay.left_at),
                                      stay.joined_at, stay.left_at);
        }
        stays.push_back(stay);
    }
    return stays;
}

std::int64_t close_ended(const Context& context)
{
    auto& db = context.db;
    constexpr std::int64_t batch = 100;
    struct Ended
    {
        std::string booking_id;
        std::string room_id;
        base::UnixSeconds ends_at = 0;
    };
    std::int64_t closed = 0;
    for (;;) {
        std::vector<Ended> ended;
        {
            auto row =
                db.prepare("SELECT booking_id, room_id, ends_at FROM rooms JOIN sessions USING (room_id) "
                           "WHERE closed_at IS NULL AND kind = 'booked' AND ends_at < :now LIMIT :limit");
            row.bind(":now", context.now).bind(":limit", batch);
            while (row.step())
                ended.push_back({row.text("booking_id"), row.text("room_id"), row.integer("ends_at")});
        }
        if (ended.empty())
            return closed;
        database::transact(db, [&] {
            for (const auto& session : ended) {
                if (auto room = rooms::load_room(db, session.room_id)) {
                    for (auto& connection : room->open)
                        end_stay(context, session.booking_id, connection, session.ends_at, "ended");
                }
                rooms::close_room(db, session.room_id, session.ends_at);
            }
        });
        closed += static_cast<std::int64_t>(ended.size());
    }
}

std::optional<std::string> find_room(database::Connection& db, const std::string& booking_id)
{
    auto row = db.prepare("SELECT room_id FROM sessions WHERE booking_id = :booking_id");
    if (!row.bind(":booking_id", booking_id).step())
        return std::nullopt;
    return row.text(0);
}

std::optional<KnownSession> find_session(database::Connection& db, const std::string& booking_id)
{
    static const auto sql = select_session + "WHERE booking_id = :booking_id";
    auto row = db.prepare(sql);
    if (!row.bind(":booking_id", booking_id).step())
        return std::nullopt;
    return read_session(row);
}

std::vector<KnownSession> list_sessions(database::Connection& db, std::int64_t limit)
{
    static const auto sql = select_session + "ORDER BY start_at DESC NULLS LAST, booking_id LIMIT :limit";
    auto row = db.prepare(sql);
    return read_all(row.bind(":limit", limit));
}

std::vector<KnownSession> find_sessions_to_attest(database::Connection& db, base::UnixSeconds now)
{
    static const auto sql = select_session +
                            "WHERE concluded IS NULL AND (start_at IS NULL OR start_at <= :now) "
                            "ORDER BY start_at NULLS FIRST, booking_id";
    auto row = db.prepare(sql);
    return read_all(row.bind(":now", now));
}

void remember(database::Connection& db, const Session& session)
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

void conclude(database::Connection& db, const std::string& booking_id, const std::string& why)
{
    db.prepare("UPDATE sessions SET concluded = :why WHERE booking_id = :booking_id")
        .bind(":why", why)
        .bind(":booking_id", booking_id)
        .run();
}

} // namespace sessions
