#include "credits/pruning.h"

#include "credits/ledger.h"
#include "database/transaction.h"

#include <cassert>
#include <string>
#include <vector>

namespace credits {

namespace {

struct SeenEvent
{
    std::string wallet;
    std::int64_t event_id = 0;
    std::string connection_id; // empty: no debit, or too young, so that nothing is merged with it
    std::string reason;
    base::UnixSeconds day = 0;
    std::int64_t delta_seconds = 0;
    bool has_grown = false;

    // Whether both are old debits of one stay on one day.
    bool goes_with(const SeenEvent& other) const
    {
        return !connection_id.empty() && connection_id == other.connection_id && reason == other.reason &&
               wallet == other.wallet && day == other.day;
    }
};

// Some events that follow one another in the ledger, and what is to be done with them.
struct Batch
{
    std::vector<SeenEvent> to_delete;
    std::vector<SeenEvent> to_update;
    SeenEvent last; // the next batch begins with it
    bool is_end = true;
};

SeenEvent read_event(const database::Statement& row, base::UnixSeconds created_before)
{
    const auto created_at = row.integer("created_at");
    const bool is_old_debit =
        row.text("kind") == name_of(EventKind::debit_usage) && created_at < created_before;
    return {
        row.text("wallet"), row.integer("event_id"), is_old_debit ? row.text("connection_id") : std::string(),
        row.text("reason"), day_of(created_at),      row.integer("delta_seconds")};
}

// From that event on, in the order of the ledger: by wallet, and each wallet's one after the other.
Batch look_at(database::Connection& db, const SeenEvent& first, base::UnixSeconds created_before,
              std::int64_t limit)
{
    Batch batch;
    const auto retire = [&](const SeenEvent& event) {
        if (event.has_grown)
            batch.to_update.push_back(event);
    };
    auto row = db.prepare("SELECT wallet, event_id, delta_seconds, connection_id, reason, created_at, "
                          "kind "
                          "FROM credit_events WHERE (wallet, event_id) >= (:wallet, :event_id) "
                          "ORDER BY wallet, event_id LIMIT :limit");
    row.bind(":wallet", first.wallet).bind(":event_id", first.event_id).bind(":limit", limit);
    auto& previous = batch.last;
    std::int64_t seen = 0;
    for (; row.step(); ++seen) {
        auto event = read_event(row, created_before);
        if (event.goes_with(previous)) {
            event.delta_seconds += previous.delta_seconds;
            event.has_grown = true;
            batch.to_delete.push_back(previous);
        } else {
            retire(previous);
        }
        previous = std::move(event);
    }
    retire(previous);
    batch.is_end = seen < limit;
    return batch;
}

void apply(database::Connection& db, const Batch& batch, base::UnixSeconds created_before)
{
    db.prepare("INSERT INTO pruning (id, created_before) VALUES (1, :created_before)")
        .bind(":created_before", created_before)
        .run();
    for (const auto& event : batch.to_delete)
        db.prepare("DELETE FROM credit_events WHERE wallet = :wallet AND event_id = :event_id")
            .bind(":wallet", event.wallet)
            .bind(":event_id", event.event_id)
            .run();
    for (const auto& event : batch.to_update)
        db.prepare("UPDATE credit_events SET delta_seconds = :delta_seconds "
                   "WHERE wallet = :wallet AND event_id = :event_id")
            .bind(":delta_seconds", event.delta_seconds)
            .bind(":wallet", event.wallet)
            .bind(":event_id", event.event_id)
            .run();
    db.prepare("DELETE FROM pruning").run();
}

} // namespace

std::int64_t prune(database::Connection& db, base::UnixSeconds created_before, bool is_rehearsal,
                   std::int64_t batch_size)
{
    assert(created_before == day_of(created_before) && batch_size > 1);
    std::int64_t merged = 0;
    for (SeenEvent first;;) {
        // Without the lock: most of what was pruned before needs no other look.
        const auto seen = look_at(db, first, created_before, batch_size);
        if (!seen.to_delete.empty()) {
            // No total changes by what a power cut may take back.
            const auto merge = [&] {
                const auto batch = look_at(db, first, created_before, batch_size);
                if (!batch.to_delete.empty())
                    apply(db, batch, created_before);
                return static_cast<std::int64_t>(batch.to_delete.size());
            };
            merged += is_rehearsal ? database::rehearse(db, merge)
                                   : database::transact(db, database::Durability::relaxed, merge);
        }
        if (seen.is_end)
            return merged;
        first = seen.last;
    }
}

} // namespace credits
