#include "metrics/report.h"

#include "base/config.h"
#include "credits/ledger.h"
#include "file_size_limit.h"
#include "fixture.h"
#include "temporary_folder.h"

#include <cstring>
#include <filesystem>
#include <regex>
#include <sstream>

namespace {

struct ReportFixture : AppFixture
{
    std::string report() { return metrics::report(counters, &db(), config, now); }

    // The value of a sample; empty if there is none.
    static std::string value_in(const std::string& text, const std::string& series)
    {
        std::istringstream lines(text);
        std::string line;
        while (std::getline(lines, line)) {
            if (line.compare(0, series.size() + 1, series + " ") == 0)
                return line.substr(series.size() + 1);
        }
        return {};
    }
    std::string value(const std::string& series) { return value_in(report(), series); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(report_tests, ReportFixture)

BOOST_AUTO_TEST_CASE(every_line_is_of_the_text_format)
{
    metrics::count_request(counters, "/health", 200, 1500);
    metrics::count_sweep(counters, "meter", true, 2500);
    metrics::ChainCalls(counters).on_call("eth_call", "ok", 1);
    metrics::count_sign_in(counters, "siwe");
    metrics::count_foreign_domain(counters);
    counters.add("a_strangers_family{of=\"another\"}");
    const auto text = report();
    BOOST_TEST(text.back() == '\n');
    BOOST_TEST(text.find("a_strangers_family") == std::string::npos);
    const std::regex sample(
        R"(([a-z_]+)(\{[a-z_]+="([^"\\\n]|\\.)*"(,[a-z_]+="([^"\\\n]|\\.)*")*\})? [0-9.]+)");
    std::istringstream lines(text);
    std::string line;
    std::set<std::string> seen;
    std::string family;
    while (std::getline(lines, line)) {
        if (line.rfind("# HELP ", 0) == 0) {
            family = line.substr(7, line.find(' ', 7) - 7);
            BOOST_TEST(seen.insert(family).second, family << " comes twice");
            BOOST_REQUIRE(std::getline(lines, line));
            BOOST_TEST(std::regex_match(line, std::regex("# TYPE " + family + " (counter|gauge|histogram)")),
                       line);
            // A counter ends in _total, and nothing else does.
            const bool is_total = family.size() > 6 && family.substr(family.size() - 6) == "_total";
            BOOST_TEST(is_total == (line.find(" counter") != std::string::npos), line);
            continue;
        }
        std::smatch parts;
        BOOST_TEST_REQUIRE(std::regex_match(line, parts, sample), line);
        const auto rest = parts[1].str().substr(std::min(family.size(), parts[1].str().size()));
        BOOST_TEST((parts[1].str().rfind(family, 0) == 0 &&
                    (rest.empty() || rest == "_bucket" || rest == "_sum" || rest == "_count")),
                   line << " among " << family);
    }
    BOOST_TEST(seen.size() == 28);
}

BOOST_AUTO_TEST_CASE(a_histogram_is_cumulative_and_in_seconds)
{
    for (const auto took : {400, 1000, 1001, 2000000, 99000000})
        metrics::count_request(counters, "/health", 200, took);
    const auto text = report();
    const std::string name = "session_voice_http_request_duration_seconds";
    const auto bucket = [&](const std::string& end) {
        return value_in(text, name + "_bucket{route=\"/health\",le=\"" + end + "\"}");
    };
    BOOST_TEST(bucket("0.0005") == "1");
    BOOST_TEST(bucket("0.001") == "2");
    BOOST_TEST(bucket("0.0025") == "3");
    BOOST_TEST(bucket("1") == "3");
    BOOST_TEST(bucket("2.5") == "4");
    BOOST_TEST(bucket("30") == "4");
    BOOST_TEST(bucket("+Inf") == "5");
    BOOST_TEST(value_in(text, name + "_count{route=\"/health\"}") == "5");
    BOOST_TEST(value_in(text, name + "_sum{route=\"/health\"}") == "101.002401");
    BOOST_TEST(value_in(text, "session_voice_http_requests_total{route=\"/health\",status=\"200\"}") == "5");
}

BOOST_AUTO_TEST_CASE(sweeps_and_chain_calls_are_counted_by_outcome)
{
    metrics::count_sweep(counters, "meter", true, 1000000);
    metrics::count_sweep(counters, "meter", false, 20000);
    metrics::count_sweep(counters, "attest", true, 7);
    metrics::count_sweep(counters, "notify", true, -3); // the clock stepped back
    metrics::ChainCalls calls(counters);
    calls.on_call("eth_call", "ok", 1);
    calls.on_call("eth_call", "unavailable", 5000000);
    const auto text = report();
    BOOST_TEST(value_in(text, "session_voice_sweeps_total{sweep=\"meter\",result=\"ok\"}") == "1");
    BOOST_TEST(value_in(text, "session_voice_sweeps_total{sweep=\"meter\",result=\"failed\"}") == "1");
    BOOST_TEST(value_in(text, "session_voice_sweep_last_duration_seconds{sweep=\"meter\"}") == "0.02");
    BOOST_TEST(value_in(text, "session_voice_sweep_last_duration_seconds{sweep=\"attest\"}") == "0.000007");
    BOOST_TEST(value_in(text, "session_voice_sweep_last_duration_seconds{sweep=\"notify\"}") == "0");
    BOOST_TEST(
        value_in(text, "session_voice_chain_calls_total{method=\"eth_call\",outcome=\"unavailable\"}") ==
        "1");
    BOOST_TEST(value_in(text, "session_voice_chain_call_duration_seconds_count{method=\"eth_call\"}") == "2");
}

BOOST_AUTO_TEST_CASE(what_waits_to_be_told_is_said_by_destination)
{
    using outbox::Destination;
    const std::string waiting = "session_voice_outbox_waiting{destination=\"webhook\"}";
    const std::string oldest = "session_voice_outbox_oldest_waiting_seconds{destination=\"webhook\"}";
    BOOST_TEST(value(waiting) == "0");
    BOOST_TEST(value(oldest) == "0");
    database::transact(db(), [&] {
        outbox::write(db(), {Destination::webhook, std::nullopt, "t", base::Json::object(), now, now});
    });
    now += 7;
    BOOST_TEST(value(waiting) == "1");
    BOOST_TEST(value(oldest) == "7");
    BOOST_TEST(value("session_voice_outbox_waiting{destination=\"agora\"}") == "0");
    BOOST_TEST(value("session_voice_outbox_paused{destination=\"webhook\"}") == "0");
    execute("INSERT INTO outbox_pauses (destination, paused_at) VALUES ('webhook', 1)");
    execute("UPDATE outbox SET settled_at = 1, outcome = 'given_up'");
    BOOST_TEST(value("session_voice_outbox_paused{destination=\"webhook\"}") == "1");
    BOOST_TEST(value("session_voice_outbox_given_up{destination=\"webhook\"}") == "1");
    BOOST_TEST(value(waiting) == "0");

    metrics::count_deliveries(counters, Destination::agora, {3, 2, 1, 0});
    const auto attempts = [&](const std::string& result) {
        return value("session_voice_outbox_attempts_total{destination=\"agora\",result=\"" + result + "\"}");
    };
    BOOST_TEST(attempts("delivered") == "3");
    BOOST_TEST(attempts("failed") == "2");
    BOOST_TEST(attempts("given_up") == "1");
    BOOST_TEST(attempts("void") == "");
    metrics::count_deliveries(counters, Destination::agora, {0, 0, 0, 4});
    BOOST_TEST(attempts("void") == "4");
}

BOOST_AUTO_TEST_CASE(the_gauges_are_the_databases)
{
    BOOST_TEST(value("session_voice_active_rooms{kind=\"free\"}") == "0");
    BOOST_TEST(value("session_voice_sweep_age_seconds") == ""); // never yet
    const auto room_id = create_room(address(1), 1000);
    BOOST_TEST(value("session_voice_active_rooms{kind=\"free\"}") == "1");
    BOOST_TEST(value("session_voice_participants_present{kind=\"free\"}") == "0");
    const auto seat = caller(join(address(1), room_id));
    give(address(2), 1000);
    join(address(2), room_id);
    insert_booked_room(address(3)); // nobody is in it
    now += 10;
    post("/rooms/heartbeat", seat, address(1));
    BOOST_TEST(value("session_voice_active_rooms{kind=\"free\"}") == "1");
    BOOST_TEST(value("session_voice_active_rooms{kind=\"booked\"}") == "0");
    BOOST_TEST(value("session_voice_participants_present{kind=\"free\"}") == "2");
    BOOST_TEST(value("session_voice_metered_seconds_total") == "0");
    BOOST_TEST(value("session_voice_pending_seconds") == "20");
    post("/rooms/token/renew", seat, address(1));
    BOOST_TEST(value("session_voice_metered_seconds_total") == "10");
    BOOST_TEST(value("session_voice_pending_seconds") == "10");
    sweep();
    now += 7;
    BOOST_TEST(value("session_voice_sweep_age_seconds") == "7");
    now -= 60; // the clock steps back
    BOOST_TEST(value("session_voice_sweep_age_seconds") == "0");
    now += 60 + 1000; // the tokens have run out, and nobody has written it down
    BOOST_TEST(value("session_voice_active_rooms{kind=\"free\"}") == "0");
    BOOST_TEST(value("session_voice_participants_present{kind=\"free\"}") == "0");
    sweep();
    BOOST_TEST(
        value("session_voice_metered_seconds_total") ==
        std::to_string(query("SELECT -sum(delta_seconds) FROM credit_events WHERE kind = 'debit_usage'")));
    BOOST_TEST(value("session_voice_metered_seconds_total") == "190");
    BOOST_TEST(value("session_voice_schema_version") == std::to_string(db().schema_version()));
    BOOST_TEST(value("session_voice_attestations{state=\"failed\"}") == "0");
    BOOST_TEST(value("session_voice_database_up") == "1");
}

// rate() takes a counter that falls for one that began anew, and shows all of it as an increase.
BOOST_AUTO_TEST_CASE(a_refund_is_counted_apart_and_lowers_nothing)
{
    const auto seat = caller(join(address(1), create_room(address(1), 1000)));
    now += 50;
    post("/rooms/leave", seat, address(1));
    BOOST_TEST(value("session_voice_metered_seconds_total") == "50");
    BOOST_TEST(value("session_voice_refunded_seconds_total") == "0");
    for (const auto& [seconds, refunded] : {std::pair(20, "20"), {30, "50"}}) {
        database::Transaction tx(db());
        credits::refund(db(), address(1), seat.at("connection_id"), seconds, "an outage", now);
        tx.commit();
        BOOST_TEST(value("session_voice_metered_seconds_total") == "50");
        BOOST_TEST(value("session_voice_refunded_seconds_total") == refunded);
    }
    database::Transaction tx(db());
    credits::adjust(db(), address(1), -500, "abuse", now);
    credits::adjust(db(), address(1), 700, "an error", now);
    tx.commit();
    BOOST_TEST(value("session_voice_metered_seconds_total") == "50");
    BOOST_TEST(value("session_voice_refunded_seconds_total") == "50");
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_counter_of_an_older_database_waits_until_it_has_caught_up)
{
    const auto talk = [](AppFixture& service, base::UnixSeconds seconds) {
        const auto seat = service.caller(service.join(address(1), service.create_room(address(1), 1000)));
        service.now += seconds;
        service.post("/rooms/leave", seat, address(1));
    };
    talk(*this, 60);
    BOOST_TEST(value("session_voice_metered_seconds_total") == "60");
    AppFixture older;
    const auto told = [&] {
        return value_in(metrics::report(counters, &older.db(), config, older.now),
                        "session_voice_metered_seconds_total");
    };
    BOOST_TEST(told() == "60");
    talk(older, 59);
    BOOST_TEST(told() == "60");
    talk(older, 20);
    BOOST_TEST(told() == "79");
}

BOOST_AUTO_TEST_CASE(without_a_database_the_rest_is_told)
{
    metrics::count_request(counters, "/health", 503, 1);
    auto text = metrics::report(counters, nullptr, config, now);
    BOOST_TEST(value_in(text, "session_voice_database_up") == "0");
    BOOST_TEST(value_in(text, "session_voice_http_requests_total{route=\"/health\",status=\"503\"}") == "1");
    BOOST_TEST(text.find("session_voice_active_rooms") == std::string::npos);

    execute("DROP TABLE sweeps");
    text = report();
    BOOST_TEST(value_in(text, "session_voice_database_up") == "0");
    BOOST_TEST(text.find("session_voice_active_rooms") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_textfile_is_replaced_as_a_whole)
{
    const TemporaryFolder folder;
    const auto path = folder / "voice.prom";
    metrics::write_textfile(path, "first\n");
    std::ifstream before(path);
    metrics::write_textfile(path, "second\n");
    std::string line;
    std::getline(before, line);
    BOOST_TEST(line == "first"); // who has it open reads on in the old one
    std::ifstream after(path);
    std::getline(after, line);
    BOOST_TEST(line == "second");
    BOOST_TEST(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
    BOOST_TEST((std::filesystem::status(path).permissions() == static_cast<std::filesystem::perms>(0644)));
    const auto refusal = [](const std::string& where) {
        try {
            metrics::write_textfile(where, "x");
        } catch (const base::Error& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    BOOST_TEST(refusal(folder / "missing/voice.prom").find("No such file or directory") != std::string::npos);
    std::filesystem::create_directory(folder / "taken.prom");
    BOOST_TEST(refusal(folder / "taken.prom").find("cannot rename") != std::string::npos);
    BOOST_TEST(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 2);
}

BOOST_AUTO_TEST_CASE(a_textfile_that_finds_no_room_leaves_the_old_one)
{
    const TemporaryFolder folder;
    const auto path = folder / "voice.prom";
    metrics::write_textfile(path, "first\n");
    std::string said;
    try {
        const FileSizeLimit limit(10);
        metrics::write_textfile(path, "second, which is longer\n");
    } catch (const base::Error& error) {
        said = error.what();
    }
    BOOST_TEST(said.find("cannot write " + path) != std::string::npos);
    BOOST_TEST(said.find(std::strerror(ENOSPC)) != std::string::npos);
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    BOOST_TEST(line == "first");
    BOOST_TEST(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

BOOST_AUTO_TEST_CASE(the_files_are_measured_and_one_that_is_not_there_has_no_bytes)
{
    const TemporaryFolder folder;
    config.database_url = ""; // only SQLite's can be seen
    config.database_path = folder.write("test.db", std::string(1234, 'x'));
    const auto size = [&](const std::string& name) {
        return value_in(metrics::report(counters, nullptr, config, now), "session_voice_database_" + name);
    };
    BOOST_TEST(size("size_bytes") == "1234");
    BOOST_TEST(size("wal_size_bytes") == "0");
    folder.write("test.db-wal", "12345");
    BOOST_TEST(size("wal_size_bytes") == "5");
}

BOOST_AUTO_TEST_SUITE_END()
