// Looks at an installation as its operator would, and says of each thing that is wrong what to do about it.
#pragma once

#include <string>
#include <vector>

// Prints a line for each finding: "ok", "warn" or "FAIL"; or all of them as JSON at the end. `config_path` as
// for the other commands; `users` are those that must be able to use the database beside its owner. Changes
// nothing. Gives back the exit status: 1 if anything fails.
int run_doctor(const std::string& config_path, const std::vector<std::string>& users, bool as_json);
