// What is measured, in Prometheus' text format.
#pragma once

#include "call.h"

http::Response get_metrics(App& app, const Call& call);
