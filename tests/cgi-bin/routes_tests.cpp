#include "dispatch.h"

#include "base/config.h"
#include "handler_fixture.h"

#include <algorithm>

BOOST_FIXTURE_TEST_SUITE(routes_tests, HandlerFixture)

// ---- paths and methods ----

BOOST_AUTO_TEST_CASE(an_unknown_path_is_not_found_whatever_the_method)
{
    const char* paths[] = {"",
                           "//",
                           "/rooms",
                           "/rooms/",
                           "/auth",
                           "/room/active",
                           "/rooms/active/x",
                           "/credits/histor",
                           "/credits/historyx",
                           "/rooms/participants/x",
                           "/rooms/x/participants",
                           "/rooms/x/participants/",
                           "/rooms//participants/x",
                           "/rooms/x/participant/y",
                           "/rooms/x/participants/y/z",
                           "/x/rooms/y",
                           "rooms/active",
                           "/index.html",
                           "*",
                           "/session/",
                           "http://voice.example/health"};
    for (const std::string path : paths) {
        for (const auto* method : {"GET", "HEAD", "POST", "PUT", "BREW"}) {
            BOOST_TEST_CONTEXT(method << " " << path)
            check_refusal(send(signed_in(request(method, path, "{}"), address(1))), 404, "not_found");
        }
    }
}

BOOST_AUTO_TEST_CASE(paths_are_case_sensitive)
{
    for (const auto& route : known_routes) {
        std::string path = route.path;
        path[1] = static_cast<char>(path[1] - 'a' + 'A');
        BOOST_TEST_CONTEXT(path)
        check_refusal(send(signed_in(request(route.method, path), address(1))), 404, "not_found");
    }
}

BOOST_AUTO_TEST_CASE(one_trailing_slash_is_optional_and_two_are_not)
{
    for (const auto& route : known_routes) {
        const std::string path = route.path;
        BOOST_TEST_CONTEXT(path)
        {
            const auto plain = send(request(route.method, path));
            const auto with_slash = send(request(route.method, path + "/"));
            BOOST_TEST(plain.status != 404);
            BOOST_TEST(with_slash.status == plain.status);
            BOOST_TEST(with_slash.body.dump() == plain.body.dump());
            check_refusal(send(request(route.method, path + "//")), 404, "not_found");
        }
    }
}

