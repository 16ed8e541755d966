// What Agora says of who is in the channel of a booked session.
#pragma once

#include "database/connection.h"
#include "rooms/presence.h"
#include "sessions/context.h"

#include <optional>
#include <string>

namespace sessions {

// The booking whose channel that is, and that somebody has joined; nothing if there is none.
std::optional<std::string> find_booking_of(database::Connection& db, std::int64_t chain_id,
                                           const std::string& channel);

// As rooms::hear(), of a booked session.
void hear(const Context& context, const std::string& booking_id, const rooms::Notice& notice);

} // namespace sessions
