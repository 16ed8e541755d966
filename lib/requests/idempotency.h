// Requests that a client marks with a key of its own, so that it may send one again after losing the answer.
// The first is carried out; whoever repeats it is given the same answer.
//
// An attempt begins with start(), in a transaction of its own, and ends with keep_answer(), in the one that
// holds the request's effect. So a process that is killed at whatever instant leaves both behind or neither,
// and of several attempts at one request only one has an effect.
#pragma once

#include "base/clock.h"
#include "database/connection.h"

#include <string>
#include <string_view>

namespace requests {

// How long an answer is kept.
constexpr std::int64_t answer_ttl_seconds = 24 * 3600;

// An attempt that has not ended after this counts as dead and the next one is let through. Longer than a
// request lasts that waits out the chain and other writers, by the default settings. A slower one does no
// harm: when it ends after all, either it is the first to keep an answer or it is rolled back.
constexpr std::int64_t lease_seconds = 30;

// Whose keys those of the application's backend are: no wallet's, since nobody can sign for this address.
extern const std::string backend;

// How many keys a wallet may have at a time, which is what it can make us keep. The backend has no limit.
constexpr std::int64_t most_keys = 1000;

// 1 to 255 visible ASCII characters.
bool is_idempotency_key(std::string_view text);

struct KeyedRequest
{
    std::string wallet; // whose key it is, or `backend`
    std::string idempotency_key;
    std::string fingerprint;   // see fingerprint_of()
    base::UnixSeconds now = 0; // when this attempt began
};

// What tells two requests under one key apart: SHA-256 of the three, 64 hex digits.
std::string fingerprint_of(std::string_view method, std::string_view path, std::string_view body);

struct Answer
{
    int status = 0; // 200 to 499
    std::string body;
};

enum class Turn
{
    ours,        // carry it out, and end with keep_answer() or give_up()
    answered,    // before; see `answer`
    in_progress, // another attempt is at it
    key_reused,  // the key stands for another request
    too_many,    // the wallet has most_keys
};

struct Start
{
    Turn turn = Turn::ours;
    Answer answer;                        // if answered
    std::int64_t retry_after_seconds = 0; // if too_many: until the oldest key is forgotten
};

Start start(database::Connection& db, const KeyedRequest& request);

// Call inside the TransactionGroup that holds the effect. False if another attempt has
// answered, or taken over, meanwhile: the effect must then be rolled back.
bool keep_answer(database::Connection& db, const KeyedRequest& request, const Answer& answer);

// Frees the key of an attempt that came to nothing or changed nothing, for a next one. False if another
// attempt has taken over meanwhile. Call it without a Transaction.
bool give_up(database::Connection& db, const KeyedRequest& request);

// Forgets keys that are a day old; returns how many. At most `limit` at a time.
std::int64_t purge(database::Connection& db, base::UnixSeconds now, std::int64_t limit);

} // namespace requests