BOOST_AUTO_TEST_CASE(an_encoded_slash_or_a_dot_segment_reaches_no_route)
{
    const char* paths[] = {"/rooms%2factive", "/rooms%2Factive",       "/%72ooms/active",
                           "/rooms/./active", "/./rooms/active",       "/rooms/active/.",
                           "/rooms//active",  "/rooms/join/../active", "/rooms/%2e%2e/rooms/active",
                           "//rooms/active",  "/rooms\\active",        " /rooms/active"};
    for (const auto* path : paths) {
        BOOST_TEST_CONTEXT(path)
        check_refusal(send(request("GET", path)), 404, "not_found");
    }
    // One segment behind /rooms that is no other route is a room's id, and these are none.
    const std::string no_ids[] = {
        "/rooms/%61ctive",   "/rooms/active%2f", "/rooms/active%00",
        "/rooms/active%20",  "/rooms/active ",   "/rooms/active?limit=1",
        "/rooms/active;a=b", "/rooms/active#",   "/rooms/..",
        "/rooms/.",          "/rooms/activex",   std::string("/rooms/active\0", 14)};
    for (const auto& path : no_ids) {
        BOOST_TEST_CONTEXT(path)
        {
            check_refusal(send(request("GET", path)), 401, "unauthorized");
            check_refusal(send(signed_in(request("GET", path), address(1))), 404, "room_not_found");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_wrong_method_is_answered_with_the_right_ones)
{
    for (const auto& route : known_routes) {
        std::set<std::string> allowed;
        for (const auto& other : known_routes) {
            if (std::string(other.path) == route.path)
                allowed.insert(other.method);
        }
        std::string expected_header;
        for (const std::string method : {"GET", "POST", "PUT", "DELETE"}) {
            if (allowed.count(method) > 0)
                expected_header += (method == "GET" ? "GET, HEAD" : method) + ", ";
        }
        expected_header += "OPTIONS";
        if (allowed.count("GET") > 0)
            allowed.insert("HEAD");
        for (const std::string method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT",
                                         "get", "Post", "BREW", ""}) {
            if (allowed.count(method) > 0)
                continue;
            BOOST_TEST_CONTEXT(method << " " << route.path)
            {
                const auto reply = send(signed_in(request(method, route.path, "{}"), address(1)));
                check_refusal(reply, 405, "method_not_allowed");
                BOOST_TEST(header_of(reply, "Allow") == expected_header);
            }
        }
    }
    BOOST_TEST(rows_stored() == 0);
    const auto of_room = send(signed_in(request("POST", "/rooms/" + unknown_id), address(1)));
    BOOST_TEST(header_of(of_room, "Allow") == "GET, HEAD, DELETE, OPTIONS");
    const auto of_listing = send(signed_in(request("DELETE", "/rooms/active"), address(1)));
    BOOST_TEST(header_of(of_listing, "Allow") == "GET, HEAD, OPTIONS"); // and it is no room's id
}

BOOST_AUTO_TEST_CASE(head_is_answered_as_get_is)
{
    create_room(address(1));
    for (const auto& route : known_routes) {
        if (std::string(route.method) != "GET")
            continue;
        BOOST_TEST_CONTEXT(route.path)
        {
            auto asked = signed_in(request("GET", route.path), address(1));
            asked.now = now;
            asked.request_id = "of-both";
            const auto of_get = dispatch(app, asked);
            asked.method = "HEAD";
            const auto of_head = dispatch(app, asked);
            const bool is_unknown = asked.path.find(unknown_id) != std::string::npos;
            BOOST_TEST(of_get.status == (is_unknown ? 404 : 200));
            BOOST_TEST(!of_get.is_head);
            BOOST_TEST(of_head.status == of_get.status);
            BOOST_TEST(of_head.is_head);
            BOOST_TEST(of_head.body == of_get.body); // measured for Content-Length, not sent
            BOOST_TEST((of_head.headers == of_get.headers));
        }
    }
}

// A HEAD without a token is refused where GET is, and only there.
BOOST_AUTO_TEST_CASE(head_asks_for_a_token_where_get_does)
{
    BOOST_TEST(send(request("HEAD", "/rooms/active")).status == 200);
    BOOST_TEST(send(request("HEAD", "/health")).status == 200);
    check_refusal(send(request("HEAD", "/credits")), 401, "unauthorized");
    check_refusal(send(request("HEAD", "/rooms/" + unknown_id)), 401, "unauthorized");
}

// ---- the order of the checks ----

BOOST_AUTO_TEST_CASE(the_shared_checks_come_in_their_order)
{
    auto too_large = request("PUT", "/nowhere");
    too_large.body_state = http::BodyState::too_large;
    check_refusal(send(too_large), 404, "not_found"); // route before method and size

    too_large.path = "/rooms/join";
    check_refusal(send(too_large), 405, "method_not_allowed"); // method before size

    too_large.method = "POST";
    check_refusal(send(too_large), 413, "payload_too_large"); // size before auth

    check_refusal(send(request("POST", "/rooms/join", "{")), 401, "unauthorized"); // auth before JSON

    const auto malformed = signed_in(request("POST", "/rooms/join", R"({"room_id":5)"), address(1));
    check_refusal(send(malformed), 400, "invalid_json"); // JSON before fields

    // Fields before what the endpoint checks itself, such as the name.
    check_refusal(post("/rooms/join", {{"room_id", 5}}, address(1)), 400, "invalid room_id");
    BOOST_TEST(chain.questions == 0);
}

BOOST_AUTO_TEST_CASE(a_body_that_is_too_large_is_refused_on_every_route_before_the_token_is_looked_at)
{
    for (const auto& route : known_routes) {
        auto too_large = request(route.method, route.path);
        too_large.body_state = http::BodyState::too_large;
        BOOST_TEST_CONTEXT(route.path)
        check_refusal(send(too_large), 413, "payload_too_large");
    }
}

BOOST_AUTO_TEST_CASE(a_body_is_too_large_by_one_byte_whether_it_came_or_is_announced)
{
    for (const bool is_announced : {false, true}) {
        auto asked = request("POST", "/auth/nonce");
        const auto status_at = [&](std::size_t bytes) {
            if (is_announced)
                asked.announced_body_bytes = bytes;
            else
                asked.body = std::string(bytes, ' ');
            return send(asked).status;
        };
        BOOST_TEST(status_at(http::max_body_bytes) == 400);
        BOOST_TEST(status_at(http::max_body_bytes + 1) == 413);
    }
}

// ---- the token ----

BOOST_AUTO_TEST_CASE(a_route_with_a_token_refuses_a_request_without)
{
    for (const auto& route : known_routes) {
        BOOST_TEST_CONTEXT(route.path)
        {
            const auto reply = send(request(route.method, route.path, R"({"room_id":""})"));
            BOOST_TEST((reply.status == 401) == route.needs_token);
            BOOST_TEST(header_of(reply, "WWW-Authenticate") == (route.needs_token ? "Bearer" : ""));
            if (route.needs_token)
                check_refusal(reply, 401, "unauthorized");
        }
    }
    BOOST_TEST(rows_stored() == 0);
}

// What only the operator's own programs may do, no wallet may.
BOOST_AUTO_TEST_CASE(a_service_route_takes_the_operators_token_and_no_other)
{
    const auto& good = config.oracle_service_token;
    auto longer = good;
    auto flipped = good;
    longer += 'x';
    flipped.back() ^= 1;
    const std::vector<std::string> wrong = {"",
                                            "x",
                                            longer,
                                            flipped,
                                            " " + good,
                                            good.substr(1),
                                            good.substr(0, good.size() - 1),
                                            "Bearer " + good,
                                            good + std::string(1, '\0')};
    for (const auto& route : known_routes) {
        if (!route.needs_service_token)
            continue;
        BOOST_TEST_CONTEXT(route.path)
        {
            for (const auto& token : wrong) {
                for (const bool with_jwt : {false, true}) {
                    auto asked = request(route.method, route.path, "[");
                    if (with_jwt)
                        asked = signed_in(asked, address(1));
                    asked.service_token = token;
                    const auto reply = send(asked);
                    check_refusal(reply, 403, "forbidden"); // and the body is not looked at
                    BOOST_TEST(header_of(reply, "WWW-Authenticate") == "");
                }
            }
            auto asked = request(route.method, route.path, "[");
            asked.service_token = good;
            check_refusal(send(asked), 400, "invalid_json");
            asked.body_state = http::BodyState::too_large;
            asked.service_token = "x";
            check_refusal(send(asked), 413, "payload_too_large");
        }
    }
    BOOST_TEST(chain.questions == 0);
    BOOST_TEST(rows_stored() == 0);
}

// An empty setting is no token that an empty header would match.
BOOST_AUTO_TEST_CASE(without_a_service_token_the_service_routes_are_switched_off)
{
    config.oracle_service_token.clear();
    for (const auto& route : known_routes) {
        auto asked = request(route.method, route.path);
        for (const auto* token : {"", "x"}) {
            asked.service_token = token;
            const auto reply = send(asked);
            BOOST_TEST_CONTEXT(route.path)
            {
                BOOST_TEST((reply.body.value("error", "") == "oracle not configured") ==
                           route.needs_service_token);
                if (!route.needs_service_token)
                    continue;
                check_refusal(reply, 503, "oracle not configured");
                BOOST_TEST(header_of(reply, "Retry-After") == ""); // it does not go away by itself
            }
        }
    }
}

// It opens nothing else.
BOOST_AUTO_TEST_CASE(the_operators_token_is_no_wallets)
{
    for (const auto& route : known_routes) {
        if (!route.needs_token)
            continue;
        auto asked = request(route.method, route.path);
        asked.service_token = config.oracle_service_token;
        BOOST_TEST_CONTEXT(route.path)
        check_refusal(send(asked), 401, "unauthorized");
        asked.authorization = "Bearer " + config.oracle_service_token;
        check_refusal(send(asked), 401, "unauthorized");
    }
}

// A public route must not begin to care when a browser sends a stale token along.
BOOST_AUTO_TEST_CASE(a_public_route_takes_no_notice_of_a_bad_token)
{
    for (const auto* path : {"/health", "/rooms/active"}) {
        auto asked = request("GET", path);
        asked.authorization = "Bearer nonsense";
        BOOST_TEST_CONTEXT(path)
        BOOST_TEST(send(asked).status == 200);
    }
    auto asked = request("POST", "/auth/nonce", base::Json{{"wallet", address(1)}}.dump());
    asked.authorization = "Bearer nonsense";
    BOOST_TEST(send(asked).status == 200);
}

BOOST_AUTO_TEST_CASE(only_a_good_token_in_a_bearer_header_is_a_token)
{
    const auto good = token_for(address(1));
    auto flipped = good;
    flipped[flipped.size() - 5] = flipped[flipped.size() - 5] == 'A' ? 'B' : 'A';
    const auto times = R"("iat":)" + std::to_string(now) + R"(,"exp":)" + std::to_string(now + 60);
    const auto claims = R"({"sub":")" + address(1) + R"(",)" + times + "}";
    const std::string hs256 = R"({"alg":"HS256","typ":"JWT"})";
    const auto subject_only = R"({"sub":")" + address(1) + "\"";

    // What the table below bends is good when it is left straight.
    auto straight = request("GET", "/credits");
    straight.authorization = "Bearer " + sign_token(hs256, claims);
    BOOST_TEST_REQUIRE(send(straight).status == 200);

    const std::pair<const char*, std::string> table[] = {
        {"nothing", ""},
        {"the scheme alone", "Bearer"},
        {"the scheme and a blank", "Bearer "},
        {"no scheme", good},
        {"another scheme", "Basic " + good},
        {"a longer scheme", "Bearers " + good},
        {"a colon", "Bearer: " + good},
        {"two headers joined", "Bearer " + good + ", Bearer " + good},
        {"two headers joined, the first bad", "Bearer x, Bearer " + good},
        {"something behind it", "Bearer " + good + " x"},
        {"a fourth segment", "Bearer " + good + ".x"},
        {"padding", "Bearer " + good + "="},
        {"two segments", "Bearer " + good.substr(0, good.rfind('.'))},
        {"an empty signature", "Bearer " + good.substr(0, good.rfind('.') + 1)},
        {"a flipped bit in the signature", "Bearer " + flipped},
        {"another secret", "Bearer " + sign_token(hs256, claims, "another secret")},
        {"alg none", "Bearer " + sign_token(R"({"alg":"none"})", claims)},
        {"alg none, unsigned",
         "Bearer " + base::base64url(R"({"alg":"none"})") + "." + base::base64url(claims) + "."},
        {"alg HS512", "Bearer " + sign_token(R"({"alg":"HS512"})", claims)},
        {"alg hs256", "Bearer " + sign_token(R"({"alg":"hs256"})", claims)},
        {"no alg", "Bearer " + sign_token(R"({"typ":"JWT"})", claims)},
        {"a header that is no object", "Bearer " + sign_token(R"(["HS256"])", claims)},
        {"no exp", "Bearer " + sign_token(hs256, subject_only + "}")},
        {"exp null", "Bearer " + sign_token(hs256, subject_only + R"(,"exp":null})")},
        {"exp a string", "Bearer " + sign_token(hs256, subject_only + R"(,"exp":"99999999999"})")},
        {"exp true", "Bearer " + sign_token(hs256, subject_only + R"(,"exp":true})")},
        {"exp now", "Bearer " + sign_token(hs256, subject_only + R"(,"exp":)" + std::to_string(now) + "}")},
        {"exp 0", "Bearer " + sign_token(hs256, subject_only + R"(,"exp":0})")},
        {"no sub", "Bearer " + sign_token(hs256, "{" + times + "}")},
        {"sub a number", "Bearer " + sign_token(hs256, R"({"sub":1,)" + times + "}")},
        {"sub no wallet", "Bearer " + sign_token(hs256, R"({"sub":"alice",)" + times + "}")},
        {"sub too long", "Bearer " + sign_token(hs256, R"({"sub":")" + address(1) + R"(0",)" + times + "}")},
        {"claims that are no object", "Bearer " + sign_token(hs256, "[]")},
        {"claims that are no JSON", "Bearer " + sign_token(hs256, "sub")},
        {"a megabyte", "Bearer " + std::string(1 << 20, 'A')},
    };
    for (const auto& [what, authorization] : table) {
        BOOST_TEST_CONTEXT(what)
        {
            auto asked = request("GET", "/credits");
            asked.authorization = authorization;
            const auto reply = send(asked);
            check_refusal(reply, 401, "unauthorized");
            BOOST_TEST(header_of(reply, "WWW-Authenticate") == "Bearer");
        }
    }
}

