#include "metrics/report.h"

#include "base/error.h"
#include "base/log.h"
#include "base/settings.h"
#include "base/version.h"
#include "credits/ledger.h"
#include "outbox/standing.h"
#include "rooms/listing.h"
#include "rooms/room.h"
#include "rooms/standing.h"
#include "rooms/sweep.h"
#include "sessions/attestation.h"
#include "storage/open.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace metrics {

namespace {

enum class Unit
{
    one,
    microseconds // counted; written as seconds
};

// What the processes count. A family that is not here is not written.
struct Counted
{
    const char* name;
    const char* type;
    const char* help;
    Unit unit;
};

constexpr const char* requests = "session_voice_http_requests_total";
constexpr const char* request_duration = "session_voice_http_request_duration_seconds";
constexpr const char* chain_calls = "session_voice_chain_calls_total";
constexpr const char* chain_call_duration = "session_voice_chain_call_duration_seconds";
constexpr const char* round_trips = "session_voice_database_round_trips_total";
constexpr const char* retries = "session_voice_database_retries_total";
constexpr const char* connections = "session_voice_database_connections_total";
constexpr const char* sign_ins = "session_voice_sign_ins_total";
constexpr const char* sign_in_foreign_domains = "session_voice_sign_in_foreign_domains_total";
constexpr const char* sweeps = "session_voice_sweeps_total";
constexpr const char* sweep_last_duration = "session_voice_sweep_last_duration_seconds";
constexpr const char* deliveries = "session_voice_outbox_attempts_total";

constexpr Counted counted[] = {
    {requests, "counter", "Answered requests, by the pattern of the route and the HTTP status.", Unit::one},
    {request_duration, "histogram", "From the request's acceptance to its answer, by route.",
     Unit::microseconds},
    {chain_calls, "counter",
     "Questions to the node: ok, error (it answered with one) or unavailable (no answer of use).", Unit::one},
    {chain_call_duration, "histogram", "How long the node took, by JSON-RPC method.", Unit::microseconds},
    {round_trips, "counter", "How often a database server was waited for; none with SQLite.", Unit::one},
    {retries, "counter", "Transactions that were run again, since two were at the same rows.", Unit::one},
    {connections, "counter", "Connections to a database server that were made.", Unit::one},
    {sign_ins, "counter",
     "Wallets that signed in: by a nonce, a signed message (siwe), or by the word of a contract.", Unit::one},
    {sign_in_foreign_domains, "counter",
     "Signed messages for another domain than the web server's Host, while SIGN_IN_DOMAINS is not set.",
     Unit::one},
    {deliveries, "counter",
     "Attempts to tell others what happened: delivered, failed, given_up (the last one) or void (too late).",
     Unit::one},
    {sweeps, "counter", "Sweeps of the programs that cron runs, by result: ok or failed.", Unit::one},
    {sweep_last_duration, "gauge", "How long the last sweep took.", Unit::microseconds},
};

std::string seconds(std::uint64_t microseconds)
{
    auto fraction = std::to_string(microseconds % 1000000);
    fraction.insert(0, 6 - fraction.size(), '0');
    fraction.resize(fraction.find_last_not_of('0') + 1);
    return std::to_string(microseconds / 1000000) + (fraction.empty() ? "" : "." + fraction);
}

// Of a series in the shape that shared::series() gives it.
std::string_view family_of(std::string_view series)
{
    return series.substr(0, series.find('{'));
}

class Text
{
  public:
    void family(const char* name, const char* type, const char* help)
    {
        text_ += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
    }
    void sample(std::string_view series, const std::string& value)
    {
        text_ += series;
        text_ += ' ';
        text_ += value;
        text_ += '\n';
    }
    void gauge(const char* name, const char* help, std::int64_t value)
    {
        family(name, "gauge", help);
        sample(name, std::to_string(value));
    }
    void histogram(std::string_view series, const shared::Histogram& histogram)
    {
        const auto name = std::string(family_of(series));
        const auto labels = std::string(series.substr(name.size()));
        const auto open = labels.empty() ? "{" : labels.substr(0, labels.size() - 1) + ",";
        std::uint64_t count = 0;
        for (std::size_t i = 0; i < histogram.buckets.size(); ++i) {
            count += histogram.buckets[i];
            const auto& ends = shared::bucket_ends_microseconds;
            const auto end = i < ends.size() ? seconds(static_cast<std::uint64_t>(ends[i])) : "+Inf";
            sample(name + "_bucket" + open + "le=\"" + end + "\"}", std::to_string(count));
        }
        sample(name + "_sum" + labels, seconds(histogram.sum_microseconds));
        sample(name + "_count" + labels, std::to_string(count));
    }
    void append(const Text& other) { text_ += other.text_; }
    const std::string& text() const { return text_; }

