#include "outbox/letter.h"

#include "base/base64.h"
#include "base/config.h"
#include "base/hmac.h"
#include "base/version.h"
#include "outbox_fixture.h"

namespace {

using outbox::Destination;
using outbox::Verdict;

class LetterFixture : public OutboxFixture
{
  public:
    outbox::Attempt attempt(Destination destination, const std::string& type, const std::string& data) const
    {
        return {17, destination, "room", type, data, now - 5, "9c6f29c3-752e-4f54-9184-cf13202c5ac8",
                1,  now + 60};
    }
    ScriptedSender::Sent letter(const outbox::Attempt& of) const { return {17, compose(config, of, now)}; }
    static std::string turn_away(base::UnixSeconds until)
    {
        return base::Json{{"channel", "c"}, {"uid", 7}, {"until", until}}.dump();
    }
    std::int64_t seconds_for(base::UnixSeconds until) const
    {
        return letter(attempt(Destination::agora, "turn_away", turn_away(until))).body()["time_in_seconds"];
    }
    Verdict judged(Destination destination, int status, const std::string& body = {}) const
    {
        return outbox::judge(attempt(destination, "", "{}"), {status, "", body, ""}, now).verdict;
    }
};

} // namespace

namespace outbox {
static std::ostream& operator<<(std::ostream& out, Verdict verdict)
{
    constexpr const char* names[] = {"delivered", "failed", "voided", "unwanted"};
    return out << names[static_cast<int>(verdict)];
}
} // namespace outbox

BOOST_FIXTURE_TEST_SUITE(letter_tests, LetterFixture)

BOOST_AUTO_TEST_CASE(a_webhook_is_as_the_specification_says)
{
    const auto sent = letter(attempt(Destination::webhook, "room.opened", R"({"room_id":"x"})"));
    BOOST_TEST(sent.request.url == config.webhook_url);
    BOOST_TEST(sent.request.body ==
               R"({"type":"room.opened","timestamp":"2025-12-31T23:59:55.000Z","data":{"room_id":"x"}})");
    BOOST_TEST(sent.header("Content-Type") == "application/json");
    BOOST_TEST(sent.header("User-Agent") == std::string("session-voice/") + base::version);
    BOOST_TEST(sent.header("webhook-id") == "msg_9c6f29c3-752e-4f54-9184-cf13202c5ac8");
    BOOST_TEST(sent.header("webhook-timestamp") == std::to_string(now));
    const auto signed_text =
        "msg_9c6f29c3-752e-4f54-9184-cf13202c5ac8." + std::to_string(now) + "." + sent.request.body;
    std::string signatures;
    for (const auto& secret : config.webhook_secrets)
        signatures +=
            (signatures.empty() ? "v1," : " v1,") + base::base64(base::hmac_sha256(secret, signed_text));
    BOOST_TEST(sent.header("webhook-signature") == signatures);
}

