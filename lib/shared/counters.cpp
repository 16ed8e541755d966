#include "shared/counters.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <optional>

namespace shared {

namespace {

using Atomic = std::atomic<std::uint64_t>;
static_assert(Atomic::is_always_lock_free);

constexpr std::uint64_t counters_format = 0x53564d4554000001; // "SVMET", version 1

enum State : std::uint64_t
{
    is_free,
    is_taken, // its series is being written; for ever, if that process was killed
    is_named
};

constexpr auto relaxed = std::memory_order_relaxed;

} // namespace

// Zeroes are a good beginning for all of it.
struct Counters::Place
{
    Atomic state;
    char series[max_series_bytes];

    bool is(std::string_view wanted) const
    {
        return state.load(std::memory_order_acquire) == is_named && name() == wanted;
    }
    std::string_view name() const { return {series, ::strnlen(series, max_series_bytes)}; }
    bool claim(std::string_view wanted)
    {
        std::uint64_t expected = is_free;
        if (!state.compare_exchange_strong(expected, is_taken))
            return false;
        std::memcpy(series, wanted.data(), wanted.size());
        state.store(is_named, std::memory_order_release);
        return true;
    }
};

struct Counters::Layout
{
    struct Number : Place
    {
        Atomic value;
    };
    struct Times : Place
    {
        std::array<Atomic, std::tuple_size_v<decltype(Histogram::buckets)>> buckets;
        Atomic sum_microseconds;
    };
    std::array<Number, max_numbers> numbers;
    std::array<Times, max_histograms> histograms;

    // Two processes may claim a place each for one series at the same moment; who reads adds them up.
    template <class Places>
    static std::optional<std::size_t> find_or_claim(Places& places, const std::string& wanted, Found& found)
    {
        if (const auto known = found.find(wanted); known != found.end())
            return known->second;
        if (wanted.size() > max_series_bytes)
            return std::nullopt;
        const auto place = std::find_if(places.begin(), places.end(),
                                        [&](auto& each) { return each.is(wanted) || each.claim(wanted); });
        if (place == places.end())
            return std::nullopt;
        const auto at = static_cast<std::size_t>(place - places.begin());
        found.emplace(wanted, at);
        return at;
    }
};

std::string series(std::string_view name,
                   std::initializer_list<std::pair<std::string_view, std::string_view>> labels)
{
    std::string text(name);
    char separator = '{';
    for (const auto& [label, value] : labels) {
        text += separator;
        text += label;
        text += "=\"";
        for (const char c : value) {
            if (c == '\\' || c == '"')
                text += '\\';
            if (c == '\n')
                text += "\\n";
            else
                text += c;
        }
        text += '"';
        separator = ',';
    }
    if (separator == ',')
        text += '}';
    return text;
}

Counters::Counters(const std::string& path)
    : file_(path, counters_format, MappedFile::header_bytes + sizeof(Layout))
{
}

Counters::Layout* Counters::layout()
{
    auto* file = file_.get();
    return file == nullptr ? nullptr : reinterpret_cast<Layout*>(file->content());
}

std::atomic<std::uint64_t>* Counters::number(std::string_view series)
{
    auto* all = layout();
    if (all == nullptr)
        return nullptr;
    wanted_ = series;
    const auto at = Layout::find_or_claim(all->numbers, wanted_, numbers_);
    return at ? &all->numbers[*at].value : nullptr;
}

void Counters::add(std::string_view series, std::uint64_t count)
{
    if (auto* value = number(series))
        value->fetch_add(count, relaxed);
}

void Counters::set(std::string_view series, std::uint64_t value)
{
    if (auto* number_to_set = number(series))
        number_to_set->store(value, relaxed);
}

std::uint64_t Counters::raise(std::string_view series, std::uint64_t value)
{
    auto* highest = number(series);
    if (highest == nullptr)
        return value;
    auto before = highest->load(relaxed);
    while (before < value && !highest->compare_exchange_weak(before, value, relaxed))
        continue;
    return std::max(before, value);
}

void Counters::observe(std::string_view series, std::int64_t microseconds)
{
    auto* all = layout();
    if (all == nullptr)
        return;
    wanted_ = series;
    const auto at = Layout::find_or_claim(all->histograms, wanted_, histograms_);
    if (!at)
        return;
    auto& times = all->histograms[*at];
    const auto took = std::max<std::int64_t>(0, microseconds);
    const auto end = std::lower_bound(bucket_ends_microseconds.begin(), bucket_ends_microseconds.end(), took);
    times.buckets[static_cast<std::size_t>(end - bucket_ends_microseconds.begin())].fetch_add(1, relaxed);
    times.sum_microseconds.fetch_add(static_cast<std::uint64_t>(took), relaxed);
}

std::map<std::string, std::uint64_t> Counters::numbers()
{
    std::map<std::string, std::uint64_t> read;
    if (const auto* all = layout()) {
        for (const auto& number : all->numbers) {
            if (number.state.load(std::memory_order_acquire) == is_named)
                read[std::string(number.name())] += number.value.load(relaxed);
        }
    }
    return read;
}

std::map<std::string, Histogram> Counters::histograms()
{
    std::map<std::string, Histogram> read;
    if (const auto* all = layout()) {
        for (const auto& times : all->histograms) {
            if (times.state.load(std::memory_order_acquire) != is_named)
                continue;
            auto& histogram = read[std::string(times.name())];
            std::transform(histogram.buckets.begin(), histogram.buckets.end(), times.buckets.begin(),
                           histogram.buckets.begin(), [](std::uint64_t sum, const Atomic& bucket) {
                               return sum + bucket.load(relaxed);
                           });
            histogram.sum_microseconds += times.sum_microseconds.load(relaxed);
        }
    }
    return read;
}

} // namespace shared
