#include "rooms/moderation.h"

#include "base/error.h"
#include "rooms/departure.h"
#include "rooms/room.h"

namespace rooms {

namespace {

using base::Error;
using base::ErrorCode;

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

} // namespace

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

} // namespace rooms