// The example of the specification's libraries.
BOOST_AUTO_TEST_CASE(a_signature_is_that_of_the_published_vector)
{
    const auto secret = base::from_base64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").value();
    const std::string text = R"(msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314})";
    BOOST_TEST(base::base64(base::hmac_sha256(secret, text)) ==
               "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

BOOST_AUTO_TEST_CASE(who_may_be_connected_to_depends_on_the_url)
{
    const auto reach = [&] { return letter(attempt(Destination::webhook, "t", "{}")).request.reach; };
    using http_client::Reach;
    BOOST_TEST((reach() == Reach::global));
    config.webhook_allow_private = true;
    BOOST_TEST((reach() == Reach::anywhere));
    for (const char* url : {"http://localhost:80/", "http://127.0.0.1/", "http://[::1]:8080/x"}) {
        config.webhook_url = url;
        BOOST_TEST((reach() == Reach::loopback), url);
    }
}

BOOST_AUTO_TEST_CASE(a_turning_away_is_as_agora_documents_it)
{
    const auto sent = letter(attempt(Destination::agora, "turn_away", turn_away(now + 90)));
    BOOST_TEST(sent.request.url == "https://api.agora.io/dev/v1/kicking-rule");
    BOOST_TEST(sent.header("Authorization") == "Basic Y3VzdG9tZXI6cGFzc3dvcmQ=");
    BOOST_TEST(sent.header("webhook-id") == "");
    BOOST_TEST(sent.body() == (base::Json{{"appid", config.agora_app_id},
                                          {"cname", "c"},
                                          {"uid", 7},
                                          {"ip", ""},
                                          {"time_in_seconds", 90},
                                          {"privileges", {"join_channel"}}}));
    BOOST_TEST(seconds_for(now + 1) == 10);
    BOOST_TEST(seconds_for(now + 10) == 10);
    BOOST_TEST(seconds_for(now + 86430) == 86430);
    BOOST_TEST(seconds_for(now + 1000000) == 86430);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_an_error_and_told_to_nobody)
{
    for (const char* data : {"", "{}", "[]", "null", R"({"channel":1,"uid":7,"until":1})",
                             R"({"channel":"c","uid":"7","until":1})", R"({"channel":"c","uid":7})"})
        BOOST_CHECK_THROW(letter(attempt(Destination::agora, "turn_away", data)), base::Error);
    BOOST_CHECK_THROW(letter(attempt(Destination::agora, "something", turn_away(now))), base::Error);
    write({Destination::agora, "c", "something", base::Json::object()});
    BOOST_TEST(deliver_to_agora().failed == 1);
    BOOST_TEST(sender.sent.empty());
}

BOOST_AUTO_TEST_CASE(the_application_has_it_if_it_says_2xx)
{
    for (const int status : {200, 201, 204, 299})
        BOOST_TEST(judged(Destination::webhook, status) == Verdict::delivered);
    for (const int status : {0, 301, 302, 307, 400, 401, 404, 429, 500, 503, 999})
        BOOST_TEST(judged(Destination::webhook, status) == Verdict::failed);
    BOOST_TEST(judged(Destination::webhook, 410) == Verdict::unwanted);
}

BOOST_AUTO_TEST_CASE(agora_has_it_if_it_says_success)
{
    BOOST_TEST(judged(Destination::agora, 200, R"({"status":"success","id":1})") == Verdict::delivered);
    for (const char* body :
         {"", "{}", "success", R"({"status":"failed"})", R"(["success"])", R"({"status":1})",
          R"({"status":"success"} )"
          "x"})
        BOOST_TEST(judged(Destination::agora, 200, body) == Verdict::failed, body);
    for (const int status : {201, 204, 400, 401, 410, 500})
        BOOST_TEST(judged(Destination::agora, status, R"({"status":"success"})") == Verdict::failed);
}

BOOST_AUTO_TEST_CASE(what_failed_says_why)
{
    const auto why = [&](Destination destination, int status, const std::string& failure = {}) {
        return outbox::judge(attempt(destination, "", "{}"), {status, failure, "", ""}, now).failure;
    };
    BOOST_TEST(why(Destination::webhook, 0, "Timeout was reached") == "Timeout was reached");
    BOOST_TEST(why(Destination::webhook, 503) == "HTTP status 503");
    BOOST_TEST(why(Destination::agora, 201) == "HTTP status 201");
    BOOST_TEST(why(Destination::agora, 199) == "HTTP status 199");
    BOOST_TEST(why(Destination::agora, 200) == "HTTP status 200 without \"status\":\"success\"");
}

BOOST_AUTO_TEST_CASE(too_late_for_agora_is_void)
{
    write({Destination::agora, "c", "turn_away", {{"channel", "c"}, {"uid", 7}, {"until", now}}});
    write({Destination::agora, "c", "turn_away", {{"channel", "c"}, {"uid", 8}, {"until", now + 1}}});
    sender.answer = [](const auto&) { return http_client::Answer{200, "", R"({"status":"success"})", ""}; };
    const auto tally = deliver_to_agora();
    BOOST_TEST(tally.voided == 1);
    BOOST_TEST(tally.delivered == 1);
    BOOST_TEST(sender.sent.at(0).body()["uid"] == 8);
    BOOST_TEST(count("outcome = 'void'") == 1);
}

BOOST_AUTO_TEST_SUITE_END()
