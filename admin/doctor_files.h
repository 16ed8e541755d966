// What the doctor says of files: whose they are, who can read and write them, what was left beside them.
#pragma once

#include "findings.h"

#include <string>
#include <vector>

namespace base {
struct Config;
}

// The database and what is beside it; `users` are those whom the web server's workers and cron run as.
void examine_files(Findings& findings, const std::string& database_path,
                   const std::vector<std::string>& users);

// Whether the sweep can write METRICS_TEXTFILE.
void examine_textfile(Findings& findings, const base::Config& config);
