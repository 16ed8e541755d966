#include "auth/access_token.h"

#include "base/base64.h"
#include "base/hmac.h"
#include "fixture.h"

namespace {

constexpr const char* secret = "a secret for tests, and for nothing else at all";
constexpr const char* wallet = "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a";
constexpr base::UnixSeconds now = 1767225600;

// A token with that header and payload and a good signature.
std::string signed_token(const std::string& header, const std::string& payload)
{
    const auto signed_part = base::base64url(header) + "." + base::base64url(payload);
    return signed_part + "." + base::base64url(base::hmac_sha256(secret, signed_part));
}

std::string with_claims(const std::string& payload)
{
    return signed_token(R"({"alg":"HS256","typ":"JWT"})", payload);
}

// Empty if it was refused.
std::string wallet_of(const std::optional<auth::AccessToken>& token)
{
    return token ? token->wallet : "";
}

} // namespace

BOOST_AUTO_TEST_SUITE(access_token_tests)

BOOST_AUTO_TEST_CASE(the_published_vectors_hold)
{
    const auto vectors = load_vectors("jwt.json")["vectors"];
    BOOST_REQUIRE(!vectors.empty());
    for (const auto& vector : vectors) {
        BOOST_TEST_CONTEXT(vector["why"].get<std::string>())
        {
            std::string token;
            if (vector.contains("recipe")) {
                const auto& recipe = vector["recipe"];
                token = recipe["prefix"];
                for (int i = 0; i < recipe["count"].get<int>(); ++i)
                    token += recipe["repeat"].get_ref<const std::string&>();
            } else {
                token = vector["token"];
            }
            const auto verified = auth::verify_access_token(vector["secret"].get<std::string>(), token,
                                                            vector["now"].get<base::UnixSeconds>());
            BOOST_REQUIRE((vector["expected"] == "valid" || vector["expected"] == "invalid"));
            BOOST_TEST(verified.has_value() == (vector["expected"] == "valid"));
            if (verified)
                BOOST_TEST(verified->wallet == vector["payload"]["sub"].get<std::string>());
        }
    }
}

BOOST_AUTO_TEST_CASE(an_issued_token_is_verified_until_the_second_it_expires)
{
    const auto token = auth::issue_access_token(secret, {wallet, now}, now, 3600);
    BOOST_TEST(wallet_of(auth::verify_access_token(secret, token, now)) == wallet);
    BOOST_TEST(wallet_of(auth::verify_access_token(secret, token, now + 3599)) == wallet);
    BOOST_TEST(!auth::verify_access_token(secret, token, now + 3600).has_value());
    BOOST_TEST(!auth::verify_access_token(secret, token, now + 1000000000).has_value());
    // `iat` is not looked at: another machine's clock may be a little ahead of ours.
    BOOST_TEST(wallet_of(auth::verify_access_token(secret, token, now - 5)) == wallet);
}

BOOST_AUTO_TEST_CASE(its_claims_are_exactly_these)
{
    const auto token = auth::issue_access_token(secret, {wallet, now}, now, 3600);
    const auto first_dot = token.find('.');
    const auto last_dot = token.rfind('.');
    const auto header = base::from_base64url(token.substr(0, first_dot));
    const auto claims = base::from_base64url(token.substr(first_dot + 1, last_dot - first_dot - 1));
    BOOST_REQUIRE((header && claims));
    BOOST_TEST((base::parse_json(*header) == base::Json{{"alg", "HS256"}, {"typ", "JWT"}}));
    BOOST_TEST((base::parse_json(*claims) ==
                base::Json{{"sub", wallet}, {"auth_time", now}, {"iat", now}, {"exp", now + 3600}}));
}

BOOST_AUTO_TEST_CASE(no_bit_of_a_token_can_be_flipped)
{
    const auto token = auth::issue_access_token(secret, {wallet, now}, now, 3600);
    for (std::size_t at = 0; at < token.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            auto flipped = token;
            flipped[at] = static_cast<char>(flipped[at] ^ 1 << bit);
            BOOST_TEST(!auth::verify_access_token(secret, flipped, now).has_value(),
                       "bit " << bit << " at " << at);
        }
    }
}

BOOST_AUTO_TEST_CASE(nothing_can_be_cut_from_or_added_to_a_token)
{
    const auto token = auth::issue_access_token(secret, {wallet, now}, now, 3600);
    for (std::size_t length = 0; length < token.size(); ++length) {
        BOOST_TEST(!auth::verify_access_token(secret, token.substr(0, length), now).has_value());
        BOOST_TEST(!auth::verify_access_token(secret, token.substr(token.size() - length), now).has_value());
    }
    for (const std::string more : {".", "=", "A", " ", "\n", ".AAAA"}) {
        BOOST_TEST(!auth::verify_access_token(secret, token + more, now).has_value());
        BOOST_TEST(!auth::verify_access_token(secret, more + token, now).has_value());
    }
}

