// Signed messages (EIP-4361), wallets that are contracts, refreshed tokens, and leaving with an old one.
#include "auth/wallet_signature.h"
#include "base/config.h"
#include "base/hex.h"
#include "metrics/report.h"
#include "rooms/ban.h"
#include "sign_in_fixture.h"

namespace {

const std::string contract_wallet = "0x5afe5afe5afe5afe5afe5afe5afe5afe5afe5afe";
const std::string contract_signature = "a signature of any length";

} // namespace

class SignInByFixture : public SignInFixture
{
  public:
    // The contract says yes to this message.
    void approve(const std::string& message)
    {
        chain.approvals[contract_wallet].insert(auth::personal_sign_hash(message) + contract_signature);
    }
    Reply verify_by_contract(const std::string& nonce)
    {
        return verify(contract_wallet, nonce, "0x" + base::to_hex(contract_signature));
    }
    Reply refresh(const std::string& token)
    {
        auto asked = request("POST", "/auth/refresh");
        asked.authorization = "Bearer " + token;
        return send(asked);
    }
    std::string refreshed(const std::string& token)
    {
        const auto reply = refresh(token);
        BOOST_TEST_REQUIRE(reply.status == 200, reply.text);
        BOOST_TEST(reply.body.at("expires_in") == config.jwt_ttl_seconds);
        return reply.body.at("token");
    }
    void set(std::vector<std::string> domains, std::vector<std::string> chain_ids = {})
    {
        config.sign_in_domains = std::move(domains);
        config.sign_in_chain_ids = std::move(chain_ids);
    }
};

BOOST_FIXTURE_TEST_SUITE(sign_in_tests, SignInByFixture)

// ---- messages ----

BOOST_AUTO_TEST_CASE(who_signs_a_message_gets_a_token)
{
    const auto reply = sign_message(1, message_for(address(1)));
    BOOST_TEST_REQUIRE(reply.status == 200, reply.text);
    BOOST_TEST(reply.body.size() == 2);
    BOOST_TEST(reply.body.at("expires_in") == 3600);
    BOOST_TEST(claims_of(reply.body.at("token")).at("sub") == address(1));
    BOOST_TEST(chain.questions == 0);
}

BOOST_AUTO_TEST_CASE(a_message_is_asked_for_with_its_signature)
{
    check_refusal(post("/auth/verify", {{"message", "x"}}), 400, "missing message or signature");
    check_refusal(post("/auth/verify", {{"message", ""}, {"signature", "0x"}}), 400,
                  "missing message or signature");
    check_refusal(post("/auth/verify", {{"message", 7}, {"signature", "0x"}}), 400, "invalid message");
    check_refusal(post("/auth/verify", {{"message", nullptr}, {"signature", "0x"}}), 400,
                  "missing wallet, signature, or nonce");
    const auto nonce = nonce_for(address(1));
    is_described = false; // no client need send null
    BOOST_TEST(post("/auth/verify", {{"message", nullptr},
                                     {"wallet", address(1)},
                                     {"nonce", nonce},
                                     {"signature", wallet(1).personal_sign(nonce)}})
                   .status == 200);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_told_in_the_order_of_the_contract)
{
    // Everything is wrong, and is put right one after the other.
    set({"app.example.org"}, {"1"});
    auto message = message_for(address(2));
    message.domain = "other.example.org";
    message.chain_id = "2";
    message.issued_at = now - 301;
    const auto text = [&] { return write(address(1), message); };
    check_refusal(verify_message(text() + "\n", "0x"), 400, "invalid message");
    check_refusal(verify_message(text(), "0x"), 401, "wrong domain");
    message.domain = "app.example.org";
    message.uri = "https://other.example.org/";
    check_refusal(verify_message(text(), "0x"), 401, "wrong domain");
    message.uri = "https://app.example.org/";
    check_refusal(verify_message(text(), "0x"), 401, "wrong chain");
    message.chain_id = "1";
    check_refusal(verify_message(text(), "0x"), 401, "invalid signature");
    check_refusal(verify_message(text(), wallet(2).personal_sign(text())), 401, "invalid signature");
    check_refusal(sign_message(1, message), 401, "invalid or expired nonce"); // it is wallet 2's
    message.nonce = nonce_for(address(1));
    check_refusal(sign_message(1, message), 401, "message expired");
    message.issued_at = now + 61;
    check_refusal(sign_message(1, message), 401, "message not yet valid");
    message.issued_at = now + 60;
    BOOST_TEST(sign_message(1, message).status == 200); // nothing of all that has spent the nonce
    check_refusal(sign_message(1, message), 401, "invalid or expired nonce");
    message.issued_at = now - 301;
    check_refusal(sign_message(1, message), 401, "invalid or expired nonce"); // which comes before the age
    BOOST_TEST(query("SELECT count(*) FROM spent_nonces") == 1);
}

