// What the application and Agora are told of booked sessions. Each does nothing where nobody is to be told.
// Call all of it inside a Transaction.
#pragma once

#include "rooms/connection.h"
#include "sessions/context.h"
#include "sessions/outcome.h"

#include <string>

namespace sessions {

void tell_joined(const Context& context, const std::string& booking_id, const rooms::Connection& connection);
// Ends a stay at `until` and stores it, without charging anybody, as the booking is paid for. Tells why:
// "left", "lapsed", "replaced" by another of the same wallet, "ended" with the slot, or "gone", as Agora
// says. Where its token is still good, Agora is to turn it away.
void end_stay(const Context& context, const std::string& booking_id, rooms::Connection& connection,
              base::UnixSeconds until, const char* reason);
// That the chain has taken the attestation, and again when no block can take it back.
void tell_attested(const Context& context, const std::string& booking_id, Outcome outcome,
                   const std::string& tx_hash, bool is_confirmed);

} // namespace sessions
