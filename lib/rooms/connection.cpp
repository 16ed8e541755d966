#include "rooms/connection.h"

#include <algorithm>

namespace rooms {

namespace {

// The uids that may be issued are 1 to 2^31 - 2: many clients hold them in a signed integer of 32 bits. 0
// would admit anybody.
constexpr std::int64_t uid_modulus = 0x7fffffff;

// Followed by a WHERE clause. read() depends on the order.
#define SELECT_CONNECTION                                                                                    \
    "SELECT connection_id, room_id, kind, wallet, agora_uid, joined_at, token_expires_at, last_metered_at, " \
    "debited_seconds, left_at, credits_low_at, credits_low_remaining_seconds, credits_exhausted_at, "        \
    "events_delivered FROM connections "

Connection read_connection(const sqlite::Statement& row)
{
    Connection connection;
    connection.connection_id = row.text(0);
    connection.room_id = row.text(1);
    connection.kind = row.text(2);
    connection.wallet = row.text(3);
    connection.agora_uid = row.integer(4);
    connection.joined_at = row.integer(5);
    connection.token_expires_at = row.integer(6);
    connection.last_metered_at = row.integer(7);
    connection.debited_seconds = row.integer(8);
    connection.left_at = row.optional_integer(9);
    connection.credits_low_at = row.optional_integer(10);
    connection.credits_low_remaining_seconds = row.optional_integer(11);
    connection.credits_exhausted_at = row.optional_integer(12);
    connection.events_delivered = row.integer(13);
    return connection;
}

std::optional<Connection> read_one(sqlite::Statement& row)
{
    if (!row.step())
        return std::nullopt;
    return read_connection(row);
}

std::vector<Connection> read_all(sqlite::Statement& row)
{
    std::vector<Connection> connections;
    while (row.step())
        connections.push_back(read_connection(row));
    return connections;
}

} // namespace

std::int64_t choose_uid(sqlite::Database& db, const std::string& room_id, const std::string& wallet,
                        base::UnixSeconds now)
{
    // Who left early can still enter Agora's channel, and whoever had the same uid there would be cut off.
    auto row = db.prepare("SELECT agora_uid FROM connections "
                          "WHERE room_id = :room_id AND agora_uid > 0 AND left_at IS NULL "
                          "UNION ALL SELECT agora_uid FROM connections WHERE room_id = :room_id "
                          "AND left_at < token_expires_at AND token_expires_at > :now AND wallet <> :wallet");
    row.bind(":room_id", room_id).bind(":now", now).bind(":wallet", wallet);
    std::vector<std::int64_t> taken;
    while (row.step())
        taken.push_back(row.integer(0));

    const auto last_four_bytes = static_cast<std::int64_t>(std::stoul(wallet.substr(34), nullptr, 16));
    auto uid = (last_four_bytes & 0x7fffffff) % uid_modulus;
    while (uid == 0 || std::find(taken.begin(), taken.end(), uid) != taken.end())
        uid = (uid + 1) % uid_modulus;
    return uid;
}

std::optional<Connection> find_connection(sqlite::Database& db, const std::string& connection_id)
{
    auto row = db.prepare(SELECT_CONNECTION "WHERE connection_id = :connection_id");
    return read_one(row.bind(":connection_id", connection_id));
}

std::optional<Connection> find_open_connection(sqlite::Database& db, const std::string& wallet)
{
    auto row = db.prepare(SELECT_CONNECTION "WHERE wallet = :wallet AND left_at IS NULL AND kind = 'free'");
    return read_one(row.bind(":wallet", wallet));
}

std::vector<Connection> find_open_connections(sqlite::Database& db, const std::string& room_id)
{
    // However many have been in the room: that index holds the open ones alone.
    auto row = db.prepare(SELECT_CONNECTION "INDEXED BY connections_distinct_uids "
                                            "WHERE room_id = :room_id AND left_at IS NULL "
                                            "ORDER BY token_expires_at");
    return read_all(row.bind(":room_id", room_id));
}

std::vector<Connection> find_all_connections(sqlite::Database& db, const std::string& room_id)
{
    auto row = db.prepare(SELECT_CONNECTION
                          "WHERE room_id = :room_id ORDER BY joined_at, last_metered_at, connection_id");
    return read_all(row.bind(":room_id", room_id));
}

std::vector<Connection> find_due_connections(sqlite::Database& db, const std::string& after_wallet,
                                             base::UnixSeconds metered_until, base::UnixSeconds now,
                                             std::int64_t limit)
{
    auto row =
        db.prepare(SELECT_CONNECTION "WHERE left_at IS NULL AND kind = 'free' AND wallet > :after_wallet "
                                     "AND (last_metered_at <= :metered_until OR token_expires_at <= :now) "
                                     "ORDER BY wallet LIMIT :limit");
    row.bind(":after_wallet", after_wallet).bind(":metered_until", metered_until).bind(":now", now);
    return read_all(row.bind(":limit", limit));
}

void insert_connection(sqlite::Database& db, const Connection& connection)
{
    db.prepare("INSERT INTO connections (connection_id, room_id, kind, wallet, agora_uid, joined_at, "
               "token_expires_at, "
               "last_metered_at) VALUES (:connection_id, :room_id, :kind, :wallet, :agora_uid, :joined_at, "
               ":token_expires_at, :last_metered_at)")
        .bind(":connection_id", connection.connection_id)
        .bind(":room_id", connection.room_id)
        .bind(":kind", connection.kind)
        .bind(":wallet", connection.wallet)
        .bind(":agora_uid", connection.agora_uid)
        .bind(":joined_at", connection.joined_at)
        .bind(":token_expires_at", connection.token_expires_at)
        .bind(":last_metered_at", connection.last_metered_at)
        .run();
}

void update_connection(sqlite::Database& db, const Connection& connection)
{
    // The partial indexes depend on left_at. A statement that does not set it leaves their pages alone, which
    // is a third of all that a heartbeat would write.
#define SET_ALL_BUT_LEFT_AT                                                                                  \
    "UPDATE connections SET token_expires_at = :token_expires_at, last_metered_at = :last_metered_at, "      \
    "debited_seconds = :debited_seconds, credits_low_at = :credits_low_at, "                                 \
    "credits_low_remaining_seconds = :credits_low_remaining_seconds, "                                       \
    "credits_exhausted_at = :credits_exhausted_at, events_delivered = :events_delivered "
    constexpr const char* while_open = SET_ALL_BUT_LEFT_AT "WHERE connection_id = :connection_id";
    constexpr const char* at_the_end =
        SET_ALL_BUT_LEFT_AT ", left_at = :left_at WHERE connection_id = :connection_id";
    auto update = db.prepare(connection.left_at ? at_the_end : while_open);
    if (connection.left_at)
        update.bind(":left_at", connection.left_at);
    update.bind(":token_expires_at", connection.token_expires_at)
        .bind(":last_metered_at", connection.last_metered_at)
        .bind(":debited_seconds", connection.debited_seconds)
        .bind(":credits_low_at", connection.credits_low_at)
        .bind(":credits_low_remaining_seconds", connection.credits_low_remaining_seconds)
        .bind(":credits_exhausted_at", connection.credits_exhausted_at)
        .bind(":events_delivered", connection.events_delivered)
        .bind(":connection_id", connection.connection_id)
        .run();
}

} // namespace rooms
