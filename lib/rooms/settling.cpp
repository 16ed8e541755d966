#include "rooms/settling.h"

#include "base/rules.h"
#include "rooms/loaded_room.h"
#include "rooms/notices.h"

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
        end_stay(context, *lapsed, lapsed->token_expires_at, Ending::lapsed);
        tally.debited_seconds += lapsed->debited_seconds - debited_before;
        tally.connections_lapsed += 1;
        if (lapsed + 1 == room.open.end())
            stored.emptied_at = lapsed->token_expires_at;
    }
    room.open.erase(room.open.begin(), lapsed);
    if (!room.open.empty())
        return tally;
    if (tally.connections_lapsed > 0)
        record_emptied(context.db, room_id, stored.emptied_at);
    const auto closes_at =
        stored.emptied_at.value_or(stored.room.created_at) + context.rules.unjoined_room_ttl_seconds;
    if (context.now >= closes_at) {
        close_room(context.db, room_id, closes_at);
        stored.closed_at = closes_at;
        tell_closed(context, room_id, Closing::expired, closes_at);
        tally.rooms_closed = 1;
    }
    return tally;
}

void settle_wallet(Context& context, const std::string& wallet, std::vector<LoadedRoom>& around)
{
    for (auto& room : around) {
        const auto* found = room.find(wallet);
        if ((found != nullptr && found->is_lapsed(context.now)) || room.stored.room.host_wallet == wallet)
            settle(context, room);
        auto* const stay = room.stored.is_active_free() ? room.find(wallet) : nullptr;
        if (stay != nullptr)
            book(context, *stay);
    }
}

void settle_wallet(Context& context, const std::string& wallet)
{
    auto around = load_rooms_around(context.db, wallet);
    settle_wallet(context, wallet, around);
}

Standing load_settled_standing(Context& context, const std::string& wallet)
{
    auto standing = load_standing(context.db, wallet, context.now);
    if (!standing.stay || !standing.stay->is_lapsed(context.now))
        return standing;
    context.transact([&] {
        if (auto room = load_room(context.db, standing.stay->room_id))
            settle(context, *room);
    });
    return load_standing(context.db, wallet, context.now);
}

} // namespace rooms