BOOST_AUTO_TEST_CASE(a_message_is_good_within_its_times)
{
    const auto status_with = [&](base::UnixSeconds issued_at, const std::string& more) {
        auto message = message_for(address(1));
        message.issued_at = issued_at;
        message.more = more;
        const auto reply = sign_message(1, message);
        return reply.status == 200 ? "200" : reply.body.at("error").get<std::string>();
    };
    const auto at = [&](std::int64_t seconds) { return base::iso8601(now + seconds); };
    BOOST_TEST(status_with(now - 300, "") == "200");
    BOOST_TEST(status_with(now - 301, "") == "message expired");
    BOOST_TEST(status_with(now + 60, "") == "200");
    BOOST_TEST(status_with(now + 61, "") == "message not yet valid");
    BOOST_TEST(status_with(now, "\nExpiration Time: " + at(1)) == "200");
    BOOST_TEST(status_with(now, "\nExpiration Time: " + at(0)) == "message expired");
    BOOST_TEST(status_with(now, "\nExpiration Time: " + at(-1)) == "message expired");
    BOOST_TEST(status_with(now, "\nNot Before: " + at(60)) == "200");
    BOOST_TEST(status_with(now, "\nNot Before: " + at(61)) == "message not yet valid");
    BOOST_TEST(status_with(now, "\nNot Before: 2026-01-01T00:01:00.001Z") == "message not yet valid");
    BOOST_TEST(status_with(now, "\nExpiration Time: " + at(1) + "\nNot Before: " + at(-1)) == "200");
    // In whatever zone and to the millisecond.
    BOOST_TEST(status_with(now, "\nExpiration Time: 2026-01-01T00:00:00.001Z") == "200");
    BOOST_TEST(status_with(now, "\nExpiration Time: 2026-01-01T05:30:00+05:30") == "message expired");
}

BOOST_AUTO_TEST_CASE(a_nonce_lives_its_time_in_a_message_too)
{
    auto message = message_for(address(1));
    now += 300;
    message.issued_at = now;
    check_refusal(sign_message(1, message), 401, "invalid or expired nonce");
}

BOOST_AUTO_TEST_CASE(without_a_list_the_domain_is_the_requests_host)
{
    const auto status_at = [&](const std::string& host, const std::string& domain) {
        auto message = message_for(address(1));
        message.domain = domain;
        message.uri = "http://" + domain.substr(0, domain.find(':')) + "/";
        return sign_message(1, message, host).status;
    };
    BOOST_TEST(status_at("localhost:3338", "localhost:3338") == 200);
    BOOST_TEST(status_at("App.Example.org", "aPP.example.ORG") == 200);
    BOOST_TEST(metrics::foreign_domains(counters) == 0);
    for (const auto& [host, domain] :
         {std::pair("localhost:3338", "localhost"), std::pair("localhost", "localhost:3338"),
          std::pair("", "localhost"), std::pair("example.org", "example.org.evil.example"),
          std::pair("example.org", "evil.example"), std::pair("example.org", "user@example.org")})
        BOOST_TEST(status_at(host, domain) == 401, domain << " at " << host);
    BOOST_TEST(metrics::foreign_domains(counters) == 6);
}

