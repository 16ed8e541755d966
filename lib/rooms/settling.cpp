#include "rooms/settling.h"

#include "rooms/loaded_room.h"

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

Tally settle(Context& context, LoadedRoom& room)
{
    assert(context.db.in_transaction());
    Tally tally;
    auto& stored = room.stored;
    if (!stored.is_active_free())
        return tally;
    const auto& room_id = stored.room.room_id;
    auto lapsed = room.open.begin();
    for (; lapsed != room.open.end() && lapsed->is_lapsed(context.now); ++lapsed) {
        const auto debited_before = lapsed->debited_seconds;
        end_stay(context, *lapsed, lapsed->token_expires_at);
        tally.debited_seconds += lapsed->debited_seconds - debited_before;
        tally.connections_lapsed += 1;
        if (lapsed + 1 == room.open.end())
            stored.emptied_at = lapsed->token_expires_at;
    }
    room.open.erase(room.open.begin(), lapsed);
    if (!room.open.empty())
        return tally;
    if (tally.connections_lapsed > 0)
        record_emptied(context.db, room_id, *stored.emptied_at);
    const auto closes_at =
        stored.emptied_at.value_or(stored.room.created_at) + context.rules.unjoined_room_ttl_seconds;
    if (context.now >= closes_at) {
        close_room(context.db, room_id, closes_at);
        stored.closed_at = closes_at;
        tally.rooms_closed = 1;
    }
    return tally;
}

Tally settle_wallet(Context& context, const std::string& wallet, std::vector<LoadedRoom>& around)
{
    Tally tally;
    for (auto& room : around) {
        const auto* connection = room.find(wallet);
        if ((connection != nullptr && connection->is_lapsed(context.now)) ||
            room.stored.room.host_wallet == wallet)
            tally += settle(context, room);
    }
    return tally;
}

Tally settle_wallet(Context& context, const std::string& wallet)
{
    auto around = load_rooms_around(context.db, wallet);
    return settle_wallet(context, wallet, around);
}

void settle_wallet_if_lapsed(Context& context, const std::string& wallet)
{
    const auto connection = find_open_connection(context.db, wallet);
    if (!connection || !connection->is_lapsed(context.now))
        return;
    context.transact([&] {
        if (auto room = load_room(context.db, connection->room_id))
            settle(context, *room);
    });
}

} // namespace rooms
