// What hosts may do, what a room shows, titles and capacities, bans, and the change of the JWT secret.
#include "auth/access_token.h"
#include "base/config.h"
#include "handler_fixture.h"
#include "rooms/ban.h"
#include "rooms/moderation.h"
#include "rooms/room.h"

namespace {

using base::Json;

const std::vector<Json> no_room_ids = {
    "1",   "active1",    "00000000-0000-4000-8000-00000000000", "00000000-0000-4000-8000-00000000000g",
    "%20", "' OR 1=1 --"};

} // namespace

class ModerationHandlerFixture : public HandlerFixture
{
  public:
    Reply create(const std::string& wallet, const Json& body = Json::object())
    {
        return post("/rooms/create", body, wallet);
    }
    Reply look(const std::string& room_id, const std::string& wallet)
    {
        return get("/rooms/" + room_id, wallet);
    }
    Reply kick(const std::string& room_id, const Json& connection_id, const std::string& wallet)
    {
        return remove("/rooms/" + room_id + "/participants/" + connection_id.get<std::string>(), wallet);
    }
    void ban(const std::string& wallet, std::optional<std::int64_t> duration_seconds = std::nullopt)
    {
        database::Transaction tx(db());
        rooms::ban(db(), wallet, "was rude", duration_seconds, now);
        tx.commit();
    }
    // What `work` is to leave as it was.
    template <class Work>
    void changes_nothing(Work work)
    {
        const auto changes_before = db().rows_written();
        work();
        BOOST_TEST(db().rows_written() == changes_before);
    }
    Reply sign_in(unsigned number, const std::string& nonce)
    {
        return post("/auth/verify", {{"wallet", address(number)},
                                     {"nonce", nonce},
                                     {"signature", wallet(number).personal_sign(nonce)}});
    }
    std::string nonce_for(unsigned number)
    {
        return post("/auth/nonce", {{"wallet", address(number)}}).body.at("nonce");
    }
    void check_banned(const Reply& reply, const Json& expires_at = nullptr)
    {
        check_refusal(reply, 403, "banned");
        BOOST_TEST(reply.body.dump() ==
                   Json({{"error", "banned"}, {"reason", "was rude"}, {"expires_at", expires_at}}).dump());
    }

    const std::string host = address(1);
    const std::string guest = address(2);
    const std::string other = address(3);
};

BOOST_FIXTURE_TEST_SUITE(moderation_handler_tests, ModerationHandlerFixture)

// ---- title and capacity ----

BOOST_AUTO_TEST_CASE(a_title_and_a_capacity_are_answered_and_listed)
{
    const auto reply = create(named(1), {{"title", "  caf\xc3\xa9 \xf0\x9f\x8e\x99 "}, {"capacity", 2}});
    BOOST_TEST(reply.status == 200);
    BOOST_TEST(reply.body.at("title") == "caf\xc3\xa9 \xf0\x9f\x8e\x99");
    BOOST_TEST(reply.body.at("capacity") == 2);
    const auto element = get("/rooms/active").body.at("rooms").at(0);
    BOOST_TEST(element.at("title") == reply.body.at("title"));
    BOOST_TEST(element.at("capacity") == 2);
    const std::string room_id = reply.body.at("room_id");
    give(other, 1000);
    give(guest, 1000);
    join(host, room_id);
    join(guest, room_id);
    check_refusal(post("/rooms/join", {{"room_id", room_id}}, other), 409, "room_full");
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_blank_title_is_none)
{
    is_described = false; // no client need send an empty one
    unsigned number = 10;
    for (const Json& title : {Json(), Json(""), Json("   "), Json("\t\r\n")}) {
        const auto reply = create(named(++number), {{"title", title}, {"capacity", nullptr}});
        BOOST_TEST(reply.status == 200);
        BOOST_TEST(reply.body.at("title").is_null());
        BOOST_TEST(reply.body.at("capacity") == 6);
    }
    BOOST_TEST(query("SELECT count(*) FROM rooms WHERE title IS NOT NULL") == 0);
}

