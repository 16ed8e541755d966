#include "outbox/queue.h"

#include "database/transaction.h"
#include "outbox/retry.h"

#include <algorithm>
#include <utility>

namespace outbox {

namespace {

constexpr std::int64_t kept_seconds = 7 * 86400;

struct Due
{
    Attempt attempt;
    std::int64_t due_at = 0;
    std::int64_t first_id = 0; // the first of its stream that waits
    bool is_first() const { return first_id == attempt.message_id; }
};

// Read outside of a transaction, since mostly there is nothing: whoever takes one looks once more.
std::vector<Due> find_due(database::Connection& db, Destination destination, std::size_t limit,
                          base::UnixSeconds now)
{
    auto row =
        db.prepare("SELECT message_id, stream, type, data, happened_at, delivery_id, attempts, due_at, "
                   "(SELECT min(message_id) FROM outbox AS others "
                   "WHERE others.destination = outbox.destination AND others.stream = outbox.stream "
                   "AND others.stream IS NOT NULL AND others.settled_at IS NULL) AS first_id "
                   "FROM outbox WHERE destination = :destination AND is_held = 0 "
                   "AND due_at <= :now AND settled_at IS NULL AND NOT EXISTS (SELECT 1 "
                   "FROM outbox_pauses WHERE outbox_pauses.destination = outbox.destination) "
                   "ORDER BY due_at, message_id LIMIT :limit");
    row.bind(":destination", std::string_view(name_of(destination)))
        .bind(":now", now)
        .bind(":limit", static_cast<std::int64_t>(limit));
    std::vector<Due> found;
    while (row.step()) {
        auto& due = found.emplace_back();
        auto& attempt = due.attempt;
        attempt.message_id = row.integer("message_id");
        attempt.destination = destination;
        attempt.stream = row.optional_text("stream");
        attempt.type = row.text("type");
        attempt.data = row.text("data");
        attempt.happened_at = row.integer("happened_at");
        attempt.delivery_id = row.text("delivery_id");
        attempt.number = row.integer("attempts") + 1;
        due.due_at = row.integer("due_at");
        due.first_id = row.optional_integer("first_id").value_or(attempt.message_id);
    }
    return found;
}

// False: somebody else was faster.
bool take(database::Connection& db, Due& due, base::Random& random, base::UnixSeconds now)
{
    auto& attempt = due.attempt;
    attempt.lost_at = now + lease_seconds;
    if (attempt.delivery_id.empty())
        attempt.delivery_id = random.uuid_v4();
    return db.prepare("UPDATE outbox SET delivery_id = :delivery_id, attempts = :number, due_at = :lost_at, "
                      "failure = NULL WHERE message_id = :message_id AND settled_at IS NULL "
                      "AND attempts = :number - 1 AND due_at = :due_at")
               .bind(":delivery_id", attempt.delivery_id)
               .bind(":number", attempt.number)
               .bind(":lost_at", attempt.lost_at)
               .bind(":message_id", attempt.message_id)
               .bind(":due_at", due.due_at)
               .run_and_count() == 1;
}

// Not to be met again before the first of its stream is settled: wake_next() sees to that.
void hold(database::Connection& db, const Due& due)
{
    db.prepare("UPDATE outbox SET is_held = 1 WHERE message_id = :message_id AND settled_at IS NULL "
               "AND EXISTS (SELECT 1 FROM outbox AS first WHERE first.message_id = :first_id "
               "AND first.settled_at IS NULL)")
        .bind(":message_id", due.attempt.message_id)
        .bind(":first_id", due.first_id)
        .run();
}

// Writes even where nothing is held: somebody who holds it at this moment has to give way.
void wake_next(database::Connection& db, const Attempt& settled)
{
    if (!settled.stream)
        return;
    db.prepare("UPDATE outbox SET is_held = 0 WHERE message_id = (SELECT min(message_id) FROM outbox "
               "WHERE destination = :destination AND stream = :stream AND stream IS NOT NULL "
               "AND settled_at IS NULL)")
        .bind(":destination", std::string_view(name_of(settled.destination)))
        .bind(":stream", *settled.stream)
        .run();
}

// False: it was settled by somebody else. Of a late delivery it counts all the same that it was one.
bool settle(database::Connection& db, const Result& result, const char* outcome, base::UnixSeconds now)
{
    const bool is_delivered = result.verdict == Verdict::delivered;
    auto statement = db.prepare("UPDATE outbox SET settled_at = :now, outcome = :outcome, failure = :failure "
                                "WHERE message_id = :message_id AND settled_at IS NULL "
                                "AND (attempts = :number OR :is_delivered = 1)");
    statement.bind(":now", now)
        .bind(":outcome", std::string_view(outcome))
        .bind(":failure", is_delivered ? std::nullopt : std::optional(result.failure))
        .bind(":message_id", result.attempt.message_id)
        .bind(":number", result.attempt.number)
        .bind(":is_delivered", std::int64_t{is_delivered});
    if (statement.run_and_count() == 0)
        return false;
    wake_next(db, result.attempt);
    return true;
}

bool put_off(database::Connection& db, const Result& result, std::int64_t wait, base::UnixSeconds now)
{
    return db.prepare("UPDATE outbox SET due_at = :due_at, failure = :failure "
                      "WHERE message_id = :message_id AND settled_at IS NULL AND attempts = :number")
               .bind(":due_at", now + wait)
               .bind(":failure", result.failure)
               .bind(":message_id", result.attempt.message_id)
               .bind(":number", result.attempt.number)
               .run_and_count() == 1;
}

void pause(database::Connection& db, Destination destination, base::UnixSeconds now)
{
    db.prepare("INSERT INTO outbox_pauses (destination, paused_at) VALUES (:destination, :now) "
               "ON CONFLICT DO NOTHING")
        .bind(":destination", std::string_view(name_of(destination)))
        .bind(":now", now)
        .run();
}

Tally note_one(database::Connection& db, const Result& result, base::Random& random, base::UnixSeconds now)
{
    Tally tally;
    switch (result.verdict) {
    case Verdict::delivered:
        tally.delivered = settle(db, result, "delivered", now);
        break;
    case Verdict::voided:
        tally.voided = settle(db, result, "void", now);
        break;
    case Verdict::unwanted: // due again as soon as it is resumed
        pause(db, result.attempt.destination, now);
        tally.failed = put_off(db, result, 0, now);
        break;
    case Verdict::failed:
        if (const auto wait = wait_seconds(result.attempt.number, random))
            tally.failed =
                put_off(db, result, std::max(*wait, result.retry_after_seconds.value_or(*wait)), now);
        else
            tally.given_up = settle(db, result, "given_up", now);
    }
    return tally;
}

// What is taken is on the disk then: the id under which it was sent must not get lost.
std::vector<Attempt> take_or_hold(database::Connection& db, const std::vector<Due>& found,
                                  std::size_t at_most, base::Random& random, base::UnixSeconds now)
{
    if (found.empty())
        return {};
    const bool has_first =
        std::any_of(found.begin(), found.end(), [](const Due& due) { return due.is_first(); });
    const auto durability = has_first ? database::Durability::synced : database::Durability::relaxed;
    return database::transact(db, durability, [&] {
        std::vector<Attempt> taken;
        for (auto due : found) {
            if (!due.is_first())
                hold(db, due);
            else if (taken.size() < at_most && take(db, due, random, now))
                taken.push_back(std::move(due.attempt));
        }
        return taken;
    });
}

} // namespace

Tally& Tally::operator+=(const Tally& other)
{
    delivered += other.delivered;
    failed += other.failed;
    given_up += other.given_up;
    voided += other.voided;
    return *this;
}

std::vector<Attempt> claim(database::Connection& db, Destination destination, std::size_t at_most,
                           base::Random& random, base::UnixSeconds now)
{
    // Of a stream with a thousand messages all but one are held, step by step: they are met once, and who
    // writes comes in between.
    constexpr std::size_t long_step = 500;
    std::vector<Attempt> claimed;
    std::vector<Due> due;
    auto looked_at = 4 * at_most + 16;
    do {
        due = find_due(db, destination, looked_at, now);
        auto taken = take_or_hold(db, due, at_most - claimed.size(), random, now);
        claimed.insert(claimed.end(), taken.begin(), taken.end());
    } while (claimed.size() < at_most && due.size() == std::exchange(looked_at, long_step));
    return claimed;
}

Tallies note(database::Connection& db, const std::vector<Result>& results, base::Random& random,
             base::UnixSeconds now)
{
    // If a power cut takes it back, the same is sent once more, under the same id.
    return database::transact(db, database::Durability::relaxed, [&] {
        Tallies tallies;
        for (const auto& result : results)
            tallies[static_cast<std::size_t>(result.attempt.destination)] +=
                note_one(db, result, random, now);
        return tallies;
    });
}

std::int64_t purge(database::Connection& db, base::UnixSeconds now, std::int64_t limit)
{
    constexpr std::string_view due = "SELECT message_id FROM outbox WHERE outcome IN ('delivered', 'void') "
                                     "AND settled_at IS NOT NULL AND settled_at <= :before LIMIT :limit";
    const auto bind = [&](database::Statement&& statement, std::int64_t count) {
        statement.bind(":before", now - kept_seconds).bind(":limit", count);
        return std::move(statement);
    };
    if (!bind(db.prepare(due), 1).step())
        return 0;
    return database::transact(db, database::Durability::relaxed, [&] {
        return bind(db.prepare("DELETE FROM outbox WHERE message_id IN (" + std::string(due) + ")"), limit)
            .run_and_count();
    });
}

} // namespace outbox
