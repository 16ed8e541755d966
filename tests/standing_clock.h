// A clock for tests.
#pragma once

#include "base/clock.h"

// Shows what a test says that it is.
class StandingClock : public base::Clock
{
  public:
    explicit StandingClock(const base::UnixSeconds& instant) : instant_(instant) {}
    base::UnixSeconds now() override { return instant_; }

  private:
    const base::UnixSeconds& instant_;
};
