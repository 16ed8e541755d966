#include "outbox/standing.h"

#include <cassert>
#include <charconv>

namespace outbox {

namespace {

constexpr const char* columns = "message_id, destination, stream, type, data, happened_at, delivery_id, "
                                "attempts, due_at, is_held, settled_at, outcome, failure";

StoredMessage read(const database::Statement& row)
{
    return {row.integer("message_id"),
            row.text("destination"),
            row.optional_text("stream"),
            row.text("type"),
            row.text("data"),
            row.integer("happened_at"),
            row.optional_text("delivery_id"),
            row.integer("attempts"),
            row.integer("due_at"),
            row.boolean("is_held"),
            row.optional_integer("settled_at"),
            row.optional_text("outcome"),
            row.optional_text("failure")};
}

void read_all(database::Statement&& row, std::vector<StoredMessage>& into)
{
    while (row.step())
        into.push_back(read(row));
}

// What can be tried again: given up, or it failed and nobody is at it at this moment.
constexpr const char* given_up = "settled_at IS NOT NULL AND outcome = 'given_up'";
constexpr const char* failed = "settled_at IS NULL AND failure IS NOT NULL";

std::int64_t make_due(database::Connection& db, const std::string& which, base::UnixSeconds now)
{
    assert(db.in_transaction());
    return db
        .prepare("UPDATE outbox SET settled_at = NULL, outcome = NULL, attempts = 0, is_held = 0, "
                 "due_at = :now WHERE " +
                 which)
        .bind(":now", now)
        .run_and_count();
}

} // namespace

const char* StoredMessage::state() const
{
    if (outcome)
        return *outcome == "delivered" ? "delivered" : *outcome == "void" ? "void" : "given_up";
    if (is_held)
        return "held";
    if (failure)
        return "failed";
    return attempts > 0 ? "under_way" : "waiting";
}

Standing standing(database::Connection& db, Destination destination)
{
    const std::string_view name = name_of(destination);
    Standing standing;
    // The oldest is never held.
    auto waiting =
        db.prepare("SELECT (SELECT count(*) FROM outbox WHERE destination = :destination "
                   "AND settled_at IS NULL) AS waiting, "
                   "(SELECT min(happened_at) FROM outbox WHERE destination = :destination "
                   "AND is_held = 0 AND settled_at IS NULL) AS oldest, "
                   "(SELECT count(*) FROM outbox WHERE outcome = 'given_up' "
                   "AND settled_at IS NOT NULL AND destination = :destination) AS given_up, "
                   "(SELECT paused_at FROM outbox_pauses WHERE destination = :destination) AS paused");
    waiting.bind(":destination", name);
    waiting.step();
    standing.waiting = waiting.integer("waiting");
    standing.oldest_waiting_at = waiting.optional_integer("oldest");
    standing.given_up = waiting.integer("given_up");
    standing.paused_at = waiting.optional_integer("paused");
    return standing;
}

std::vector<StoredMessage> list_unsettled(database::Connection& db, std::int64_t limit)
{
    std::vector<StoredMessage> found;
    const auto list = [&](const std::string& which) {
        read_all(std::move(db.prepare(std::string("SELECT ") + columns + " FROM outbox WHERE " + which +
                                      " LIMIT :limit")
                               .bind(":limit", limit - static_cast<std::int64_t>(found.size()))),
                 found);
    };
    list(std::string(given_up) + " ORDER BY settled_at DESC");
    for (const char* destination : {"webhook", "agora"})
        list("settled_at IS NULL AND destination = '" + std::string(destination) +
             "' ORDER BY is_held, due_at, message_id");
    return found;
}

std::optional<StoredMessage> find_message(database::Connection& db, const std::string& id)
{
    constexpr std::string_view prefix = "msg_";
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
    const bool is_number = error == std::errc() && end == id.data() + id.size();
    auto row = db.prepare(std::string("SELECT ") + columns + " FROM outbox WHERE " +
                          (is_number ? "message_id" : "delivery_id") + " = :id");
    if (is_number)
        row.bind(":id", number);
    else
        row.bind(":id", id.substr(id.compare(0, prefix.size(), prefix) == 0 ? prefix.size() : 0));
    return row.step() ? std::optional(read(row)) : std::nullopt;
}

bool retry(database::Connection& db, std::int64_t message_id, base::UnixSeconds now)
{
    return make_due(db,
                    "message_id = " + std::to_string(message_id) + " AND ((" + given_up + ") OR (" + failed +
                        "))",
                    now) == 1;
}

std::int64_t retry_all(database::Connection& db, base::UnixSeconds now)
{
    return make_due(db, given_up, now) + make_due(db, std::string(failed) + " AND due_at > :now", now);
}

std::vector<std::string> resume(database::Connection& db)
{
    assert(db.in_transaction());
    std::vector<std::string> resumed;
    auto row = db.prepare("DELETE FROM outbox_pauses WHERE paused_at IS NOT NULL RETURNING destination");
    while (row.step())
        resumed.push_back(row.text("destination"));
    return resumed;
}

} // namespace outbox
