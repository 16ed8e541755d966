// Who may do what how often, and what asks the chain, through dispatch. Those of signing in, creating and
// asking by wallet stand in limits_tests.
#include "handler_fixture.h"

namespace {

base::Config limited()
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

struct RateLimitsFixture : HandlerFixture
{
    RateLimitsFixture() : HandlerFixture(limited()) {}

    Reply ask(const std::string& path, unsigned wallet_number, const base::Json& body = base::Json::object(),
              const std::string& from_address = {}, const std::optional<std::string>& key = {})
    {
        auto asked = signed_in(request("POST", path, body.dump()), address(wallet_number));
        asked.address = from_address;
        asked.idempotency_key = key;
        return send(asked);
    }
    void check_limited(const Reply& reply, const std::string& retry_after)
    {
        check_refusal(reply, 429, "rate_limited");
        BOOST_TEST(header_of(reply, "Retry-After") == retry_after);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(rate_limits_tests, RateLimitsFixture)

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
