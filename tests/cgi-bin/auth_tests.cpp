#include "sign_in_fixture.h"

#include "base/config.h"
#include "base/hex.h"

#include <algorithm>

namespace {

std::string upper_case_digits(std::string address)
{
    std::transform(address.begin() + 2, address.end(), address.begin() + 2,
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return address;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(auth_tests, SignInFixture)

// ---- POST /auth/nonce ----

BOOST_AUTO_TEST_CASE(a_nonce_is_64_lowercase_hex_digits)
{
    const auto reply = post("/auth/nonce", {{"wallet", address(1)}});
    BOOST_TEST(reply.status == 200);
    BOOST_TEST(reply.body.size() == 1);
    const std::string nonce = reply.body.at("nonce");
    BOOST_TEST(nonce.size() == 64);
    BOOST_TEST(nonce.find_first_not_of("0123456789abcdef") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_two_nonces_are_the_same)
{
    std::set<std::string> nonces;
    for (int i = 0; i < 1000; ++i)
        nonces.insert(nonce_for(address(1)));
    BOOST_TEST(nonces.size() == 1000);
}

BOOST_AUTO_TEST_CASE(a_nonce_is_given_to_addresses_only)
{
    for (const auto& wallet_text : {address(1), upper_case_digits(address(1)), "0x" + std::string(40, '0')}) {
        BOOST_TEST_CONTEXT(wallet_text)
        BOOST_TEST(post("/auth/nonce", {{"wallet", wallet_text}}).status == 200);
    }
    const auto digits = address(1).substr(2);
    const std::string table[] = {"x",
                                 "alice.heaven",
                                 digits,
                                 "0x",
                                 "0X" + digits,
                                 "0x" + digits.substr(1),
                                 "0x" + digits + "0",
                                 "0x" + digits.substr(1) + "g",
                                 " 0x" + digits,
                                 "0x" + digits + " ",
                                 "0x" + digits + "\n",
                                 "0x0x" + digits.substr(2),
                                 "0x" + digits.substr(2) + "\xc3\xa4",
                                 std::string(42, '0'),
                                 std::string(16000, 'a')};
    for (const auto& wallet_text : table) {
        BOOST_TEST_CONTEXT(wallet_text)
        {
            check_refusal(post("/auth/nonce", {{"wallet", wallet_text}}), 400, "invalid wallet");
            check_refusal(verify(wallet_text, "00", "0x"), 400, "invalid wallet");
        }
    }
    BOOST_TEST(rows_stored() == 0);
}

BOOST_AUTO_TEST_CASE(strangers_cannot_grow_the_database_by_asking_for_nonces)
{
    const auto rows = rows_stored();
    const auto bytes = engine::bytes_stored(db());
    auto asked = request("POST", "/auth/nonce");
    asked.now = now;
#ifdef SANITIZED
    constexpr int times = 50000;
#else
    constexpr int times = 1000000;
#endif
    for (int i = 0; i < times; ++i) {
        asked.body = R"({"wallet":"0x)" + base::to_hex(base::sha256(std::to_string(i)).substr(0, 20)) + "\"}";
        if (dispatch(app, asked).status != 200)
            BOOST_FAIL("refused: " << asked.body);
    }
    BOOST_TEST(rows_stored() == rows);
    BOOST_TEST(engine::bytes_stored(db()) <= bytes);
}

// Signing in costs a row, but only who holds a key can do it, and the same nonce costs no second one.
BOOST_AUTO_TEST_CASE(attempts_that_fail_leave_nothing_behind)
{
    const auto nonce = nonce_for(address(1));
    const auto rows = rows_stored();
    verify(address(1), nonce, "0x00");
    verify(address(2), nonce, wallet(2).personal_sign(nonce));
    sign_in(1, std::string(64, '0'));
    BOOST_TEST(rows_stored() == rows);
    sign_in(1, nonce);
    sign_in(1, nonce);
    BOOST_TEST(rows_stored() == rows + 1);
}

// ---- POST /auth/verify ----

BOOST_AUTO_TEST_CASE(who_signs_the_text_of_the_nonce_gets_a_token)
{
    const auto reply = sign_in(1, nonce_for(address(1)));
    BOOST_TEST(reply.status == 200);
    BOOST_TEST(reply.body.size() == 2);
    auto asked = request("GET", "/credits");
    asked.authorization = "Bearer " + reply.body.at("token").get<std::string>();
    BOOST_TEST(send(asked).status == 200);
}

BOOST_AUTO_TEST_CASE(who_signs_the_bytes_of_the_nonce_gets_a_token_too)
{
    const auto nonce = nonce_for(address(1));
    const auto signature = wallet(1).personal_sign(base::from_hex(nonce).value());
    BOOST_TEST(verify(address(1), nonce, signature).status == 200);
}

BOOST_AUTO_TEST_CASE(the_token_claims_the_wallet_in_lowercase_for_an_hour)
{
    const auto nonce = nonce_for(upper_case_digits(address(1)));
    const auto reply = verify(upper_case_digits(address(1)), nonce, wallet(1).personal_sign(nonce));
    BOOST_TEST_REQUIRE(reply.status == 200);
    const std::string token = reply.body.at("token");
    BOOST_TEST(reply.body.at("expires_in") == 3600);
    const base::Json claims{{"sub", address(1)}, {"auth_time", now}, {"iat", now}, {"exp", now + 3600}};
    BOOST_TEST(claims_of(token).dump() == claims.dump());
    const auto header = base::Json::parse(base::from_base64url(token.substr(0, token.find('.'))).value());
    BOOST_TEST(header.at("alg") == "HS256");
}

BOOST_AUTO_TEST_CASE(an_address_is_the_same_in_any_case)
{
    const auto nonce = nonce_for(address(1));
    const auto signature = wallet(1).personal_sign(nonce);
    BOOST_TEST(verify(upper_case_digits(address(1)), nonce, signature).status == 200);
}

// Hardware wallets say 0 and 1 where MetaMask says 27 and 28.
BOOST_AUTO_TEST_CASE(v_is_one_of_0_1_27_28)
{
    std::set<int> seen;
    for (unsigned number = 1; number <= 16; ++number) {
        const auto nonce = nonce_for(address(number));
        auto signature = wallet(number).personal_sign(nonce);
        const int v = std::stoi(signature.substr(130), nullptr, 16);
        BOOST_TEST_REQUIRE((v == 27 || v == 28));
        signature.replace(130, 2, v == 27 ? "00" : "01");
        seen.insert(v);
        BOOST_TEST(verify(address(number), nonce, signature).status == 200);
    }
    BOOST_TEST(seen.size() == 2); // both were tried
}

BOOST_AUTO_TEST_CASE(what_is_missing_is_asked_for)
{
    const base::Json all{{"wallet", address(1)}, {"signature", "0x00"}, {"nonce", "00"}};
    for (const auto* name : {"wallet", "signature", "nonce"}) {
        auto body = all;
        body.erase(name);
        BOOST_TEST_CONTEXT("without " << name)
        check_refusal(post("/auth/verify", body), 400, "missing wallet, signature, or nonce");
    }
    check_refusal(post("/auth/verify", base::Json::object()), 400, "missing wallet, signature, or nonce");
    check_refusal(post("/auth/nonce", base::Json::object()), 400, "missing wallet");
}

BOOST_AUTO_TEST_CASE(any_unparseable_signature_is_an_invalid_one)
{
    const auto nonce = nonce_for(address(1));
    const auto good = wallet(1).personal_sign(nonce);
    const auto with_v = [&](const std::string& v) { return good.substr(0, 130) + v; };
    std::vector<std::string> table = {
        "x",
        "0x",
        "0x0",
        good.substr(2),
        "0X" + good.substr(2),
        good.substr(0, 131),
        good.substr(0, 130),
        good + "0",
        good + "00",
        " " + good,
        good + "\n",
        good.substr(0, 131) + "g",
        good.substr(0, 130) + "\xc3\xa4",
        "0x" + std::string(130, '0'),
        "0x" + std::string(130, 'f'),
        "0x" + std::string(128, '0') + "1b",
        "0x" + std::string(128, 'f') + "1b",
        "0x" + std::string(63, '0') + "1" + std::string(63, '0') + "1" + "1b",
        "0x" + good.substr(66, 64) + good.substr(2, 64) + good.substr(130), // s before r
        std::string(16000, 'a'),
    };
    for (const auto* v : {"02", "03", "04", "1a", "1d", "1e", "25", "26", "7f", "80", "ff"})
        table.push_back(with_v(v));
    table.push_back(with_v(good.substr(130) == "1b" ? "1c" : "1b")); // the other parity: another address
    for (const auto& signature : table) {
        BOOST_TEST_CONTEXT(signature)
        check_refusal(verify(address(1), nonce, signature), 401, "invalid signature");
    }
    // None of them cost the nonce.
    BOOST_TEST(verify(address(1), nonce, good).status == 200);
}

BOOST_AUTO_TEST_CASE(a_flipped_digit_anywhere_spoils_the_signature)
{
    const auto nonce = nonce_for(address(1));
    const auto good = wallet(1).personal_sign(nonce);
    for (std::size_t at = 2; at < 132; ++at) {
        auto signature = good;
        signature[at] = signature[at] == '5' ? '6' : '5';
        BOOST_TEST_CONTEXT(at)
        check_refusal(verify(address(1), nonce, signature), 401, "invalid signature");
    }
    BOOST_TEST(verify(address(1), nonce, good).status == 200);
}

BOOST_AUTO_TEST_CASE(a_signature_by_another_wallet_or_over_something_else_is_invalid)
{
    const auto nonce = nonce_for(address(1));
    for (const auto& signature : {
             wallet(2).personal_sign(nonce),
             wallet(1).personal_sign("0x" + nonce),
             wallet(1).personal_sign(upper_case_digits(nonce)),
             wallet(1).personal_sign(nonce + "\n"),
             wallet(1).personal_sign(""),
         })
        check_refusal(verify(address(1), nonce, signature), 401, "invalid signature");
    BOOST_TEST(sign_in(1, nonce).status == 200);
}

BOOST_AUTO_TEST_CASE(a_nonce_works_once)
{
    const auto nonce = nonce_for(address(1));
    BOOST_TEST(sign_in(1, nonce).status == 200);
    check_refusal(sign_in(1, nonce), 401, "invalid or expired nonce");
    // Neither by the other way of signing, nor in capitals, nor later.
    check_refusal(verify(address(1), nonce, wallet(1).personal_sign(base::from_hex(nonce).value())), 401,
                  "invalid or expired nonce");
    auto capitals = nonce;
    std::transform(capitals.begin(), capitals.end(), capitals.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    BOOST_TEST_REQUIRE(capitals != nonce);
    check_refusal(sign_in(1, capitals), 401, "invalid or expired nonce");
    now += 60;
    check_refusal(sign_in(1, nonce), 401, "invalid or expired nonce");
}

BOOST_AUTO_TEST_CASE(several_nonces_live_at_once)
{
    const auto first = nonce_for(address(1));
    now += 1;
    const auto second = nonce_for(address(1));
    const auto third = nonce_for(address(1));
    BOOST_TEST(sign_in(1, second).status == 200);
    BOOST_TEST(sign_in(1, first).status == 200);
    BOOST_TEST(sign_in(1, third).status == 200);
}

BOOST_AUTO_TEST_CASE(a_nonce_lives_300_seconds)
{
    const auto first = nonce_for(address(1));
    const auto second = nonce_for(address(1));
    now += 299;
    BOOST_TEST(sign_in(1, first).status == 200);
    now += 1;
    check_refusal(sign_in(1, second), 401, "invalid or expired nonce");
}

// Whoever's clock steps, a used nonce stays used, even after the sweep.
BOOST_AUTO_TEST_CASE(a_used_nonce_does_not_come_alive_again_when_the_clock_steps_back)
{
    const auto nonce = nonce_for(address(1));
    BOOST_TEST(sign_in(1, nonce).status == 200);
    now += 301;
    sweep();
    auth::purge_spent_nonces(db(), now, 1000);
    now -= 200;
    check_refusal(sign_in(1, nonce), 401, "invalid or expired nonce");
}

BOOST_AUTO_TEST_CASE(a_nonce_is_bound_to_its_wallet)
{
    const auto nonce = nonce_for(address(1));
    check_refusal(sign_in(2, nonce), 401, "invalid or expired nonce");
    BOOST_TEST(sign_in(1, nonce).status == 200); // which it did not cost
}

BOOST_AUTO_TEST_CASE(a_nonce_that_was_never_issued_is_invalid)
{
    const auto issued = nonce_for(address(1));
    std::vector<std::string> table = {"0",
                                      "x",
                                      std::string(64, '0'),
                                      std::string(64, 'f'),
                                      issued.substr(0, 62),
                                      issued + "00",
                                      "0x" + issued.substr(2),
                                      "0x" + issued,
                                      " " + issued.substr(1),
                                      std::string(8000, 'a')};
    for (std::size_t at = 0; at < 64; ++at) {
        auto changed = issued;
        changed[at] = changed[at] == '5' ? '6' : '5';
        table.push_back(changed);
    }
    for (const auto& nonce : table) {
        BOOST_TEST_CONTEXT(nonce)
        check_refusal(sign_in(1, nonce), 401, "invalid or expired nonce");
    }
    // One of a service with another secret.
    auto settings = test_config();
    settings.jwt_secret = "the secret of another service, as long as ours";
    HandlerFixture other(settings);
    const std::string foreign = other.post("/auth/nonce", {{"wallet", address(1)}}).body.at("nonce");
    check_refusal(sign_in(1, foreign), 401, "invalid or expired nonce");
}

BOOST_AUTO_TEST_CASE(the_signature_is_checked_before_the_nonce)
{
    const auto nonce = nonce_for(address(1));
    BOOST_TEST(sign_in(1, nonce).status == 200);
    check_refusal(verify(address(1), nonce, wallet(2).personal_sign(nonce)), 401, "invalid signature");
    now += 300;
    check_refusal(verify(address(1), nonce, "0x"), 401, "invalid signature");
    check_refusal(sign_in(1, nonce), 401, "invalid or expired nonce");
}

BOOST_AUTO_TEST_CASE(a_refused_sign_in_asks_for_a_token_by_no_means_but_is_a_401_like_any_other)
{
    const auto reply = sign_in(1, std::string(64, '0'));
    BOOST_TEST(reply.status == 401);
    BOOST_TEST(header_of(reply, "WWW-Authenticate") == "Bearer");
    BOOST_TEST(header_of(reply, "Cache-Control") == "no-store");
}

BOOST_AUTO_TEST_CASE(signing_by_ones_own_key_needs_no_chain_and_opens_no_account)
{
    chain.is_down = true;
    BOOST_TEST(sign_in(1, nonce_for(address(1))).status == 200);
    BOOST_TEST(chain.questions == 0);
    BOOST_TEST(query("SELECT count(*) FROM credit_accounts") == 0);
    require_clean_audit();
}

BOOST_AUTO_TEST_SUITE_END()
