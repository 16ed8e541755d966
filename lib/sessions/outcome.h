// Whether a booked session took place: pure arithmetic over the parties' presence.
#pragma once

#include "base/clock.h"

#include <optional>
#include <string>
#include <vector>

namespace sessions {

// [joined_at, left_at) of one connection.
struct Stay
{
    base::UnixSeconds joined_at = 0;
    base::UnixSeconds left_at = 0;
};

// What the slot promises. All instants in unix seconds.
struct Terms
{
    base::UnixSeconds start_at = 0;
    base::UnixSeconds ends_at = 0;
    std::int64_t grace_seconds = 0;
    std::int64_t min_overlap_seconds = 0; // may be 0: then both have to come, no more
};

// The escrow's numbers for them.
enum class Outcome
{
    completed = 1,
    no_show_host = 2,
    no_show_guest = 3
};

const char* name_of(Outcome outcome); // "completed", "no-show-host", "no-show-guest"

// Both parties' presence, measured. An instant of 0 stands for a party that never came.
struct Metrics
{
    base::UnixSeconds host_joined_at = 0; // first join
    base::UnixSeconds host_left_at = 0;   // last leave
    base::UnixSeconds guest_joined_at = 0;
    base::UnixSeconds guest_left_at = 0;
    std::int64_t overlap_seconds = 0; // in which both were there, over all their connections

    bool host_came() const { return host_joined_at != 0; }
    bool guest_came() const { return guest_joined_at != 0; }
    bool both_came() const { return host_came() && guest_came(); }
};

// Clips the stays to the slot's end and drops what is empty then; joins those that touch or overlap.
std::vector<Stay> unite(std::vector<Stay> stays, base::UnixSeconds ends_at);

// From united stays.
Metrics measure(const std::vector<Stay>& host, const std::vector<Stay>& guest);

// What the session would be if nobody came or went any more. Who never came is never paid: a session is
// completed only if both came.
Outcome decide(const Metrics& metrics, const Terms& terms);

// Whether that can still change at `now`: not once both have come and the overlap is reached, nor once what
// is missing of it no longer fits before the end.
bool is_final(const Metrics& metrics, const Terms& terms, base::UnixSeconds now);

// When the escrow accepts the outcome, both ends included.
struct Window
{
    base::UnixSeconds opens_at = 0;
    base::UnixSeconds closes_at = 0;
};

Window window_of(Outcome outcome, const Terms& terms);

// The text whose Keccak-256 goes on chain with the outcome, and that hash, raw bytes.
std::string metrics_text(const std::string& booking_id, const Metrics& metrics);
std::string metrics_hash(const std::string& booking_id, const Metrics& metrics);

} // namespace sessions
