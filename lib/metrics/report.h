// What an operator watches, in Prometheus' text format 0.0.4: what the processes counted, and what the
// database says at the moment.
#pragma once

#include "base/clock.h"
#include "base/config.h"
#include "database/connection.h"
#include "ethereum/json_rpc.h"
#include "shared/counters.h"

#include <string>

namespace metrics {

constexpr const char* content_type = "text/plain; version=0.0.4; charset=utf-8";

// One answered request. `route` is a pattern, never a client's path.
void count_request(shared::Counters& counters, const char* route, int status, std::int64_t microseconds);
// One sweep, named after its program: "meter" or "attest".
void count_sweep(shared::Counters& counters, const char* sweep, bool worked, std::int64_t microseconds);

// Counts what the node is asked.
class ChainCalls : public ethereum::CallObserver
{
  public:
    explicit ChainCalls(shared::Counters& counters) : counters_(counters) {}
    void on_call(const std::string& method, const char* outcome, std::int64_t microseconds) override;

  private:
    shared::Counters& counters_;
};

// Every family with its HELP and TYPE. Without a database (null, or one that fails on the way) what it would
// say is left out, and session_voice_database_up is 0.
std::string report(shared::Counters& counters, database::Connection* db, const base::Config& config,
                   base::UnixSeconds now);

// Puts the text where the node exporter reads it: whole or not at all, readable by everybody. Throws
// Error(internal) that says why not.
void write_textfile(const std::string& path, const std::string& text);

} // namespace metrics
