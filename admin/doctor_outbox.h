// Whether others are told what happens.
#pragma once

#include "base/config.h"
#include "database/connection.h"
#include "findings.h"

void examine_outbox(Findings& findings, const base::Config& config, database::Connection& db);
