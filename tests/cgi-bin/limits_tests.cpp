// How often a minute who may ask for what, through dispatch.
#include "handler_fixture.h"

namespace {

base::Config limited()
{
    auto config = test_config();
    config.rate_limit_sign_in_per_minute = 4;
    config.rate_limit_create_per_minute = 2;
    config.rate_limit_chain_per_minute = 5;
    return config;
}

struct LimitedFixture : HandlerFixture
{
    LimitedFixture() : HandlerFixture(limited()) {}

    Reply from(const std::string& from_address, http::Request asked)
    {
        asked.address = from_address;
        return send(asked);
    }
    int ask_for_nonces(const std::string& from_address, int times)
    {
        int granted = 0;
        for (int i = 0; i < times; ++i)
            granted +=
                from(from_address, request("POST", "/auth/nonce", R"({"wallet":")" + address(1) + R"("})"))
                    .status == 200;
        return granted;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(limits_tests, LimitedFixture)

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
