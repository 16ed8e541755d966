// Who may ask for what how often, and what asks the chain, through dispatch.
#include "base/config.h"
#include "handler_fixture.h"

namespace {

base::Config few_a_minute()
{
    auto config = test_config();
    config.rate_limit_sign_in_per_minute = 4;
    config.rate_limit_create_per_minute = 2;
    config.rate_limit_chain_per_minute = 5;
    return config;
}

struct PerMinuteFixture : HandlerFixture
{
    PerMinuteFixture() : HandlerFixture(few_a_minute()) {}

    Reply from(const std::string& from_address, http::Request asked)
    {
        asked.address = from_address;
        return send(asked);
    }
    int ask_for_nonces(const std::string& from_address, int how_often)
    {
        int granted = 0;
        for (int i = 0; i < how_often; ++i)
            granted +=
                from(from_address, request("POST", "/auth/nonce", R"({"wallet":")" + address(1) + R"("})"))
                    .status == 200;
        return granted;
    }
};

base::Config few_an_hour()
{
    auto config = test_config();
    config.rate_limit_create_per_hour = 6;
    config.rate_limit_join_per_hour = 5;
    config.rate_limit_keyed_per_minute = 5;
    config.rate_limit_chain_per_address_per_minute = 6;
    config.rate_limit_attest_per_minute = 2;
    config.chain_no_ttl_seconds = 10;
    return config;
}

struct OtherLimitsFixture : HandlerFixture
{
    OtherLimitsFixture() : HandlerFixture(few_an_hour()) {}

