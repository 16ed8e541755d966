// One test for each defect of the first service that concerns sign-in, credits and free rooms, named after
// what is right. Where the first service failed on requests at the same time, these come one after the other;
// the real server is shown simultaneous ones elsewhere.
#include "agora_token.h"
#include "base/config.h"
#include "base/hex.h"
#include "handler_fixture.h"
#include "rooms/room.h"

#include <algorithm>

namespace {

using base::Json;

std::vector<std::string> types_of(const Json& events)
{
    std::vector<std::string> types;
    for (const auto& event : events)
        types.push_back(event.at("type"));
    return types;
}

const std::vector<std::string> just_low{"credits_low"};

base::Environment environment_with(const std::string& name, const std::string& value)
{
    std::map<std::string, std::string> variables = {
        {"ENVIRONMENT", "development"},
        {"DATABASE_PATH", ":memory:"},
        {"JWT_SECRET", "a secret for tests, and for nothing else at all"},
        {"AGORA_APP_ID", "0123456789abcdef0123456789abcdef"},
        {"AGORA_APP_CERTIFICATE", "fedcba9876543210fedcba9876543210"},
        {"CHAIN_MODE", "mock"},
    };
    variables[name] = value;
    return [variables](const std::string& asked) -> std::optional<std::string> {
        const auto found = variables.find(asked);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(defects_tests, HandlerFixture)

// defect 1: each of ten heartbeats at once charged the seconds since the last mark again, and so did each of
// four leaves of the host: 30 to 60 s for 5, 12 s for 3.
BOOST_AUTO_TEST_CASE(a_second_is_charged_once_however_many_ask)
{
    const auto room_id = create_room(address(1), 1000);
    const auto seat = caller(join(address(1), room_id));
    now += 5;
    for (int i = 0; i < 10; ++i)
        BOOST_TEST(post("/rooms/heartbeat", seat, address(1)).body.at("remaining_seconds") == 995);
    now += 3;
    const auto first = post("/rooms/leave", seat, address(1));
    BOOST_TEST(first.body.at("debited_seconds") == 8);
    for (int i = 0; i < 3; ++i)
        check_refusal(post("/rooms/leave", seat, address(1)), 403, "not_your_connection");
    BOOST_TEST(remaining(address(1)) == 992);
    require_clean_audit();
}

// defect 2: it passed instants where Agora wants seconds after issue, so its 90 s tokens lived for 57 years
// and a refused renewal cut nobody off.
BOOST_AUTO_TEST_CASE(a_token_lives_90_seconds)
{
    const auto room_id = create_room(address(1), 1000);
    const auto seat = join(address(1), room_id);
    now += 45;
    const auto renewed = post("/rooms/token/renew", caller(seat), address(1)).body;
    for (const auto& answer : {seat, renewed}) {
        const auto token = decode_agora_token(answer.at("agora_token"));
        BOOST_TEST(token.expires_in_seconds == 90);
        BOOST_TEST(!token.privileges.empty());
        for (const auto& [privilege, expires_in_seconds] : token.privileges)
            BOOST_TEST(expires_in_seconds == 90);
    }
}

// defect 3: a threshold that the sweep was the first to see was never told to the client, and leaving threw
// the events away as well.
BOOST_AUTO_TEST_CASE(an_event_that_the_sweep_raised_reaches_the_client)
{
    for (const auto* path : connection_paths) {
        HandlerFixture service;
        const auto room_id = service.create_room(address(1), 350);
        const auto seat = AppFixture::caller(service.join(address(1), room_id));
        service.now += 60;
        service.sweep();
        service.now += 5;
        const auto reply = service.post(path, seat, address(1));
        BOOST_TEST_CONTEXT(path)
        {
            BOOST_TEST(types_of(reply.body.at("events")) == just_low, boost::test_tools::per_element());
            BOOST_TEST(reply.body.at("events").at(0).at("remaining_seconds") == 290);
            BOOST_TEST(reply.body.at("events").at(0).at("at_epoch") == service.now - 5);
        }
        service.require_clean_audit();
    }
}

// defect 4: who vanished without leaving stayed in the room for ever, was debited 0 s every 30 s, and could
// join nothing any more.
BOOST_AUTO_TEST_CASE(who_vanishes_is_gone_with_the_token_and_can_come_back)
{
    const auto room_id = create_room(address(1), 1000);
    join(address(1), room_id);
    for (int i = 0; i < 100; ++i) {
        now += 30;
        sweep();
    }
    BOOST_TEST(remaining(address(1)) == 910);
    BOOST_TEST(query("SELECT count(*) FROM credit_events WHERE kind = 'debit_usage'") <= 3);
    BOOST_TEST(get("/rooms/active").body.at("rooms").empty());
    const auto again = post_text("/rooms/create", "", address(1));
    BOOST_TEST_REQUIRE(again.status == 200);
    join(address(1), again.body.at("room_id"));
    require_clean_audit();
}

// defect 5: a join that raced the host's leave sat in a closed room, and its wallet was locked out for good.
BOOST_AUTO_TEST_CASE(nobody_gets_into_a_room_that_its_host_has_left)
{
    const auto room_id = create_room(address(1), 1000);
    const auto host = caller(join(address(1), room_id));
    give(address(2), 1000);
    post("/rooms/leave", host, address(1));
    check_refusal(post("/rooms/join", {{"room_id", room_id}}, address(2)), 404, "room_not_found");
    // Not even past the handlers.
    BOOST_CHECK_THROW(
        execute("INSERT INTO connections (connection_id, room_id, kind, wallet, agora_uid, joined_at, "
                "token_expires_at, last_metered_at) VALUES ('" +
                unknown_id + "', '" + room_id + "', 'free', '" + address(2) + "', 7, 1, 91, 1)"),
        base::Error);
    BOOST_TEST(post_text("/rooms/create", "", address(2)).status == 200);
    require_clean_audit();
}

// defect 6: five joins of one wallet at once got it four or five seats, each of them charged.
BOOST_AUTO_TEST_CASE(a_wallet_gets_one_seat_however_often_it_joins)
{
    const auto room_id = create_room(address(1), 1000);
    give(address(2), 1000);
    int seats = 0;
    for (int i = 0; i < 5; ++i)
        seats += post("/rooms/join", {{"room_id", room_id}}, address(2)).status == 200 ? 1 : 0;
    BOOST_TEST(seats == 1);
    now += 90;
    BOOST_TEST(get("/credits", address(2)).body.at("consumed_seconds") == 90);
    require_clean_audit();
}

// defect 7: the first creates of a wallet, at once, booked the base grant two to eight times; the events then
// no longer summed up to the balance.
BOOST_AUTO_TEST_CASE(the_base_grant_is_booked_once)
{
    named(1);
    for (int i = 0; i < 8; ++i)
        post_text("/rooms/create", "", address(1));
    BOOST_TEST(query("SELECT count(*) FROM credit_events WHERE kind = 'grant_base'") == 1);
    BOOST_TEST(query("SELECT sum(delta_seconds) FROM credit_events") == 1800);
    BOOST_TEST(remaining(address(1)) == 1800);
    require_clean_audit();
}

// defect 8: a wallet with 1800 s of Celo bonus was refused for having no name.
BOOST_AUTO_TEST_CASE(the_name_gates_the_base_grant_and_not_the_spending)
{
    chain.verified = {address(1), address(2)};
    post_text("/credits/verify-celo", "", address(1));
    post_text("/credits/verify-celo", "", address(2));
    const auto created = post_text("/rooms/create", "", address(1));
    BOOST_TEST_REQUIRE(created.status == 200);
    BOOST_TEST(join(address(2), created.body.at("room_id")).at("remaining_seconds") == 1800);
    BOOST_TEST(query("SELECT count(*) FROM credit_events WHERE kind = 'grant_base'") == 0);
    require_clean_audit();
}

// defect 11: metering hung on a timer of the room that each join wound up again, so that joins every 20 s put
// it off for ever.
BOOST_AUTO_TEST_CASE(what_is_charged_depends_on_time_alone)
{
    const auto room_id = create_room(address(1), 1000);
    const auto seat = caller(join(address(1), room_id));
    for (unsigned number = 2; number <= 5; ++number) {
        now += 20;
        give(address(number), 1000);
        join(address(number), room_id);
    }
    now += 5;
    sweep();
    BOOST_TEST(remaining(address(1)) == 915);
    BOOST_TEST(remaining(address(2)) == 935);
    BOOST_TEST(remaining(address(3)) == 955);
    BOOST_TEST(post("/rooms/heartbeat", seat, address(1)).body.at("remaining_seconds") == 915);
    require_clean_audit();
}

// defect 12: malformed JSON, null and fields of the wrong type were answered with 500 in plain text.
BOOST_AUTO_TEST_CASE(what_is_wrong_with_the_body_is_a_400_in_json)
{
    for (const auto& route : known_routes) {
        if (std::string(route.method) != "POST")
            continue;
        for (const auto* body : {"{", "null", "[]", "7", "\"x\"", R"({"a":1,"a":2})"}) {
            BOOST_TEST_CONTEXT(route.path << " " << body)
            {
                const auto reply = send(signed_in(request("POST", route.path, body), named(1)));
                check_refusal(reply, 400, "invalid_json");
                BOOST_TEST(header_of(reply, "Content-Type") == "application/json");
            }
        }
    }
    check_refusal(post("/auth/nonce", {{"wallet", 7}}), 400, "invalid wallet");
    check_refusal(post("/rooms/create", {{"ai_enabled", "yes"}}, named(1)), 400, "invalid ai_enabled");
    check_refusal(post("/rooms/join", {{"room_id", Json::array()}}, named(1)), 400, "invalid room_id");
    for (const auto* path : connection_paths)
        check_refusal(post(path, {{"connection_id", Json::object()}, {"room_id", unknown_id}}, named(1)), 400,
                      "invalid connection_id");
    BOOST_TEST(rows_stored() == 0);
}

// defect 13: a join that failed on the database closed the room if nobody was in it yet.
BOOST_AUTO_TEST_CASE(a_join_that_fails_changes_nothing)
{
    const auto room_id = create_room(address(1), 1000);
    fail("INSERT ON connections");
    const auto reply = post("/rooms/join", {{"room_id", room_id}}, named(2));
    check_refusal(reply, 500, "internal_error");
    BOOST_TEST(reply.body.dump().find("disk") == std::string::npos);
    stop_failing();
    // The room is still there, and so is nobody; not even the grant was made half.
    BOOST_TEST(get("/rooms/active").body.at("rooms").size() == 1);
    BOOST_TEST(remaining(address(2)) == 0);
    BOOST_TEST(query("SELECT count(*) FROM connections") == 0);
    BOOST_TEST(join(address(2), room_id).at("remaining_seconds") == 1800);
    require_clean_audit();
}

// defect 14: asking for a nonce stored whatever text was sent, up to 2 MB, for anybody and without end.
BOOST_AUTO_TEST_CASE(a_nonce_is_for_addresses_and_stores_nothing)
{
    check_refusal(post("/auth/nonce", {{"wallet", std::string(16000, 'a')}}), 400, "invalid wallet");
    auto too_large = request("POST", "/auth/nonce");
    too_large.body_state = http::BodyState::too_large;
    check_refusal(send(too_large), 413, "payload_too_large");
    const auto bytes = engine::bytes_stored(db());
    for (unsigned number = 1; number <= 1000; ++number) {
        const auto wallet = "0x" + base::to_hex(base::sha256(std::to_string(number)).substr(0, 20));
        BOOST_TEST(post("/auth/nonce", {{"wallet", wallet}}).status == 200);
    }
    BOOST_TEST(engine::bytes_stored(db()) <= bytes);
    BOOST_TEST(rows_stored() == 0);
}

// defect 15: a room that nobody ever joined was listed for ever, and its host could not create another.
BOOST_AUTO_TEST_CASE(a_room_that_nobody_joined_closes_after_300_seconds)
{
    const auto first = create_room(address(1), 1000);
    now += 299;
    BOOST_TEST(get("/rooms/active").body.at("rooms").size() == 1);
    check_refusal(post_text("/rooms/create", "", address(1)), 409, "already_hosting_free_room");
    now += 1;
    BOOST_TEST(get("/rooms/active").body.at("rooms").empty());
    BOOST_TEST(post_text("/rooms/create", "", address(1)).status == 200);
    BOOST_TEST(query("SELECT closed_at - created_at FROM rooms WHERE room_id = '" + first + "'") == 300);
    require_clean_audit();
}

// defect 16: with a wrong Agora certificate it answered 200 with an empty token.
BOOST_AUTO_TEST_CASE(a_wrong_agora_certificate_keeps_the_service_from_starting)
{
    const auto load = [](const std::string& name, const std::string& value) {
        return base::load_config("", environment_with(name, value), base::Program::server);
    };
    BOOST_CHECK_NO_THROW(load("AGORA_APP_CERTIFICATE", "fedcba9876543210fedcba9876543210"));
    for (const auto* name : {"AGORA_APP_CERTIFICATE", "AGORA_APP_ID"}) {
        for (const auto* value : {"", "x", "fedcba9876543210fedcba987654321",
                                  "fedcba9876543210fedcba98765432100", "gedcba9876543210fedcba9876543210"}) {
            BOOST_TEST_CONTEXT(name << " " << value)
            BOOST_CHECK_EXCEPTION(load(name, value), base::Error, [&](const base::Error& error) {
                return error.name() == "invalid_settings" &&
                       std::string(error.what()).find(name) != std::string::npos;
            });
        }
    }
    // Should it get that far all the same, there is no answer that looks like success.
    auto settings = test_config();
    settings.agora_app_certificate = "x";
    HandlerFixture service(settings);
    const auto room_id = service.create_room(address(1));
    check_refusal(service.post("/rooms/join", {{"room_id", room_id}}, address(1)), 500, "internal_error");
}

// defect 19: after an outage the whole time of it was charged to whoever had been in a room.
BOOST_AUTO_TEST_CASE(an_outage_is_charged_at_most_until_the_tokens_expiry)
{
    const auto room_id = create_room(address(1), 10000);
    const auto seat = caller(join(address(1), room_id));
    now += 45;
    post("/rooms/token/renew", seat, address(1));
    now += 4 * 3600; // nobody runs, neither server nor sweep
    sweep();
    BOOST_TEST(remaining(address(1)) == 10000 - 45 - 90);
    check_refusal(post("/rooms/heartbeat", seat, address(1)), 403, "not_your_connection");
    BOOST_TEST(remaining(address(1)) == 10000 - 45 - 90);
    require_clean_audit();
}

// defect 20: where the chain did not answer, a wallet was told that it had no name or was not verified.
BOOST_AUTO_TEST_CASE(a_chain_that_cannot_be_asked_is_neither_no_name_nor_not_verified)
{
    const auto room_id = create_room(address(2), 1000);
    const auto rows = rows_stored();
    named(1);
    chain.verified.insert(address(1));
    chain.is_down = true;
    for (const auto& reply :
         {post_text("/rooms/create", "", address(1)), post("/rooms/join", {{"room_id", room_id}}, address(1)),
          post_text("/credits/verify-celo", "", address(1))}) {
        check_refusal(reply, 503, "chain_unavailable");
        BOOST_TEST(!header_of(reply, "Retry-After").empty());
    }
    BOOST_TEST(rows_stored() == rows);
    chain.is_down = false;
    BOOST_TEST(post_text("/rooms/create", "", address(1)).status == 200);
    BOOST_TEST(post_text("/credits/verify-celo", "", address(1)).body.at("granted") == true);
    require_clean_audit();
}

// defect 22: neither the token's algorithm was read nor whether it had an expiry at all. (That the comparison
// takes constant time, no test of this kind can tell.)
BOOST_AUTO_TEST_CASE(a_token_without_expiry_or_by_another_algorithm_is_refused)
{
    const auto subject = R"({"sub":")" + address(1) + "\"";
    const auto lasting = subject + R"(,"exp":)" + std::to_string(now + 60) + "}";
    const auto good_header = R"({"alg":"HS256","typ":"JWT"})";
    const std::pair<std::string, int> table[] = {
        {sign_token(good_header, lasting), 200},
        {sign_token(good_header, subject + "}"), 401},
        {sign_token(good_header, subject + R"(,"exp":null})"), 401},
        {sign_token(R"({"alg":"none"})", lasting), 401},
        {sign_token(R"({"alg":"HS384"})", lasting), 401},
        {sign_token(R"({"alg":"RS256"})", lasting), 401},
        {sign_token("{}", lasting), 401},
        {base::base64url(R"({"alg":"none"})") + "." + base::base64url(lasting) + ".", 401},
    };
    for (const auto& [token, status] : table) {
        auto asked = request("GET", "/credits");
        asked.authorization = "Bearer " + token;
        BOOST_TEST_CONTEXT(token)
        BOOST_TEST(send(asked).status == status);
    }
}

// defect 23: HEAD on the listing asked for a token, and one row that could not be rendered made all of it a
// 500.
BOOST_AUTO_TEST_CASE(the_listing_answers_head_and_survives_a_bad_row)
{
    const auto room_id = create_room(address(1));
    execute("INSERT INTO rooms (room_id, kind, host_wallet, visibility, ai_enabled, capacity, created_at) "
            "VALUES ('" +
            unknown_id + "', 'free', '0x" + std::string(40, '?') + "', 'open', 0, 6, " + std::to_string(now) +
            ")");
    BOOST_TEST(send(request("HEAD", "/rooms/active")).status == 200);
    const auto reply = get("/rooms/active");
    BOOST_TEST(reply.status == 200);
    BOOST_TEST_REQUIRE(reply.body.at("rooms").size() == 1);
    BOOST_TEST(reply.body.at("rooms").at(0).at("room_id") == room_id);
}

// defect 24: a wallet that had the Celo bonus already was looked up on the chain before it was told so.
BOOST_AUTO_TEST_CASE(a_bonus_that_was_granted_is_known_without_the_chain)
{
    chain.verified.insert(address(1));
    post_text("/credits/verify-celo", "", address(1));
    BOOST_TEST(chain.questions == 1);
    chain.is_down = true;
    check_answer(post_text("/credits/verify-celo", "", address(1)),
                 {{"granted", false}, {"remaining_seconds", 1800}});
    BOOST_TEST(chain.questions == 1);
    require_clean_audit();
}

BOOST_AUTO_TEST_SUITE_END()
