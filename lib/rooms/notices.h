// What the application and Agora are told of a room, of those in it and of their credit. Each does nothing
// where nobody is to be told. Call all of it inside a Transaction.
#pragma once

#include "rooms/context.h"
#include "rooms/ending.h"

#include <cstdint>
#include <optional>
#include <string>

namespace rooms {

struct Connection;
struct Description;
struct Event;
struct Room;

void tell_opened(Context& context, const Room& room, const Description& description);
void tell_closed(Context& context, const std::string& room_id, Closing reason, base::UnixSeconds closed_at);
void tell_joined(Context& context, const Connection& connection);
// Of one that has left. Where its token is still good, Agora is to turn it away.
void tell_left(Context& context, const Connection& connection, Ending reason);
void tell_event(Context& context, const Connection& connection, const Event& event);
// Agora is to turn the participant away from `from` on, as long as the token is good.
void turn_away(Context& context, const Connection& connection, base::UnixSeconds from);

void tell_banned(Context& context, const std::string& wallet, const std::string& reason,
                 std::optional<std::int64_t> duration_seconds);
void tell_unbanned(Context& context, const std::string& wallet);

} // namespace rooms
