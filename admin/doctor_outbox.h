// Whether others are told what happens.
#pragma once

#include "database/connection.h"
#include "findings.h"

namespace base {
struct Config;
}

void examine_outbox(Findings& findings, const base::Config& config, database::Connection& db);