BOOST_AUTO_TEST_CASE(a_new_title_is_a_new_etag)
{
    create(named(1), {{"title", "one"}});
    const auto one = header_of(get("/rooms/active"), "ETag");
    execute("UPDATE rooms SET title = 'two'");
    BOOST_TEST(header_of(get("/rooms/active"), "ETag") != one);
}

// ---- GET /rooms/:id ----

BOOST_AUTO_TEST_CASE(a_room_is_described_with_everybody_in_it)
{
    now = 1769860799; // 2026-01-31T11:59:59Z
    const auto created = create(named(1), {{"title", "a talk"}, {"capacity", 3}, {"ai_enabled", true}});
    const std::string room_id = created.body.at("room_id");
    now += 1;
    const auto seat = join(host, room_id);
    now += 5;
    give(guest, 1000);
    const auto guests = join(guest, room_id);
    check_description(look(room_id, other), {{"room_id", room_id},
                                             {"channel", "heaven-free-" + room_id},
                                             {"title", "a talk"},
                                             {"host_wallet", host},
                                             {"visibility", "open"},
                                             {"capacity", 3},
                                             {"ai_enabled", true},
                                             {"created_at", "2026-01-31T11:59:59.000Z"},
                                             {"participants",
                                              {{{"connection_id", seat.at("connection_id")},
                                                {"wallet", host},
                                                {"agora_uid", seat.at("agora_uid")},
                                                {"joined_at", "2026-01-31T12:00:00.000Z"},
                                                {"connected", false}},
                                               {{"connection_id", guests.at("connection_id")},
                                                {"wallet", guest},
                                                {"agora_uid", guests.at("agora_uid")},
                                                {"joined_at", "2026-01-31T12:00:05.000Z"},
                                                {"connected", false}}}}});
    now += 85; // the host lapses
    const auto participants = look(room_id, other).body.at("participants");
    BOOST_TEST(participants.size() == 1u);
    BOOST_TEST(participants.at(0).at("wallet") == guest);
}

BOOST_AUTO_TEST_CASE(a_room_without_title_and_people_is_described_too)
{
    const auto room_id = create_room(host);
    const auto reply = look(room_id, other);
    BOOST_TEST(reply.status == 200);
    BOOST_TEST(reply.body.at("title").is_null());
    BOOST_TEST(reply.body.at("participants").dump() == "[]");
    BOOST_TEST(reply.body.at("ai_enabled") == false);
}

BOOST_AUTO_TEST_CASE(looking_writes_nothing_whatever_there_is_to_settle)
{
    const auto room_id = create_room(host);
    join(host, room_id);
    const auto never_joined = create_room(guest);
    now += 1000;
    changes_nothing([&] {
        check_refusal(look(room_id, host), 404, "room_not_found");
        check_refusal(look(never_joined, guest), 404, "room_not_found");
    });
}

BOOST_AUTO_TEST_CASE(a_private_room_is_like_an_unknown_one_to_those_outside)
{
    const std::string room_id = create(named(1), {{"visibility", "private"}}).body.at("room_id");
    const auto hidden = look(room_id, guest);
    check_refusal(hidden, 404, "room_not_found");
    BOOST_TEST(hidden.body.dump() == look(unknown_id, guest).body.dump());
    BOOST_TEST(look(room_id, host).body.at("visibility") == "private");
    give(guest, 1000);
    const auto seat = join(guest, room_id);
    BOOST_TEST(look(room_id, guest).status == 200);
    check_refusal(look(room_id, other), 404, "room_not_found");
    post("/rooms/leave", caller(seat), guest);
    check_refusal(look(room_id, guest), 404, "room_not_found");
}

// Clients pass on what stands in a URL of their own.
BOOST_AUTO_TEST_CASE(what_is_no_uuid_is_the_id_of_no_room)
{
    const auto room_id = create_room(host);
    for (const auto& id : no_room_ids) {
        BOOST_TEST_CONTEXT(id)
        {
            check_refusal(look(id, host), 404, "room_not_found");
            check_refusal(remove("/rooms/" + id.get<std::string>(), host), 404, "room_not_found");
            check_refusal(kick(id, unknown_id, host), 404, "room_not_found");
            check_refusal(kick(unknown_id, id, host), 404, "room_not_found");
            check_refusal(kick(room_id, id, host), 404, "participant_not_found");
        }
    }
    check_refusal(look(insert_booked_room(host), host), 404, "room_not_found");
    check_refusal(look(unknown_id, ""), 401, "unauthorized");
}

