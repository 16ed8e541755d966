#include "usage/daily.h"

#include "credits/ledger.h"
#include "database/transaction.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <map>
#include <optional>
#include <string>

namespace usage {

namespace {

using credits::day_of;
using credits::seconds_per_day;

// The columns of usage_days, each with the member that it is.
struct Figure
{
    const char* name;
    std::int64_t Day::*value;
};
constexpr Figure figures[] = {
    {"debited_seconds", &Day::debited_seconds},
    {"granted_seconds", &Day::granted_seconds},
    {"admin_adjusted_seconds", &Day::admin_adjusted_seconds},
    {"refunded_seconds", &Day::refunded_seconds},
    {"wallets", &Day::wallets},
    {"rooms", &Day::rooms},
    {"sessions_completed", &Day::sessions_completed},
    {"sessions_no_show_host", &Day::sessions_no_show_host},
    {"sessions_no_show_guest", &Day::sessions_no_show_guest},
};

void count_stays(database::Connection& db, Day& day)
{
    // A stay that was metered within the day alone has all its debits on it. Of the others, which are those
    // that went on over midnight, the ledger says what they took on the day.
    auto row = db.prepare(
        "WITH stays AS ("
        "SELECT connection_id, wallet, room_id, joined_at, last_metered_at, debited_seconds FROM connections "
        "WHERE left_at IS NOT NULL AND kind = 'free' AND left_at >= :begins_at AND left_at < :ends_at "
        "UNION ALL "
        "SELECT connection_id, wallet, room_id, joined_at, last_metered_at, debited_seconds FROM connections "
        "WHERE connection_id IN (SELECT connection_id FROM connections WHERE left_at IS NOT NULL "
        "AND kind = 'free' AND joined_at / 86400 <> left_at / 86400 AND left_at / 86400 > :day "
        "AND joined_at < :ends_at) "
        "UNION ALL "
        "SELECT connection_id, wallet, room_id, joined_at, last_metered_at, debited_seconds FROM connections "
        "WHERE left_at IS NULL AND kind = 'free' AND joined_at < :ends_at AND token_expires_at >= "
        ":begins_at) "
        "SELECT count(DISTINCT wallet) AS wallets, count(DISTINCT room_id) AS rooms, "
        "coalesce(sum(CASE WHEN joined_at >= :begins_at AND last_metered_at < :ends_at "
        "THEN debited_seconds ELSE (SELECT coalesce(-sum(e.delta_seconds), 0) FROM credit_events e "
        "WHERE e.wallet = stays.wallet AND e.connection_id = stays.connection_id AND e.kind = 'debit_usage' "
        "AND e.created_at >= :begins_at AND e.created_at < :ends_at) END), 0) AS debited_seconds "
        "FROM stays");
    row.bind(":begins_at", day.begins_at)
        .bind(":ends_at", day.begins_at + seconds_per_day)
        .bind(":day", day.begins_at / seconds_per_day)
        .step();
    day.wallets = row.integer("wallets");
    day.rooms = row.integer("rooms");
    day.debited_seconds = row.integer("debited_seconds");
}

void count_grants(database::Connection& db, Day& day)
{
    auto row = db.prepare(
        "SELECT coalesce(sum(delta_seconds) FILTER (WHERE kind IN ('grant_base', 'grant_celo_bonus', "
        "'top_up')), 0) AS granted_seconds, "
        "coalesce(sum(delta_seconds) FILTER (WHERE kind = 'admin_adjust'), 0) "
        "AS admin_adjusted_seconds, "
        "coalesce(sum(delta_seconds) FILTER (WHERE kind = 'refund_usage'), 0) "
        "AS refunded_seconds FROM credit_events "
        "WHERE kind <> 'debit_usage' AND created_at >= :begins_at AND created_at < :ends_at");
    row.bind(":begins_at", day.begins_at).bind(":ends_at", day.begins_at + seconds_per_day).step();
    day.granted_seconds = row.integer("granted_seconds");
    day.admin_adjusted_seconds = row.integer("admin_adjusted_seconds");
    day.refunded_seconds = row.integer("refunded_seconds");
}

void count_sessions(database::Connection& db, Day& day)
{
    // The escrow's numbers for the outcomes: sessions/outcome.h.
    auto row = db.prepare("SELECT count(*) FILTER (WHERE outcome = 1) AS sessions_completed, "
                          "count(*) FILTER (WHERE outcome = 2) AS sessions_no_show_host, "
                          "count(*) FILTER (WHERE outcome = 3) AS sessions_no_show_guest "
                          "FROM attestations WHERE decided_at >= :begins_at AND decided_at < :ends_at");
    row.bind(":begins_at", day.begins_at).bind(":ends_at", day.begins_at + seconds_per_day).step();
    day.sessions_completed = row.integer("sessions_completed");
    day.sessions_no_show_host = row.integer("sessions_no_show_host");
    day.sessions_no_show_guest = row.integer("sessions_no_show_guest");
}

Day count(database::Connection& db, base::UnixSeconds begins_at)
{
    Day day{begins_at};
    count_stays(db, day);
    count_grants(db, day);
    count_sessions(db, day);
    return day;
}

// Which a clock that was ahead cannot have been wrong about: what it booked is booked again.
std::optional<base::UnixSeconds> last_booked(database::Connection& db, base::UnixSeconds now)
{
    auto row = db.prepare("SELECT max(begins_at) FROM usage_days WHERE booked_at <= :now");
    row.bind(":now", now).step();
    return row.optional_integer(0);
}

// The day from which on something may have happened; if nothing ever has, one that will not come. Nobody
// talks without credit, so the first event is none of talk.
base::UnixSeconds first_day(database::Connection& db)
{
    const auto earliest = [&](const char* sql) {
        auto row = db.prepare(sql);
        row.step();
        return row.optional_integer(0).value_or(std::numeric_limits<base::UnixSeconds>::max());
    };
    const auto event_at = earliest("SELECT min(created_at) FROM credit_events WHERE kind <> 'debit_usage'");
    const auto decided_at = earliest("SELECT min(decided_at) FROM attestations");
    return std::max<base::UnixSeconds>(0, day_of(std::min(event_at, decided_at)));
}

void insert(database::Connection& db, const Day& day, base::UnixSeconds now)
{
    static const auto sql = [] {
        std::string columns = "begins_at, booked_at";
        std::string values = ":begins_at, :booked_at";
        for (const auto& figure : figures) {
            columns += std::string(", ") + figure.name;
            values += std::string(", :") + figure.name;
        }
        return "INSERT INTO usage_days (" + columns + ") VALUES (" + values + ") ON CONFLICT DO NOTHING";
    }();
    auto row = db.prepare(sql);
    row.bind(":begins_at", day.begins_at).bind(":booked_at", now);
    for (const auto& figure : figures)
        row.bind((std::string(":") + figure.name).c_str(), day.*figure.value);
    row.run();
}

} // namespace

std::vector<Day> daily(database::Connection& db, base::UnixSeconds from, base::UnixSeconds to,
                       base::UnixSeconds now)
{
    assert(from <= to && day_of(to) - day_of(from) < most_days * seconds_per_day);
    const database::Snapshot snapshot(db);
    std::map<base::UnixSeconds, Day> booked;
    {
        auto row = db.prepare("SELECT * FROM usage_days WHERE begins_at >= :from AND begins_at <= :to "
                              "AND booked_at <= :now");
        row.bind(":from", day_of(from)).bind(":to", to).bind(":now", now);
        while (row.step()) {
            Day day{row.integer("begins_at")};
            for (const auto& figure : figures)
                day.*figure.value = row.integer(figure.name);
            booked.emplace(day.begins_at, day);
        }
    }
    const auto first = first_day(db);
    std::vector<Day> days;
    for (auto begins_at = day_of(from); begins_at <= to; begins_at += seconds_per_day) {
        const auto found = booked.find(begins_at);
        if (found != booked.end())
            days.push_back(found->second);
        else if (begins_at >= first && begins_at <= now)
            days.push_back(count(db, begins_at));
        else
            days.push_back({begins_at});
    }
    return days;
}

base::UnixSeconds summed_up_until(base::UnixSeconds now)
{
    constexpr std::int64_t margin_seconds = 3600;
    return day_of(now - margin_seconds);
}

std::int64_t book_days(database::Connection& db, base::UnixSeconds now)
{
    const auto last = last_booked(db, now);
    const auto first = last ? *last + seconds_per_day : first_day(db);
    const auto end = summed_up_until(now);
    if (first >= end)
        return 0;
    constexpr std::size_t days_at_a_time = 7; // the sweep has other things to do
    // What is over changes no more, so it is counted without being in the way of those who write.
    std::vector<Day> days;
    for (auto begins_at = first; begins_at < end && days.size() < days_at_a_time;
         begins_at += seconds_per_day) {
        const database::Snapshot snapshot(db);
        days.push_back(count(db, begins_at));
    }
    // Should a power cut take it back, it is done again.
    database::transact(db, database::Durability::relaxed, [&] {
        db.prepare("DELETE FROM usage_days WHERE booked_at > :now").bind(":now", now).run();
        for (const auto& day : days)
            insert(db, day, now);
    });
    return static_cast<std::int64_t>(days.size());
}

} // namespace usage