  private:
    std::string text_;
};

void write_counted(Text& text, shared::Counters& counters)
{
    const auto numbers = counters.numbers();
    const auto histograms = counters.histograms();
    for (const auto& family : counted) {
        text.family(family.name, family.type, family.help);
        for (const auto& [series, value] : numbers) {
            if (family_of(series) == family.name)
                text.sample(series,
                            family.unit == Unit::microseconds ? seconds(value) : std::to_string(value));
        }
        for (const auto& [series, histogram] : histograms) {
            if (family_of(series) == family.name)
                text.histogram(series, histogram);
        }
    }
}

// A counter that the database knows. It must not fall even if an older database takes its place: it waits
// then until that has caught up.
void write_total(Text& text, shared::Counters& counters, const char* name, const char* help,
                 std::int64_t value)
{
    text.family(name, "counter", help);
    text.sample(name, std::to_string(counters.raise(name, static_cast<std::uint64_t>(value))));
}

// What waits to be told.
void write_outbox(Text& text, database::Connection& db, base::UnixSeconds now)
{
    using outbox::Destination;
    constexpr Destination destinations[] = {Destination::webhook, Destination::agora};
    std::vector<outbox::Standing> standings;
    for (const auto destination : destinations)
        standings.push_back(outbox::standing(db, destination));
    const auto gauge = [&](const char* name, const char* help, const auto& value_of) {
        text.family(name, "gauge", help);
        for (std::size_t i = 0; i < standings.size(); ++i)
            text.sample(shared::series(name, {{"destination", outbox::name_of(destinations[i])}}),
                        std::to_string(value_of(standings[i])));
    };
    gauge("session_voice_outbox_waiting", "Messages that wait to be delivered.",
          [](const outbox::Standing& standing) { return standing.waiting; });
    gauge("session_voice_outbox_oldest_waiting_seconds", "How long the oldest of them has waited.",
          [&](const outbox::Standing& standing) {
              return std::max<std::int64_t>(0, now - standing.oldest_waiting_at.value_or(now));
          });
    gauge("session_voice_outbox_given_up", "Messages that were tried in vain, and are kept.",
          [](const outbox::Standing& standing) { return standing.given_up; });
    gauge("session_voice_outbox_paused", "Whether the destination wanted no more.",
          [](const outbox::Standing& standing) { return standing.paused_at ? 1 : 0; });
}

void write_database(Text& text, shared::Counters& counters, database::Connection& db,
                    const base::Config& config, base::UnixSeconds now)
{
    const auto& rules = base::settings<base::Rules>(config);
    const auto free = rooms::occupancy(db, rules, rooms::Kind::free, now);
    const auto booked = rooms::occupancy(db, rules, rooms::Kind::booked, now);
    const auto by_kind = [&](const char* name, const char* help, std::int64_t of_free,
                             std::int64_t of_booked) {
        text.family(name, "gauge", help);
        text.sample(shared::series(name, {{"kind", "free"}}), std::to_string(of_free));
        text.sample(shared::series(name, {{"kind", "booked"}}), std::to_string(of_booked));
    };
    by_kind("session_voice_active_rooms", "Rooms that somebody is in, or may still come into.", free.rooms,
            booked.rooms);
    by_kind("session_voice_participants_present", "Participants whose token has not expired.",
            free.participants, booked.participants);

    const auto totals = credits::totals(db);
    write_total(text, counters, "session_voice_metered_seconds_total",
                "Seconds of talk charged, as the ledger has them.", totals.metered_seconds);
    write_total(text, counters, "session_voice_refunded_seconds_total", "Those of them that were given back.",
                totals.refunded_seconds);

    text.gauge("session_voice_pending_seconds",
               "Seconds of talk that stays have used and that are not charged yet.",
               rooms::pending_seconds(db, now));

    constexpr const char* sweep_age = "session_voice_sweep_age_seconds";
    text.family(sweep_age, "gauge", "Since the sweep of rooms last came to its end.");
    if (const auto swept_at = rooms::last_sweep_at(db)) // no sample before the first
        text.sample(sweep_age, std::to_string(std::max<std::int64_t>(0, now - *swept_at)));

    constexpr const char* attestations = "session_voice_attestations";
    text.family(attestations, "gauge", "Attestations of booked sessions, by their state.");
    using sessions::AttestationState;
    for (const auto state : {AttestationState::submitted, AttestationState::mined,
                             AttestationState::confirmed, AttestationState::failed})
        text.sample(shared::series(attestations, {{"state", sessions::name_of(state)}}),
                    std::to_string(sessions::count_attestations(db, state)));

    write_outbox(text, db, now);

    text.gauge("session_voice_schema_version", "The version of the database's schema.", db.schema_version());
}

} // namespace