    Reply ask(const std::string& path, unsigned wallet_number, const base::Json& body = base::Json::object(),
              const std::string& from_address = {}, const std::optional<std::string>& with_key = {})
    {
        auto asked = signed_in(request("POST", path, body.dump()), address(wallet_number));
        asked.address = from_address;
        asked.idempotency_key = with_key;
        return send(asked);
    }
    void check_limited(const Reply& reply, const std::string& retry_after)
    {
        check_refusal(reply, 429, "rate_limited");
        BOOST_TEST(header_of(reply, "Retry-After") == retry_after);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(limits_a_minute_tests, PerMinuteFixture)

// Told in whole seconds, and never too few.
BOOST_AUTO_TEST_CASE(who_is_refused_is_told_how_long_to_wait)
{
    BOOST_TEST(ask_for_nonces("192.0.2.1", 4) == 4);
    const auto after = [&](std::int64_t milliseconds) {
        auto asked = request("POST", "/auth/nonce", R"({"wallet":")" + address(1) + R"("})");
        asked.address = "192.0.2.1";
        asked.now_ms = now * 1000 + milliseconds;
        asked.now = asked.now_ms / 1000;
        const auto response = dispatch(app, asked);
        for (const auto& [name, value] : response.headers) {
            if (name == std::string("Retry-After"))
                return value;
        }
        return std::to_string(response.status);
    };
    BOOST_TEST(after(0) == "15");
    BOOST_TEST(after(1) == "15");
    BOOST_TEST(after(13'999) == "2");
    BOOST_TEST(after(14'000) == "1");
    BOOST_TEST(after(14'999) == "1");
    BOOST_TEST(after(15'000) == "200");
}

BOOST_AUTO_TEST_CASE(an_address_signs_in_so_often_a_minute)
{
    BOOST_TEST(ask_for_nonces("192.0.2.1", 10) == 4);
    const auto refused = from("192.0.2.1", request("POST", "/auth/verify", "{"));
    check_refusal(refused, 429, "rate_limited");
    BOOST_TEST(refused.body.size() == 1);
    BOOST_TEST(header_of(refused, "Retry-After") == "15");
    BOOST_TEST(!header_of(refused, "X-Request-Id").empty());
    BOOST_TEST(ask_for_nonces("192.0.2.2", 10) == 4);
    BOOST_TEST(ask_for_nonces("2001:db8::1", 10) == 4);
    BOOST_TEST(ask_for_nonces("2001:db8::2", 10) == 0);
    now += 15;
    BOOST_TEST(ask_for_nonces("192.0.2.1", 10) == 1);
    BOOST_TEST(ask_for_nonces("", 10) == 10); // by whom, the web server does not say
}

BOOST_AUTO_TEST_CASE(what_is_refused_earlier_counts_against_nobody)
{
    auto too_large = request("POST", "/auth/nonce");
    too_large.body_state = http::BodyState::too_large;
    for (int i = 0; i < 10; ++i) {
        check_refusal(from("192.0.2.1", request("GET", "/auth/nonce")), 405, "method_not_allowed");
        check_refusal(from("192.0.2.1", too_large), 413, "payload_too_large");
        BOOST_TEST(from("192.0.2.1", request("OPTIONS", "/auth/nonce")).status == 204);
        check_refusal(from("192.0.2.1", request("POST", "/rooms/create")), 401, "unauthorized");
    }
    BOOST_TEST(ask_for_nonces("192.0.2.1", 10) == 4);
}

BOOST_AUTO_TEST_CASE(a_wallet_creates_and_asks_the_chain_so_often_a_minute)
{
    const auto create = [&](unsigned number) {
        return post("/rooms/create", base::Json::object(), named(number));
    };
    BOOST_TEST(create(1).status == 200);
    check_refusal(create(1), 409, "already_hosting_free_room");
    const auto refused = create(1);
    check_refusal(refused, 429, "rate_limited");
    BOOST_TEST(header_of(refused, "Retry-After") == "30");
    check_refusal(post_text("/rooms/create", "{", named(1)), 429, "rate_limited"); // before the JSON
    BOOST_TEST(create(2).status == 200);
    // Two of the five that may ask the chain went into creating.
    for (const auto* path : {"/rooms/join", "/session/join", "/credits/verify-celo"})
        BOOST_TEST(post_text(path, "{", named(1)).status == 400);
    for (const auto* path : {"/rooms/join", "/session/join", "/credits/verify-celo"}) {
        const auto asked_too_often = post_text(path, "{", named(1));
        check_refusal(asked_too_often, 429, "rate_limited");
        BOOST_TEST(header_of(asked_too_often, "Retry-After") == "12");
    }
    // What needs no chain is not held up.
    BOOST_TEST(get("/credits", named(1)).status == 200);
    for (const auto* path : connection_paths)
        check_refusal(post(path, {{"room_id", unknown_id}, {"connection_id", unknown_id}}, named(1)), 403,
                      "not_your_connection");
    now += 12;
    BOOST_TEST(post_text("/rooms/join", "{", named(1)).status == 400);
    require_clean_audit();
}

// "Retry-After: 0" would be an invitation to ask at once.
BOOST_AUTO_TEST_CASE(who_asks_too_often_waits_for_whole_seconds)
{
    auto asked = request("POST", "/auth/nonce", "{}");
    asked.address = "192.0.2.1";
    asked.now = now;
    const auto wait_at = [&](std::int64_t ms) {
        asked.now_ms = now * 1000 + ms;
        const auto answer = dispatch(app, asked);
        const auto header = std::find_if(answer.headers.begin(), answer.headers.end(), [](const auto& each) {
            return std::string_view(each.first) == "Retry-After";
        });
        return header == answer.headers.end() ? std::string("none") : header->second;
    };
    for (int i = 0; i < 4; ++i)
        BOOST_TEST(wait_at(0) == "none");
    const std::pair<std::int64_t, const char*> table[] = {
        {0, "15"},    {1, "15"},    {999, "15"},  {1000, "14"}, {13999, "2"},
        {14000, "1"}, {14001, "1"}, {14500, "1"}, {14999, "1"}, {15000, "none"}};
    for (const auto& [ms, wait] : table)
        BOOST_TEST(wait_at(ms) == wait, ms);
}

BOOST_AUTO_TEST_CASE(zero_is_no_limit)
{
    config.rate_limit_sign_in_per_minute = 0;
    BOOST_TEST(ask_for_nonces("192.0.2.1", 1000) == 1000);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(rate_limits_tests, OtherLimitsFixture)

BOOST_AUTO_TEST_CASE(a_wallet_creates_so_many_rooms_an_hour)
{
    give(address(1), 1000);
    give(address(2), 1000);
    for (int i = 0; i < 6; ++i) {
        const auto created = ask("/rooms/create", 1);
        BOOST_TEST(created.status == 200);
        BOOST_TEST(remove("/rooms/" + created.body["room_id"].get<std::string>(), address(1)).status == 200);
    }
    check_limited(ask("/rooms/create", 1), "600");
    BOOST_TEST(ask("/rooms/create", 2).status == 200);
    now += 600;
    BOOST_TEST(ask("/rooms/create", 1).status == 200);
}

BOOST_AUTO_TEST_CASE(a_wallet_joins_so_often_an_hour)
{
    const auto room_id = create_room(address(1));
    join(address(1), room_id);
    give(address(2), 1000);
    for (int i = 0; i < 4; ++i)
        BOOST_TEST(post("/rooms/leave", caller(join(address(2), room_id)), address(2)).status == 200);
    check_refusal(ask("/session/join", 2, {{"booking_id", "7"}}), 404, "booking not found");
    check_limited(ask("/rooms/join", 2, {{"room_id", room_id}}), "720");
    check_limited(ask("/session/join", 2, {{"booking_id", "7"}}), "720");
}

BOOST_AUTO_TEST_CASE(a_wallet_sends_so_many_requests_with_a_key_a_minute)
{
    const base::Json unknown{{"room_id", unknown_id}, {"connection_id", unknown_id}};
    for (int i = 0; i < 5; ++i)
        check_refusal(ask("/rooms/leave", 1, unknown, {}, "key-" + std::to_string(i)), 403,
                      "not_your_connection");
    check_limited(ask("/rooms/leave", 1, unknown, {}, "another"), "12");
    check_refusal(ask("/rooms/leave", 1, unknown), 403, "not_your_connection"); // without a key
    check_refusal(ask("/rooms/heartbeat", 1, unknown, {}, "ignored"), 403, "not_your_connection");
    BOOST_TEST(rows_stored() == 0);
}

// Who has as much as it takes to join does without the chain's answer, and who has a second less does not.
BOOST_AUTO_TEST_CASE(who_has_credit_is_not_held_up_by_questions)
{
    for (unsigned number = 1; number <= 6; ++number)
        check_refusal(ask("/rooms/create", number, base::Json::object(), "192.0.2.1"), 403,
                      "heaven_name_required");
    give(address(7), config.rules.minimum_credit_seconds - 1);
    check_limited(ask("/rooms/create", 7, base::Json::object(), "192.0.2.1"), "10");
    give(address(7), 1);
    BOOST_TEST(ask("/rooms/create", 7, base::Json::object(), "192.0.2.1").status == 200);
    BOOST_TEST(chain.questions == 6);
}

// Wallets are free: who has a thousand is still at one address.
BOOST_AUTO_TEST_CASE(an_address_asks_the_chain_so_often_a_minute)
{
    for (unsigned number = 1; number <= 6; ++number)
        check_refusal(ask("/rooms/create", number, base::Json::object(), "192.0.2.1"), 403,
                      "heaven_name_required");
    check_limited(ask("/rooms/create", 7, base::Json::object(), "192.0.2.1"), "10");
    check_limited(ask("/rooms/join", 7, {{"room_id", unknown_id}}, "192.0.2.1"), "10");
    check_limited(ask("/credits/verify-celo", 7, base::Json::object(), "192.0.2.1"), "10");
    check_limited(ask("/session/join", 7, {{"booking_id", "7"}}, "192.0.2.1"), "10");
    BOOST_TEST(chain.questions == 6);
    // Who needs no answer is not held up, nor are others elsewhere.
    give(address(8), 1000);
    BOOST_TEST(ask("/rooms/create", 8, base::Json::object(), "192.0.2.1").status == 200);
    check_refusal(ask("/rooms/create", 7, base::Json::object(), "192.0.2.2"), 403, "heaven_name_required");
    BOOST_TEST(chain.questions == 7);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(that_the_chain_said_no_is_remembered_for_some_seconds)
{
    for (int i = 0; i < 3; ++i) {
        check_refusal(ask("/rooms/create", 1), 403, "heaven_name_required");
        check_refusal(ask("/rooms/join", 1, {{"room_id", unknown_id}}), 403, "heaven_name_required");
        check_refusal(ask("/credits/verify-celo", 1), 403, "not_verified");
    }
    BOOST_TEST(chain.questions == 2);
    // The wallet buys a name and is verified: it waits for ten seconds at the most.
    chain.names.insert(address(1));
    chain.verified.insert(address(1));
    now += 9;
    check_refusal(ask("/rooms/create", 1), 403, "heaven_name_required");
    now += 1;
    BOOST_TEST(ask("/rooms/create", 1).status == 200);
    BOOST_TEST(ask("/credits/verify-celo", 1).status == 200);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_no_is_forgotten_to_the_millisecond)
{
    const auto status_after = [&](std::int64_t milliseconds) {
        auto asked = signed_in(request("POST", "/rooms/create", "{}"), address(1));
        asked.now_ms = now * 1000 + milliseconds;
        asked.now = asked.now_ms / 1000;
        return dispatch(app, asked).status;
    };
    BOOST_TEST(status_after(0) == 403);
    chain.names.insert(address(1));
    BOOST_TEST(status_after(9'999) == 403);
    BOOST_TEST(status_after(10'000) == 200);
}

BOOST_AUTO_TEST_CASE(a_chain_that_did_not_answer_is_asked_again)
{
    chain.is_down = true;
    check_refusal(ask("/rooms/create", 1), 503, "chain_unavailable");
    check_refusal(ask("/credits/verify-celo", 1), 503, "chain_unavailable");
    chain.is_down = false;
    chain.names.insert(address(1));
    chain.verified.insert(address(1));
    BOOST_TEST(ask("/rooms/create", 1).status == 200);
    BOOST_TEST(ask("/credits/verify-celo", 1).status == 200);
}

// Who guesses the token is stopped, too.
BOOST_AUTO_TEST_CASE(an_address_attests_so_often_a_minute)
{
    const auto attest = [&](const std::string& from_address) {
        auto asked = request("POST", "/session/1/attest");
        asked.address = from_address;
        asked.service_token = "a guess";
        return send(asked);
    };
    check_refusal(attest("192.0.2.1"), 403, "forbidden");
    check_refusal(attest("192.0.2.1"), 403, "forbidden");
    check_limited(attest("192.0.2.1"), "30");
    check_refusal(attest("192.0.2.2"), 403, "forbidden");
}

BOOST_AUTO_TEST_SUITE_END()
