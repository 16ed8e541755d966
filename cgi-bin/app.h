// What the handlers share in one process.
#pragma once

#include "agora/rtc_token.h"
#include "auth/nonce.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/settings.h"
#include "ethereum/chain.h"
#include "metrics/report.h"
#include "shared/counters.h"
#include "shared/rate_limiter.h"
#include "storage/open.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace base {
struct Rules;
}

// An answer that is the same for everybody, kept until something changes.
struct KeptAnswer
{
    database::ChangeMark as_of;
    base::UnixSeconds now = 0; // lapsing changes what is shown without changing the database
    std::string body;
    std::string etag;
};

class App
{
  public:
    App(const base::Config& all_settings, ethereum::Chain& asked_chain, base::Random& source,
        shared::Counters& counted, base::Clock& read_clock);

    // Opened and migrated when it is first needed, and again after close_database(): a database that cannot
    // be reached fails the requests that need it, not the process. Throws Error(database_unavailable), or
    // Error(database_moved) if the open file is no longer at its place.
    database::Connection& database();
    // The same for those who begin a Transaction at once, which asks by itself whether it is at its place.
    database::Connection& connection();
    // What begins anew with each request.
    void begin_request()
    {
        is_in_place_ = false;
        is_deferring_ = false;
        debited_seconds = 0;
        if (database_ && database_->has_ended())
            close_database(); // nothing of this request is lost with it
    }

    // A worker that holds answers back, so that one sync brings all that they speak of to the disk. See
    // Connection::defer_syncs().
    void hold_answers() { is_holding_ = true; }
    // For a request that does nothing with what it has committed but answer.
    void defer_syncs() { is_deferring_ = is_holding_; }
    // Called when a request begins to wait for the node; may be empty. Answers that are held back had better
    // not wait with it.
    std::function<void()> before_waiting;
    // Whether what was committed is still to be brought to the disk, before anybody is told.
    bool is_sync_due() const { return is_sync_lost_ || (database_ && database_->is_sync_due()); }
    // Throws Error(database_unavailable) if it may not be there.
    void sync();
    // The same amid a request; a failure is also that of the next sync().
    void sync_or_remember();

    // Whether Error(database_moved) is for the log: once a minute, over all processes.
    bool is_problem_to_be_told() const
    {
        return database_ ? database_->is_problem_to_be_told() : storage::is_problem_to_be_told(config);
    }
    // One that is no longer at its place stays open: who opens another then learns of it, and what is in it
    // can be rescued.
    void close_database();

    // Counts what the database was asked since the last time.
    void count_traffic()
    {
        if (database_)
            traffic_.look_at(database_->traffic());
    }

    // Whether the database turned out to be made for a newer program than this: the process is to end.
    bool is_outdated() const { return is_outdated_; }
    void mark_outdated() { is_outdated_ = true; }

    // A group of the config's.
    template <class Group>
    const Group& settings() const
    {
        return base::settings<Group>(config);
    }

    const base::Config& config;
    const base::Rules& rules; // the config's
    ethereum::Chain& chain;
    base::Random& random;
    shared::Counters& counters;
    base::Clock& clock; // for those who have waited since Request::now
    shared::RateLimiter limits;
    const auth::Nonces nonces;
    const agora::TokenIssuer tokens;
    std::optional<KeptAnswer> listing; // of active rooms
    std::int64_t debited_seconds = 0;  // by this request, in transactions that were committed

  private:
    std::unique_ptr<database::Connection> database_;
    metrics::DatabaseTraffic traffic_;
    bool is_outdated_ = false;
    bool is_in_place_ = false; // the database, as of this request
    bool is_holding_ = false;
    bool is_deferring_ = false; // in this request
    bool is_sync_lost_ = false; // the database was closed while a sync was due, which then failed
};
