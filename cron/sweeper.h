// What the programs that cron runs have in common: their options, and the rounds that they make.
#pragma once

#include "base/config.h"
#include "base/json.h"

#include <functional>

namespace cron {

struct Sweeper
{
    const char* name;  // of the program
    const char* about; // the first lines of --help
    base::Program program;
    // One sweep: its summary, numbers by their names. `worked` is set to false if it is to end with status 1.
    std::function<base::Json(const base::Config& config, bool& worked)> sweep;
};

// Reads the options, sweeps, and prints a line for each sweep. Gives back the exit status.
int run(const Sweeper& sweeper, int argc, char** argv);

} // namespace cron