BOOST_AUTO_TEST_CASE(a_list_of_domains_counts_alone)
{
    set({"app.example.org", "localhost:8080"});
    auto message = message_for(address(1));
    BOOST_TEST(sign_message(1, message, "10.0.0.7").status == 200);
    message = message_for(address(1));
    message.domain = "localhost:8080";
    message.uri = "http://localhost:8080/";
    BOOST_TEST(sign_message(1, message, "10.0.0.7").status == 200);
    message = message_for(address(1));
    message.domain = "10.0.0.7";
    message.uri = "http://10.0.0.7/";
    check_refusal(sign_message(1, message, "10.0.0.7"), 401, "wrong domain");
    BOOST_TEST(metrics::foreign_domains(counters) == 0);
}

BOOST_AUTO_TEST_CASE(the_uri_is_of_the_domains_host)
{
    const auto status_of = [&](const std::string& uri) {
        auto message = message_for(address(1));
        message.uri = uri;
        return sign_message(1, message).status;
    };
    BOOST_TEST(status_of("https://app.example.org") == 200);
    BOOST_TEST(status_of("https://APP.example.org:443/a?b#c") == 200);
    for (const auto* uri : {"https://example.org", "https://app.example.org.evil.example",
                            "https://app.example.org@evil.example/", "did:key:app.example.org", "urn:x"})
        BOOST_TEST(status_of(uri) == 401, uri);
}

BOOST_AUTO_TEST_CASE(a_list_of_chains_lets_in_no_other)
{
    const auto status_on = [&](const std::string& chain_id) {
        auto message = message_for(address(1));
        message.chain_id = chain_id;
        return sign_message(1, message).status;
    };
    const std::string huge(80, '9');
    BOOST_TEST(status_on(huge) == 200);
    set({}, {"1", "8453"});
    BOOST_TEST(status_on("1") == 200);
    BOOST_TEST(status_on("8453") == 200);
    BOOST_TEST(status_on("08453") == 200);
    BOOST_TEST(status_on("84") == 401);
    BOOST_TEST(status_on(huge) == 401);
}

// ---- contracts ----

BOOST_AUTO_TEST_CASE(a_wallet_that_is_a_contract_signs_in_by_its_word)
{
    const auto nonce = nonce_for(contract_wallet);
    check_refusal(verify_by_contract(nonce), 401, "invalid signature");
    approve(nonce);
    const auto reply = verify_by_contract(nonce);
    BOOST_TEST_REQUIRE(reply.status == 200, reply.text);
    BOOST_TEST(claims_of(reply.body.at("token")).at("sub") == contract_wallet);
    check_refusal(verify_by_contract(nonce), 401, "invalid or expired nonce");
    BOOST_TEST(chain.questions == 3);
}

BOOST_AUTO_TEST_CASE(a_contract_may_have_signed_the_bytes_of_the_nonce)
{
    const auto nonce = nonce_for(contract_wallet);
    approve(base::from_hex(nonce).value());
    BOOST_TEST(verify_by_contract(nonce).status == 200);
    BOOST_TEST(chain.questions == 1);
}

BOOST_AUTO_TEST_CASE(a_contract_may_have_signed_a_message)
{
    const auto text = write(contract_wallet, message_for(contract_wallet));
    approve(text);
    BOOST_TEST(verify_message(text, "0x" + base::to_hex(contract_signature)).status == 200);
}

