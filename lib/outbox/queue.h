// What waits in the outbox: who may deliver which message now, and what has become of it. Several at once may
// do this.
#pragma once

#include "base/random.h"
#include "outbox/outbox.h"

#include <array>
#include <vector>

namespace outbox {

// One attempt to deliver a message.
struct Attempt
{
    std::int64_t message_id = 0;
    Destination destination = Destination::webhook;
    std::optional<std::string> stream;
    std::string type;
    std::string data; // JSON
    base::UnixSeconds happened_at = 0;
    std::string delivery_id;       // the same at every attempt
    std::int64_t number = 0;       // from 1
    base::UnixSeconds lost_at = 0; // then others take the message again
};

enum class Verdict
{
    delivered,
    failed,
    voided,  // no longer worth telling
    unwanted // and nothing else is: the destination is told no more, and the message waits
};

struct Result
{
    Attempt attempt;
    Verdict verdict = Verdict::failed;
    std::string failure; // a few words, without an address
    std::optional<std::int64_t> retry_after_seconds;
};

// How many attempts ended how.
struct Tally
{
    std::int64_t delivered = 0;
    std::int64_t failed = 0;   // and will be made again
    std::int64_t given_up = 0; // failed for the last time
    std::int64_t voided = 0;

    Tally& operator+=(const Tally& other);
};
using Tallies = std::array<Tally, 2>; // by destination

// How long an attempt may take before it counts as lost.
constexpr std::int64_t lease_seconds = 60;

// Takes up to `at_most` messages that are due, the first in each stream, for an attempt by the caller. On the
// disk when it returns. Not inside a Transaction.
std::vector<Attempt> claim(database::Connection& db, Destination destination, std::size_t at_most,
                           base::Random& random, base::UnixSeconds now);

// Writes down what has become of attempts, and lets the next of their streams go. What somebody else has
// settled meanwhile stays as it is. Not inside a Transaction.
Tallies note(database::Connection& db, const std::vector<Result>& results, base::Random& random,
             base::UnixSeconds now);

// Forgets up to `limit` messages that were delivered, or voided, a week ago. Gives back how many. Not inside
// a Transaction.
std::int64_t purge(database::Connection& db, base::UnixSeconds now, std::int64_t limit);

} // namespace outbox
