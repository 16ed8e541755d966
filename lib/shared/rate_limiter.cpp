#include "shared/rate_limiter.h"

#include "base/error.h"
#include "base/hmac.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

namespace shared {

namespace {

using Atomic = std::atomic<std::uint64_t>;
static_assert(Atomic::is_always_lock_free);

constexpr std::uint64_t limits_format = 0x53564c494d000001; // "SVLIM", version 1

// A place holds 22 bits of the hash and, below them, the instant at which all that was taken will have grown
// again: the "theoretical arrival time" of the generic cell rate algorithm. An empty place is as good as one
// whose instant is long past.
constexpr unsigned instant_bits = 42; // milliseconds until the year 2109
constexpr std::uint64_t instant_mask = (std::uint64_t{1} << instant_bits) - 1;

constexpr std::size_t places_in_set = 8; // one cache line
using Set = std::array<Atomic, places_in_set>;
constexpr std::size_t sets = (RateLimiter::file_bytes - MappedFile::header_bytes) / sizeof(Set);

using Seen = std::array<std::uint64_t, places_in_set>;

Seen read(const Set& set)
{
    Seen seen{};
    std::transform(set.begin(), set.end(), seen.begin(),
                   [](const Atomic& place) { return place.load(std::memory_order_relaxed); });
    return seen;
}

Seen::const_iterator find(const Seen& seen, std::uint64_t tag)
{
    return std::find_if(seen.begin(), seen.end(),
                        [&](std::uint64_t place) { return (place & ~instant_mask) == tag; });
}

} // namespace

RateLimiter::RateLimiter(const std::string& path, base::Random& random)
    : fill_([&random](MappedFile& file) { random.fill(file.extra(), MappedFile::extra_bytes); }),
      file_(path, limits_format, file_bytes, fill_)
{
}

MappedFile& RateLimiter::table()
{
    if (auto* file = file_.get())
        return *file;
    if (!own_)
        own_ = MappedFile::anonymous(file_bytes, fill_);
    if (!own_)
        throw base::Error(base::ErrorCode::internal, "internal_error", "no memory for the limits");
    return *own_;
}

struct RateLimiter::Key
{
    std::uint64_t tag;
    Set& set;
};

RateLimiter::Key RateLimiter::key_of(std::string_view what, std::string_view who)
{
    auto& file = table();
    const std::string_view secret(reinterpret_cast<const char*>(file.extra()), MappedFile::extra_bytes);
    const auto digest = base::hmac_sha256(secret, std::string(what) + "|" + std::string(who));
    std::uint64_t hash = 0;
    std::memcpy(&hash, digest.data(), sizeof hash);
    return {hash & ~instant_mask, reinterpret_cast<Set*>(file.content())[(hash & instant_mask) % sets]};
}

std::int64_t RateLimiter::take(std::string_view what, std::string_view who, std::int64_t count,
                               UnixMilliseconds now, Milliseconds period)
{
    const auto [tag, set] = key_of(what, who);
    const auto interval = period / count; // until one more has grown
    const auto capacity = interval * count;
    for (;;) {
        const auto seen = read(set);
        const auto known = find(seen, tag);
        const auto stalest =
            std::ranges::min_element(seen, {}, [](std::uint64_t place) { return place & instant_mask; });
        const auto chosen = known != seen.end() ? known : stalest;
        auto expected = *chosen;
        const auto stored = known != seen.end() ? static_cast<std::int64_t>(expected & instant_mask) : 0;
        // Further ahead than anything taken now could be: the clock has stepped back.
        const auto full_again_at = std::clamp(stored, now, now + capacity);
        const bool is_taken = full_again_at + interval <= now + capacity;
        const auto next_at = is_taken ? full_again_at + interval : full_again_at;
        const auto next = tag | (static_cast<std::uint64_t>(next_at) & instant_mask);
        auto& place = set[static_cast<std::size_t>(chosen - seen.begin())];
        if (next != expected && !place.compare_exchange_strong(expected, next, std::memory_order_relaxed))
            continue;
        return is_taken ? 0 : full_again_at + interval - now - capacity;
    }
}

std::int64_t RateLimiter::wait(std::string_view what, std::string_view who, UnixMilliseconds now,
                               Milliseconds period)
{
    const auto [tag, set] = key_of(what, who);
    const auto seen = read(set);
    const auto known = find(seen, tag);
    const auto stored = known != seen.end() ? static_cast<std::int64_t>(*known & instant_mask) : 0;
    return std::clamp(stored - now, std::int64_t{0}, period);
}

} // namespace shared
