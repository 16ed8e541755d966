// Request ids, the lines of the log, and /metrics, through dispatch.
#include "base/config.h"
#include "base/log.h"
#include "handler_fixture.h"
#include "logged_by.h"
#include "request_log.h"

#include <algorithm>

namespace {

constexpr const char* metrics_token = "a token for the tests alone";

base::Config watched()
{
    auto config = test_config();
    config.metrics_token = metrics_token;
    return config;
}

struct WatchedFixture : HandlerFixture
{
    WatchedFixture() : HandlerFixture(watched()) {}

    // As main.cpp does it.
    base::Json log_line(http::Request asked, std::int64_t microseconds = 1234)
    {
        asked.now = now;
        asked.now_ms = now * 1000 + 7;
        const auto text = logged_by([&] { record(app, asked, dispatch(app, asked), microseconds); });
        BOOST_TEST_REQUIRE(std::count(text.begin(), text.end(), '\n') == 1, text);
        return base::parse_json(text);
    }
    Reply scrape(const std::string& authorization = std::string("Bearer ") + metrics_token)
    {
        auto asked = request("GET", "/metrics");
        asked.authorization = authorization;
        return send(asked);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(watching_tests, WatchedFixture)

// ---- request ids ----

BOOST_AUTO_TEST_CASE(a_good_request_id_comes_back_with_every_answer)
{
    for (const std::string& id : {std::string("a"), std::string("A-z_0.9"), std::string(128, 'x')}) {
        for (auto asked : {request("GET", "/health"), request("GET", "/nothing"), request("PUT", "/health"),
                           request("OPTIONS", "/rooms/create"), request("POST", "/rooms/create", "{}"),
                           request("GET", "/metrics"), request("HEAD", "/health")}) {
            asked.request_id = id;
            BOOST_TEST(header_of(send(asked), "X-Request-Id") == id);
        }
    }
}

BOOST_AUTO_TEST_CASE(another_is_made_in_the_place_of_a_bad_one)
{
    std::set<std::string> made;
    for (const std::string& id : {std::string(), std::string(129, 'x'), std::string("a b"),
                                  std::string("a,b"), std::string("a\r\nSet-Cookie: b"), std::string("\"}"),
                                  std::string("caf\xc3\xa9"), std::string("a\0b", 3)}) {
        auto asked = request("GET", "/health");
        asked.request_id = id;
        const auto answered = header_of(send(asked), "X-Request-Id");
        BOOST_TEST(base::is_uuid(answered), answered);
        BOOST_TEST(answered[14] == '4');
        made.insert(answered);
    }
    BOOST_TEST(made.size() == 8);
}

BOOST_AUTO_TEST_CASE(the_detail_of_a_failure_is_found_by_the_id)
{
    create_room(address(1));
    fail("INSERT ON connections");
    auto asked =
        signed_in(request("POST", "/rooms/join", R"({"room_id":")" + unknown_id + R"("})"), named(2));
    asked.body = R"({"room_id":")" + std::string(get("/rooms/active").body["rooms"][0]["room_id"]) + R"("})";
    asked.request_id = "the-one-that-failed";
    const auto text = logged_by([&] { BOOST_TEST(send(asked).status == 500); });
    BOOST_TEST(text.find("as if the disk failed") != std::string::npos, text);
    BOOST_TEST(text.find(" session-voice: POST /rooms/join: ") != std::string::npos, text);
    BOOST_TEST(text.find("(request the-one-that-failed)\n") != std::string::npos, text);
    BOOST_TEST(logged_by([] { base::log("later"); }).find("(request") == std::string::npos);
}

// ---- the log ----

BOOST_AUTO_TEST_CASE(a_request_is_one_line_of_json)
{
    auto asked = signed_in(request("POST", "/rooms/create", R"({"visibility":"open"})"), named(1));
    asked.request_id = "mine";
    const auto line = log_line(asked);
    const auto wallet = address(1);
    BOOST_TEST(line.dump() == base::Json({{"time", "2026-01-01T00:00:00.007Z"},
                                          {"id", "mine"},
                                          {"method", "POST"},
                                          {"route", "/rooms/create"},
                                          {"status", 200},
                                          {"ms", 1.234},
                                          {"wallet", wallet.substr(0, 6) + "…" + wallet.substr(38)}})
                                  .dump());
}

BOOST_AUTO_TEST_CASE(a_line_tells_time_and_duration_in_milliseconds)
{
    const auto asked = request("GET", "/health");
    BOOST_TEST(log_line(asked, 0)["ms"] == 0.0);
    BOOST_TEST(log_line(asked, 7)["ms"] == 0.007);
    BOOST_TEST(log_line(asked, 5'000'999)["ms"] == 5000.999);
    auto later = asked;
    const auto text = logged_by([&] {
        later.now_ms = now * 1000 + 86'399'999;
        record(app, later, dispatch(app, later), 1);
    });
    BOOST_TEST(base::parse_json(text)["time"] == "2026-01-01T23:59:59.999Z");
}

BOOST_AUTO_TEST_CASE(how_a_wallet_signed_in_is_said)
{
    const auto nonce = post("/auth/nonce", {{"wallet", address(1)}}).body["nonce"].get<std::string>();
    const base::Json body{
        {"wallet", address(1)}, {"nonce", nonce}, {"signature", wallet(1).personal_sign(nonce)}};
    BOOST_TEST(log_line(request("POST", "/auth/verify", body.dump()))["signed_in_by"] == "nonce");
    BOOST_TEST(!log_line(request("GET", "/health")).contains("signed_in_by"));
}

// What others may cause by asking is not for the log; what the operator can mend is.
BOOST_AUTO_TEST_CASE(a_failure_is_logged_and_a_refusal_is_not)
{
    using base::ErrorCode;
    struct Row
    {
        ErrorCode code;
        bool is_logged;
        const char* retry_after;
    };
    const Row table[] = {{ErrorCode::invalid_argument, false, ""},
                         {ErrorCode::unauthenticated, false, ""},
                         {ErrorCode::permission_denied, false, ""},
                         {ErrorCode::not_found, false, ""},
                         {ErrorCode::method_not_allowed, false, ""},
                         {ErrorCode::payload_too_large, false, ""},
                         {ErrorCode::conflict, false, ""},
                         {ErrorCode::key_reused, false, ""},
                         {ErrorCode::rate_limited, false, ""},
                         {ErrorCode::not_configured, false, ""},
                         {ErrorCode::chain_unavailable, true, "5"},
                         {ErrorCode::chain_refused, true, ""},
                         {ErrorCode::internal, true, ""},
                         {ErrorCode::database_unavailable, true, "1"},
                         {ErrorCode::database_newer, true, "1"}};
    const auto asked = request("GET", "/health");
    for (const auto& row : table) {
        const auto [code, is_logged, retry_after] = row;
        const base::Error error(code, "name", "why it is so");
        BOOST_TEST_CONTEXT(static_cast<int>(code))
        {
            http::Response response;
            const auto text = logged_by([&] { response = withdraw(app, asked, {}, error); });
            BOOST_TEST((text.find("GET /health: ") != std::string::npos) == is_logged);
            BOOST_TEST(text.empty() == !is_logged);
            std::string told;
            for (const auto& [name, value] : response.headers)
                told += name == std::string("Retry-After") ? value : "";
            BOOST_TEST(told == retry_after);
            BOOST_TEST(app.is_outdated() == (code == ErrorCode::database_newer));
        }
    }
}

// The address of a private room is all that it takes to enter it.
BOOST_AUTO_TEST_CASE(what_is_said_of_a_failure_names_the_pattern_of_the_path)
{
    const auto room_id = create_room(address(1));
    execute("ALTER TABLE connections RENAME TO elsewhere");
    for (const auto* method : {"GET", "DELETE"}) {
        const auto asked = signed_in(request(method, "/rooms/" + room_id), address(1));
        const auto text = logged_by([&] { BOOST_TEST(send(asked).status == 500); });
        BOOST_TEST(text.find(room_id) == std::string::npos, text);
        BOOST_TEST(text.find(std::string(" session-voice: ") + method + " /rooms/:room_id: ") !=
                       std::string::npos,
                   text);
    }
}

BOOST_AUTO_TEST_CASE(a_line_names_the_route_and_never_what_stands_in_its_place)
{
    const auto route_of = [&](const std::string& method, const std::string& path) {
        return log_line(request(method, path))["route"].get<std::string>();
    };
    BOOST_TEST(route_of("POST", "/session/12345/leave") == "/session/:id/leave");
    BOOST_TEST(route_of("GET", "/session/12345/leave") == "/session/:id/leave");
    BOOST_TEST(route_of("OPTIONS", "/session/12345/leave/") == "/session/:id/leave");
    BOOST_TEST(route_of("GET", "/.env") == "none");
    BOOST_TEST(route_of("GET", "") == "none");
    const auto line = log_line(request("x\"}\n{", "/\"}\n{"));
    BOOST_TEST(line["method"] == "other");
    BOOST_TEST(!line.contains("wallet"));
    BOOST_TEST(base::is_uuid(line["id"].get<std::string>()));
}

BOOST_AUTO_TEST_CASE(only_a_good_token_makes_a_wallet)
{
    auto asked = request("GET", "/credits");
    asked.authorization = "Bearer " + token_for(address(1)) + "x";
    BOOST_TEST(!log_line(asked).contains("wallet"));
    // Whose it is, is told even if the request fails afterwards.
    const auto line = log_line(signed_in(request("POST", "/rooms/join", "{"), address(1)));
    BOOST_TEST(line["status"] == 400);
    BOOST_TEST(line.contains("wallet"));
}

BOOST_AUTO_TEST_CASE(a_line_says_what_its_request_debited_and_to_the_second_what_the_ledger_says)
{
    const auto room_id = create_room(address(1));
    const auto host = join(address(1), room_id);
    give(address(2), 90);
    const auto guest = join(address(2), room_id);
    give(address(2), -50);
    const auto debited = [](const base::Json& line) { return line.value("debited_seconds", 0); };
    const auto beat = [&](unsigned number, const base::Json& seat) {
        return signed_in(request("POST", "/rooms/heartbeat", caller(seat).dump()), address(number));
    };
    BOOST_TEST(!log_line(beat(1, host)).contains("debited_seconds")); // in the second of the join
    now += 30;
    BOOST_TEST(debited(log_line(beat(1, host))) == 0);
    BOOST_TEST(debited(log_line(
                   signed_in(request("POST", "/rooms/token/renew", caller(host).dump()), address(1)))) == 30);
    now += 40;
    // More than the balance is not debited.
    BOOST_TEST(debited(log_line(beat(2, guest))) == 40);
    now += 50;
    // The host's seat has lapsed by now, and whoever comes next settles it.
    BOOST_TEST(debited(log_line(signed_in(request("GET", "/credits"), address(1)))) == 90);
    BOOST_TEST(debited(log_line(signed_in(request("GET", "/credits"), address(1)))) == 0);
    BOOST_TEST(query("SELECT sum(consumed_seconds) FROM credit_accounts") == 30 + 40 + 90);
}

BOOST_AUTO_TEST_CASE(what_is_taken_back_is_not_said_to_be_debited)
{
    const auto room_id = create_room(address(1));
    const auto seat = join(address(1), room_id);
    now += 30;
    auto leaving = signed_in(request("POST", "/rooms/leave", caller(seat).dump()), address(1));
    leaving.idempotency_key = "k";
    fail("UPDATE OF left_at ON connections");
    leaving.now = now;
    const auto failed = dispatch(app, leaving);
    BOOST_TEST(failed.status == 500);
    BOOST_TEST(failed.debited_seconds == 0);
    stop_failing();
    const auto left = dispatch(app, leaving);
    BOOST_TEST(left.status == 200);
    BOOST_TEST(left.debited_seconds == 30);
    const auto replayed = dispatch(app, leaving);
    BOOST_TEST(replayed.status == 200);
    BOOST_TEST(replayed.debited_seconds == 0);
}

BOOST_AUTO_TEST_CASE(the_lines_can_be_switched_off)
{
    config.log_requests = false;
    BOOST_TEST(logged_by([&] {
                   const auto asked = request("GET", "/health");
                   record(app, asked, dispatch(app, asked), 1);
               }) == "");
    const auto numbers = counters.numbers();
    BOOST_TEST(std::count_if(numbers.begin(), numbers.end(), [](const auto& number) {
                   return number.first.rfind("session_voice_http_requests_total", 0) == 0;
               }) == 1); // counted all the same
}

// ---- /metrics ----

BOOST_AUTO_TEST_CASE(metrics_are_for_who_has_the_token)
{
    const auto reply = scrape();
    BOOST_TEST(reply.status == 200);
    BOOST_TEST(header_of(reply, "Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
    BOOST_TEST(header_of(reply, "Cache-Control") == "no-store");
    BOOST_TEST(reply.text.find("session_voice_build_info{version=\"") != std::string::npos);
    for (const std::string& wrong :
         {std::string(), std::string("Bearer "), std::string("Bearer wrong"), std::string(metrics_token),
          std::string("Basic ") + metrics_token, std::string("Bearer ") + metrics_token + "x",
          "Bearer " + token_for(address(1))}) {
        check_refusal(scrape(wrong), 401, "unauthorized");
    }
    check_refusal(send(request("POST", "/metrics")), 405, "method_not_allowed");
}

BOOST_AUTO_TEST_CASE(without_a_token_there_is_no_such_route)
{
    config.metrics_token.clear();
    for (const auto* method : {"GET", "HEAD", "POST"}) {
        for (const auto* authorization : {"", "Bearer ", "Bearer x"}) {
            auto asked = request(method, "/metrics");
            asked.authorization = authorization;
            check_refusal(send(asked), 404, "not_found");
        }
    }
    BOOST_TEST(log_line(request("GET", "/metrics"))["route"] == "none");
}

BOOST_AUTO_TEST_CASE(metrics_say_how_often_each_route_was_answered_how)
{
    config.log_requests = false;
    for (const auto& [method, path, times] :
         {std::tuple("GET", "/health", 3), {"GET", "/credits", 2}, {"GET", "/x", 1}, {"GET", "/y", 1}}) {
        for (int i = 0; i < times; ++i) {
            const auto asked = request(method, path);
            record(app, asked, dispatch(app, asked), 1000);
        }
    }
    const auto text = scrape().text;
    for (const auto* sample :
         {"{route=\"/health\",status=\"200\"} 3\n", "{route=\"/credits\",status=\"401\"} 2\n",
          "{route=\"none\",status=\"404\"} 2\n"})
        BOOST_TEST(text.find(std::string("session_voice_http_requests_total") + sample) != std::string::npos,
                   sample << " in " << text);
}

BOOST_AUTO_TEST_SUITE_END()
