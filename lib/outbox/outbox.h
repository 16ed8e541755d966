// What others are to be told, written down in the transaction that causes it: so it is told if and only if
// that happened. session-voice-notify delivers it.
#pragma once

#include "base/clock.h"
#include "base/json.h"
#include "database/connection.h"

#include <cstdint>
#include <optional>
#include <string>

namespace outbox {

enum class Destination
{
    webhook, // the application
    agora
};

const char* name_of(Destination destination); // "webhook", "agora"

struct Message
{
    Destination destination = Destination::webhook;
    // Messages of one stream are delivered in their order, one after the other; none: whenever it can be.
    std::optional<std::string> stream = {};
    std::string type; // "room.opened", ...; to Agora "turn_away"
    base::Json data;  // an object
    base::UnixSeconds happened_at = 0;
    base::UnixSeconds due_at = 0; // not before
};

// Call inside a Transaction.
void write(database::Connection& db, const Message& message);

// Agora is to turn the uid away from the channel, not before `due_at` and until the token that was issued for
// it ends at `until`. Does nothing if it has ended. Call inside a Transaction.
void turn_away(database::Connection& db, const std::string& channel, std::int64_t uid,
               base::UnixSeconds until, base::UnixSeconds now, base::UnixSeconds due_at);

} // namespace outbox
