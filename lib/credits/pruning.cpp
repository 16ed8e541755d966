#include "credits/pruning.h"

#include "credits/ledger.h"
#include "database/transaction.h"

#include <cassert>
#include <string>
#include <unordered_map>
#include <vector>

namespace credits {

namespace {

struct SeenDebit
{
    std::int64_t event_id = 0;
    std::string connection_id; // empty: no debit, or too young, so that nothing is merged with it
    base::UnixSeconds day = 0;
    std::int64_t delta_seconds = 0;
    bool has_grown = false;
};

// Some events that follow one another in the ledger, and what is to be done with them.
struct Batch
{
    std::vector<std::int64_t> to_delete;
    std::vector<SeenDebit> to_update;
    std::int64_t last_event_id = 0;
    bool is_end = true; // nothing old comes after it
};

SeenDebit read_debit(const database::Statement& row, base::UnixSeconds created_before)
{
    const auto created_at = row.integer("created_at");
    const bool is_old_debit =
        row.text("kind") == name_of(EventKind::debit_usage) && created_at < created_before;
    return {row.integer("event_id"), is_old_debit ? row.text("connection_id") : std::string(),
            day_of(created_at), row.integer("delta_seconds")};
}

// Followed by a WHERE clause.
const std::string select_debit =
    "SELECT event_id, delta_seconds, connection_id, created_at, kind, wallet FROM credit_events ";

// The wallet's last event before this one.
SeenDebit find_previous(database::Connection& db, const std::string& wallet, std::int64_t event_id,
                        base::UnixSeconds created_before)
{
    static const auto sql =
        select_debit + "WHERE wallet = :wallet AND event_id < :event_id ORDER BY event_id DESC LIMIT 1";
    auto row = db.prepare(sql);
    if (!row.bind(":wallet", wallet).bind(":event_id", event_id).step())
        return {};
    return read_debit(row, created_before);
}

Batch look_at(database::Connection& db, std::int64_t after_event_id, base::UnixSeconds created_before,
              std::int64_t limit)
{
    Batch batch;
    std::unordered_map<std::string, SeenDebit> newest; // by wallet
    const auto retire = [&](const SeenDebit& event) {
        if (event.has_grown)
            batch.to_update.push_back(event);
    };
    static const auto sql = select_debit + "WHERE event_id > :after_event_id ORDER BY event_id LIMIT :limit";
    auto row = db.prepare(sql);
    row.bind(":after_event_id", after_event_id).bind(":limit", limit);
    while (row.step()) {
        auto event = read_debit(row, created_before);
        const auto wallet = row.text("wallet");
        batch.last_event_id = event.event_id;
        // The clock may have stepped back: a young event does not end it, a batch of young ones does.
        batch.is_end = batch.is_end && row.integer("created_at") >= created_before;
        auto found = newest.find(wallet);
        if (found == newest.end())
            found = newest
                        .emplace(wallet, event.connection_id.empty()
                                             ? SeenDebit{}
                                             : find_previous(db, wallet, event.event_id, created_before))
                        .first;
        auto& previous = found->second;
        if (!event.connection_id.empty() && previous.connection_id == event.connection_id &&
            previous.day == event.day) {
            event.delta_seconds += previous.delta_seconds;
            event.has_grown = true;
            batch.to_delete.push_back(previous.event_id);
        } else {
            retire(previous);
        }
        previous = std::move(event);
    }
    for (const auto& [wallet, event] : newest)
        retire(event);
    return batch;
}

void apply(database::Connection& db, const Batch& batch, base::UnixSeconds created_before)
{
    db.prepare("INSERT INTO pruning (id, created_before) VALUES (1, :created_before)")
        .bind(":created_before", created_before)
        .run();
    for (const auto event_id : batch.to_delete)
        db.prepare("DELETE FROM credit_events WHERE event_id = :event_id").bind(":event_id", event_id).run();
    for (const auto& event : batch.to_update)
        db.prepare("UPDATE credit_events SET delta_seconds = :delta_seconds WHERE event_id = :event_id")
            .bind(":delta_seconds", event.delta_seconds)
            .bind(":event_id", event.event_id)
            .run();
    db.prepare("DELETE FROM pruning").run();
}

} // namespace

std::int64_t prune(database::Connection& db, base::UnixSeconds created_before, bool rehearse,
                   std::int64_t batch_size)
{
    assert(created_before == day_of(created_before) && batch_size > 0);
    std::int64_t merged = 0;
    for (std::int64_t after_event_id = 0;;) {
        // Without the lock: most of what was pruned before needs no other look.
        const auto seen = look_at(db, after_event_id, created_before, batch_size);
        if (!seen.to_delete.empty()) {
            // No total changes by what a power cut may take back.
            database::Transaction tx(db, database::Durability::relaxed);
            const auto batch = look_at(db, after_event_id, created_before, batch_size);
            if (!batch.to_delete.empty())
                apply(db, batch, created_before);
            if (!rehearse)
                tx.commit();
            merged += static_cast<std::int64_t>(batch.to_delete.size());
        }
        if (seen.is_end)
            return merged;
        after_event_id = seen.last_event_id;
    }
}

} // namespace credits