BOOST_AUTO_TEST_CASE(the_scheme_is_matched_without_regard_to_case)
{
    for (const std::string scheme : {"Bearer", "bearer", "BEARER", "bEaReR"}) {
        auto asked = request("GET", "/credits");
        asked.authorization = scheme + " " + token_for(address(1));
        BOOST_TEST_CONTEXT(scheme)
        BOOST_TEST(send(asked).status == 200);
    }
}

BOOST_AUTO_TEST_CASE(a_token_is_good_for_an_hour_to_the_second)
{
    auto asked = signed_in(request("GET", "/credits"), address(1));
    now += 3599;
    BOOST_TEST(send(asked).status == 200);
    now += 1;
    check_refusal(send(asked), 401, "unauthorized");
}

// ---- the body ----

BOOST_AUTO_TEST_CASE(a_body_that_is_not_one_strict_json_object_is_refused_by_every_post_route)
{
    const auto nested = [](int levels) { // the object itself is the first
        return R"({"a":)" + std::string(static_cast<std::size_t>(levels - 1), '[') +
               std::string(static_cast<std::size_t>(levels - 1), ']') + "}";
    };
    const std::pair<const char*, std::string> table[] = {
        {"malformed", "{"},
        {"not JSON", "wallet=0x00"},
        {"null", "null"},
        {"an array", "[]"},
        {"an array of objects", "[{}]"},
        {"a string", R"("room_id")"},
        {"a number", "1"},
        {"true", "true"},
        {"blanks only", "  "},
        {"duplicate keys", R"({"a":1,"a":1})"},
        {"duplicate keys, one escaped", R"({"a":1,"\u0061":1})"},
        {"duplicate keys further down", R"({"a":{"b":1,"b":2}})"},
        {"33 levels", nested(33)},
        {"16 KiB of brackets", std::string(http::max_body_bytes, '[')},
        {"16 KiB of objects", "{\"a\":" + std::string(8000, '[')},
        {"invalid UTF-8", "{\"a\":\"\xff\"}"},
        {"overlong UTF-8", "{\"a\":\"\xc0\xaf\"}"},
        {"a surrogate in UTF-8", "{\"a\":\"\xed\xa0\x80\"}"},
        {"a lone surrogate", R"({"a":"\ud800"})"},
        {"trailing junk", "{} x"},
        {"a second object", "{}{}"},
        {"a NUL behind it", std::string("{}\0", 3)},
        {"a NUL in a string", std::string("{\"a\":\"\0\"}", 9)},
        {"a byte order mark", "\xef\xbb\xbf{}"},
        {"a comment", "{/* */}"},
        {"a trailing comma", R"({"a":1,})"},
        {"single quotes", "{'a':1}"},
        {"NaN", R"({"a":NaN})"},
        {"a number over a double", R"({"a":1e999})"},
        {"a raw line break in a string", "{\"a\":\"\n\"}"},
    };
    for (const auto& route : known_routes) {
        if (std::string(route.method) != "POST")
            continue;
        for (const auto& [what, body] : table) {
            BOOST_TEST_CONTEXT(route.path << ": " << what)
            check_refusal(send(signed_in(request("POST", route.path, body), address(1))), 400,
                          "invalid_json");
        }
        BOOST_TEST_CONTEXT(route.path << ": 32 levels and blanks around")
        {
            const auto body = " \r\n\t" + nested(32) + "\n";
            const auto reply = send(signed_in(request("POST", route.path, body), address(1)));
            BOOST_TEST(reply.body.value("error", "") != "invalid_json");
        }
    }
    BOOST_TEST(rows_stored() == 0);
}

