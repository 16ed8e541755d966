// Instants are whole seconds since 1970-01-01 UTC. Only the programs' edges ask for the time;
// everything below receives it as a value, so that a year can pass in a test within a second.
#pragma once

#include <cstdint>
#include <string>

namespace base {

using UnixSeconds = std::int64_t;

// The system's clock. It may step either way at any time.
UnixSeconds system_now();
std::int64_t system_now_ms(); // the same in milliseconds

// Where whoever has waited within a request looks once more.
class Clock
{
  public:
    virtual ~Clock() = default;
    virtual UnixSeconds now() = 0;
};

class SystemClock : public Clock
{
  public:
    UnixSeconds now() override { return system_now(); }
};

// "2026-01-31T12:00:00.000Z". Throws Error(internal) outside the years 1970 to 9999.
std::string iso8601(UnixSeconds instant);

} // namespace base
