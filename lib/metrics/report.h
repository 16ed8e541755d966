// What an operator watches, in Prometheus' text format 0.0.4: what the processes counted, and what the
// database says at the moment.
#pragma once

#include "base/clock.h"
#include "database/connection.h"
#include "ethereum/json_rpc.h"
#include "outbox/queue.h"
#include "shared/counters.h"

#include <functional>
#include <string>

namespace base {
struct Config;
}

namespace metrics {

constexpr const char* content_type = "text/plain; version=0.0.4; charset=utf-8";

// One answered request. `route` is a pattern, never a client's path.
void count_request(shared::Counters& counters, const char* route, int status, std::int64_t microseconds);
// A wallet has signed in, by "nonce", "siwe" or "contract".
void count_sign_in(shared::Counters& counters, const char* way);
// A signed message was refused that names another domain than the request's Host; SIGN_IN_DOMAINS is not set.
void count_foreign_domain(shared::Counters& counters);
// How many were.
std::uint64_t foreign_domains(shared::Counters& counters);
// One sweep, named after its program: "meter", "attest" or "notify".
void count_sweep(shared::Counters& counters, const char* sweep, bool worked, std::int64_t microseconds);
// What became of attempts to tell a destination.
void count_deliveries(shared::Counters& counters, outbox::Destination destination,
                      const outbox::Tally& tally);

// Counts what the node is asked. Before that it does what else is to be done before somebody waits.
class ChainCalls : public ethereum::CallObserver
{
  public:
    explicit ChainCalls(shared::Counters& counters) : counters_(counters) {}
    std::function<void()> before_waiting; // may be empty
    void before_call() override
    {
        if (before_waiting)
            before_waiting();
    }
    void on_call(const std::string& method, const char* outcome, std::int64_t microseconds) override;

  private:
    shared::Counters& counters_;
};

// Counts what connections do, of which a process has one at a time.
class DatabaseTraffic
{
  public:
    explicit DatabaseTraffic(shared::Counters& counters) : counters_(counters) {}
    // Now and then.
    void look_at(const database::Traffic& traffic);
    void forget() { seen_ = {}; } // the connection has gone

  private:
    shared::Counters& counters_;
    database::Traffic seen_;
};

// Every family with its HELP and TYPE. Without a database (null, or one that fails on the way) what it would
// say is left out, and session_voice_database_up is 0.
std::string report(shared::Counters& counters, database::Connection* db, const base::Config& config,
                   base::UnixSeconds now);

// Puts the text where the node exporter reads it: whole or not at all, readable by everybody. Throws
// Error(internal) that says why not.
void write_textfile(const std::string& path, const std::string& text);

} // namespace metrics
