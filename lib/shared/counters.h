// What all processes count together: named numbers in one file beside the database. Counting costs no system
// call, and a process that is killed at any point leaves every number whole.
#pragma once

#include "shared/mapped_file.h"

#include <array>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace shared {

// Upper ends of a histogram's buckets; one more bucket takes the rest.
constexpr std::array<std::int64_t, 15> bucket_ends_microseconds = {
    500,    1000,   2500,    5000,    10000,   25000,    50000,   100000,
    250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000};

struct Histogram
{
    std::array<std::uint64_t, bucket_ends_microseconds.size() + 1> buckets{}; // each by itself
    std::uint64_t sum_microseconds = 0;
};

// A name with labels as Prometheus spells it: name{label="value",...}, the values escaped.
std::string series(std::string_view name,
                   std::initializer_list<std::pair<std::string_view, std::string_view>> labels);

class Counters
{
  public:
    static constexpr std::size_t max_series_bytes = 119;
    static constexpr std::size_t max_numbers = 512;
    static constexpr std::size_t max_histograms = 96;

    // In the file at `path`; if that is empty, in this process alone. While it cannot be mapped, nothing is
    // counted.
    explicit Counters(const std::string& path);

    // A series is what series() gives. Beyond the numbers above, and for a longer name, nothing is counted.
    void add(std::string_view series, std::uint64_t count = 1);
    void set(std::string_view series, std::uint64_t value);
    // A number that never falls: becomes `value` if that is greater. Returns what it is then, `value` while
    // nothing is counted.
    std::uint64_t raise(std::string_view series, std::uint64_t value);
    void observe(std::string_view series, std::int64_t microseconds);

    // As of now, by their series. Others go on counting meanwhile.
    std::map<std::string, std::uint64_t> numbers();
    std::map<std::string, Histogram> histograms();

  private:
    struct Layout;
    struct Place;
    using Found = std::unordered_map<std::string, std::size_t>; // where this process has found each series

    Layout* layout();
    std::atomic<std::uint64_t>* number(std::string_view series);

    LazyMapping file_;
    Found numbers_;
    Found histograms_;
    std::string wanted_; // saves an allocation a lookup
};

} // namespace shared