// ---- DELETE /rooms/:id/participants/:connection_id ----

BOOST_AUTO_TEST_CASE(a_host_removes_a_participant)
{
    const auto room_id = create_room(host);
    join(host, room_id);
    give(guest, 1000);
    const auto seat = join(guest, room_id);
    now += 30;
    check_answer(kick(room_id, seat.at("connection_id"), host),
                 {{"ok", true}, {"debited_seconds", 30}, {"closed", false}});
    for (const auto* path : connection_paths)
        check_refusal(post(path, caller(seat), guest), 403, "not_your_connection");
    BOOST_TEST(look(room_id, host).body.at("participants").size() == 1u);
    BOOST_TEST(remaining(guest) == 970);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(who_was_removed_does_not_come_back_into_that_room)
{
    const auto room_id = create_room(host);
    const auto host_seat = caller(join(host, room_id));
    give(guest, 1000);
    give(other, 1000);
    kick(room_id, join(guest, room_id).at("connection_id"), host);
    rooms::remove(context(), join(other, room_id).at("connection_id"));
    for (int minutes = 0; minutes < 10; ++minutes) {
        for (const auto& wallet : {guest, other})
            changes_nothing([&] {
                check_refusal(post("/rooms/join", {{"room_id", room_id}}, wallet), 403, "removed_from_room");
            });
        now += 60;
        BOOST_TEST(post("/rooms/token/renew", host_seat, host).status == 200);
    }
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_removal_is_of_one_wallet_and_one_room)
{
    give(guest, 1000);
    give(other, 1000);
    const auto room_id = create_room(host);
    join(host, room_id);
    kick(room_id, join(guest, room_id).at("connection_id"), host);
    join(other, room_id);
    post("/rooms/leave", caller(post("/rooms/join", {{"room_id", create_room(address(9))}}, guest).body),
         guest);
    remove("/rooms/" + room_id, host);
    check_refusal(post("/rooms/join", {{"room_id", room_id}}, guest), 404, "room_not_found");
    join(guest, create_room(host)); // it is no ban
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(who_left_or_lapsed_or_was_banned_comes_back)
{
    give(guest, 1000);
    const auto room_id = create_room(host);
    auto seat = caller(join(host, room_id));
    post("/rooms/leave", caller(join(guest, room_id)), guest);
    join(guest, room_id);
    now += 80;
    BOOST_TEST(post("/rooms/token/renew", seat, host).status == 200);
    now += 20; // the guest has lapsed
    join(guest, room_id);
    // Whom a ban ended is kept out by that alone.
    database::transact(db(), [&] { rooms::expel(context(), guest); });
    join(guest, room_id);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_host_removes_themself_or_the_last_one_and_the_room_closes)
{
    for (const bool with_host : {true, false}) {
        const auto room_id = create_room(host);
        give(guest, 1000);
        const auto guests = join(guest, room_id);
        const auto removed = with_host ? join(host, room_id) : guests;
        BOOST_TEST(kick(room_id, removed.at("connection_id"), host).body.at("closed") == true);
        check_refusal(post("/rooms/heartbeat", caller(guests), guest), 403, "not_your_connection");
        check_refusal(look(room_id, host), 404, "room_not_found");
        require_clean_audit();
    }
}

BOOST_AUTO_TEST_CASE(removing_is_refused_to_all_others_and_changes_nothing)
{
    const auto room_id = create_room(host);
    join(host, room_id);
    give(guest, 1000);
    const auto seat = join(guest, room_id);
    const auto& id = seat.at("connection_id");
    const auto closed = create_room(other);
    remove("/rooms/" + closed, other);
    const auto booked = insert_booked_room(host);
    now += 10;
    changes_nothing([&] {
        check_refusal(kick(room_id, id, ""), 401, "unauthorized");
        check_refusal(kick(unknown_id, id, host), 404, "room_not_found");
        check_refusal(kick(closed, id, other), 404, "room_not_found");
        check_refusal(kick(booked, id, host), 404, "room_not_found");
        check_refusal(kick(room_id, id, other), 403, "not_host");
        check_refusal(kick(room_id, id, guest), 403, "not_host"); // not even themself
        check_refusal(kick(room_id, other_unknown_id, guest), 403, "not_host");
        check_refusal(kick(room_id, other_unknown_id, host), 404, "participant_not_found");
    });
    kick(room_id, id, host);
    changes_nothing([&] { check_refusal(kick(room_id, id, host), 404, "participant_not_found"); });
    require_clean_audit();
}

// ---- DELETE /rooms/:id ----

BOOST_AUTO_TEST_CASE(a_host_closes_the_room_from_inside_or_outside)
{
    for (const bool is_inside : {true, false}) {
        const auto room_id = create_room(host);
        if (is_inside)
            join(host, room_id);
        give(guest, 1000);
        const auto seat = join(guest, room_id);
        const auto before = remaining(guest);
        now += 20;
        changes_nothing([&] {
            check_refusal(remove("/rooms/" + room_id), 401, "unauthorized");
            check_refusal(remove("/rooms/" + room_id, guest), 403, "not_host");
            check_refusal(remove("/rooms/" + unknown_id, host), 404, "room_not_found");
        });
        check_answer(remove("/rooms/" + room_id, host), {{"ok", true}, {"closed", true}});
        check_refusal(remove("/rooms/" + room_id, host), 404, "room_not_found");
        check_refusal(post("/rooms/heartbeat", caller(seat), guest), 403, "not_your_connection");
        check_refusal(post("/rooms/join", {{"room_id", room_id}}, guest), 404, "room_not_found");
        BOOST_TEST(remaining(guest) == before - 20);
        require_clean_audit();
    }
    check_refusal(remove("/rooms/" + insert_booked_room(host), host), 404, "room_not_found");
}

// ---- bans ----

// Or it would lose its booked sessions, and with them what the escrow holds.
BOOST_AUTO_TEST_CASE(a_banned_wallet_signs_in_as_before)
{
    ban(host);
    const auto nonce = nonce_for(1);
    check_refusal(sign_in(1, std::string(64, '0')), 401, "invalid or expired nonce");
    BOOST_TEST(sign_in(1, nonce).status == 200);
    check_refusal(sign_in(1, nonce), 401, "invalid or expired nonce");
}

// The chain is asked for seconds, and an operator does not wait for it.
BOOST_AUTO_TEST_CASE(a_ban_that_comes_while_the_chain_is_asked_counts)
{
    const auto room_id = create_room(guest);
    for (const auto& [path, body] : {std::pair<const char*, Json>{"/rooms/create", Json::object()},
                                     {"/rooms/join", {{"room_id", room_id}}}}) {
        const auto wallet = named(path == std::string("/rooms/create") ? 3 : 4);
        chain.before = [&](const char*) { ban(wallet); };
        check_banned(post(path, body, wallet));
        chain.before = {};
        BOOST_TEST(remaining(wallet) == 0); // nor is the base grant made
    }
    BOOST_TEST(query("SELECT count(*) FROM connections") == 0);
    BOOST_TEST(query("SELECT count(*) FROM rooms") == 1);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_banned_wallet_cannot_create_join_or_renew)
{
    const auto room_id = create_room(guest);
    give(host, 1000);
    const auto seat = join(host, room_id);
    ban(host, 60);
    const auto until = base::iso8601(now + 60);
    now += 10;
    changes_nothing([&] {
        check_banned(create(host), until);
        check_banned(post("/rooms/join", {{"room_id", room_id}}, host), until);
        check_banned(post("/rooms/join", {{"room_id", unknown_id}}, host), until);
        check_banned(post("/rooms/token/renew", caller(seat), host), until);
        // A renewal of what is not theirs is refused the same way.
        auto ids = caller(seat);
        ids["connection_id"] = unknown_id;
        check_banned(post("/rooms/token/renew", ids, host), until);
    });
    // Fields come first.
    check_refusal(create(host, {{"title", 7}}), 400, "invalid title");
    check_refusal(post("/rooms/join", Json::object(), host), 400, "missing room_id");
    check_refusal(post("/rooms/token/renew", Json::object(), host), 400, "missing room_id or connection_id");
    check_refusal(post("/rooms/join", {{"room_id", room_id}}), 401, "unauthorized");
    now += 50;
    BOOST_TEST(post("/rooms/token/renew", caller(seat), host).status == 200);
    require_clean_audit();
}

// It would tell the chain, and make the base grant.
BOOST_AUTO_TEST_CASE(a_banned_wallet_is_not_asked_of_the_chain)
{
    ban(named(1));
    check_banned(create(host));
    check_banned(post("/rooms/join", {{"room_id", unknown_id}}, host));
    BOOST_TEST(chain.questions == 0);
    BOOST_TEST(remaining(host) == 0);
}

BOOST_AUTO_TEST_CASE(a_banned_wallet_keeps_the_rest)
{
    const auto room_id = create_room(guest);
    give(host, 1000);
    const auto seat = join(host, room_id);
    ban(host);
    now += 10;
    BOOST_TEST(post("/rooms/heartbeat", caller(seat), host).body.at("remaining_seconds") == 990);
    BOOST_TEST(get("/credits", host).status == 200);
    BOOST_TEST(get("/credits/history", host).status == 200);
    BOOST_TEST(look(room_id, host).status == 200);
    chain.verified.insert(host);
    BOOST_TEST(post_text("/credits/verify-celo", "", host).status == 200);
    BOOST_TEST(post("/auth/nonce", {{"wallet", host}}).status == 200);
    BOOST_TEST(post("/rooms/leave", caller(seat), host).status == 200);
    check_refusal(post("/session/join", {{"booking_id", "7"}}, host), 404, "booking not found");
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_reason_in_another_encoding_is_told_as_far_as_it_goes)
{
    database::Transaction tx(db());
    rooms::ban(db(), host, "caf\xe9", std::nullopt, now);
    tx.commit();
    const auto reply = create(host);
    check_refusal(reply, 403, "banned");
    BOOST_TEST(reply.body.at("reason") == "caf\xef\xbf\xbd");
}

// ---- JWT_SECRET_PREVIOUS ----

BOOST_AUTO_TEST_CASE(a_change_of_the_secret_signs_nobody_out)
{
    const auto old_token = token_for(host);
    const auto old_nonce = nonce_for(1);
    auto settings = config;
    settings.jwt_secret = "the secret that takes its place, for tests";
    settings.jwt_secret_previous = config.jwt_secret;
    ModerationHandlerFixture rotated;
    rotated.config = settings;
    App app_of_both(rotated.config, rotated.chain, rotated.random, rotated.counters, rotated.clock);
    const auto ask = [&](http::Request asked) {
        asked.now = now;
        return dispatch(app_of_both, asked);
    };
    auto with_token = request("GET", "/credits");
    with_token.authorization = "Bearer " + old_token;
    BOOST_TEST(ask(with_token).status == 200);

    const Json body{
        {"wallet", host}, {"nonce", old_nonce}, {"signature", wallet(1).personal_sign(old_nonce)}};
    const auto signed_in_again = ask(request("POST", "/auth/verify", body.dump()));
    BOOST_TEST_REQUIRE(signed_in_again.status == 200);
    const std::string token = Json::parse(signed_in_again.body).at("token");
    BOOST_TEST(auth::verify_access_token(settings.jwt_secret, token, now).has_value());
    BOOST_TEST(!auth::verify_access_token(config.jwt_secret, token, now).has_value());

    // Once the previous secret is dropped, what it signed is worth nothing.
    rotated.config.jwt_secret_previous.clear();
    BOOST_TEST(ask(with_token).status == 401);
}

BOOST_AUTO_TEST_SUITE_END()