// What arrived of it may well parse: "{}" of "{}  ", say. It is still not what was meant.
BOOST_AUTO_TEST_CASE(a_body_that_was_cut_off_is_not_acted_on)
{
    for (const auto& route : known_routes) {
        if (std::string(route.method) != "POST")
            continue;
        for (const auto* arrived : {"", "{}", R"({"wallet":"0x)"}) {
            auto cut_off = signed_in(request("POST", route.path, arrived), named(1));
            cut_off.body_state = http::BodyState::cut_off;
            BOOST_TEST_CONTEXT(route.path << " " << arrived)
            check_refusal(send(cut_off), 400, "invalid_json");
        }
    }
    BOOST_TEST(rows_stored() == 0);
}

BOOST_AUTO_TEST_CASE(an_absent_body_counts_as_an_empty_object)
{
    struct Case
    {
        const char* path;
        int status;
        const char* error; // empty for success
    };
    const Case table[] = {
        {"/auth/nonce", 400, "missing wallet"},
        {"/auth/verify", 400, "missing wallet, signature, or nonce"},
        {"/credits/verify-celo", 403, "not_verified"},
        {"/rooms/join", 400, "missing room_id"},
        {"/rooms/heartbeat", 400, "missing room_id or connection_id"},
        {"/rooms/token/renew", 400, "missing room_id or connection_id"},
        {"/rooms/leave", 400, "missing room_id or connection_id"},
        {"/rooms/create", 200, ""},
    };
    for (const auto& expected : table) {
        BOOST_TEST_CONTEXT(expected.path)
        {
            const auto of_nothing = post_text(expected.path, "", named(1));
            BOOST_TEST(of_nothing.status == expected.status);
            BOOST_TEST(of_nothing.body.value("error", "") == expected.error);
            if (expected.status != 200) {
                const auto of_empty = post_text(expected.path, "{}", named(1));
                BOOST_TEST(of_empty.body.dump() == of_nothing.body.dump());
            }
        }
    }
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_body_does_not_disturb_a_get)
{
    BOOST_TEST(send(request("GET", "/rooms/active", "{")).status == 200);
    BOOST_TEST(send(request("GET", "/health", "null")).status == 200);
}

