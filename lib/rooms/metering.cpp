#include "rooms/metering.h"

#include "base/rules.h"
#include "credits/ledger.h"
#include "rooms/notices.h"

#include <algorithm>
#include <cassert>

namespace rooms {

std::int64_t used_seconds(const Connection& connection, std::int64_t balance_seconds, base::UnixSeconds until)
{
    if (connection.left_at || connection.kind != Kind::free)
        return 0;
    // The clock may step back (NTP). Charging nothing beats refunding by accident.
    const auto elapsed_seconds =
        std::max<std::int64_t>(0, std::min(until, connection.token_expires_at) - connection.last_metered_at);
    return std::min(elapsed_seconds, balance_seconds);
}

bool is_event_due(const base::Rules& rules, const Connection& connection, std::int64_t remaining_seconds)
{
    const auto raised = std::int64_t{connection.credits_low_at.has_value()} +
                        std::int64_t{connection.credits_exhausted_at.has_value()};
    return raised > connection.events_delivered ||
           (remaining_seconds <= rules.low_credit_seconds && !connection.credits_low_at) ||
           (remaining_seconds == 0 && !connection.credits_exhausted_at);
}

std::int64_t meter(Context& context, Connection& connection, base::UnixSeconds until,
                   std::int64_t balance_seconds)
{
    assert(context.db.in_transaction() && !connection.left_at);
    const auto present_until = std::min(until, connection.token_expires_at);
    const auto debit =
        credits::debit(context.db, connection.wallet, balance_seconds,
                       used_seconds(connection, balance_seconds, until), connection.connection_id, until);
    context.debited(debit.debited_seconds);
    connection.debited_seconds += debit.debited_seconds;
    connection.last_metered_at = std::max(connection.last_metered_at, present_until);

    if (debit.remaining_seconds <= context.rules.low_credit_seconds && !connection.credits_low_at) {
        connection.credits_low_at = present_until;
        connection.credits_low_remaining_seconds = debit.remaining_seconds;
        tell_event(context, connection, {"credits_low", debit.remaining_seconds, present_until});
    }
    if (debit.remaining_seconds == 0 && !connection.credits_exhausted_at) {
        connection.credits_exhausted_at = present_until;
        tell_event(context, connection, {"credits_exhausted", 0, present_until});
    }
    return debit.remaining_seconds;
}

std::int64_t meter(Context& context, Connection& connection, base::UnixSeconds until)
{
    const auto balance_seconds = credits::account(context.db, connection.wallet).remaining_seconds;
    return meter(context, connection, until, balance_seconds);
}

std::vector<Event> take_events(Connection& connection)
{
    // Low comes before exhausted, always: an empty balance is a low one.
    std::vector<Event> events;
    if (connection.credits_low_at)
        events.push_back(
            {"credits_low", *connection.credits_low_remaining_seconds, *connection.credits_low_at});
    if (connection.credits_exhausted_at)
        events.push_back({"credits_exhausted", 0, *connection.credits_exhausted_at});
    events.erase(events.begin(), events.begin() + connection.events_delivered);
    connection.events_delivered += static_cast<std::int64_t>(events.size());
    return events;
}

std::int64_t book(Context& context, Connection& connection)
{
    const auto before = connection;
    meter(context, connection, context.now);
    if (connection != before)
        update_connection(context.db, connection);
    return connection.debited_seconds - before.debited_seconds;
}

void end_stay(Context& context, Connection& connection, base::UnixSeconds until, Ending reason)
{
    meter(context, connection, until);
    end_metered_stay(context, connection, until, reason);
}

void end_metered_stay(Context& context, Connection& connection, base::UnixSeconds until, Ending reason)
{
    // Not before the mark, should the clock have stepped back: what is paid was presence.
    connection.left_at = std::clamp(until, connection.last_metered_at, connection.token_expires_at);
    connection.is_removed = reason == Ending::removed;
    update_connection(context.db, connection);
    tell_left(context, connection, reason);
}

} // namespace rooms
