// The API of the application's backend.
#include "base/config.h"
#include "credits/ledger.h"
#include "credits/pruning.h"
#include "handler_fixture.h"
#include "requests/idempotency.h"
#include "rooms/ban.h"
#include "rooms/pruning.h"

namespace {

using base::Json;

std::string path_with_ids(const Route& route)
{
    std::string path = route.path;
    for (const auto& [name, id] : {std::pair(std::string(":wallet"), AppFixture::address(1)),
                                   std::pair(std::string(":room_id"), unknown_id),
                                   std::pair(std::string(":connection_id"), other_unknown_id)}) {
        if (const auto at = path.find(name); at != std::string::npos)
            path.replace(at, name.size(), id);
    }
    return path;
}

class ServiceFixture : public HandlerFixture
{
  public:
    using HandlerFixture::HandlerFixture;

    // As the backend does it; `path` may have a query.
    Reply ask(const char* method, const std::string& path, const Json& body = nullptr,
              const std::optional<std::string>& with_key = std::nullopt)
    {
        const auto mark = std::min(path.find('?'), path.size());
        auto asked = request(method, path.substr(0, mark), body.is_null() ? std::string() : body.dump());
        asked.query = path.substr(std::min(mark + 1, path.size()));
        asked.service_token = config.service_token;
        asked.idempotency_key = with_key;
        return send(asked);
    }
    Reply grant(const Json& body) { return ask("POST", "/service/credits/grant", body); }
    Reply refund(const Json& body) { return ask("POST", "/service/credits/refund", body); }
    static Json gift(unsigned number, std::int64_t seconds, const std::string& reference)
    {
        return {{"wallet", address(number)}, {"seconds", seconds}, {"reference", reference}};
    }
    void check_credited(const Reply& reply, bool granted, std::int64_t remaining_seconds, unsigned number = 1)
    {
        check_answer(
            reply,
            {{"granted", granted}, {"wallet", address(number)}, {"remaining_seconds", remaining_seconds}});
    }
    // The ids of all rooms, page by page.
    std::vector<std::string> walk(
        std::int64_t limit, const std::function<void()>& between = [] {})
    {
        std::vector<std::string> room_ids;
        std::string cursor;
        for (;;) {
            const auto page = ask("GET", "/service/rooms?limit=" + std::to_string(limit) + cursor);
            BOOST_TEST_REQUIRE(page.status == 200);
            BOOST_TEST(page.body["rooms"].size() <= static_cast<std::size_t>(limit));
            for (const auto& room : page.body["rooms"])
                room_ids.push_back(room["room_id"]);
            if (page.body["next_cursor"].is_null())
                return room_ids;
            BOOST_TEST(page.body["rooms"].size() == static_cast<std::size_t>(limit));
            cursor = "&cursor=" + page.body["next_cursor"].get<std::string>();
            between();
        }
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(service_tests, ServiceFixture)

// ---- who may ----

BOOST_AUTO_TEST_CASE(only_the_backends_token_opens_it)
{
    give(address(1), 100);
    const auto events = query("SELECT count(*) FROM credit_events");
    for (const auto& route : all_routes()) {
        if (route.access != Access::backend)
            continue;
        auto asked = signed_in(request(route.method, path_with_ids(route), "{}"), address(1));
        BOOST_TEST_CONTEXT(route.method << " " << route.path)
        {
            for (const auto& token : {std::string(), config.service_token + "x", config.oracle_service_token,
                                      config.service_token.substr(1), config.jwt_secret}) {
                asked.service_token = token;
                check_refusal(send(asked), 403, "forbidden");
            }
            asked.service_token = config.service_token;
            asked.authorization.clear();
            const auto reply = send(asked);
            BOOST_TEST(reply.status != 403);
            BOOST_TEST(header_of(reply, "Cache-Control") == "no-store");
            asked.path += "/"; // one is the same path
            BOOST_TEST(send(asked).status == reply.status);
        }
    }
    BOOST_TEST(query("SELECT count(*) FROM credit_events") == events);
}

BOOST_AUTO_TEST_CASE(without_a_token_in_the_settings_there_are_no_such_paths)
{
    config.service_token.clear();
    for (const auto& route : all_routes()) {
        if (route.access != Access::backend)
            continue;
        for (const auto* method : {route.method, "GET", "PATCH"}) {
            auto asked = signed_in(request(method, path_with_ids(route), "{}"), address(1));
            for (const auto* token : {"", "x"}) {
                asked.service_token = token;
                const auto reply = send(asked);
                check_refusal(reply, 404, "not_found");
                BOOST_TEST(reply.headers.count("Allow") == 0);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(other_methods_are_told_which_there_are)
{
    const auto ban = "/service/wallets/" + address(1) + "/ban";
    const auto allow = [&](const char* method, const std::string& path) {
        const auto reply = ask(method, path);
        check_refusal(reply, 405, "method_not_allowed");
        return header_of(reply, "Allow");
    };
    BOOST_TEST(allow("POST", ban) == "PUT, DELETE, OPTIONS");
    BOOST_TEST(allow("GET", ban) == "PUT, DELETE, OPTIONS");
    BOOST_TEST(allow("PUT", "/service/credits/grant") == "POST, OPTIONS");
    BOOST_TEST(allow("DELETE", "/service/usage") == "GET, HEAD, OPTIONS");
    BOOST_TEST(ask("HEAD", "/service/rooms").status == 200);
    BOOST_TEST(ask("PUT", ban, std::string(20000, 'x')).status == 413);
    auto broken = request("PUT", ban, "{");
    broken.service_token = config.service_token;
    check_refusal(send(broken), 400, "invalid_json");
}

// ---- credit ----

BOOST_AUTO_TEST_CASE(a_reference_tops_up_once_for_ever)
{
    auto body = gift(1, 3600, "payment-1");
    body["reason"] = " ten euros ";
    check_credited(grant(body), true, 3600);
    check_credited(grant(body), false, 3600);
    body["reason"] = "ten euros"; // blanks around it are none of it
    check_credited(grant(body), false, 3600);
    for (const auto& [field, value] : {std::pair<const char*, Json>("seconds", 3601),
                                       {"wallet", address(2)},
                                       {"reason", "eleven euros"},
                                       {"reason", nullptr}}) {
        auto other = body;
        other[field] = value;
        check_refusal(grant(other), 409, "reference_reused");
    }
    check_credited(grant(gift(1, 60, "Payment-1")), true, 3660);

    const auto history = get("/credits/history", address(1)).body["events"];
    BOOST_TEST_REQUIRE(history.size() == 2);
    BOOST_TEST(history[1]["kind"] == "top_up");
    BOOST_TEST(history[1]["reason"] == "ten euros");
    BOOST_TEST(history[1]["delta_seconds"] == 3600);
    BOOST_TEST(credits::account(db(), address(1)).adjusted_seconds == 3660);
    BOOST_TEST(credits::daily_totals(db(), address(1), 0).at(0).adjusted_seconds == 3660);
    BOOST_TEST(remaining(address(2)) == 0);

    now += 400 * credits::seconds_per_day;
    credits::prune(db(), credits::day_of(now));
    check_credited(grant(body), false, 3660);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(what_is_used_by_then_is_booked_before_a_top_up)
{
    const auto seat = join(address(1), create_room(address(1), 100));
    now += 30;
    check_credited(grant(gift(1, 50, "p")), true, 120);
    now += 10;
    check_credited(grant(gift(1, 50, "p")), false, 110);
    BOOST_TEST(post("/rooms/leave", caller(seat), address(1)).body["debited_seconds"] == 40);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_body_that_is_not_as_it_should_be_is_refused_by_name)
{
    const auto with = [&](const char* field, const Json& value) {
        auto body = gift(1, 60, "p");
        body[field] = value;
        return grant(body);
    };
    const char* missing = "missing wallet, seconds, or reference";
    for (const char* field : {"wallet", "seconds", "reference"})
        check_refusal(with(field, nullptr), 400, missing);
    check_refusal(with("reference", ""), 400, missing);
    for (const Json& value : {Json("0x12"), Json(7)})
        check_refusal(with("wallet", value), 400, "invalid wallet");
    for (const Json& value : {Json(0), Json(-1), Json(31536001), Json(1.5), Json("60"), Json(1e300)})
        check_refusal(with("seconds", value), 400, "invalid seconds");
    for (const Json& value : {Json(7), Json("a b"), Json("\t"), Json("é"), Json(std::string(129, 'r'))})
        check_refusal(with("reference", value), 400, "invalid reference");
    for (const Json& value : {Json(7), Json("a\nb"), Json(std::string(201, 'r'))})
        check_refusal(with("reason", value), 400, "invalid reason");
    const Json refund_of_nothing{{"connection_id", unknown_id}, {"seconds", 5}, {"reference", "r"}};
    for (const char* field : {"connection_id", "seconds", "reference"}) {
        auto body = refund_of_nothing;
        body[field] = nullptr;
        check_refusal(refund(body), 400, "missing connection_id, seconds, or reference");
    }
    check_refusal(refund(refund_of_nothing), 404, "connection_not_found");
    BOOST_TEST(rows_stored() == 0);

    check_credited(with("reference", std::string(128, '~')), true, 60);
    check_credited(with("seconds", 31536000), true, 31536060);
    auto capitals = gift(1, 1, "capitals");
    capitals["wallet"] = "0x" + address(1).substr(2);
    for (auto& c : capitals["wallet"].get_ref<std::string&>())
        c = c == 'x' ? c : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    check_credited(grant(capitals), true, 31536061);
}

BOOST_AUTO_TEST_CASE(an_account_takes_no_more_than_it_can_hold)
{
    while (remaining(address(1)) < credits::max_balance_seconds)
        give(address(1),
             std::min(credits::max_adjustment_seconds, credits::max_balance_seconds - remaining(address(1))));
    check_refusal(grant(gift(1, 1, "p")), 400, "invalid seconds");
    check_credited(grant(gift(2, 1, "p")), true, 1, 2);
}

BOOST_AUTO_TEST_CASE(a_refund_gives_back_once_what_a_stay_was_charged_and_no_more)
{
    const auto seat = join(address(1), create_room(address(1), 1000));
    now += 100;
    post("/rooms/leave", caller(seat), address(1));
    const auto charged = 90; // until the token expired
    const auto body = [&](std::int64_t seconds, const std::string& reference) {
        return Json{{"connection_id", seat["connection_id"]}, {"seconds", seconds}, {"reference", reference}};
    };
    check_credited(grant(gift(1, 10, "shared")), true, 1010 - charged);
    check_refusal(refund(body(10, "shared")), 409, "reference_reused");
    check_refusal(refund(body(charged + 1, "r1")), 409, "refund_exceeds_debits");
    check_credited(refund(body(60, "r1")), true, 1070 - charged);
    check_credited(refund(body(60, "r1")), false, 1070 - charged);
    check_refusal(refund(body(61, "r1")), 409, "reference_reused");
    check_refusal(grant(gift(1, 60, "r1")), 409, "reference_reused");
    const auto exceeded = refund(body(31, "r2"));
    check_refusal(exceeded, 409, "refund_exceeds_debits");
    BOOST_TEST(exceeded.body["debited_seconds"] == charged);
    BOOST_TEST(exceeded.body["refunded_seconds"] == 60);
    auto spelled = body(30, "r2"); // which came to nothing before
    auto& id = spelled["connection_id"].get_ref<std::string&>();
    for (auto& c : id)
        c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    check_credited(refund(spelled), true, 1010);
    BOOST_TEST(credits::account(db(), address(1)).consumed_seconds == 0);
    now += 100 * credits::seconds_per_day;
    credits::prune(db(), credits::day_of(now));
    rooms::prune(db(), credits::day_of(now));
    check_credited(refund(body(60, "r1")), false, 1010);
    require_clean_audit();
}

// ---- wallets ----

BOOST_AUTO_TEST_CASE(a_statement_is_what_the_wallet_itself_is_told)
{
    const auto look = [&](const std::string& more) {
        return ask("GET", "/service/wallets/" + address(1) + "/history" + more);
    };
    give(address(1), 1000);
    const std::string room_id = post("/rooms/create", Json::object(), address(1)).body["room_id"];
    join(address(1), room_id);
    now += 40;
    const auto own = get("/credits/history", address(1)).body;
    BOOST_TEST(own["pending"]["delta_seconds"] == -40);
    BOOST_TEST(own["events"].size() == 1U);
    check_answer(look("?limit=50"), own);
    now += 60; // it has lapsed, and whoever looks first settles it
    const auto settled = look("").body;
    BOOST_TEST(settled["pending"].is_null());
    BOOST_TEST(settled["events"][0]["kind"] == "debit_usage");
    BOOST_TEST(settled["events"][0]["delta_seconds"] == -90);
    check_refusal(ask("GET", "/service/wallets/0x12/history"), 400, "invalid wallet");
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_wallet_is_told_as_of_now)
{
    const auto look = [&](unsigned number) { return ask("GET", "/service/wallets/" + address(number)); };
    const Json nothing{{"wallet", address(1)},
                       {"remaining_seconds", 0},
                       {"base_granted_seconds", 0},
                       {"bonus_granted_seconds", 0},
                       {"adjusted_seconds", 0},
                       {"consumed_seconds", 0},
                       {"stay", nullptr},
                       {"hosted_room", nullptr},
                       {"ban", nullptr}};
    check_answer(look(1), nothing);
    check_refusal(ask("GET", "/service/wallets/0x12"), 400, "invalid wallet");
    BOOST_TEST(rows_stored() == 0);

    give(address(1), 1000);
    const std::string room_id =
        post("/rooms/create", {{"visibility", "private"}}, address(1)).body["room_id"];
    const auto seat = join(address(1), room_id);
    now += 30;
    const auto shown = look(1).body;
    BOOST_TEST(shown["remaining_seconds"] == 970);
    BOOST_TEST(shown["adjusted_seconds"] == 1000);
    BOOST_TEST(shown["consumed_seconds"] == 30);
    BOOST_TEST(shown["stay"]["connection_id"] == seat["connection_id"]);
    BOOST_TEST(shown["stay"]["room_id"] == room_id);
    BOOST_TEST(shown["stay"]["debited_seconds"] == 30);
    BOOST_TEST(shown["hosted_room"] == get("/rooms/" + room_id, address(1)).body);
    now += 60; // the token's end
    const auto lapsed = look(1).body;
    BOOST_TEST(lapsed["remaining_seconds"] == 910);
    BOOST_TEST(lapsed["stay"].is_null());
    BOOST_TEST(lapsed["hosted_room"]["room_id"] == room_id);
    now += config.rules.unjoined_room_ttl_seconds;
    BOOST_TEST(look(1).body["hosted_room"].is_null());
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_ban_expels_and_is_lifted)
{
    const auto ban = "/service/wallets/" + address(1) + "/ban";
    const auto room_id = create_room(address(1), 1000);
    const auto seat = join(address(1), room_id);
    check_refusal(ask("PUT", ban, Json::object()), 400, "missing reason");
    check_refusal(ask("PUT", ban, {{"reason", " "}}), 400, "missing reason");
    for (const Json& value : {Json(0), Json("1"), Json(std::int64_t{101} * 366 * 86400)})
        check_refusal(ask("PUT", ban, {{"reason", "spam"}, {"expires_in", value}}), 400,
                      "invalid expires_in");
    check_refusal(ask("DELETE", ban), 404, "not_banned");
    check_refusal(ask("PUT", "/service/wallets/x/ban", {{"reason", "spam"}}), 400, "invalid wallet");
    now += 20;
    const auto banned = ask("PUT", ban, {{"reason", "spam"}, {"expires_in", 3600}});
    check_answer(banned, {{"wallet", address(1)},
                          {"reason", "spam"},
                          {"expires_at", base::iso8601(now + 3600)},
                          {"left_room_id", room_id},
                          {"closed_room_id", room_id}});
    BOOST_TEST(remaining(address(1)) == 980);
    check_refusal(post("/rooms/create", Json::object(), address(1)), 403, "banned");
    const auto shown = ask("GET", "/service/wallets/" + address(1)).body;
    BOOST_TEST(shown["ban"] == Json({{"reason", "spam"},
                                     {"banned_at", base::iso8601(now)},
                                     {"expires_at", base::iso8601(now + 3600)}}));
    check_answer(ask("PUT", ban, {{"reason", "worse"}}), {{"wallet", address(1)},
                                                          {"reason", "worse"},
                                                          {"expires_at", nullptr},
                                                          {"left_room_id", nullptr},
                                                          {"closed_room_id", nullptr}});
    now += 7200;
    check_refusal(post("/rooms/create", Json::object(), address(1)), 403, "banned");
    check_answer(ask("DELETE", ban), {{"wallet", address(1)}, {"banned", false}});
    BOOST_TEST(ask("GET", "/service/wallets/" + address(1)).body["ban"].is_null());
    BOOST_TEST(post("/rooms/create", Json::object(), address(1)).status == 200);
    require_clean_audit();
}

// ---- rooms ----

BOOST_AUTO_TEST_CASE(all_rooms_are_listed_page_by_page)
{
    check_answer(ask("GET", "/service/rooms"), {{"rooms", Json::array()}, {"next_cursor", nullptr}});
    std::vector<std::string> made;
    for (unsigned number = 1; number <= 7; ++number) {
        give(address(number), 1000);
        const auto visibility = number % 2 == 0 ? "private" : "open";
        made.push_back(post("/rooms/create", {{"visibility", visibility}}, address(number)).body["room_id"]);
        now += number % 3 == 0; // some within one second
    }
    insert_booked_room(address(9));
    for (const std::int64_t limit : {1, 2, 3, 6, 7, 8, 200})
        BOOST_TEST(walk(limit) == made, boost::test_tools::per_element());
    give(address(8), 1000);
    const auto seats = {join(address(2), made[1]), join(address(8), made[1])};
    const auto room = ask("GET", "/service/rooms?limit=2").body["rooms"][1];
    BOOST_TEST(room == get("/rooms/" + made[1], address(2)).body);
    BOOST_TEST(room["participants"].size() == seats.size());

    // Nothing is shown twice or left out that is there all the while, whatever comes and goes.
    int step = 0;
    const auto seen = walk(2, [&] {
        ++step;
        if (step == 1)
            BOOST_TEST(remove("/rooms/" + made[1], address(2)).status == 200); // was shown
        if (step == 2)
            BOOST_TEST(remove("/rooms/" + made[5], address(6)).status == 200); // was not
        if (step == 1)
            made.push_back(create_room(address(8), 1000));
    });
    const std::vector<std::string> expected = {made[0], made[1], made[2], made[3], made[4], made[6], made[7]};
    BOOST_TEST(seen == expected, boost::test_tools::per_element());

    now += config.rules.unjoined_room_ttl_seconds; // they are over, whether or not a sweep has been there
    BOOST_TEST(walk(2).empty());
}

BOOST_AUTO_TEST_CASE(who_lapsed_is_not_listed)
{
    const auto room_id = create_room(address(1), 1000);
    join(address(1), room_id);
    now += 90;
    const auto page = ask("GET", "/service/rooms").body;
    BOOST_TEST_REQUIRE(page["rooms"].size() == 1);
    BOOST_TEST(page["rooms"][0]["participants"].empty());
}

BOOST_AUTO_TEST_CASE(a_cursor_that_is_none_of_ours_is_refused)
{
    for (const std::string cursor : {"x", "", "MQ", "LTEuMQ", "MS4tMQ", "MDEuMQ", "MS4x=", "MS4xLjE"})
        check_refusal(ask("GET", "/service/rooms?cursor=" + cursor), 400, "invalid cursor");
    for (const std::string limit : {"0", "201", "x", ""})
        check_refusal(ask("GET", "/service/rooms?limit=" + limit), 400, "invalid limit");
    BOOST_TEST(ask("GET", "/service/rooms?cursor=MS4x").status == 200); // "1.1"
}

BOOST_AUTO_TEST_CASE(a_room_is_closed_and_a_participant_removed)
{
    const auto room_id = create_room(address(1), 1000);
    const auto other_id = create_room(address(2), 1000);
    join(address(1), room_id);
    give(address(3), 1000);
    const std::string guest = join(address(3), room_id)["connection_id"];
    const auto kick = [&](const std::string& room, const std::string& connection) {
        return ask("DELETE", "/service/rooms/" + room + "/participants/" + connection);
    };
    now += 20;
    check_refusal(kick(unknown_id, guest), 404, "room_not_found");
    check_refusal(kick("x", guest), 404, "room_not_found");
    check_refusal(kick(other_id, guest), 404, "participant_not_found");
    check_refusal(kick(room_id, unknown_id), 404, "participant_not_found");
    check_answer(kick(room_id, guest), {{"ok", true}, {"debited_seconds", 20}, {"closed", false}});
    check_refusal(kick(room_id, guest), 404, "participant_not_found");
    check_refusal(post("/rooms/join", {{"room_id", room_id}}, address(3)), 403, "removed_from_room");
    join(address(3), other_id); // of that room alone

    check_answer(ask("DELETE", "/service/rooms/" + room_id), {{"ok", true}, {"closed", true}});
    check_refusal(ask("DELETE", "/service/rooms/" + room_id), 404, "room_not_found");
    check_refusal(ask("DELETE", "/service/rooms/" + insert_booked_room(address(4))), 404, "room_not_found");
    BOOST_TEST(remaining(address(1)) == 980);
    require_clean_audit();
}

// ---- idempotency keys ----

BOOST_AUTO_TEST_CASE(a_key_works_on_all_that_changes_something)
{
    const auto seat = join(address(1), create_room(address(1), 1000));
    const std::string room_id = seat["room_id"];
    give(address(2), 1000);
    const std::string guest = join(address(2), room_id)["connection_id"];
    now += 30;
    post("/rooms/token/renew", caller(seat), address(1));
    struct Change
    {
        const char* method;
        std::string path;
        Json body;
    };
    const auto ban = "/service/wallets/" + address(3) + "/ban";
    const std::vector<Change> changes = {
        {"POST", "/service/credits/grant", gift(1, 60, "p")},
        {"POST",
         "/service/credits/refund",
         {{"connection_id", seat["connection_id"]}, {"seconds", 5}, {"reference", "r"}}},
        {"PUT", ban, {{"reason", "spam"}}},
        {"DELETE", ban, nullptr},
        {"DELETE", "/service/rooms/" + room_id + "/participants/" + guest, nullptr},
        {"DELETE", "/service/rooms/" + room_id, nullptr}};
    std::size_t keyed = 0;
    for (const auto& route : all_routes())
        keyed += route.access == Access::backend && route.takes_idempotency_key;
    BOOST_TEST(changes.size() == keyed);
    for (const auto& change : changes) {
        BOOST_TEST_CONTEXT(change.method << " " << change.path)
        {
            const auto its_key = change.method + change.path;
            const auto first = ask(change.method, change.path, change.body, its_key);
            BOOST_TEST(first.status == 200);
            BOOST_TEST(first.headers.count("Idempotency-Replayed") == 0);
            const auto written = db().rows_written();
            const auto again = ask(change.method, change.path, change.body, its_key);
            BOOST_TEST(header_of(again, "Idempotency-Replayed") == "true");
            BOOST_TEST(again.text == first.text);
            BOOST_TEST(db().rows_written() == written);
            check_refusal(ask(change.method, change.path, {{"another", "body"}}, its_key), 422,
                          "idempotency_key_reused");
            check_refusal(ask(change.method, change.path, change.body, "a b"), 400,
                          "invalid idempotency_key");
        }
    }
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_key_stands_for_one_path_with_its_ids)
{
    const auto ban = [&](unsigned number) {
        return ask("PUT", "/service/wallets/" + address(number) + "/ban", {{"reason", "spam"}}, "key");
    };
    BOOST_TEST(ban(1).status == 200);
    check_refusal(ban(2), 422, "idempotency_key_reused");
    BOOST_TEST(!rooms::find_active_ban(db(), address(2), now));
    BOOST_TEST(ban(1).status == 200);
}

BOOST_AUTO_TEST_CASE(usage_is_asked_for_a_day_up_to_a_leap_year)
{
    const auto ask_usage = [&](const std::string& from, const std::string& to) {
        return ask("GET", "/service/usage?from=" + from + "&to=" + to);
    };
    BOOST_TEST(ask_usage("2026-01-01", "2026-01-01").body["days"].size() == 1U);
    BOOST_TEST(ask_usage("2026-01-01", "2027-01-01").body["days"].size() == 366U);
    BOOST_TEST(ask_usage("1970-01-01", "1970-01-01").body["days"].size() == 1U);
    check_refusal(ask_usage("1969-12-31", "1970-01-01"), 400, "invalid from");
    check_refusal(ask_usage("2026-01-01", "2027-01-02"), 400, "invalid to");
    check_refusal(ask_usage("2026-01-02", "2026-01-01"), 400, "invalid to");
    check_refusal(ask("GET", "/service/usage?from=2026-01-01"), 400, "missing from or to");
    check_refusal(ask("GET", "/service/usage?to=2026-01-01"), 400, "missing from or to");
}

BOOST_AUTO_TEST_CASE(the_backend_may_have_any_number_of_keys_and_they_are_no_wallets)
{
    config.rate_limit_keyed_per_minute = 1;
    for (int number = 0; number <= requests::most_keys; ++number) {
        const auto reference = std::to_string(number);
        BOOST_TEST(ask("POST", "/service/credits/grant", gift(1, 1, reference), reference).status == 200);
    }
    BOOST_TEST(remaining(address(1)) == requests::most_keys + 1);
    auto asked = signed_in(request("POST", "/rooms/create", "{}"), address(1));
    asked.idempotency_key = "0";
    BOOST_TEST(send(asked).status == 200);
}

BOOST_AUTO_TEST_SUITE_END()