BOOST_AUTO_TEST_CASE(a_body_does_not_disturb_a_delete)
{
    for (const auto* body : {"", "{}", "{", "null", R"({"room_id":7})"}) {
        auto asked = signed_in(request("DELETE", "/rooms/" + unknown_id, body), address(1));
        BOOST_TEST_CONTEXT(body)
        check_refusal(send(asked), 404, "room_not_found");
        asked.body_state = http::BodyState::cut_off;
        check_refusal(send(asked), 404, "room_not_found");
    }
}

BOOST_AUTO_TEST_CASE(unknown_fields_are_ignored)
{
    is_described = false;
    BOOST_TEST(post("/rooms/create", {{"unknown", 7}, {"wallet", 5}}, named(1)).status == 200);
    require_clean_audit();
}

// ---- headers ----

// One of each kind: success, refusal of each status, preflight.
std::vector<Reply> one_of_each(HandlerFixture& service, const std::string& origin)
{
    std::vector<http::Request> requests;
    for (const auto& route : known_routes) {
        requests.push_back(HandlerFixture::request(route.method, route.path)); // 200, 400 or 401
        requests.push_back(HandlerFixture::request("PUT", route.path));        // 405
        requests.push_back(HandlerFixture::request("OPTIONS", route.path));    // 204
        requests.push_back(HandlerFixture::request("HEAD", route.path));
        requests.push_back(service.signed_in(HandlerFixture::request(route.method, route.path, "{"),
                                             AppFixture::address(1))); // 400 on POST
        requests.push_back(HandlerFixture::request(route.method, route.path));
        requests.back().body_state = http::BodyState::too_large; // 413
    }
    requests.push_back(HandlerFixture::request("GET", "/nowhere")); // 404
    requests.push_back(service.signed_in(HandlerFixture::request("POST", "/rooms/create"),
                                         AppFixture::address(2))); // 403
    requests.push_back(HandlerFixture::request("GET", "/rooms/active"));
    requests.back().if_none_match = "*"; // 304
    service.chain.is_down = true;
    requests.push_back(service.signed_in(HandlerFixture::request("POST", "/rooms/create"),
                                         AppFixture::address(3))); // 503
    std::vector<Reply> replies;
    for (auto& request : requests) {
        request.origin = origin;
        replies.push_back(service.send(request));
    }
    return replies;
}

bool varies_by_origin(const Reply& reply)
{
    const auto names = header_of(reply, "Vary"); // of a file's answer there are two
    return names == "Origin" || names == "Accept-Encoding, Origin";
}

BOOST_AUTO_TEST_CASE(every_response_may_be_read_by_scripts_of_any_origin)
{
    std::set<int> statuses;
    for (const auto& origin : {std::string(), std::string("https://app.example"), std::string("null")}) {
        for (const auto& reply : one_of_each(*this, origin)) {
            statuses.insert(reply.status);
            BOOST_TEST_CONTEXT(reply.status << " " << reply.body.dump())
            {
                BOOST_TEST(header_of(reply, "Access-Control-Allow-Origin") == "*");
                BOOST_TEST(header_of(reply, "Vary").find("Origin") == std::string::npos);
                BOOST_TEST(header_of(reply, "Access-Control-Expose-Headers") ==
                           "ETag, Idempotency-Replayed, Retry-After, X-Request-Id");
            }
        }
    }
    const std::set<int> all{200, 204, 304, 400, 401, 404, 405, 413, 503};
    BOOST_TEST(std::includes(statuses.begin(), statuses.end(), all.begin(), all.end()));
}

