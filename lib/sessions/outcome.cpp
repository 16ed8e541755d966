#include "sessions/outcome.h"

#include "ethereum/keccak256.h"

#include <algorithm>

namespace sessions {

namespace {

constexpr std::int64_t late_window_seconds =
    2 * 3600; // the escrow's, to attest a completed session after its end

std::int64_t overlap(const std::vector<Stay>& left, const std::vector<Stay>& right)
{
    std::int64_t seconds = 0;
    for (const auto& a : left) {
        for (const auto& b : right)
            seconds += std::max<std::int64_t>(0, std::min(a.left_at, b.left_at) -
                                                     std::max(a.joined_at, b.joined_at));
    }
    return seconds;
}

} // namespace

const char* name_of(Outcome outcome)
{
    switch (outcome) {
    case Outcome::completed:
        return "completed";
    case Outcome::no_show_host:
        return "no-show-host";
    case Outcome::no_show_guest:
        return "no-show-guest";
    }
    return "";
}

std::vector<Stay> unite(std::vector<Stay> stays, base::UnixSeconds ends_at)
{
    std::sort(stays.begin(), stays.end(),
              [](const Stay& a, const Stay& b) { return a.joined_at < b.joined_at; });
    std::vector<Stay> united;
    for (auto stay : stays) {
        stay.left_at = std::min(stay.left_at, ends_at);
        if (stay.left_at <= stay.joined_at)
            continue;
        if (!united.empty() && stay.joined_at <= united.back().left_at)
            united.back().left_at = std::max(united.back().left_at, stay.left_at);
        else
            united.push_back(stay);
    }
    return united;
}

Metrics measure(const std::vector<Stay>& host, const std::vector<Stay>& guest)
{
    Metrics metrics;
    if (!host.empty()) {
        metrics.host_joined_at = host.front().joined_at;
        metrics.host_left_at = host.back().left_at;
    }
    if (!guest.empty()) {
        metrics.guest_joined_at = guest.front().joined_at;
        metrics.guest_left_at = guest.back().left_at;
    }
    metrics.overlap_seconds = overlap(host, guest);
    return metrics;
}

Outcome decide(const Metrics& metrics, const Terms& terms)
{
    if (metrics.both_came() && metrics.overlap_seconds >= terms.min_overlap_seconds)
        return Outcome::completed;
    const bool host_left_first = metrics.both_came() && metrics.host_left_at < metrics.guest_left_at &&
                                 metrics.host_left_at < terms.ends_at;
    return !metrics.host_came() || host_left_first ? Outcome::no_show_host : Outcome::no_show_guest;
}

bool is_final(const Metrics& metrics, const Terms& terms, base::UnixSeconds now)
{
    // Who has not come yet needs a second to do so.
    const std::int64_t needed_seconds = metrics.both_came() ? 0 : 1;
    const auto missing_seconds =
        std::max(terms.min_overlap_seconds - metrics.overlap_seconds, needed_seconds);
    return missing_seconds <= 0 || now + missing_seconds > terms.ends_at;
}

Window window_of(Outcome outcome, const Terms& terms)
{
    if (outcome == Outcome::completed)
        return {terms.start_at + terms.min_overlap_seconds, terms.ends_at + late_window_seconds};
    const auto grace_ends_at = terms.start_at + terms.grace_seconds;
    return {grace_ends_at, grace_ends_at + (terms.ends_at - terms.start_at)};
}

std::string metrics_text(const std::string& booking_id, const Metrics& metrics)
{
    const auto field = [](const char* name, std::int64_t value) {
        return ",\"" + std::string(name) + "\":" + std::to_string(value);
    };
    return "{\"bookingId\":\"" + booking_id + "\"" + field("hostJoinedAt", metrics.host_joined_at) +
           field("hostLeftAt", metrics.host_left_at) + field("guestJoinedAt", metrics.guest_joined_at) +
           field("guestLeftAt", metrics.guest_left_at) + field("overlapSeconds", metrics.overlap_seconds) +
           "}";
}

std::string metrics_hash(const std::string& booking_id, const Metrics& metrics)
{
    return ethereum::keccak256(metrics_text(booking_id, metrics));
}

} // namespace sessions
