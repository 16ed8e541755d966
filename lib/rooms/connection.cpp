#include "rooms/connection.h"

#include "base/listeners.h"
#include "database/many_rows.h"

#include <algorithm>

namespace rooms {

namespace {

// The uids that may be issued are 1 to 2^31 - 2: many clients hold them in a signed integer of 32 bits. 0
// would admit anybody.
constexpr std::int64_t uid_modulus = 0x7fffffff;

// Followed by a WHERE clause.
const std::string select_connection = std::string("SELECT c.room_id AS room_id, c.kind AS kind, ") +
                                      connection_columns + " FROM connections c ";

constexpr const char* first_joined_first = "ORDER BY c.joined_at, c.last_metered_at, c.connection_id";

std::optional<Connection> read_one(database::Statement& row)
{
    if (!row.step())
        return std::nullopt;
    return read_connection(row);
}

std::vector<Connection> read_all(database::Statement& row)
{
    std::vector<Connection> connections;
    while (row.step())
        connections.push_back(read_connection(row));
    return connections;
}

} // namespace

Connection read_connection(const database::Statement& row)
{
    Connection connection;
    connection.room_id = row.text("room_id");
    connection.kind = kind_named(row.text("kind"));
    connection.connection_id = row.text("connection_id");
    connection.wallet = row.text("wallet");
    connection.agora_uid = row.integer("agora_uid");
    connection.joined_at = row.integer("joined_at");
    connection.token_expires_at = row.integer("token_expires_at");
    connection.last_metered_at = row.integer("last_metered_at");
    connection.debited_seconds = row.integer("debited_seconds");
    connection.left_at = row.optional_integer("left_at");
    connection.credits_low_at = row.optional_integer("credits_low_at");
    connection.credits_low_remaining_seconds = row.optional_integer("credits_low_remaining_seconds");
    connection.credits_exhausted_at = row.optional_integer("credits_exhausted_at");
    connection.events_delivered = row.integer("events_delivered");
    connection.is_removed = row.integer("removed") != 0;
    return connection;
}

std::int64_t choose_uid(database::Connection& db, const base::Listeners& listeners,
                        const std::string& room_id, const std::vector<Connection>& open,
                        const std::string& wallet, base::UnixSeconds now)
{
    std::vector<std::int64_t> taken;
    for (const auto& each : open)
        taken.push_back(each.agora_uid);
    // Who left early can still enter Agora's channel, and whoever had the same uid there would be cut off.
    auto row = db.prepare("SELECT agora_uid FROM connections WHERE room_id = :room_id "
                          "AND left_at < token_expires_at AND token_expires_at > :now AND wallet <> :wallet");
    row.bind(":room_id", room_id)
        .bind(":now", now)
        .bind(":wallet", listeners.tells_agora ? std::string() : wallet);
    while (row.step())
        taken.push_back(row.integer(0));

    const auto last_four_bytes = static_cast<std::int64_t>(std::stoul(wallet.substr(34), nullptr, 16));
    auto uid = (last_four_bytes & 0x7fffffff) % uid_modulus;
    while (uid == 0 || std::find(taken.begin(), taken.end(), uid) != taken.end())
        uid = (uid + 1) % uid_modulus;
    return uid;
}

std::optional<Connection> find_connection(database::Connection& db, const std::string& connection_id)
{
    static const auto sql = select_connection + "WHERE c.connection_id = :connection_id";
    auto row = db.prepare(sql);
    return read_one(row.bind(":connection_id", connection_id));
}

std::optional<Connection> find_open_connection(database::Connection& db, const std::string& wallet)
{
    static const auto sql =
        select_connection + "WHERE c.wallet = :wallet AND c.left_at IS NULL AND c.kind = 'free'";
    auto row = db.prepare(sql);
    return read_one(row.bind(":wallet", wallet));
}

std::vector<Connection> find_all_connections(database::Connection& db, const std::string& room_id)
{
    static const auto sql = select_connection + "WHERE c.room_id = :room_id " + first_joined_first;
    auto row = db.prepare(sql);
    return read_all(row.bind(":room_id", room_id));
}

std::vector<Connection> find_holders(database::Connection& db, const std::string& room_id, std::int64_t uid)
{
    static const auto sql =
        select_connection + "WHERE c.room_id = :room_id AND c.agora_uid = :uid " + first_joined_first;
    auto row = db.prepare(sql);
    return read_all(row.bind(":room_id", room_id).bind(":uid", uid));
}

std::vector<Connection> find_early_leaves(database::Connection& db, const std::string& wallet,
                                          base::UnixSeconds left_after, base::UnixSeconds now)
{
    static const auto sql =
        select_connection + "WHERE " + left_early_lately + "ORDER BY c.left_at DESC, c.connection_id";
    auto row = db.prepare(sql);
    return read_all(row.bind(":wallet", wallet).bind(":left_after", left_after).bind(":now", now));
}

DueConnections find_due_connections(database::Connection& db, std::int64_t first,
                                    base::UnixSeconds metered_until, base::UnixSeconds expiring_until,
                                    base::UnixSeconds now)
{
    // Empty parts are skipped, since a server may be far away.
    static const auto part = "agora_uid % " + std::to_string(parts_of_connections);
    static const auto sql =
        "SELECT p.part, c.connection_id FROM (SELECT min(" + part +
        ") AS part FROM connections WHERE left_at IS NULL AND kind = 'free' AND " + part +
        " >= :first) p LEFT JOIN connections c ON c.left_at IS NULL AND c.kind = 'free' AND c." + part +
        " = p.part AND c.token_expires_at <= :expiring_until "
        "AND (c.last_metered_at <= :metered_until OR c.token_expires_at <= :now) "
        "ORDER BY c.token_expires_at, c.connection_id";
    auto row = db.prepare(sql);
    row.bind(":first", first).bind(":metered_until", metered_until);
    row.bind(":expiring_until", expiring_until).bind(":now", now);
    DueConnections due;
    while (row.step()) {
        due.part = row.optional_integer("part");
        if (auto id = row.optional_text("connection_id"))
            due.ids.push_back(std::move(*id));
    }
    return due;
}

void insert_connection(database::Connection& db, const Connection& connection)
{
    db.prepare("INSERT INTO connections (connection_id, room_id, kind, wallet, agora_uid, joined_at, "
               "token_expires_at, "
               "last_metered_at) VALUES (:connection_id, :room_id, :kind, :wallet, :agora_uid, :joined_at, "
               ":token_expires_at, :last_metered_at)")
        .bind(":connection_id", connection.connection_id)
        .bind(":room_id", connection.room_id)
        .bind(":kind", std::string_view(name_of(connection.kind)))
        .bind(":wallet", connection.wallet)
        .bind(":agora_uid", connection.agora_uid)
        .bind(":joined_at", connection.joined_at)
        .bind(":token_expires_at", connection.token_expires_at)
        .bind(":last_metered_at", connection.last_metered_at)
        .run();
}

void insert_ended_connections(database::Connection& db, const std::vector<Connection>& connections)
{
    static const database::ManyRows insert(
        "INSERT INTO connections (connection_id, room_id, kind, wallet, agora_uid, joined_at, "
        "token_expires_at, last_metered_at, debited_seconds, left_at) VALUES ",
        "(:connection_id#, :room_id#, 'free', :wallet#, :agora_uid#, :joined_at#, :token_expires_at#, "
        ":last_metered_at#, :debited_seconds#, :left_at#)");
    insert.run(db, connections, [](auto& statement, const std::string& i, const Connection& connection) {
        statement.bind((":connection_id" + i).c_str(), connection.connection_id)
            .bind((":room_id" + i).c_str(), connection.room_id)
            .bind((":wallet" + i).c_str(), connection.wallet)
            .bind((":agora_uid" + i).c_str(), connection.agora_uid)
            .bind((":joined_at" + i).c_str(), connection.joined_at)
            .bind((":token_expires_at" + i).c_str(), connection.token_expires_at)
            .bind((":last_metered_at" + i).c_str(), connection.last_metered_at)
            .bind((":debited_seconds" + i).c_str(), connection.debited_seconds)
            .bind((":left_at" + i).c_str(), connection.left_at);
    });
}

void update_connection(database::Connection& db, const Connection& connection)
{
    // The partial indexes depend on left_at. A statement that does not set it leaves their pages alone.
    static const std::string all_but_left_at =
        "UPDATE connections SET token_expires_at = :token_expires_at, last_metered_at = :last_metered_at, "
        "debited_seconds = :debited_seconds, credits_low_at = :credits_low_at, "
        "credits_low_remaining_seconds = :credits_low_remaining_seconds, "
        "credits_exhausted_at = :credits_exhausted_at, events_delivered = :events_delivered ";
    static const auto while_open = all_but_left_at + "WHERE connection_id = :connection_id";
    static const auto at_the_end =
        all_but_left_at + ", left_at = :left_at, removed = :removed WHERE connection_id = :connection_id";
    auto update = db.prepare(connection.left_at ? at_the_end : while_open);
    if (connection.left_at)
        update.bind(":left_at", connection.left_at).bind(":removed", std::int64_t{connection.is_removed});
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
