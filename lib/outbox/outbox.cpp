#include "outbox/outbox.h"

#include <cassert>

namespace outbox {

const char* name_of(Destination destination)
{
    return destination == Destination::webhook ? "webhook" : "agora";
}

void write(database::Connection& db, const Message& message)
{
    assert(db.in_transaction());
    db.prepare("INSERT INTO outbox (destination, stream, type, data, happened_at, due_at) "
               "VALUES (:destination, :stream, :type, :data, :happened_at, :due_at)")
        .bind(":destination", std::string_view(name_of(message.destination)))
        .bind(":stream", message.stream)
        .bind(":type", message.type)
        .bind(":data", message.data.dump())
        .bind(":happened_at", message.happened_at)
        .bind(":due_at", message.due_at)
        .run();
}

void turn_away(database::Connection& db, const std::string& channel, std::int64_t uid,
               base::UnixSeconds until, base::UnixSeconds now, base::UnixSeconds due_at)
{
    if (until > due_at)
        write(db, {Destination::agora,
                   std::nullopt,
                   "turn_away",
                   {{"channel", channel}, {"uid", uid}, {"until", until}},
                   now,
                   due_at});
}

} // namespace outbox
