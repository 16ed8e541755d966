#include "sessions/notices.h"

#include "base/listeners.h"
#include "base/session_settings.h"
#include "outbox/outbox.h"
#include "sessions/session.h"

#include <algorithm>

namespace sessions {

namespace {

void tell(const Context& context, const std::string& booking_id, const char* type, base::Json data,
          base::UnixSeconds happened_at)
{
    if (!context.listeners.tells_application)
        return;
    data["booking_id"] = booking_id;
    outbox::write(context.db, {outbox::Destination::webhook, "session " + booking_id, type, std::move(data),
                               happened_at, context.now});
}

} // namespace

void tell_joined(const Context& context, const std::string& booking_id, const rooms::Connection& connection)
{
    tell(context, booking_id, "session.joined",
         {{"wallet", connection.wallet}, {"agora_uid", connection.agora_uid}}, connection.joined_at);
}

void end_stay(const Context& context, const std::string& booking_id, rooms::Connection& connection,
              base::UnixSeconds until, const char* reason)
{
    const auto left_at = std::clamp(until, connection.joined_at, connection.token_expires_at);
    connection.left_at = left_at;
    rooms::update_connection(context.db, connection);
    tell(context, booking_id, "session.left",
         {{"wallet", connection.wallet},
          {"agora_uid", connection.agora_uid},
          {"reason", reason},
          {"seconds", left_at - connection.joined_at}},
         left_at);
    if (context.listeners.tells_agora)
        outbox::turn_away(context.db, channel_of(context.settings.chain_id, booking_id), connection.agora_uid,
                          connection.token_expires_at, context.now, context.now);
}

void tell_attested(const Context& context, const std::string& booking_id, Outcome outcome,
                   const std::string& tx_hash, bool is_confirmed)
{
    tell(context, booking_id, "session.attested",
         {{"outcome", name_of(outcome)}, {"tx_hash", tx_hash}, {"confirmed", is_confirmed}}, context.now);
}

} // namespace sessions
