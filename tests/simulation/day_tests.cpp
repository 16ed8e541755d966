// A day at a fixed load, and more with SIMULATION_DAYS: whatever is not stored must not grow.
#include "auth/nonce.h"
#include "base/config.h"
#include "credits/ledger.h"
#include "credits/pruning.h"
#include "metrics/report.h"
#include "requests/idempotency.h"
#include "rooms/history.h"
#include "rooms/pruning.h"
#include "rooms/sweep.h"
#include "sessions/session.h"
#include "simulation/quick_folder.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <malloc.h>
#include <unistd.h>

namespace {

using Seconds = std::int64_t;

constexpr Seconds hour = 3600;
constexpr Seconds day = 24 * hour;

std::int64_t number_from_environment(const char* name, std::int64_t otherwise)
{
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoll(text, nullptr, 10);
}

#if defined(SANITIZED)
constexpr bool is_memory_watched = false; // what is freed is kept, to find who uses it
constexpr std::int64_t wallets_by_default = 2;
#else
constexpr bool is_memory_watched = true;
constexpr std::int64_t wallets_by_default = 5;
#endif

// What the process and its database take.
struct Footprint
{
    std::int64_t resident_bytes = 0;
    std::int64_t heap_bytes = 0;
    std::int64_t descriptors = 0;
    std::int64_t wal_bytes = 0;
    std::int64_t database_bytes = 0; // without free pages
    std::int64_t rows = 0;
};

std::ostream& operator<<(std::ostream& out, const Footprint& f)
{
    return out << f.resident_bytes / 1024 << " KiB resident, " << f.heap_bytes / 1024 << " KiB on the heap, "
               << f.descriptors << " descriptors, log " << f.wal_bytes << " bytes, database "
               << f.database_bytes << " bytes for " << f.rows << " rows";
}

struct Traffic : simulation::QuickFolder, AppFixture
{
    explicit Traffic(std::int64_t people) : AppFixture(settings(folder / "test.db"))
    {
        for (std::int64_t i = 1; i <= people; ++i) {
            wallets.push_back(address(static_cast<unsigned>(i)));
            chain.names.insert(wallets.back());
            give(wallets.back(), 1000000000);
        }
    }

    static base::Config settings(const std::string& path)
    {
        auto config = test_config();
        config.database_path = path;
        config.metrics_token = "a token for who watches";
        // Every kind of memory that requests use is in use.
        config.rate_limit_create_per_minute = config.rate_limit_chain_per_minute = 6000;
        return config;
    }

    Reply ask(const char* method, const std::string& path, const base::Json& body, const std::string& wallet,
              bool with_key = false)
    {
        http::Request request;
        request.method = method;
        request.path = path;
        request.body = body.dump();
        request.authorization = "Bearer " + token_for(wallet);
        if (with_key)
            request.idempotency_key = random.uuid_v4();
        auto reply = send(request);
        BOOST_REQUIRE_MESSAGE(reply.status == 200, path << " " << reply.text);
        metrics::count_request(counters, "/route", reply.status, 1000);
        return reply;
    }

    // Everybody talks for three quarters of every hour, in rooms of five.
    void minute_passes()
    {
        const auto minute = now / 60 % 60;
        const auto second = now;
        if (minute == 0)
            come();
        if (minute == 45)
            go();
        for (std::size_t i = 0; minute < 45 && i < wallets.size(); ++i) {
            now = second + static_cast<Seconds>(i % 10);
            const auto& wallet = wallets[i];
            ask("POST", "/rooms/token/renew", seats[wallet], wallet);
            now += 30;
            ask("POST", "/rooms/heartbeat", seats[wallet], wallet);
        }
        now = second + 45;
        get("/rooms/active");
        rooms::sweep(db(), config.rules, now);
        sessions::close_ended({db(), config, now});
        auth::purge_spent_nonces(db(), now, 1000);
        requests::purge(db(), now, 1000);
        rooms::record_sweep(db(), now);
        now = second + 60;
    }

    void come()
    {
        std::string room_id;
        for (std::size_t i = 0; i < wallets.size(); ++i) {
            if (i % 5 == 0)
                room_id =
                    ask("POST", "/rooms/create", base::Json::object(), wallets[i], true).body["room_id"];
            seats[wallets[i]] =
                caller(ask("POST", "/rooms/join", {{"room_id", room_id}}, wallets[i], true).body);
        }
        sign_in();
    }
    void go()
    {
        for (auto wallet = wallets.rbegin(); wallet != wallets.rend(); ++wallet)
            ask("POST", "/rooms/leave", seats[*wallet], *wallet, true);
        http::Request request;
        request.method = "GET";
        request.path = "/metrics";
        request.authorization = "Bearer " + config.metrics_token;
        BOOST_REQUIRE(send(request).status == 200);
        BOOST_REQUIRE(send(request).text.find("session_voice_metered_seconds_total " +
                                              std::to_string(credits::totals(db()).metered_seconds)) !=
                      std::string::npos);
    }
    void sign_in()
    {
        const auto who = wallet(1);
        const std::string nonce = post("/auth/nonce", {{"wallet", who.address()}}).body["nonce"];
        BOOST_REQUIRE(
            post("/auth/verify",
                 {{"wallet", who.address()}, {"nonce", nonce}, {"signature", who.personal_sign(nonce)}})
                .status == 200);
    }