BOOST_AUTO_TEST_CASE(a_listed_origin_is_echoed_and_another_is_not)
{
    auto settings = test_config();
    settings.cors_allowed_origins = {"https://app.example", "http://localhost:5173"};
    HandlerFixture service(settings);
    const std::pair<const char*, const char*> table[] = {
        {"https://app.example", "https://app.example"},
        {"http://localhost:5173", "http://localhost:5173"},
        {"https://evil.example", "https://app.example"},
        {"https://app.example.evil.example", "https://app.example"},
        {"http://app.example", "https://app.example"},
        {"https://APP.example", "https://app.example"},
        {"null", "https://app.example"},
        {"*", "https://app.example"},
        {"", "https://app.example"},
    };
    for (const auto& [origin, echoed] : table) {
        for (const auto& reply : one_of_each(service, origin)) {
            BOOST_TEST_CONTEXT(origin << ": " << reply.status << " " << reply.body.dump())
            {
                BOOST_TEST(header_of(reply, "Access-Control-Allow-Origin") == echoed);
                BOOST_TEST(varies_by_origin(reply)); // a cache must keep them apart
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_wildcard_lets_in_what_is_below_its_domain)
{
    auto settings = test_config();
    settings.cors_allowed_origins = {"https://*.example.org", "https://app.example"};
    HandlerFixture service(settings);
    const std::pair<const char*, const char*> table[] = {
        {"https://a.example.org", "https://a.example.org"},
        {"https://b.a.example.org", "https://b.a.example.org"},
        {"https://app.example", "https://app.example"},
        {"https://example.org", "https://*.example.org"},
        {"https://evilexample.org", "https://*.example.org"},
        {"https://a.example.org.evil.example", "https://*.example.org"},
        {"", "https://*.example.org"},
    };
    for (const auto& [origin, echoed] : table) {
        for (const auto& reply : one_of_each(service, origin)) {
            BOOST_TEST_CONTEXT(origin << ": " << reply.status << " " << reply.body.dump())
            {
                BOOST_TEST(header_of(reply, "Access-Control-Allow-Origin") == echoed);
                BOOST_TEST(varies_by_origin(reply));
            }
        }
    }
}

// A browser asks so before a page of the internet may reach a service on its own network.
BOOST_AUTO_TEST_CASE(a_private_network_preflight_is_answered_to_an_allowed_origin)
{
    auto settings = test_config();
    settings.cors_allowed_origins = {"https://app.example", "https://*.example.org"};
    HandlerFixture listed(settings);
    const auto ask = [](HandlerFixture& service, const std::string& method, const std::string& origin,
                        bool is_private) {
        auto asked = request(method, "/rooms/active");
        asked.origin = origin;
        asked.access_control_request_private_network = is_private;
        return header_of(service.send(asked), "Access-Control-Allow-Private-Network");
    };
    for (const auto* origin : {"https://app.example", "https://a.example.org"}) {
        BOOST_TEST(ask(listed, "OPTIONS", origin, true) == "true");
        BOOST_TEST(ask(listed, "OPTIONS", origin, false) == "");
        BOOST_TEST(ask(listed, "GET", origin, true) == "");
    }
    for (const auto* origin : {"https://example.org", "https://evil.example", "null", ""})
        BOOST_TEST(ask(listed, "OPTIONS", origin, true) == "");
    BOOST_TEST(ask(*this, "OPTIONS", "https://evil.example", true) == "true"); // everybody is allowed
    BOOST_TEST(ask(*this, "OPTIONS", "https://evil.example", false) == "");
}

// Every answer names an origin, so a list must have one.
BOOST_AUTO_TEST_CASE(a_list_of_no_origins_never_reaches_the_service)
{
    for (const auto* origins : {",", " ", ", ,"}) {
        const auto environment = [&](const std::string& name) -> std::optional<std::string> {
            if (name == "CORS_ALLOWED_ORIGINS")
                return origins;
            return name == "DATABASE_PATH" ? std::optional<std::string>(":memory:") : std::nullopt;
        };
        BOOST_TEST_CONTEXT("'" << origins << "'")
        {
            std::vector<std::string> allowed{"the refusal"};
            try {
                allowed = base::load_config("", environment, base::Program::tool).cors_allowed_origins;
            } catch (const base::Error&) {
            }
            BOOST_TEST(!allowed.empty()); // refused, or taken for "not set"
        }
    }
}

BOOST_AUTO_TEST_CASE(a_preflight_is_answered_on_any_path_without_a_token)
{
    std::vector<std::string> paths = {"/nowhere", "/session/1/leave", "*", "/rooms%2fjoin"};
    for (const auto& route : known_routes)
        paths.emplace_back(route.path);
    for (const auto& path : paths) {
        auto asked = request("OPTIONS", path);
        asked.origin = "https://app.example";
        asked.access_control_request_headers = "authorization,content-type,traceparent,x-cloud-trace-context";
        BOOST_TEST_CONTEXT(path)
        {
            const auto reply = send(asked);
            BOOST_TEST(reply.status == 204);
            BOOST_TEST(reply.body.is_null());
            BOOST_TEST(reply.headers.count("Content-Type") == 0);
            BOOST_TEST(header_of(reply, "Access-Control-Allow-Headers") ==
                       asked.access_control_request_headers);
            const auto methods = header_of(reply, "Access-Control-Allow-Methods");
            BOOST_TEST(methods.find("GET") != std::string::npos);
            BOOST_TEST(methods.find("POST") != std::string::npos);
            BOOST_TEST(methods.find("PUT") != std::string::npos);
            BOOST_TEST(methods.find("DELETE") != std::string::npos);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_preflight_that_asks_for_no_headers_is_told_the_usual_ones)
{
    const auto reply = send(request("OPTIONS", "/rooms/join"));
    BOOST_TEST(header_of(reply, "Access-Control-Allow-Headers") == "Authorization, Content-Type");
}

// An echo must not let a client write headers of its own into the answer.
BOOST_AUTO_TEST_CASE(a_preflight_echoes_nothing_unprintable)
{
    for (const auto* asked_headers : {"x-a\r\nSet-Cookie: a=b", "x-a\nx-b", "x-\x7f", "x-\xc3\xa4", "x\ta"}) {
        auto asked = request("OPTIONS", "/rooms/join");
        asked.access_control_request_headers = asked_headers;
        BOOST_TEST_CONTEXT(asked_headers)
        {
            const auto reply = send(asked);
            BOOST_TEST(reply.status == 204);
            BOOST_TEST(header_of(reply, "Access-Control-Allow-Headers") == "Authorization, Content-Type");
        }
    }
}

BOOST_AUTO_TEST_CASE(whatever_has_a_body_says_that_it_is_json)
{
    for (const auto& reply : one_of_each(*this, "")) {
        BOOST_TEST_CONTEXT(reply.status << " " << reply.body.dump())
        {
            BOOST_TEST(header_of(reply, "Content-Type") == (reply.body.is_null() ? "" : "application/json"));
            BOOST_TEST(reply.body.is_null() == (reply.status == 204 || reply.status == 304));
        }
    }
}

BOOST_AUTO_TEST_CASE(nothing_is_kept_by_caches_but_the_listing)
{
    for (const auto& route : known_routes) {
        const bool may_be_kept =
            std::set<std::string>{"/rooms/active", "/health", "/openapi.json"}.count(route.path) > 0;
        if (may_be_kept)
            continue;
        BOOST_TEST_CONTEXT(route.path)
        {
            const auto without_token = send(request(route.method, route.path));
            BOOST_TEST(header_of(without_token, "Cache-Control") == "no-store");
            const auto with_token = send(signed_in(request(route.method, route.path), named(1)));
            BOOST_TEST(header_of(with_token, "Cache-Control") == "no-store");
        }
    }
    BOOST_TEST(header_of(send(request("GET", "/nowhere")), "Cache-Control") == "no-store");
    BOOST_TEST(header_of(send(request("POST", "/rooms/active")), "Cache-Control") == "no-store");
    BOOST_TEST(header_of(get("/rooms/active"), "Cache-Control") == "no-cache");
}

// ---- what is not the client's fault ----

BOOST_AUTO_TEST_CASE(a_database_that_cannot_be_opened_fails_only_the_requests_that_need_it)
{
    HandlerFixture service(config_without_database());
    const auto nonce = service.post("/auth/nonce", {{"wallet", address(1)}});
    BOOST_TEST_REQUIRE(nonce.status == 200);
    const std::string text = nonce.body.at("nonce");

    const base::Json caller_ids{{"room_id", unknown_id}, {"connection_id", unknown_id}};
    const base::Json sign_in{
        {"wallet", address(1)}, {"nonce", text}, {"signature", wallet(1).personal_sign(text)}};
    const std::vector<Reply> replies = {
        service.post("/auth/verify", sign_in),
        service.get("/credits", address(1)),
        service.post_text("/credits/verify-celo", "", address(1)),
        service.post_text("/rooms/create", "", address(1)),
        service.post("/rooms/join", {{"room_id", unknown_id}}, address(1)),
        service.post("/rooms/heartbeat", caller_ids, address(1)),
        service.post("/rooms/token/renew", caller_ids, address(1)),
        service.post("/rooms/leave", caller_ids, address(1)),
        service.get("/rooms/active"),
        service.get("/rooms/" + unknown_id, address(1)),
        service.remove("/rooms/" + unknown_id, address(1)),
        service.remove("/rooms/" + unknown_id + "/participants/" + unknown_id, address(1)),
        service.get("/credits/history", address(1)),
        service.get("/health"),
    };
    for (const auto& reply : replies) {
        check_refusal(reply, 503, "database_unavailable");
        BOOST_TEST(std::stoi(header_of(reply, "Retry-After")) > 0);
        BOOST_TEST(header_of(reply, "Cache-Control") == "no-store");
        BOOST_TEST(reply.body.dump().find("nonexistent") == std::string::npos);
    }
    // What can be told without the database still is.
    auto bad = sign_in;
    bad["signature"] = "0x00";
    check_refusal(service.post("/auth/verify", bad), 401, "invalid signature");
    check_refusal(service.post("/rooms/join", {{"room_id", 1}}, address(1)), 400, "invalid room_id");
    check_refusal(service.get("/credits"), 401, "unauthorized");
}

BOOST_AUTO_TEST_CASE(a_database_that_comes_back_is_used_again, *boost::unit_test::label("sqlite"))
{
    const TemporaryFolder scratch;
    HandlerFixture service(config_with_database(scratch / "later/session-voice.db"));
    check_refusal(service.get("/rooms/active"), 503, "database_unavailable");
    std::filesystem::create_directory(scratch / "later");
    BOOST_TEST(service.get("/rooms/active").status == 200);
    service.require_clean_audit();
}

// The file may be another one by then, or healthy again.
BOOST_AUTO_TEST_CASE(after_a_failure_the_database_is_opened_anew)
{
    const TemporaryFolder scratch;
    HandlerFixture service(config_with_database(scratch / "session-voice.db"));
    service.give(address(1), 1000);
    service.execute("CREATE TEMP TABLE of_this_connection (a bigint)");
    const auto is_the_same = [&] {
        try {
            return service.query("SELECT count(*) FROM of_this_connection") == 0;
        } catch (const base::Error&) {
            return false;
        }
    };
    check_refusal(service.post_text("/rooms/create", "", address(2)), 403, "heaven_name_required");
    BOOST_TEST(is_the_same());
    {
        const engine::Writer other(service.config);
        check_refusal(service.post_text("/rooms/create", "", address(1)), 503, "database_unavailable");
    }
    BOOST_TEST(!is_the_same());
    BOOST_TEST(service.post_text("/rooms/create", "", address(1)).status == 200);
    service.require_clean_audit();
}

BOOST_AUTO_TEST_CASE(while_another_process_writes_too_long_reading_goes_on_and_writing_is_refused)
{
    const TemporaryFolder scratch;
    HandlerFixture service(config_with_database(scratch / "session-voice.db"));
    const auto room_id = service.create_room(address(1), 1000);
    const auto seat = service.join(address(1), room_id);
    service.give(address(2), 1000);
    service.chain.verified.insert(address(2));
    service.now += 10;
    {
        const engine::Writer other(service.config);
        const std::vector<Reply> refused = {
            service.post_text("/rooms/create", "", address(2)),
            service.post("/rooms/join", {{"room_id", room_id}}, address(2)),
            service.post("/rooms/token/renew", AppFixture::caller(seat), address(1)),
            service.post("/rooms/leave", AppFixture::caller(seat), address(1)),
            service.post_text("/credits/verify-celo", "", address(2)),
            service.remove("/rooms/" + room_id, address(1)),
            service.remove("/rooms/" + room_id + "/participants/" +
                               seat.at("connection_id").get<std::string>(),
                           address(1)),
        };
        for (const auto& reply : refused) {
            check_refusal(reply, 503, "database_unavailable");
            BOOST_TEST(std::stoi(header_of(reply, "Retry-After")) > 0);
        }
        const auto beat = service.post("/rooms/heartbeat", AppFixture::caller(seat), address(1));
        BOOST_TEST(beat.body.at("remaining_seconds") == 990);
        BOOST_TEST(service.get("/rooms/active").status == 200);
        BOOST_TEST(service.get("/health").status == 200);
        BOOST_TEST(service.get("/rooms/" + room_id, address(2)).status == 200);
        BOOST_TEST(service.get("/credits/history", address(1)).status == 200);
        BOOST_TEST(service.get("/credits", address(1)).body["remaining_seconds"] == 990);
    }
    // The refused requests changed nothing, and the next ones go through.
    const auto beat = service.post("/rooms/heartbeat", AppFixture::caller(seat), address(1));
    BOOST_TEST(beat.body.at("remaining_seconds") == 990);
    BOOST_TEST(service.remaining(address(2)) == 1000);
    BOOST_TEST(service.join(address(2), room_id).at("remaining_seconds") == 1000);
    service.require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_bug_is_answered_without_its_detail)
{
    give(address(1), 1000);
    execute("DROP TABLE agora_presence");
    execute("DROP TABLE connections");
    const base::Json caller_ids{{"room_id", unknown_id}, {"connection_id", unknown_id}};
    const std::vector<Reply> replies = {
        get("/credits", address(1)),
        get("/rooms/active"),
        post_text("/rooms/create", "", address(1)),
        post("/rooms/join", {{"room_id", unknown_id}}, address(1)),
        post("/rooms/heartbeat", caller_ids, address(1)),
        post("/rooms/token/renew", caller_ids, address(1)),
        post("/rooms/leave", caller_ids, address(1)),
        get("/rooms/" + unknown_id, address(1)),
        remove("/rooms/" + unknown_id + "/participants/" + unknown_id, address(1)),
    };
    for (const auto& reply : replies) {
        check_refusal(reply, 500, "internal_error");
        const auto text = reply.body.dump();
        BOOST_TEST(text.find("connections") == std::string::npos);
        BOOST_TEST(text.find("SQL") == std::string::npos);
        BOOST_TEST(header_of(reply, "Access-Control-Allow-Origin") == "*");
        BOOST_TEST(header_of(reply, "Cache-Control") == "no-store");
    }
    BOOST_TEST(!db().in_transaction());
    // One broken table does not stop the rest.
    BOOST_TEST(post("/auth/nonce", {{"wallet", address(1)}}).status == 200);
}

BOOST_AUTO_TEST_SUITE_END()