BOOST_AUTO_TEST_CASE(a_token_has_4096_bytes_at_most)
{
    const auto padded_to = [](std::size_t bytes) {
        const auto payload = R"({"sub":")" + std::string(wallet) + R"(","exp":1767225601,"pad":")";
        for (std::size_t count = 2900;; ++count) {
            const auto token = with_claims(payload + std::string(count, 'x') + "\"}");
            if (token.size() >= bytes)
                return token;
        }
    };
    const auto longest = padded_to(4096);
    BOOST_TEST_REQUIRE(longest.size() == 4096u);
    BOOST_TEST(wallet_of(auth::verify_access_token(secret, longest, now)) == wallet);
    const auto too_long = padded_to(4097);
    BOOST_TEST_REQUIRE(too_long.size() == 4097u);
    BOOST_TEST(!auth::verify_access_token(secret, too_long, now).has_value());
}

BOOST_AUTO_TEST_CASE(another_secret_makes_another_token)
{
    const auto token = auth::issue_access_token(secret, {wallet, now}, now, 3600);
    BOOST_TEST(!auth::verify_access_token("another secret", token, now).has_value());
    BOOST_TEST(!auth::verify_access_token("", token, now).has_value());
    BOOST_TEST(!auth::verify_access_token(std::string(secret) + " ", token, now).has_value());
}

BOOST_AUTO_TEST_CASE(a_token_of_the_previous_secret_is_still_good)
{
    const std::string previous = "the secret before this one, for tests as well";
    const auto token = auth::issue_access_token(previous, {wallet, now}, now, 3600);
    BOOST_TEST(wallet_of(auth::verify_access_token(secret, token, now, previous)) == wallet);
    BOOST_TEST(!auth::verify_access_token(secret, token, now).has_value());
    BOOST_TEST(!auth::verify_access_token(secret, token, now + 3600, previous).has_value());
    const auto present = auth::issue_access_token(secret, {wallet, now}, now, 3600);
    BOOST_TEST(wallet_of(auth::verify_access_token(secret, present, now, previous)) == wallet);
    const auto foreign = auth::issue_access_token("another secret", {wallet, now}, now, 3600);
    BOOST_TEST(!auth::verify_access_token(secret, foreign, now, previous).has_value());
    auto flipped = token;
    flipped[flipped.size() - 5] = flipped[flipped.size() - 5] == 'A' ? 'B' : 'A';
    BOOST_TEST(!auth::verify_access_token(secret, flipped, now, previous).has_value());
}

// The empty text is a key that everybody knows.
BOOST_AUTO_TEST_CASE(no_previous_secret_is_not_an_empty_one)
{
    const auto token = auth::issue_access_token("", {wallet, now}, now, 3600);
    BOOST_TEST(!auth::verify_access_token(secret, token, now).has_value());
    BOOST_TEST(!auth::verify_access_token(secret, token, now, "").has_value());
}

BOOST_AUTO_TEST_CASE(the_subject_is_an_address_and_comes_out_in_lowercase)
{
    const auto subject = [](const std::string& json) {
        return auth::verify_access_token(secret, with_claims("{\"sub\":" + json + ",\"exp\":1767225601}"),
                                         now);
    };
    BOOST_TEST(wallet_of(subject("\"0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A\"")) == wallet);
    for (const auto* wrong : {"\"\"", "\"alice\"", "\"0x19e7\"", "null", "7", "true", "[]", "{}",
                              "\" 0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a\"",
                              "\"0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a\\u0000\"",
                              "[\"0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a\"]"})
        BOOST_TEST(!subject(wrong).has_value(), "accepted: " << wrong);
}

BOOST_AUTO_TEST_CASE(the_expiry_is_a_number_in_the_future_that_a_double_holds)
{
    const auto is_valid = [](const std::string& exp) {
        return auth::verify_access_token(
                   secret, with_claims("{\"sub\":\"" + std::string(wallet) + "\"" + exp + "}"), now)
            .has_value();
    };
    for (const auto* good : {",\"exp\":1767225601", ",\"exp\":1767225600.5", ",\"exp\":1.767225601e9",
                             ",\"exp\":9007199254740992"})
        BOOST_TEST(is_valid(good), "refused: " << good);
    for (const auto* wrong :
         {"", ",\"exp\":null", ",\"exp\":true", ",\"exp\":\"1767225601\"", ",\"exp\":[1767225601]",
          ",\"exp\":{}", ",\"exp\":1767225600", ",\"exp\":-1767225601", ",\"exp\":0",
          ",\"exp\":9007199254740994", ",\"exp\":18446744073709551615", ",\"exp\":1e308",
          ",\"exp\":1767225601,\"exp\":1767225601"})
        BOOST_TEST(!is_valid(wrong), "accepted: " << wrong);
}