    // As cron does it every night, here of all that is older than the day.
    void night()
    {
        credits::prune(db(), credits::day_of(now));
        rooms::prune(db(), credits::day_of(now));
    }

    Footprint footprint()
    {
        Footprint now_taken;
        std::ifstream("/proc/self/statm") >> now_taken.resident_bytes >> now_taken.resident_bytes;
        now_taken.resident_bytes *= ::sysconf(_SC_PAGESIZE);
        now_taken.heap_bytes = static_cast<std::int64_t>(::mallinfo2().uordblks);
        now_taken.descriptors = std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                                              std::filesystem::directory_iterator());
        now_taken.wal_bytes =
            static_cast<std::int64_t>(std::filesystem::file_size(config.database_path + "-wal"));
        now_taken.database_bytes = query("PRAGMA page_count") * query("PRAGMA page_size") - db().free_bytes();
        for (const char* table :
             {"credit_events", "rooms", "connections", "idempotent_requests", "spent_nonces"})
            now_taken.rows += query(std::string("SELECT count(*) FROM ") + table);
        return now_taken;
    }

    std::vector<std::string> wallets;
    std::map<std::string, base::Json> seats;
};

} // namespace

BOOST_AUTO_TEST_SUITE(day_tests, *boost::unit_test::label("sqlite"))

BOOST_AUTO_TEST_CASE(a_day_of_traffic_leaves_nothing_behind_but_what_is_stored)
{
    const auto days = number_from_environment("SIMULATION_DAYS", 1);
    const auto people = number_from_environment("SIMULATION_WALLETS", wallets_by_default);
    Traffic traffic(people);
    const auto start = traffic.now;
    Footprint warm; // after two hours
    std::int64_t largest_wal = 0;
    while (traffic.now < start + days * day) {
        traffic.minute_passes();
        if ((traffic.now - start) % hour != 0)
            continue;
        const auto hours = (traffic.now - start) / hour;
        if (hours % 24 == 0 && hours / 24 < days)
            traffic.night();
        const auto taken = traffic.footprint();
        largest_wal = std::max(largest_wal, taken.wal_bytes);
        if (hours == 2)
            warm = taken;
        if (hours == 2 || hours % 24 == 0)
            std::cerr << "hour " << hours << ": " << taken << std::endl;
    }
    const auto cold = traffic.footprint();
    // SQLite keeps up to 2 MB of pages, which fill with the database.
    constexpr std::int64_t page_cache_bytes = 2048 * 1024;
    constexpr std::int64_t noise_bytes = 512 * 1024;
    if (is_memory_watched) {
        BOOST_TEST(cold.resident_bytes - warm.resident_bytes < page_cache_bytes + 2 * noise_bytes);
        BOOST_TEST(cold.heap_bytes - warm.heap_bytes < page_cache_bytes + noise_bytes);
    }
    BOOST_TEST(cold.descriptors == warm.descriptors);
    constexpr double sparse = 1.25; // pages half full after deletions
    const auto bytes_per_row =
        sparse * static_cast<double>(warm.database_bytes) / static_cast<double>(warm.rows);
    // And the first page of each table and index.
    BOOST_TEST(static_cast<double>(cold.database_bytes) <
               bytes_per_row * static_cast<double>(cold.rows) + 65536);
    // A commit after which the log holds as many pages as a checkpoint waits for is the last before it is
    // begun anew. That commit may be the largest there is: a batch of pruning, which writes each page of its
    // events once. They lie together in the table, and wallet by wallet in the index, where each wallet's
    // share begins and ends amid a page, and SQLite evens out each of these with the page beside it.
    constexpr double page_bytes = sqlite::page_bytes;
    const auto largest_commit_pages =
        static_cast<double>(credits::pruning_batch) * bytes_per_row / page_bytes +
        4 * static_cast<double>(people);
    const auto log_of = [](double pages) {
        return (sqlite::Options().checkpoint_after_pages + pages) * (page_bytes + 24);
    };
    BOOST_TEST(static_cast<double>(largest_wal) <= log_of(largest_commit_pages));
    // Before the first night the largest commits are those of hosts who leave, a few pages for each of five.
    BOOST_TEST(static_cast<double>(warm.wal_bytes) <= log_of(5 * 10));
    traffic.require_clean_audit();
}

BOOST_AUTO_TEST_SUITE_END()
