// How the service is run: to whom it answers, what it shows, and what it writes down.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace base {

struct ServerSettings
{
    bool production = true;
    std::vector<std::string> cors_allowed_origins = {"*"};
    std::string service_token; // the application's backend's; empty: there is no /service
    bool has_page = true;      // for people, at /
    bool log_requests = true;
    std::string metrics_token;                    // empty: there is no /metrics
    std::string metrics_textfile;                 // empty: none is written
    std::int64_t sweep_stale_after_seconds = 300; // /health calls an older sweep stale
};

} // namespace base
