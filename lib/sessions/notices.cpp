#include "sessions/notices.h"

#include "base/config.h"
#include "outbox/outbox.h"
#include "sessions/session.h"

#include <algorithm>

namespace sessions {

namespace {

void tell(database::Connection& db, const base::Config& config, const std::string& booking_id,
          const char* type, base::Json data, base::UnixSeconds happened_at, base::UnixSeconds now)
{
    if (!config.rules.tells_application)
        return;
    data["booking_id"] = booking_id;
    outbox::write(
        db, {outbox::Destination::webhook, "session " + booking_id, type, std::move(data), happened_at, now});
}

} // namespace

void tell_joined(database::Connection& db, const base::Config& config, const std::string& booking_id,
                 const rooms::Connection& connection)
{
    tell(db, config, booking_id, "session.joined",
         {{"wallet", connection.wallet}, {"agora_uid", connection.agora_uid}}, connection.joined_at,
         connection.joined_at);
}

void end_stay(database::Connection& db, const base::Config& config, const std::string& booking_id,
              rooms::Connection& connection, base::UnixSeconds until, const char* reason,
              base::UnixSeconds now)
{
    const auto left_at = std::clamp(until, connection.joined_at, connection.token_expires_at);
    connection.left_at = left_at;
    rooms::update_connection(db, connection);
    tell(db, config, booking_id, "session.left",
         {{"wallet", connection.wallet},
          {"agora_uid", connection.agora_uid},
          {"reason", reason},
          {"seconds", left_at - connection.joined_at}},
         left_at, now);
    if (config.rules.tells_agora)
        outbox::turn_away(db, channel_of(config.chain_id, booking_id), connection.agora_uid,
                          connection.token_expires_at, now, now);
}

void tell_attested(database::Connection& db, const base::Config& config, const std::string& booking_id,
                   Outcome outcome, const std::string& tx_hash, bool is_confirmed, base::UnixSeconds now)
{
    tell(db, config, booking_id, "session.attested",
         {{"outcome", name_of(outcome)}, {"tx_hash", tx_hash}, {"confirmed", is_confirmed}}, now, now);
}

} // namespace sessions
