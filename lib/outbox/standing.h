// What an operator sees of the outbox, and does to it.
#pragma once

#include "outbox/outbox.h"

#include <vector>

namespace outbox {

struct StoredMessage
{
    std::int64_t message_id = 0;
    std::string destination;
    std::optional<std::string> stream;
    std::string type;
    std::string data; // JSON
    base::UnixSeconds happened_at = 0;
    std::optional<std::string> delivery_id;
    std::int64_t attempts = 0;
    base::UnixSeconds due_at = 0;
    bool is_held = false; // by an earlier one of its stream
    std::optional<base::UnixSeconds> settled_at;
    std::optional<std::string> outcome;
    std::optional<std::string> failure;

    // "waiting", "held", "under_way", "failed" (and will be tried again), "given_up", "delivered", "void".
    const char* state() const;
};

struct Standing
{
    std::int64_t waiting = 0;                           // failed and held ones among them
    std::optional<base::UnixSeconds> oldest_waiting_at; // when that happened
    std::int64_t given_up = 0;
    std::optional<base::UnixSeconds> paused_at;
};

Standing standing(database::Connection& db, Destination destination);

// Those that wait, given_up ones first, then in the order in which they are looked at.
std::vector<StoredMessage> list_unsettled(database::Connection& db, std::int64_t limit);

// By its number, or by what the receiver saw of it: "msg_" and its delivery_id, or that alone.
std::optional<StoredMessage> find_message(database::Connection& db, const std::string& id);

// The following inside a Transaction.

// Makes a message due now that was given up, or waits for its next attempt; all its attempts lie before it
// again. False: it is neither.
bool retry(database::Connection& db, std::int64_t message_id, base::UnixSeconds now);
// The same of all such messages. Gives back how many.
std::int64_t retry_all(database::Connection& db, base::UnixSeconds now);
// Tells all destinations again. Gives back which were not.
std::vector<std::string> resume(database::Connection& db);

} // namespace outbox
