// How often somebody may do something in a minute or an hour, counted over all processes in one file of 1 MiB
// beside the database. A million strangers cost no more than one: the table forgets who was idle the longest.
#pragma once

#include "base/random.h"
#include "shared/mapped_file.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace shared {

using UnixMilliseconds = std::int64_t;
using Milliseconds = std::int64_t;
constexpr Milliseconds minute = 60000;
constexpr Milliseconds hour = 60 * minute;

class RateLimiter
{
  public:
    static constexpr std::size_t file_bytes = 1024 * 1024;
    static constexpr std::int64_t max_count = 6000;

    // The file is `<database_path>-limits`; a new one gets a key from `random`, so that nobody can choose
    // whom to share a place with. While it cannot be mapped, each process counts for itself.
    RateLimiter(const std::string& database_path, base::Random& random);

    // Takes one of the `count` (1 to max_count) that `who` has for `what` in a `period`: so many at once, and
    // as many in every period that follows. Gives back 0, or in how many milliseconds, 1 to the period's,
    // there is one again. Should the clock step back, it is no more than that either. Some 100000 are told
    // apart at a time, and two of them can be taken for one with a chance of one in half a million.
    std::int64_t take(std::string_view what, std::string_view who, std::int64_t count, UnixMilliseconds now,
                      Milliseconds period = minute);
    // The same of one in a period, without taking it: whether and for how long it is taken.
    std::int64_t wait(std::string_view what, std::string_view who, UnixMilliseconds now, Milliseconds period);

  private:
    struct Key;

    Key key_of(std::string_view what, std::string_view who);
    MappedFile& table();

    std::function<void(MappedFile&)> fill_;
    LazyMapping file_;
    std::unique_ptr<MappedFile> own_;
};

} // namespace shared