BOOST_AUTO_TEST_CASE(not_before_is_heeded_where_it_stands)
{
    const auto is_valid = [](const std::string& nbf) {
        return auth::verify_access_token(secret,
                                         with_claims("{\"sub\":\"" + std::string(wallet) +
                                                     "\",\"exp\":1767229200,\"nbf\":" + nbf + "}"),
                                         now)
            .has_value();
    };
    BOOST_TEST(is_valid("1767225600"));
    BOOST_TEST(is_valid("0"));
    for (const auto* wrong : {"1767225601", "1767225600.5", "null", "\"0\"", "true", "-1", "[]"})
        BOOST_TEST(!is_valid(wrong), "accepted: " << wrong);
}

BOOST_AUTO_TEST_CASE(the_header_must_say_hs256_and_demand_nothing_that_is_not_understood)
{
    const auto is_valid = [](const std::string& header) {
        const auto payload = "{\"sub\":\"" + std::string(wallet) + "\",\"exp\":1767225601}";
        return auth::verify_access_token(secret, signed_token(header, payload), now).has_value();
    };
    BOOST_TEST(is_valid(R"({"alg":"HS256"})"));
    BOOST_TEST(is_valid(R"({"typ":"JWT","kid":"1","alg":"HS256"})"));
    for (const auto* wrong :
         {"{}", "[]", "null", "\"HS256\"", "7", "", R"({"alg":"none"})", R"({"alg":"hs256"})",
          R"({"alg":"HS512"})", R"({"alg":null})", R"({"alg":["HS256"]})", R"({"alg":"none","alg":"HS256"})",
          R"({"alg":"HS256 "})", R"({"alg":"HS256","crit":["b64"],"b64":false})",
          R"({"alg":"HS256","crit":[]})", R"({"ALG":"HS256"})"})
        BOOST_TEST(!is_valid(wrong), "accepted: " << wrong);
}

BOOST_AUTO_TEST_CASE(both_parts_are_objects_of_json_in_base64url)
{
    const auto is_valid = [](const std::string& header, const std::string& payload) {
        const auto signed_part = header + "." + payload;
        const auto signature = base::base64url(base::hmac_sha256(secret, signed_part));
        return auth::verify_access_token(secret, signed_part + "." + signature, now).has_value();
    };
    const auto header = base::base64url(R"({"typ":"JWT","alg":"HS256"})");
    const auto payload = base::base64url("{\"sub\":\"" + std::string(wallet) + "\",\"exp\":1767225601}");
    BOOST_TEST(is_valid(header, payload));
    for (const auto& wrong : {std::string("!"), "=" + payload, base::base64url(""), base::base64url("{"),
                              base::base64url("[]"), base::base64url("null"), base::base64url("7")}) {
        BOOST_TEST(!is_valid(wrong, payload), "accepted: " << wrong);
        BOOST_TEST(!is_valid(header, wrong), "accepted: " << wrong);
    }
}

BOOST_AUTO_TEST_CASE(a_token_says_when_its_wallet_signed)
{
    const auto refreshed = auth::issue_access_token(secret, {wallet, now - 5000}, now, 3600);
    BOOST_TEST(auth::verify_access_token(secret, refreshed, now).value().signed_in_at == now - 5000);
    const auto signed_in_at = [](const std::string& more) {
        const auto claims = "{\"sub\":\"" + std::string(wallet) + "\",\"exp\":1767225601" + more + "}";
        return auth::verify_access_token(secret, with_claims(claims), now).value().signed_in_at;
    };
    BOOST_TEST(signed_in_at(R"(,"iat":1767222000)") == 1767222000); // as tokens were before they had it
    BOOST_TEST(signed_in_at(R"(,"iat":1767222000,"auth_time":1767111111)") == 1767111111);
    for (const auto* nothing : {"", R"(,"iat":"1767222000")", R"(,"iat":1767222000,"auth_time":null)",
                                R"(,"iat":1767222000,"auth_time":-1)"})
        BOOST_TEST(signed_in_at(nothing) == 0, "an instant: " << nothing);
}

BOOST_AUTO_TEST_CASE(a_token_that_is_overdue_is_good_for_whoever_allows_that)
{
    const auto token = auth::issue_access_token(secret, {wallet, now}, now, 3600);
    const auto is_good = [&](base::UnixSeconds at, std::int64_t overdue_seconds) {
        return auth::verify_access_token(secret, token, at, {}, overdue_seconds).has_value();
    };
    BOOST_TEST(is_good(now + 3659, 60));
    BOOST_TEST(!is_good(now + 3660, 60));
    BOOST_TEST(is_good(now + 3600 + 86399, 86400));
    BOOST_TEST(!is_good(now + 3600 + 86400, 86400));
    auto forged = token;
    forged.back() = forged.back() == 'A' ? 'E' : 'A';
    BOOST_TEST(!auth::verify_access_token(secret, forged, now, {}, 86400).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
