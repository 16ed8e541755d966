// What the programs that cron runs have in common: their options, and the rounds that they make.
#pragma once

#include "base/config.h"
#include "base/json.h"
#include "shared/counters.h"

#include <functional>

namespace cron {

struct Sweeper
{
    const char* name;  // of the program
    const char* about; // the first lines of --help
    base::Program program;
    const char* metric; // what its sweeps are counted as
    // One sweep: its summary, numbers by their names. `worked` is set to false if it is to end with status 1.
    std::function<base::Json(const base::Config& config, shared::Counters& counters, bool& worked)> sweep;
    // Called after every sweep, if there is one. Not to throw.
    std::function<void(const base::Config& config, shared::Counters& counters)> report;
};

// Reads the options, sweeps, and prints a line for each sweep. Gives back the exit status.
int run(const Sweeper& sweeper, int argc, char** argv);

} // namespace cron