BOOST_AUTO_TEST_CASE(a_node_that_cannot_be_asked_leaves_the_nonce)
{
    const auto nonce = nonce_for(contract_wallet);
    approve(nonce);
    chain.is_down = true;
    check_refusal(verify_by_contract(nonce), 503, "chain_unavailable");
    chain.is_down = false;
    BOOST_TEST(verify_by_contract(nonce).status == 200);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_a_signature_is_not_asked_about)
{
    const auto nonce = nonce_for(contract_wallet);
    for (const auto& signature :
         {std::string("0"), std::string("0x0"), std::string("0xzz"), std::string("zz"),
          "0X" + std::string(130, '0'), "0x" + std::string(2 * 8193, '0')})
        check_refusal(verify(contract_wallet, nonce, signature), 401, "invalid signature");
    BOOST_TEST(chain.questions == 0);
    check_refusal(verify(contract_wallet, nonce, "0x" + std::string(2 * 8192, '0')), 401,
                  "invalid signature");
    BOOST_TEST(chain.questions == 1);
    check_refusal(verify(contract_wallet, nonce, "0x"), 401, "invalid signature"); // a Safe may say yes to it
    BOOST_TEST(chain.questions == 2);
}

BOOST_AUTO_TEST_CASE(questions_about_signatures_count_as_questions)
{
    config.rate_limit_chain_per_address_per_minute = 2;
    const auto nonce = nonce_for(contract_wallet);
    const auto status_of = [&](const std::string& wallet_address, const std::string& signature) {
        auto asked = request(
            "POST", "/auth/verify",
            base::Json{{"wallet", wallet_address}, {"nonce", nonce}, {"signature", signature}}.dump());
        asked.address = "192.0.2.1";
        return send(asked).status;
    };
    BOOST_TEST(status_of(contract_wallet, "0x00") == 401);
    BOOST_TEST(status_of(contract_wallet, "0x00") == 401);
    BOOST_TEST(status_of(contract_wallet, "0x00") == 429);
    BOOST_TEST(chain.questions == 2);
    BOOST_TEST(status_of(address(1), wallet(1).personal_sign(nonce)) == 401); // nothing to ask: its own key
    BOOST_TEST(chain.questions == 2);
}

BOOST_AUTO_TEST_CASE(a_body_may_be_longer_where_a_signature_is)
{
    auto asked = request("POST", "/auth/verify", std::string(http::max_body_bytes + 1, ' '));
    BOOST_TEST(send(asked).status == 400);
    asked.path = "/auth/nonce";
    check_refusal(send(asked), 413, "payload_too_large");
    asked = request("POST", "/auth/verify", std::string(http::max_sign_in_body_bytes + 1, ' '));
    check_refusal(send(asked), 413, "payload_too_large");
}

BOOST_AUTO_TEST_CASE(how_wallets_signed_in_is_counted)
{
    BOOST_TEST(sign_in(1, nonce_for(address(1))).status == 200);
    BOOST_TEST(sign_message(1, message_for(address(1))).status == 200);
    const auto nonce = nonce_for(contract_wallet);
    approve(nonce);
    auto asked = request("POST", "/auth/verify",
                         base::Json{{"wallet", contract_wallet},
                                    {"nonce", nonce},
                                    {"signature", "0x" + base::to_hex(contract_signature)}}
                             .dump());
    asked.now = now;
    const auto response = dispatch(app, asked);
    BOOST_TEST(response.status == 200);
    BOOST_TEST(response.signed_in_by == "contract");
    BOOST_TEST(response.wallet == contract_wallet);
}

// ---- POST /auth/refresh ----

BOOST_AUTO_TEST_CASE(a_token_is_refreshed_until_a_minute_after_its_end)
{
    const auto begun_at = now;
    const auto token = token_for(address(1));
    now += 3600 + 59;
    const auto next = claims_of(refreshed(token));
    const base::Json expected{
        {"sub", address(1)}, {"auth_time", begun_at}, {"iat", now}, {"exp", now + 3600}};
    BOOST_TEST(next.dump() == expected.dump());
    now += 1;
    check_refusal(refresh(token), 401, "unauthorized");
    check_refusal(refresh("x"), 401, "unauthorized");
    check_refusal(post("/auth/refresh", base::Json::object()), 401, "unauthorized");
}

