#include "base/config.h"
#include "handler_fixture.h"

namespace {

using base::Json;

struct AgoraFixture : HandlerFixture
{
    using HandlerFixture::HandlerFixture;

    static Json event(std::int64_t type, const std::string& channel, const Json& uid, std::int64_t ts,
                      std::int64_t seq = 1, std::int64_t reason = 1)
    {
        return {{"noticeId", "2000001428:4330:107"},
                {"productId", 1},
                {"eventType", type},
                {"notifyMs", ts * 1000},
                {"payload",
                 {{"channelName", channel},
                  {"uid", uid},
                  {"platform", 1},
                  {"clientSeq", seq},
                  {"reason", reason},
                  {"ts", ts}}}};
    }
    Reply tell_text(const std::string& body, const std::string& signature)
    {
        auto made = request("POST", "/agora/events", body);
        made.agora_signature = signature;
        return send(made);
    }
    Reply tell(const Json& body) { return tell_text(body.dump(), signature_of(body.dump())); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(agora_events_tests, AgoraFixture)

BOOST_AUTO_TEST_CASE(without_a_secret_there_is_no_such_path)
{
    config.agora_notification_secret.clear();
    check_refusal(tell(Json::object()), 404, "not_found");
    check_refusal(get("/agora/events"), 404, "not_found");
}

// HMAC of this body under "secret", by openssl dgst.
BOOST_AUTO_TEST_CASE(the_signature_is_agoras)
{
    config.agora_notification_secret = "secret";
    const std::string body =
        R"({"eventMs":1560408533119,"eventType":10,"noticeId":"4eb720f0-8da7-11e9-a43e-53f411c2761f","notifyMs":1560408533119,"payload":{"a":"1","b":2},"productId":1})";
    BOOST_TEST(tell_text(body, "6d3320c60b11101395b7fc8f9068748808a0aa1bfa064438e39d1bc2c7d74d99").status ==
               200);
}

BOOST_AUTO_TEST_CASE(what_agora_did_not_sign_is_not_read)
{
    const auto body = event(104, "x", 1, now).dump();
    const auto good = signature_of(body);
    BOOST_TEST(tell_text(body, good).status == 200);
    check_refusal(tell_text(body, ""), 401, "unauthorized");
    for (std::size_t at = 0; at < good.size(); ++at) {
        auto flipped = good;
        flipped[at] = flipped[at] == '0' ? '1' : '0';
        check_refusal(tell_text(body, flipped), 401, "unauthorized");
    }
    for (std::size_t at = 0; at < body.size(); ++at) {
        auto flipped = body;
        flipped[at] = static_cast<char>(flipped[at] ^ 1);
        check_refusal(tell_text(flipped, good), 401, "unauthorized");
    }
    check_refusal(tell_text("{", ""), 401, "unauthorized");
    check_refusal(tell_text("{", signature_of("{")), 400, "invalid_json");
}

BOOST_AUTO_TEST_CASE(what_is_not_ours_is_answered_and_forgotten)
{
    const auto rows = db().rows_written();
    const auto unknown = "heaven-free-" + std::string("0b5ad2f4-1c6e-4d0f-9a57-3f6f2f8e7c11");
    for (const auto& body :
         {Json::object(), Json{{"eventType", "104"}}, Json{{"eventType", 104}},
          Json{{"eventType", 104}, {"payload", 7}}, event(104, unknown, 1, now),
          event(104, "test_webhook", 1, now), event(104, "heaven-free-", 1, now),
          event(104, "heaven-6343-7", 1, now), event(104, "heaven-6343-0xabc", 1, now),
          event(104, "heaven-1-7", 1, now), event(104, unknown, "1", now), event(104, unknown, -1, now),
          event(104, unknown, 1, -5), event(101, unknown, 1, now), event(111, unknown, 1, now),
          event(9999, unknown, 1, now)}) {
        BOOST_TEST_CONTEXT(body.dump())
        {
            const auto reply = tell(body);
            BOOST_TEST(reply.status == 200);
            BOOST_TEST(reply.body == (Json{{"ok", true}}));
        }
    }
    BOOST_TEST(db().rows_written() == rows);
}

BOOST_AUTO_TEST_CASE(whose_client_is_there_is_shown)
{
    const auto room_id = create_room(address(1));
    const auto seat = join(address(1), room_id);
    const auto connected = [&] {
        return get("/rooms/" + room_id, address(1)).body["participants"][0]["connected"];
    };
    BOOST_TEST(connected() == Json(false));
    tell(event(103, seat["channel"], seat["agora_uid"], now, 1));
    BOOST_TEST(connected() == Json(true));
    tell(event(104, seat["channel"], seat["agora_uid"], now + 1, 2, 10));
    BOOST_TEST(connected() == Json(false));
    config.agora_notification_secret.clear();
    BOOST_TEST(connected() == Json());
}

BOOST_AUTO_TEST_CASE(who_has_gone_is_charged_to_that_second)
{
    const auto room_id = create_room(address(1));
    const auto host = join(address(1), room_id);
    give(address(2), 1000);
    const auto guest = join(address(2), room_id);
    for (const std::int64_t type : {104, 106, 108}) {
        const auto seat = type == 104 ? guest : join(address(2), room_id);
        const auto before = get("/credits", address(2)).body["remaining_seconds"].get<std::int64_t>();
        now += 60;
        BOOST_TEST(tell(event(type, seat["channel"], seat["agora_uid"], now - 40, 2)).status == 200);
        BOOST_TEST(get("/credits", address(2)).body["remaining_seconds"] == before - 20);
        check_refusal(post("/rooms/heartbeat", caller(seat), address(2)), 403, "not_your_connection");
        post("/rooms/token/renew", caller(host), address(1));
    }
    require_clean_audit();
}

BOOST_AUTO_TEST_SUITE_END()
