// What the programs that cron runs have in common: their options, and the rounds that they make.
#pragma once

#include "base/json.h"
#include "base/program.h"
#include "shared/counters.h"

#include <chrono>
#include <functional>

namespace base {
struct Config;
}

namespace cron {

struct Round
{
    const base::Config& config;
    shared::Counters& counters;
    std::chrono::steady_clock::time_point ends_by; // a round that lasts had better be over then
    bool worked = true;                            // set it to false to end with status 1
};

struct Sweeper
{
    const char* name;  // of the program
    const char* about; // the first lines of --help
    base::Program program;
    const char* metric; // what its sweeps are counted as
    // One sweep: its summary, numbers by their names; null if there is nothing to say.
    std::function<base::Json(Round& round)> sweep;
    // Called after every sweep, if there is one. Not to throw.
    std::function<void(const base::Config& config, shared::Counters& counters)> report;
};

// Reads the options, sweeps, and prints a line for each sweep. Gives back the exit status.
int run(const Sweeper& sweeper, int argc, char** argv);

} // namespace cron
