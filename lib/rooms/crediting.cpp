#include "rooms/crediting.h"

#include "base/error.h"
#include "credits/notice.h"
#include "credits/reference.h"
#include "rooms/connection.h"
#include "rooms/settling.h"

namespace rooms {

namespace {

// Books it by `book` unless that was done, when all that was used is booked.
template <class Book>
Credited once(Context& context, const credits::ReferencedEvent& asked, const Gift& gift, Book&& book)
{
    settle_wallet(context, asked.wallet);
    const bool was_booked = credits::is_booked(context.db, gift.reference, asked);
    if (!was_booked)
        book();
    return {!was_booked, asked.wallet, credits::account(context.db, asked.wallet).remaining_seconds};
}

} // namespace

Credited top_up(Context& context, const std::string& wallet, const Gift& gift)
{
    const credits::ReferencedEvent asked{credits::EventKind::top_up, wallet, gift.seconds, std::nullopt,
                                         gift.reason};
    return context.transact([&] {
        return once(context, asked, gift, [&] {
            credits::top_up(context.db, wallet, gift.seconds, gift.reference, gift.reason, context.now);
            credits::tell_granted(context.db, context.listeners, wallet, credits::EventKind::top_up,
                                  gift.seconds, credits::account(context.db, wallet).remaining_seconds,
                                  context.now);
        });
    });
}

Credited give_back(Context& context, const std::string& connection_id, const Gift& gift)
{
    return context.transact([&] {
        const auto connection = find_connection(context.db, connection_id);
        if (!connection)
            throw base::Error(base::ErrorCode::not_found, "connection_not_found");
        const credits::ReferencedEvent asked{credits::EventKind::refund_usage, connection->wallet,
                                             gift.seconds, connection_id, gift.reason};
        return once(context, asked, gift, [&] {
            credits::refund(context.db, connection->wallet, connection_id, gift.seconds, gift.reason,
                            context.now, gift.reference);
        });
    });
}

} // namespace rooms
