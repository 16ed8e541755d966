#include "sessions/presence.h"

#include "database/transaction.h"
#include "sessions/notices.h"
#include "sessions/session.h"

#include <algorithm>

namespace sessions {

std::optional<std::string> find_booking_of(database::Connection& db, std::int64_t chain_id,
                                           const std::string& channel)
{
    const auto prefix = "heaven-" + std::to_string(chain_id) + "-";
    if (channel.rfind(prefix, 0) != 0)
        return std::nullopt;
    const auto id = channel.substr(prefix.size());
    // A long id stands there as its hash, and there are few of those.
    const bool is_hash = id.rfind("0x", 0) == 0;
    auto row = is_hash ? db.prepare("SELECT booking_id FROM sessions JOIN rooms USING (room_id) "
                                    "WHERE closed_at IS NULL AND kind = 'booked' AND length(booking_id) > 40")
                       : db.prepare("SELECT booking_id FROM sessions WHERE booking_id = :booking_id");
    if (!is_hash)
        row.bind(":booking_id", id);
    while (row.step()) {
        auto booking_id = row.text("booking_id");
        if (channel_of(chain_id, booking_id) == channel)
            return booking_id;
    }
    return std::nullopt;
}

void hear(const Context& context, const std::string& booking_id, const rooms::Notice& notice)
{
    database::transact(context.db, [&] {
        const auto room_id = find_room(context.db, booking_id);
        if (auto gone = room_id ? rooms::note(context.db, *room_id, notice) : std::nullopt)
            end_stay(context, booking_id, *gone, std::min(notice.at, context.now), "gone");
    });
}

} // namespace sessions
