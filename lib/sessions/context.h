// What the use cases of booked sessions work with.
#pragma once

#include "base/clock.h"
#include "database/connection.h"

namespace base {
struct Config;
struct Listeners;
struct SessionSettings;
} // namespace base

namespace sessions {

// Of one request, or of one step of a sweep.
struct Context
{
    Context(database::Connection& connection, const base::Config& config, base::UnixSeconds instant);

    database::Connection& db;
    const base::SessionSettings& settings;
    const base::Listeners& listeners;
    const base::UnixSeconds now;
};

} // namespace sessions