void count_request(shared::Counters& counters, const char* route, int status, std::int64_t microseconds)
{
    counters.add(shared::series(requests, {{"route", route}, {"status", std::to_string(status)}}));
    counters.observe(shared::series(request_duration, {{"route", route}}), microseconds);
}

void count_sign_in(shared::Counters& counters, const char* way)
{
    counters.add(shared::series(sign_ins, {{"by", way}}));
}

void count_foreign_domain(shared::Counters& counters)
{
    counters.add(sign_in_foreign_domains);
}

std::uint64_t foreign_domains(shared::Counters& counters)
{
    const auto numbers = counters.numbers();
    const auto found = numbers.find(sign_in_foreign_domains);
    return found == numbers.end() ? 0 : found->second;
}

void count_sweep(shared::Counters& counters, const char* sweep, bool worked, std::int64_t microseconds)
{
    counters.add(shared::series(sweeps, {{"sweep", sweep}, {"result", worked ? "ok" : "failed"}}));
    counters.set(shared::series(sweep_last_duration, {{"sweep", sweep}}),
                 static_cast<std::uint64_t>(std::max<std::int64_t>(0, microseconds)));
}

void count_deliveries(shared::Counters& counters, outbox::Destination destination, const outbox::Tally& tally)
{
    const auto count = [&](const char* result, std::int64_t number) {
        if (number > 0)
            counters.add(shared::series(deliveries,
                                        {{"destination", outbox::name_of(destination)}, {"result", result}}),
                         static_cast<std::uint64_t>(number));
    };
    count("delivered", tally.delivered);
    count("failed", tally.failed);
    count("given_up", tally.given_up);
    count("void", tally.voided);
}

void DatabaseTraffic::look_at(const database::Traffic& traffic)
{
    const auto count = [&](const char* name, std::int64_t before, std::int64_t after) {
        if (after > before)
            counters_.add(name, static_cast<std::uint64_t>(after - before));
    };
    if (seen_.round_trips == 0 && traffic.round_trips > 0)
        counters_.add(connections);
    count(round_trips, seen_.round_trips, traffic.round_trips);
    count(retries, seen_.retries, traffic.retries);
    seen_ = traffic;
}

void ChainCalls::on_call(const std::string& method, const char* outcome, std::int64_t microseconds)
{
    counters_.add(shared::series(chain_calls, {{"method", method}, {"outcome", outcome}}));
    counters_.observe(shared::series(chain_call_duration, {{"method", method}}), microseconds);
}

std::string report(shared::Counters& counters, database::Connection* db, const base::Config& config,
                   base::UnixSeconds now)
{
    Text text;
    constexpr const char* build_info = "session_voice_build_info";
    text.family(build_info, "gauge", "The program's version; the value is always 1.");
    text.sample(shared::series(build_info, {{"version", base::version}}), "1");
    write_counted(text, counters);

    auto size = storage::size_of(config, nullptr);
    bool is_up = db != nullptr;
    if (is_up) {
        try {
            Text said;
            write_database(said, counters, *db, config, now);
            size = storage::size_of(config, db);
            text.append(said);
        } catch (const base::Error& error) {
            base::log(std::string("the metrics go without the database: ") + error.what());
            is_up = false;
        }
    }
    text.gauge("session_voice_database_up", "Whether the database answers.", is_up);
    text.gauge("session_voice_database_size_bytes", "The SQLite file, or the database in PostgreSQL.",
               size.database_bytes);
    text.gauge("session_voice_database_wal_size_bytes", "SQLite's write-ahead log.", size.log_bytes);
    return text.text();
}

void write_textfile(const std::string& path, const std::string& text)
{
    const auto temporary = path + "." + std::to_string(::getpid()); // the exporter reads only *.prom
    const auto refuse = [&](const char* what) {
        const int error = errno;
        ::unlink(temporary.c_str());
        throw base::Error(base::ErrorCode::internal, "internal_error",
                          std::string(what) + " " + temporary + ": " + std::strerror(error));
    };
    ::unlink(temporary.c_str()); // what a killed process of that number left, or anybody's link
    const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd == -1)
        refuse("cannot write");
    errno = ENOSPC; // of a write that stops short
    const bool is_written =
        ::fchmod(fd, 0644) == 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (::close(fd) != 0 || !is_written)
        refuse("cannot write");
    if (::rename(temporary.c_str(), path.c_str()) != 0)
        refuse("cannot rename");
}

} // namespace metrics
