// What browsers ask and are told about pages of other origins (the Fetch standard; RFC 6454 for origins).
#pragma once

#include "http.h"

namespace base {
struct Config;
}

// The answer to any OPTIONS.
http::Response preflight(const base::Config& config, const http::Request& request);

void add_cors_headers(const base::Config& config, const http::Request& request, http::Response& response);
