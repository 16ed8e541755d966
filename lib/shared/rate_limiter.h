// How often somebody may do something in a minute, counted over all processes in one file of 1 MiB beside the
// database. A million strangers cost no more than one: the table forgets who was idle the longest.
#pragma once

#include "base/random.h"
#include "shared/mapped_file.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace shared {

using UnixMilliseconds = std::int64_t;

class RateLimiter
{
  public:
    static constexpr std::size_t file_bytes = 1024 * 1024;
    static constexpr std::int64_t max_per_minute = 6000;

    // The file is `<database_path>-limits`; a new one gets a key from `random`, so that nobody can choose
    // whom to share a place with. While it cannot be mapped, each process counts for itself.
    RateLimiter(const std::string& database_path, base::Random& random);

    // Takes one of the `per_minute` (1 to max_per_minute) that `who` has for `what`: so many at once, and as
    // many in every minute that follows. Gives back 0, or in how many milliseconds, 1 to 60000, there is one
    // again. Should the clock step back, it is no more than that either. Some 100000 are told apart at a
    // time, and two of them can be taken for one with a chance of one in half a million.
    std::int64_t take(std::string_view what, std::string_view who, std::int64_t per_minute,
                      UnixMilliseconds now);

  private:
    MappedFile& table();

    std::function<void(MappedFile&)> fill_;
    LazyMapping file_;
    std::unique_ptr<MappedFile> own_;
};

// Whom an address (REMOTE_ADDR) stands for: itself, or for IPv6 the network of 64 bits, which is what one
// customer gets. Empty if it is no address.
std::string payer_of_address(const std::string& address);

} // namespace shared