BOOST_AUTO_TEST_CASE(after_seven_days_a_wallet_signs_again)
{
    auto token = token_for(address(1));
    const auto begun_at = now;
    while (now + 3600 <= begun_at + 7 * 86400) {
        now += 3600;
        token = refreshed(token);
    }
    BOOST_TEST(now == begun_at + 7 * 86400);
    now += 1;
    check_refusal(refresh(token), 401, "unauthorized");
    BOOST_TEST(get("/credits", address(1)).status == 200);
}

BOOST_AUTO_TEST_CASE(a_token_from_before_there_was_an_auth_time_is_refreshed)
{
    const auto claims = [&](std::int64_t iat) {
        return base::Json{{"sub", address(1)}, {"iat", iat}, {"exp", now + 60}}.dump();
    };
    const std::string header = R"({"alg":"HS256","typ":"JWT"})";
    const auto token = sign_token(header, claims(now - 3540));
    BOOST_TEST(claims_of(refreshed(token)).at("auth_time") == now - 3540);
    check_refusal(refresh(sign_token(header, claims(now - 7 * 86400 - 1))), 401, "unauthorized");
}

BOOST_AUTO_TEST_CASE(a_banned_wallet_is_told_so)
{
    const auto token = token_for(address(1));
    database::transact(db(), [&] { rooms::ban(db(), address(1), "was rude", std::nullopt, now); });
    check_refusal(refresh(token), 403, "banned");
}

// An hour's token, an hour-long talk, and not one signature more.
BOOST_AUTO_TEST_CASE(a_call_of_three_hours_lives_by_refresh_alone)
{
    const auto host = address(1);
    const auto room_id = create_room(host, 4 * 3600);
    auto token = token_for(host);
    const auto ask = [&](const std::string& path, const base::Json& body) {
        auto asked = request("POST", path, body.dump());
        asked.authorization = "Bearer " + token;
        const auto reply = send(asked);
        BOOST_TEST_REQUIRE(reply.status == 200, path << " after " << now << ": " << reply.text);
        return reply.body;
    };
    const auto seat = caller(ask("/rooms/join", {{"room_id", room_id}}));
    const auto begun_at = now;
    int refreshes = 0;
    while (now < begun_at + 3 * 3600) {
        now += 15;
        if ((now - begun_at) % 3300 == 0) {
            token = refreshed(token);
            ++refreshes;
        }
        if ((now - begun_at) % 30 == 0)
            ask("/rooms/heartbeat", seat);
        if ((now - begun_at) % 45 == 0)
            BOOST_TEST(!ask("/rooms/token/renew", seat).contains("denied"));
    }
    BOOST_TEST(refreshes == 3);
    BOOST_TEST(ask("/rooms/leave", seat).at("debited_seconds") == 3 * 3600);
    require_clean_audit();
}

// ---- leaving ----

BOOST_AUTO_TEST_CASE(leaving_needs_no_fresh_token)
{
    const auto token = token_for(address(1));
    const auto ask = [&](const std::string& path, const base::Json& body) {
        auto asked = request("POST", path, body.dump());
        asked.authorization = "Bearer " + token;
        return send(asked);
    };
    now += 3590;
    const auto seat = caller(join(address(1), create_room(address(1))));
    now += 10;
    for (const auto* path : {"/rooms/heartbeat", "/rooms/token/renew"})
        check_refusal(ask(path, seat), 401, "unauthorized");
    const auto left = ask("/rooms/leave", seat);
    BOOST_TEST_REQUIRE(left.status == 200, left.text);
    BOOST_TEST(left.body.at("debited_seconds") == 10);
    BOOST_TEST(ask("/session/7/leave", base::Json::object()).status == 200);
    now += 86399;
    BOOST_TEST(ask("/session/7/leave", base::Json::object()).status == 200);
    now += 1;
    check_refusal(ask("/rooms/leave", seat), 401, "unauthorized");
    check_refusal(ask("/session/7/leave", base::Json::object()), 401, "unauthorized");
}

BOOST_AUTO_TEST_SUITE_END()
