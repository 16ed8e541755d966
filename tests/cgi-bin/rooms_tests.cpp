#include "agora_token.h"
#include "base/config.h"
#include "base/random.h"
#include "credits/ledger.h"
#include "handler_fixture.h"
#include "rooms/moderation.h"

#include <algorithm>

namespace {

using base::Json;

bool is_uuid_v4(const Json& value)
{
    const auto text = value.get<std::string>();
    return base::is_uuid(text) && text[14] == '4' &&
           std::string("89ab").find(text[19]) != std::string::npos &&
           text.find_first_of("ABCDEF") == std::string::npos;
}

// An address that ends in these eight digits. Nobody has its key, and no test needs it.
std::string address_ending(const std::string& digits, unsigned number = 1)
{
    const auto head = std::to_string(number);
    return "0x" + head + std::string(32 - head.size(), 'a') + digits;
}

Json all_ids(const std::string& room_id, const std::string& connection_id)
{
    return {{"room_id", room_id}, {"connection_id", connection_id}};
}

} // namespace

class RoomsFixture : public HandlerFixture
{
  public:
    Reply create(const std::string& wallet, const Json& body = Json::object())
    {
        return post("/rooms/create", body, wallet);
    }
    Reply try_to_join(const std::string& wallet, const std::string& room_id)
    {
        return post("/rooms/join", {{"room_id", room_id}}, wallet);
    }
    // A room that anybody can join, by a host of its own.
    std::string room_of_another() { return create_room(address(++hosts_)); }

    // A wallet that had the base grant and has `seconds` left.
    std::string wallet_with_base(unsigned number, std::int64_t seconds)
    {
        const auto wallet = named(number);
        rooms::close(context(), create_room(wallet, 0));
        give(wallet, seconds - config.rules.base_grant_seconds);
        BOOST_TEST_REQUIRE(remaining(wallet) == seconds);
        return wallet;
    }

    std::string insert_booked_connection(const std::string& wallet, const std::string& room_id)
    {
        const auto connection_id = random.uuid_v4();
        database::Transaction tx(db());
        db().prepare("INSERT INTO connections (connection_id, room_id, kind, wallet, agora_uid, joined_at, "
                     "token_expires_at, last_metered_at) "
                     "VALUES (:connection_id, :room_id, 'booked', :wallet, 7, :now, :now + 3600, :now)")
            .bind(":connection_id", connection_id)
            .bind(":room_id", room_id)
            .bind(":wallet", wallet)
            .bind(":now", now)
            .run();
        tx.commit();
        return connection_id;
    }

    Json listed() { return get("/rooms/active").body.at("rooms"); }
    std::vector<std::string> listed_ids()
    {
        std::vector<std::string> ids;
        for (const auto& room : listed())
            ids.push_back(room.at("room_id"));
        return ids;
    }
    bool is_listed(const std::string& room_id)
    {
        const auto ids = listed_ids();
        return std::find(ids.begin(), ids.end(), room_id) != ids.end();
    }

  private:
    unsigned hosts_ = 900;
};

BOOST_FIXTURE_TEST_SUITE(rooms_tests, RoomsFixture)

// ---- POST /rooms/create ----

BOOST_AUTO_TEST_CASE(creating_answers_with_the_room)
{
    const auto reply = create(named(1));
    const std::string room_id = reply.body.at("room_id");
    check_description(reply, {{"room_id", room_id},
                              {"channel", "heaven-free-" + room_id},
                              {"visibility", "open"},
                              {"capacity", 6},
                              {"title", nullptr}});
    BOOST_TEST(is_uuid_v4(reply.body.at("room_id")));
    BOOST_TEST(reply.body.at("channel").get<std::string>().size() < 64); // Agora's limit
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(only_private_means_private)
{
    const std::pair<const char*, const char*> table[] = {
        {"private", "private"}, {"open", "open"},     {"public", "open"}, {"Private", "open"},
        {"PRIVATE", "open"},    {"private ", "open"}, {"0", "open"},      {"hidden", "open"},
    };
    unsigned number = 0;
    for (const auto& [asked, given] : table) {
        BOOST_TEST_CONTEXT(asked)
        BOOST_TEST(create(named(++number), {{"visibility", asked}}).body.at("visibility") == given);
    }
    BOOST_TEST(query("SELECT count(*) FROM rooms WHERE visibility = 'private'") == 1);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(whether_an_ai_takes_part_is_stored)
{
    create(named(1), {{"ai_enabled", true}});
    create(named(2), {{"ai_enabled", false}});
    create(named(3));
    auto row = db().prepare("SELECT ai_enabled FROM rooms ORDER BY ordinal");
    for (const int expected : {1, 0, 0}) {
        BOOST_TEST_REQUIRE(row.step());
        BOOST_TEST(row.integer(0) == expected);
    }
    BOOST_TEST(!row.step());
}

BOOST_AUTO_TEST_CASE(creating_does_not_join)
{
    const auto room_id = create_room(address(1), 1000);
    BOOST_TEST(query("SELECT count(*) FROM connections") == 0);
    BOOST_TEST(listed().at(0).at("participant_count") == 0);
    now += 299;
    BOOST_TEST(get("/credits", address(1)).body.at("remaining_seconds") == 1000);
    BOOST_TEST(try_to_join(address(1), room_id).status == 200);
    require_clean_audit();
}

// ---- who may spend: the same for create and join ----

BOOST_AUTO_TEST_CASE(a_name_brings_the_base_grant_with_the_first_room)
{
    BOOST_TEST(create(named(1)).status == 200);
    BOOST_TEST(remaining(address(1)) == 1800);
    BOOST_TEST(join(named(2), room_of_another()).at("remaining_seconds") == 1800);
    BOOST_TEST(query("SELECT count(*) FROM credit_events WHERE kind = 'grant_base'") == 2);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_wallet_without_name_and_credit_needs_a_name)
{
    const auto room_id = room_of_another();
    for (const auto& reply : {create(address(1)), try_to_join(address(1), room_id)})
        check_refusal(reply, 403, "heaven_name_required");
    BOOST_TEST(query("SELECT count(*) FROM credit_accounts WHERE wallet = '" + address(1) + "'") == 0);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(under_90_seconds_are_not_enough)
{
    const auto room_id = room_of_another();
    for (const int seconds : {0, 1, 89}) {
        const auto with_base = wallet_with_base(10 + static_cast<unsigned>(seconds), seconds);
        const auto without = address(200 + static_cast<unsigned>(seconds));
        if (seconds > 0)
            give(without, seconds);
        BOOST_TEST_CONTEXT(seconds)
        {
            for (const auto& reply : {create(with_base), try_to_join(with_base, room_id)}) {
                check_refusal(reply, 403, "insufficient_credits");
                BOOST_TEST(reply.body.at("remaining_seconds") == seconds);
            }
            for (const auto& reply : {create(without), try_to_join(without, room_id)})
                check_refusal(reply, 403, "heaven_name_required");
        }
    }
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(ninety_seconds_are_enough)
{
    const auto wallet = wallet_with_base(1, 90);
    BOOST_TEST(create(wallet).status == 200);
    BOOST_TEST(join(wallet_with_base(2, 90), room_of_another()).at("remaining_seconds") == 90);
    require_clean_audit();
}

// The bonus comes from a verification, an adjustment from an operator: neither needs a name.
BOOST_AUTO_TEST_CASE(credit_from_elsewhere_needs_no_name)
{
    const auto room_id = room_of_another();
    for (const bool is_down : {false, true}) {
        chain.is_down = false;
        const auto creator = address(is_down ? 3 : 1);
        const auto joiner = address(is_down ? 4 : 2);
        chain.verified.insert(creator);
        BOOST_TEST(post_text("/credits/verify-celo", "", creator).body.at("granted") == true);
        give(joiner, 90);
        chain.is_down = is_down;
        BOOST_TEST_CONTEXT("the chain is " << (is_down ? "down" : "up"))
        {
            BOOST_TEST(create(creator).status == 200);
            BOOST_TEST(try_to_join(joiner, room_id).status == 200);
        }
    }
    BOOST_TEST(query("SELECT count(*) FROM credit_events WHERE kind = 'grant_base'") == 0);
    require_clean_audit();
}

// Whoever has both gets both, although the bonus alone would do.
BOOST_AUTO_TEST_CASE(a_name_brings_the_base_grant_to_a_wallet_that_has_credit_already)
{
    give(named(1), 500);
    BOOST_TEST(create(address(1)).status == 200);
    BOOST_TEST(remaining(address(1)) == 2300);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_wallet_with_its_base_grant_is_not_asked_of_the_chain)
{
    const auto wallet = wallet_with_base(1, 1000);
    const auto poor = wallet_with_base(2, 89);
    const auto room_id = room_of_another();
    const auto questions = chain.questions;
    chain.names.clear();
    chain.is_down = true;
    const auto own_room = create(wallet);
    BOOST_TEST(own_room.status == 200);
    BOOST_TEST(try_to_join(wallet, room_id).status == 200);
    check_refusal(create(poor), 403, "insufficient_credits");
    check_refusal(try_to_join(poor, room_id), 403, "insufficient_credits");
    BOOST_TEST(chain.questions == questions);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_dead_chain_is_told_where_the_answer_depends_on_it_and_changes_nothing)
{
    const auto room_id = room_of_another();
    give(address(2), 89);
    const auto rows = rows_stored();
    chain.is_down = true;
    for (const auto& wallet : {address(1), address(2)}) {
        for (const auto& reply : {create(wallet), try_to_join(wallet, room_id)}) {
            check_refusal(reply, 503, "chain_unavailable");
            BOOST_TEST(std::stoi(header_of(reply, "Retry-After")) > 0);
            BOOST_TEST(reply.body.dump().find("scripted") == std::string::npos);
        }
    }
    BOOST_TEST(rows_stored() == rows);
    // With the chain back the same wallets are told what the chain says.
    chain.is_down = false;
    chain.names.insert(address(2));
    check_refusal(create(address(1)), 403, "heaven_name_required");
    BOOST_TEST(create(address(2)).status == 200);
    BOOST_TEST(remaining(address(2)) == 1889);
    require_clean_audit();
}

// It comes in step 2, before the conflicts and before the room is looked for.
BOOST_AUTO_TEST_CASE(a_dead_chain_is_told_before_the_room_is_looked_for)
{
    chain.is_down = true;
    check_refusal(try_to_join(address(1), unknown_id), 503, "chain_unavailable");
}

BOOST_AUTO_TEST_CASE(whoever_is_in_a_room_already_needs_no_chain)
{
    const auto room_id = create_room(address(1), 1000);
    const auto seat = caller(join(address(1), room_id));
    chain.is_down = true;
    const auto questions = chain.questions;
    now += 30;
    BOOST_TEST(post("/rooms/heartbeat", seat, address(1)).status == 200);
    BOOST_TEST(post("/rooms/token/renew", seat, address(1)).status == 200);
    BOOST_TEST(get("/rooms/active").status == 200);
    BOOST_TEST(get("/credits", address(1)).status == 200);
    BOOST_TEST(post("/rooms/leave", seat, address(1)).status == 200);
    BOOST_TEST(chain.questions == questions);
    require_clean_audit();
}

// The name was there; that the room was not does not take the seconds back.
BOOST_AUTO_TEST_CASE(the_base_grant_stands_although_the_rest_is_refused)
{
    check_refusal(try_to_join(named(1), unknown_id), 404, "room_not_found");
    BOOST_TEST(remaining(address(1)) == 1800);
    require_clean_audit();
}

// ---- conflicts ----

BOOST_AUTO_TEST_CASE(who_is_in_a_room_can_neither_create_nor_join_and_is_told_where_it_is)
{
    const auto room_id = room_of_another();
    give(address(1), 1000);
    const auto seat = join(address(1), room_id);
    const auto elsewhere = room_of_another();
    const Json answer{
        {"error", "already_in_free_room"}, {"room_id", room_id}, {"connection_id", seat.at("connection_id")}};
    for (const auto& reply :
         {create(address(1)), try_to_join(address(1), room_id), try_to_join(address(1), elsewhere)}) {
        BOOST_TEST(reply.status == 409);
        BOOST_TEST(reply.body.dump() == answer.dump());
    }
    // That is enough to carry on after a lost answer.
    BOOST_TEST(post("/rooms/heartbeat", caller(answer), address(1)).status == 200);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(who_hosts_a_room_cannot_create_another_and_is_told_which)
{
    const auto room_id = create_room(address(1));
    const auto reply = create(address(1));
    BOOST_TEST(reply.status == 409);
    const Json answer{{"error", "already_hosting_free_room"}, {"room_id", room_id}};
    BOOST_TEST(reply.body.dump() == answer.dump());
    // Once inside it, being in a room comes first.
    const auto seat = join(address(1), room_id);
    const auto inside = create(address(1));
    check_refusal(inside, 409, "already_in_free_room");
    BOOST_TEST(inside.body.at("connection_id") == seat.at("connection_id"));
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_host_may_join_anothers_room)
{
    create_room(address(1));
    BOOST_TEST(join(address(1), room_of_another()).at("is_host") == false);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(what_was_left_or_lapsed_or_closed_is_in_nobodys_way)
{
    const auto first = create_room(address(1));
    const auto seat = caller(join(address(1), first));
    now += 10;
    BOOST_TEST(post("/rooms/leave", seat, address(1)).body.at("closed") == true);
    const auto second = create(address(1));
    BOOST_TEST_REQUIRE(second.status == 200);
    join(address(1), second.body.at("room_id"));
    now += 90 + 300; // lapsed, and nobody came back: that closes the room, too
    const auto third = create(address(1));
    BOOST_TEST_REQUIRE(third.status == 200);
    now += 300; // nobody joined
    BOOST_TEST(create(address(1)).status == 200);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(refusals_come_in_the_order_of_the_contract)
{
    const auto full = room_of_another();
    for (unsigned number = 1; number <= 6; ++number) {
        give(address(number), 1000);
        join(address(number), full);
    }
    const auto booked = insert_booked_room(address(50));

    // 403 before 409: a wallet in a room that has less than 90 s left.
    give(address(1), -950);
    check_refusal(create(address(1)), 403, "heaven_name_required");
    check_refusal(try_to_join(address(1), full), 403, "heaven_name_required");
    // 403 before 404 and the rest.
    for (const auto& room_id : {unknown_id, booked, full})
        check_refusal(try_to_join(address(99), room_id), 403, "heaven_name_required");
    // 409 already_in_free_room before 404 and the rest.
    for (const auto& room_id : {unknown_id, booked, full})
        check_refusal(try_to_join(address(2), room_id), 409, "already_in_free_room");
    // Then the room: unknown or closed, booked, full.
    give(address(7), 1000);
    check_refusal(try_to_join(address(7), unknown_id), 404, "room_not_found");
    check_refusal(try_to_join(address(7), booked), 400, "room_type_mismatch");
    check_refusal(try_to_join(address(7), full), 409, "room_full");
    execute("UPDATE rooms SET closed_at = created_at WHERE room_id = '" + booked + "'");
    check_refusal(try_to_join(address(7), booked), 404, "room_not_found");
    require_clean_audit();
}

// ---- POST /rooms/join ----

BOOST_AUTO_TEST_CASE(joining_answers_with_all_that_a_client_needs)
{
    const auto room_id = create_room(address(1), 1000);
    give(address(2), 500);
    for (const auto& wallet : {address(1), address(2)}) {
        const auto reply = try_to_join(wallet, room_id);
        BOOST_TEST_REQUIRE(reply.status == 200);
        const auto uid = (std::stoll(wallet.substr(34), nullptr, 16) & 0x7fffffff) % 0x7fffffff;
        check_answer(reply, {{"room_id", room_id},
                             {"channel", "heaven-free-" + room_id},
                             {"connection_id", reply.body.at("connection_id")},
                             {"agora_uid", uid},
                             {"host_wallet", address(1)},
                             {"is_host", wallet == address(1)},
                             {"agora_token", reply.body.at("agora_token")},
                             {"token_expires_in_seconds", 90},
                             {"renew_after_seconds", 45},
                             {"heartbeat_interval_seconds", 30},
                             {"remaining_seconds", wallet == address(1) ? 1000 : 500}});
        BOOST_TEST(is_uuid_v4(reply.body.at("connection_id")));
    }
    require_clean_audit();
}

// Or the stay would be charged for seconds before it had a seat.
BOOST_AUTO_TEST_CASE(a_stay_begins_once_the_chain_has_answered)
{
    const auto room_id = create_room(address(1));
    chain.names.insert(address(2));
    chain.before = [&](const char*) { now += 4; };
    const auto asked_at = now;
    const auto seat = join(address(2), room_id);
    chain.before = {};
    BOOST_TEST(query("SELECT joined_at FROM connections") == asked_at + 4);
    BOOST_TEST(query("SELECT token_expires_at FROM connections") == asked_at + 94);
    BOOST_TEST(post("/rooms/leave", caller(seat), address(2)).body["debited_seconds"] == 0);
    chain.names.insert(address(3));
    chain.before = [&](const char*) { now += 4; };
    create_room(address(3), 0);
    BOOST_TEST(query("SELECT max(created_at) FROM rooms") == asked_at + 8);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(the_token_admits_this_uid_to_this_channel_for_90_seconds)
{
    const auto room_id = create_room(address(1), 1000);
    const auto seat = join(address(1), room_id);
    const auto check = [&](const Json& answer) {
        const auto token = decode_agora_token(answer.at("agora_token"));
        BOOST_TEST(token.app_id == config.agora_app_id);
        BOOST_TEST(token.issued_at == now);
        BOOST_TEST(token.expires_in_seconds == 90); // after issue, not an instant
        BOOST_TEST(token.channel == "heaven-free-" + room_id);
        BOOST_TEST(token.uid == seat.at("agora_uid").dump());
        BOOST_TEST(token.privileges.size() == 4); // joins and publishes
        for (const auto& [privilege, expires_in_seconds] : token.privileges)
            BOOST_TEST(expires_in_seconds == 90);
    };
    check(seat);
    now += 45;
    check(post("/rooms/token/renew", caller(seat), address(1)).body);
}

BOOST_AUTO_TEST_CASE(a_uid_is_the_last_31_bits_of_the_wallet_and_never_0)
{
    const std::pair<const char*, std::int64_t> table[] = {
        {"00000001", 1},          {"00000000", 1}, // 0 would admit anybody
        {"ffffffff", 1},          {"7fffffff", 1}, // 2^31 - 1 modulo 2^31 - 1
        {"fffffffe", 2147483646}, {"7ffffffe", 2147483646}, {"fffffffd", 2147483645},
        {"80000000", 1},          {"80000001", 1},          {"81020304", 16909060},
        {"01020304", 16909060},   {"deadbeef", 1588444911},
    };
    unsigned number = 0;
    for (const auto& [digits, uid] : table) {
        const auto wallet = address_ending(digits, ++number);
        const auto seat = join(wallet, create_room(wallet));
        BOOST_TEST_CONTEXT(digits)
        {
            BOOST_TEST(seat.at("agora_uid") == uid);
            BOOST_TEST(decode_agora_token(seat.at("agora_token")).uid == std::to_string(uid));
        }
    }
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_uid_that_another_participant_holds_is_not_given_twice)
{
    struct Case
    {
        const char* what;
        std::vector<std::pair<const char*, std::int64_t>> joins; // in this order
    };
    const Case table[] = {
        {"the same four bytes", {{"00000005", 5}, {"00000005", 6}, {"00000005", 7}}},
        {"the next is taken as well", {{"00000006", 6}, {"00000005", 5}, {"00000005", 7}}},
        {"with and without the top bit", {{"00000005", 5}, {"80000005", 6}}},
        {"around the end", {{"fffffffe", 2147483646}, {"7ffffffe", 1}, {"fffffffe", 2}}},
        {"around the end, 1 taken", {{"00000001", 1}, {"fffffffe", 2147483646}, {"fffffffe", 2}}},
        {"all that mean 1", {{"00000000", 1}, {"ffffffff", 2}, {"00000001", 3}, {"00000000", 4}}},
    };
    unsigned number = 0;
    for (const auto& expected : table) {
        const auto room_id = room_of_another();
        for (const auto& [digits, uid] : expected.joins) {
            const auto wallet = address_ending(digits, ++number);
            give(wallet, 1000);
            const auto seat = join(wallet, room_id);
            BOOST_TEST_CONTEXT(expected.what << ": " << digits)
            {
                BOOST_TEST(seat.at("agora_uid") == uid);
                BOOST_TEST(decode_agora_token(seat.at("agora_token")).uid == std::to_string(uid));
                now += 45;
                const auto renewed = post("/rooms/token/renew", caller(seat), wallet);
                BOOST_TEST(decode_agora_token(renewed.body.at("agora_token")).uid == std::to_string(uid));
                now -= 45;
            }
        }
    }
    require_clean_audit();
}

// Who left could still enter with the old token, and would throw out whoever has the same uid.
BOOST_AUTO_TEST_CASE(a_uid_is_free_again_when_its_holders_token_has_expired)
{
    const auto room_id = room_of_another();
    for (unsigned number = 1; number <= 5; ++number)
        give(address_ending("00000005", number), 1000);
    const auto first = join(address_ending("00000005", 1), room_id);
    BOOST_TEST(join(address_ending("00000005", 2), room_id).at("agora_uid") == 6);
    post("/rooms/leave", caller(first), address_ending("00000005", 1));
    now += 89;
    BOOST_TEST(join(address_ending("00000005", 3), room_id).at("agora_uid") == 7);
    now += 1; // both tokens of 90 seconds ago expire
    BOOST_TEST(join(address_ending("00000005", 4), room_id).at("agora_uid") == 5);
    BOOST_TEST(join(address_ending("00000005", 5), room_id).at("agora_uid") == 6);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_wallet_that_comes_back_has_its_uid_again)
{
    const auto room_id = create_room(address(9));
    join(address(9), room_id); // so that it stays open
    const auto alice = address_ending("00000005", 1);
    const auto bob = address_ending("00000005", 2);
    for (const auto& wallet : {alice, bob})
        give(wallet, 1000);
    for (int times = 0; times < 3; ++times) {
        const auto seat = join(alice, room_id);
        BOOST_TEST(seat.at("agora_uid") == 5);
        now += 10;
        post("/rooms/leave", caller(seat), alice);
    }
    const auto others = join(bob, room_id);
    BOOST_TEST(others.at("agora_uid") == 6);
    BOOST_TEST(join(alice, room_id).at("agora_uid") == 5);
    post("/rooms/leave", caller(others), bob);
    BOOST_TEST(join(bob, room_id).at("agora_uid") == 6);
    require_clean_audit();
}

// Of another room it is another uid.
BOOST_AUTO_TEST_CASE(a_uid_of_another_room_is_in_nobodys_way)
{
    for (unsigned number = 1; number <= 2; ++number) {
        const auto wallet = address_ending("00000005", number);
        give(wallet, 1000);
        const auto seat = join(wallet, create_room(address(number)));
        BOOST_TEST(seat.at("agora_uid") == 5);
        post("/rooms/leave", caller(seat), wallet);
    }
}

BOOST_AUTO_TEST_CASE(a_stay_that_began_with_a_uid_of_32_bits_keeps_it)
{
    const auto room_id = room_of_another();
    const auto wallet = address_ending("fffffffe", 1);
    give(wallet, 1000);
    const auto seat = join(wallet, room_id);
    execute("UPDATE connections SET agora_uid = 4294967294 WHERE connection_id = '" +
            seat.at("connection_id").get<std::string>() + "'");
    now += 45;
    const auto renewed = post("/rooms/token/renew", caller(seat), wallet);
    BOOST_TEST(decode_agora_token(renewed.body.at("agora_token")).uid == "4294967294");
    is_described = false; // no uid is so large today
    BOOST_TEST(get("/rooms/" + room_id, wallet).body.at("participants").at(0).at("agora_uid") == 4294967294);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_room_holds_six)
{
    const auto room_id = room_of_another();
    Json last;
    for (unsigned number = 1; number <= 6; ++number) {
        give(address(number), 1000);
        last = join(address(number), room_id);
    }
    give(address(7), 1000);
    check_refusal(try_to_join(address(7), room_id), 409, "room_full");
    post("/rooms/leave", caller(last), address(6));
    BOOST_TEST(try_to_join(address(7), room_id).status == 200);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(only_a_free_room_that_is_open_can_be_joined)
{
    give(address(1), 1000);
    check_refusal(try_to_join(address(1), unknown_id), 404, "room_not_found");
    check_refusal(try_to_join(address(1), insert_booked_room(address(2))), 400, "room_type_mismatch");
    const auto closed = room_of_another();
    rooms::close(context(), closed);
    check_refusal(try_to_join(address(1), closed), 404, "room_not_found");
    check_refusal(post("/rooms/join", Json::object(), address(1)), 400, "missing room_id");
    const auto never_joined = room_of_another();
    now += 300;
    check_refusal(try_to_join(address(1), never_joined), 404, "room_not_found");
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_private_room_is_joined_by_its_id)
{
    give(address(1), 1000);
    const auto room_id = create(address(1), {{"visibility", "private"}}).body.at("room_id");
    give(address(2), 1000);
    BOOST_TEST(join(address(2), room_id).at("host_wallet") == address(1));
    require_clean_audit();
}

// ---- heartbeat, renewal, leaving: whose connection ----

BOOST_AUTO_TEST_CASE(both_ids_are_needed)
{
    for (const auto* path : connection_paths) {
        for (const auto& body : {Json::object(), Json{{"room_id", unknown_id}},
                                 Json{{"connection_id", unknown_id}}, all_ids("", unknown_id)}) {
            BOOST_TEST_CONTEXT(path << " " << body.dump())
            check_refusal(post(path, body, address(1)), 400, "missing room_id or connection_id");
        }
    }
}

BOOST_AUTO_TEST_CASE(nobody_speaks_for_a_connection_that_is_not_theirs)
{
    const auto room_id = create_room(address(1), 1000);
    const auto mine = join(address(1), room_id);
    const std::string my_id = mine.at("connection_id");
    give(address(2), 1000);
    const auto other_room = room_of_another();
    const auto left = join(address(2), room_id);
    post("/rooms/leave", caller(left), address(2));
    const auto lapsed = join(address(2), room_id);
    now += 45;
    post("/rooms/token/renew", caller(mine), address(1));
    now += 45;
    const auto booked_room = insert_booked_room(address(1));
    const auto booked = insert_booked_connection(address(1), booked_room);

    struct Case
    {
        const char* what;
        Json body;
        std::string wallet;
    };
    const Case table[] = {
        {"unknown connection", all_ids(room_id, unknown_id), address(1)},
        {"unknown room", all_ids(unknown_id, my_id), address(1)},
        {"unknown both", all_ids(unknown_id, other_unknown_id), address(1)},
        {"another room", all_ids(other_room, my_id), address(1)},
        {"the ids swapped", all_ids(my_id, room_id), address(1)},
        {"another's connection", all_ids(room_id, my_id), address(2)},
        {"a stranger", all_ids(room_id, my_id), address(3)},
        {"left", caller(left), address(2)},
        {"lapsed", caller(lapsed), address(2)},
        {"booked", all_ids(booked_room, booked), address(1)},
    };
    for (const auto* path : connection_paths) {
        for (const auto& refused : table) {
            BOOST_TEST_CONTEXT(path << ": " << refused.what)
            check_refusal(post(path, refused.body, refused.wallet), 403, "not_your_connection");
        }
    }
    // None of that touched the connection in question: 45 s are paid, 45 are due.
    BOOST_TEST(credits::account(db(), address(1)).remaining_seconds == 955);
    BOOST_TEST(post("/rooms/heartbeat", caller(mine), address(1)).body.at("remaining_seconds") == 910);
    require_clean_audit();
}

// ---- POST /rooms/heartbeat ----

BOOST_AUTO_TEST_CASE(a_heartbeat_answers_what_remains)
{
    const auto room_id = create_room(address(1), 1000);
    const auto seat = caller(join(address(1), room_id));
    now += 30;
    check_answer(post("/rooms/heartbeat", seat, address(1)),
                 {{"ok", true}, {"remaining_seconds", 970}, {"events", Json::array()}});
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(an_event_says_when_and_at_what_balance)
{
    const auto room_id = create_room(address(1), 330);
    const auto seat = caller(join(address(1), room_id));
    now += 29;
    BOOST_TEST(post("/rooms/heartbeat", seat, address(1)).body.at("events").empty());
    now += 1;
    const Json low{
        {"type", "credits_low"}, {"wallet", address(1)}, {"remaining_seconds", 300}, {"at_epoch", now}};
    check_answer(post("/rooms/heartbeat", seat, address(1)),
                 {{"ok", true}, {"remaining_seconds", 300}, {"events", Json::array({low})}});
    give(address(1), -300);
    now += 1;
    const Json exhausted{
        {"type", "credits_exhausted"}, {"wallet", address(1)}, {"remaining_seconds", 0}, {"at_epoch", now}};
    check_answer(post("/rooms/heartbeat", seat, address(1)),
                 {{"ok", true}, {"remaining_seconds", 0}, {"events", Json::array({exhausted})}});
    check_answer(post("/rooms/heartbeat", seat, address(1)),
                 {{"ok", true}, {"remaining_seconds", 0}, {"events", Json::array()}});
    require_clean_audit();
}

// ---- POST /rooms/token/renew ----

BOOST_AUTO_TEST_CASE(a_renewal_meters_first_and_answers_with_a_new_token)
{
    const auto room_id = create_room(address(1), 1000);
    const auto seat = join(address(1), room_id);
    now += 45;
    const auto reply = post("/rooms/token/renew", caller(seat), address(1));
    check_answer(reply, {{"agora_token", reply.body.at("agora_token")},
                         {"token_expires_in_seconds", 90},
                         {"remaining_seconds", 955},
                         {"events", Json::array()}});
    BOOST_TEST(reply.body.at("agora_token") != seat.at("agora_token"));
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_renewal_under_90_seconds_is_denied)
{
    for (const int remaining_after : {90, 89, 1}) {
        HandlerFixture service;
        const auto room_id = service.create_room(address(1), 45 + 90);
        const auto seat = AppFixture::caller(service.join(address(1), room_id));
        if (remaining_after < 90)
            service.give(address(1), remaining_after - 90);
        service.now += 45;
        const auto reply = service.post("/rooms/token/renew", seat, address(1));
        // Who takes seconds away sees first that there are few.
        const bool is_known = remaining_after < 90;
        const Json low{{"type", "credits_low"},
                       {"wallet", address(1)},
                       {"remaining_seconds", is_known ? 135 : remaining_after},
                       {"at_epoch", is_known ? service.now - 45 : service.now}};
        BOOST_TEST_CONTEXT(remaining_after)
        {
            if (remaining_after >= 90)
                check_answer(reply, {{"agora_token", reply.body.value("agora_token", "")},
                                     {"token_expires_in_seconds", 90},
                                     {"remaining_seconds", remaining_after},
                                     {"events", Json::array({low})}});
            else
                check_answer(reply, {{"denied", true},
                                     {"reason", "credits_exhausted"},
                                     {"remaining_seconds", remaining_after},
                                     {"events", Json::array({low})}});
        }
        service.require_clean_audit();
    }
}

// ---- POST /rooms/leave ----

BOOST_AUTO_TEST_CASE(leaving_answers_the_seconds_of_the_whole_stay)
{
    const auto room_id = create_room(address(1), 1000);
    const auto host = caller(join(address(1), room_id));
    give(address(2), 1000);
    const auto guest = caller(join(address(2), room_id));
    now += 30;
    post("/rooms/heartbeat", guest, address(2));
    now += 12;
    check_answer(post("/rooms/leave", guest, address(2)), {{"ok", true},
                                                           {"debited_seconds", 42},
                                                           {"remaining_seconds", 958},
                                                           {"closed", false},
                                                           {"events", Json::array()}});
    now += 1;
    check_answer(post("/rooms/leave", host, address(1)), {{"ok", true},
                                                          {"debited_seconds", 43},
                                                          {"remaining_seconds", 957},
                                                          {"closed", true},
                                                          {"events", Json::array()}});
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(leaving_in_the_second_of_joining_costs_nothing)
{
    const auto room_id = create_room(address(1), 1000);
    const auto seat = caller(join(address(1), room_id));
    const auto reply = post("/rooms/leave", seat, address(1));
    BOOST_TEST(reply.body.at("debited_seconds") == 0);
    BOOST_TEST(reply.body.at("remaining_seconds") == 1000);
    BOOST_TEST(reply.body.at("closed") == true);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(the_host_leaving_ends_it_for_everybody)
{
    const auto room_id = create_room(address(1), 1000);
    const auto host = caller(join(address(1), room_id));
    give(address(2), 1000);
    const auto guest = caller(join(address(2), room_id));
    now += 30;
    BOOST_TEST(post("/rooms/leave", host, address(1)).body.at("closed") == true);
    BOOST_TEST(remaining(address(1)) == 970);
    BOOST_TEST(remaining(address(2)) == 970);
    check_refusal(post("/rooms/heartbeat", guest, address(2)), 403, "not_your_connection");
    check_refusal(try_to_join(address(2), room_id), 404, "room_not_found");
    BOOST_TEST(!is_listed(room_id));
    BOOST_TEST(create(address(2)).status == 200); // nobody is locked in
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(the_last_one_leaving_closes_the_room)
{
    const auto room_id = room_of_another();
    give(address(1), 1000);
    give(address(2), 1000);
    const auto first = caller(join(address(1), room_id));
    const auto second = caller(join(address(2), room_id));
    BOOST_TEST(post("/rooms/leave", first, address(1)).body.at("closed") == false);
    BOOST_TEST(post("/rooms/leave", second, address(2)).body.at("closed") == true);
    check_refusal(try_to_join(address(1), room_id), 404, "room_not_found");
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(leaving_tells_the_events_that_were_not_told_yet)
{
    const auto room_id = create_room(address(1), 330);
    const auto seat = caller(join(address(1), room_id));
    now += 40;
    const auto reply = post("/rooms/leave", seat, address(1));
    const Json low{
        {"type", "credits_low"}, {"wallet", address(1)}, {"remaining_seconds", 290}, {"at_epoch", now}};
    BOOST_TEST(reply.body.at("events").dump() == Json::array({low}).dump());
    require_clean_audit();
}

// ---- GET /rooms/active ----

BOOST_AUTO_TEST_CASE(the_listing_of_nothing_is_an_empty_list)
{
    check_answer(get("/rooms/active"), {{"rooms", Json::array()}});
}

BOOST_AUTO_TEST_CASE(the_listing_describes_each_room)
{
    now = 1769860799; // 2026-01-31T11:59:59Z
    const auto room_id = create_room(address(1));
    now += 1;
    join(address(1), room_id);
    check_description(get("/rooms/active"), {{"rooms",
                                              {{{"room_id", room_id},
                                                {"host_wallet", address(1)},
                                                {"title", nullptr},
                                                {"capacity", 6},
                                                {"participant_count", 1},
                                                {"created_at", "2026-01-31T11:59:59.000Z"}}}}});
}

BOOST_AUTO_TEST_CASE(the_newest_of_at_most_50_come_first)
{
    std::vector<std::string> expected;
    for (unsigned number = 1; number <= 55; ++number) {
        expected.insert(expected.begin(), create_room(address(number)));
        now += number % 3 == 0 ? 0 : 1; // some within one second
    }
    expected.resize(50);
    BOOST_TEST(listed_ids() == expected, boost::test_tools::per_element());
    require_clean_audit();
}

// Or fifty wallets with an empty room each would push all others out.
BOOST_AUTO_TEST_CASE(rooms_with_people_come_before_empty_ones)
{
    std::vector<std::string> with_people;
    std::vector<std::string> empty;
    for (unsigned number = 1; number <= 60; ++number) {
        const auto room_id = create_room(address(number));
        if (number <= 3) {
            join(address(number), room_id);
            with_people.insert(with_people.begin(), room_id);
        } else {
            empty.insert(empty.begin(), room_id);
        }
        ++now;
    }
    auto expected = with_people;
    expected.insert(expected.end(), empty.begin(), empty.begin() + 47);
    BOOST_TEST(listed_ids() == expected, boost::test_tools::per_element());
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(the_listing_leaves_out_what_nobody_can_or_should_find)
{
    const auto open_room = create_room(address(1));
    give(address(2), 1000);
    create(address(2), {{"visibility", "private"}});
    insert_booked_room(address(3));
    rooms::close(context(), create_room(address(4)));
    const std::vector<std::string> expected{open_room};
    BOOST_TEST(listed_ids() == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_room_that_nobody_joined_is_listed_for_300_seconds)
{
    const auto room_id = create_room(address(1));
    now += 299;
    BOOST_TEST(is_listed(room_id));
    now += 1;
    BOOST_TEST(!is_listed(room_id)); // no sweep has run
}

// Once somebody is in, its age does not matter.
BOOST_AUTO_TEST_CASE(a_room_is_listed_as_long_as_somebody_is_in_it)
{
    const auto room_id = create_room(address(1), 10000);
    now += 250;
    const auto seat = caller(join(address(1), room_id));
    for (int i = 0; i < 20; ++i) {
        now += 89;
        BOOST_TEST(post("/rooms/token/renew", seat, address(1)).status == 200);
        BOOST_TEST(is_listed(room_id));
    }
    now += 89;
    BOOST_TEST(is_listed(room_id));
    now += 300; // of which one second as somebody's, the rest for them to come back
    BOOST_TEST(is_listed(room_id));
    now += 1;
    BOOST_TEST(!is_listed(room_id));
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(the_listing_counts_those_who_are_present)
{
    const auto room_id = create_room(address(1), 1000);
    const auto count = [&] { return listed().at(0).at("participant_count").get<int>(); };
    BOOST_TEST(count() == 0);
    const auto host = caller(join(address(1), room_id));
    give(address(2), 1000);
    give(address(3), 1000);
    const auto second = caller(join(address(2), room_id));
    now += 1;
    join(address(3), room_id);
    BOOST_TEST(count() == 3);
    post("/rooms/leave", second, address(2));
    BOOST_TEST(count() == 2);
    now += 88;
    post("/rooms/token/renew", host, address(1));
    BOOST_TEST(count() == 2);
    now += 2; // the third one lapses, and nobody has settled it
    BOOST_TEST(count() == 1);
    require_clean_audit();
}

// A browser that kept it without asking would not show a room that was just created.
BOOST_AUTO_TEST_CASE(the_listing_is_asked_for_again_each_time)
{
    BOOST_TEST(header_of(get("/rooms/active"), "Cache-Control") == "no-cache");
}

BOOST_AUTO_TEST_CASE(a_client_that_has_the_listing_is_told_so)
{
    create_room(address(1));
    const auto etag = header_of(get("/rooms/active"), "ETag");
    BOOST_TEST_REQUIRE(etag.size() > 2);
    BOOST_TEST(etag.front() == '"');
    BOOST_TEST(etag.back() == '"');
    const auto with = [&](const std::string& suffix) {
        return etag.substr(0, etag.size() - 1) + suffix + "\"";
    };
    const std::pair<std::string, bool> table[] = {
        {"", false},
        {"*", true},
        {etag, true},
        {"W/" + etag, true},
        {"\"x\", " + etag, true},
        {etag + ",\"x\"", true},
        {"W/\"x\", W/" + etag + ", \"y\"", true},
        {with("-gzip"), true}, // as Apache's mod_deflate marks what it compressed
        {"W/" + with("-gzip"), true},
        {"\"x\", " + with("-gzip") + ", \"y\"", true},
        {with("-br"), true},
        {with("-x") + ", " + etag, true},
        {with("gzip"), false},
        {with("zz") + ", " + etag, true},
        {with("-GZIP"), false},
        {with("-_"), false},
        {with("-gzip-"), false},
        {etag.substr(0, etag.size() - 1) + "-gzip", false},
        {"\"x\"", false},
        {etag.substr(1, etag.size() - 2), false}, // no tag without its quotes
        {"\"" + etag.substr(2), false},
        {"\"x" + etag.substr(1), false},
    };
    for (const auto* method : {"GET", "HEAD"}) {
        for (const auto& [if_none_match, is_known] : table) {
            auto asked = request(method, "/rooms/active");
            asked.if_none_match = if_none_match;
            const auto reply = send(asked);
            BOOST_TEST_CONTEXT(method << " " << if_none_match)
            {
                BOOST_TEST(reply.status == (is_known ? 304 : 200));
                BOOST_TEST(reply.body.is_null() == is_known);
                BOOST_TEST(header_of(reply, "ETag") == etag);
                BOOST_TEST(header_of(reply, "Cache-Control") == "no-cache");
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(the_etag_changes_with_the_list_and_only_then)
{
    std::set<std::string> seen;
    const auto check_changed = [&](const char* by) {
        const auto etag = header_of(get("/rooms/active"), "ETag");
        BOOST_TEST(seen.insert(etag).second, "still the same ETag after " << by);
        now += 1;
        BOOST_TEST(header_of(get("/rooms/active"), "ETag") == etag);
    };
    check_changed("nothing");
    const auto room_id = create_room(address(1), 1000);
    check_changed("a new room");
    join(address(1), room_id);
    check_changed("somebody joining");
    give(address(2), 1000);
    const auto second = caller(join(address(2), room_id));
    check_changed("a second one joining");
    create_room(address(3));
    check_changed("a second room");
    now += 80;
    post("/rooms/token/renew", second, address(2));
    now += 7; // the host lapses
    check_changed("somebody lapsing");
    post("/rooms/leave", second, address(2));
    check_changed("a room closing");
}

// The listing is kept while nothing changes; other workers write to the same file.
BOOST_AUTO_TEST_CASE(what_other_processes_do_is_listed_within_the_same_second)
{
    const TemporaryFolder folder;
    HandlerFixture one(config_with_database(folder / "one.db"));
    HandlerFixture other(config_with_database(folder / "one.db"));
    one.now = other.now = now;
    const auto listed_by = [](HandlerFixture& worker) {
        return worker.get("/rooms/active").body.at("rooms");
    };
    const auto create_by = [&](HandlerFixture& worker, unsigned number) {
        worker.give(address(number), 1000);
        return worker.post("/rooms/create", {{"visibility", "open"}}, address(number)).status;
    };
    BOOST_TEST(listed_by(one).empty());
    BOOST_TEST_REQUIRE(create_by(other, 1) == 200);
    BOOST_TEST(listed_by(one).size() == 1);
    BOOST_TEST_REQUIRE(create_by(one, 2) == 200);
    BOOST_TEST(listed_by(one).size() == 2);
    BOOST_TEST(listed_by(other).size() == 2);
    one.now += config.rules.unjoined_room_ttl_seconds; // only the clock moves
    BOOST_TEST(listed_by(one).empty());
    BOOST_TEST(listed_by(other).size() == 2);
}

// A row as no client could read it must not take the others with it.
BOOST_AUTO_TEST_CASE(a_bad_row_is_left_out_and_the_others_stay)
{
    const auto good = create_room(address(1));
    const auto plant = [&](const std::string& room_id, const std::string& host,
                           const std::string& created_at) {
        execute(
            "INSERT INTO rooms (room_id, kind, host_wallet, visibility, ai_enabled, capacity, created_at) "
            "VALUES ('" +
            room_id + "', 'free', '" + host + "', 'open', 0, 6, " + created_at + ")");
    };
    lift_rules();
    const auto at = std::to_string(now);
    plant("00000000-0000-4000-8000-00000000000a", "0x" + std::string(40, 'z'), at);
    plant("00000000-0000-4000-8000-00000000000b", "0x12", at);
    plant("00000000-0000-4000-8000-00000000000c", "", at);
    plant("00000000-0000-4000-8000-00000000000d", address(2), "253402300800"); // year 10000
    plant("00000000-0000-4000-8000-00000000000e", address(3), "9223372036854775807");
    plant("00000000-0000-4000-8000-00000000000g", address(4), at);
    plant("no id", address(5), at);
    const auto also_good = create_room(address(6));

    const auto reply = get("/rooms/active");
    BOOST_TEST(reply.status == 200);
    const std::vector<std::string> expected{also_good, good};
    BOOST_TEST(listed_ids() == expected, boost::test_tools::per_element());
    BOOST_TEST(reply.body.dump().find("0000000a") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(bad_rows_take_no_good_ones_place)
{
    for (unsigned number = 1; number <= 51; ++number)
        create_room(address(number));
    lift_rules();
    for (int i = 0; i < 40; ++i)
        execute(
            "INSERT INTO rooms (room_id, kind, host_wallet, visibility, ai_enabled, capacity, created_at) "
            "VALUES ('no id " +
            std::to_string(i) + "', 'free', '" + std::to_string(i) + "', 'open', 0, 6, " +
            std::to_string(now + 1) + ")");
    BOOST_TEST(listed_ids().size() == 50);
}

// From before 1970: it has to be joined to be listed at all.
BOOST_AUTO_TEST_CASE(a_bad_row_with_somebody_in_it_is_left_out_too)
{
    const auto good = create_room(address(1));
    const auto bad = create_room(address(2));
    join(address(2), bad);
    execute("UPDATE rooms SET created_at = -1 WHERE room_id = '" + bad + "'");
    const std::vector<std::string> expected{good};
    BOOST_TEST(listed_ids() == expected, boost::test_tools::per_element());
}

// ---- ids as others write them ----

BOOST_AUTO_TEST_CASE(ids_are_taken_in_capitals)
{
    const auto capitals = [](std::string id) {
        std::transform(id.begin(), id.end(), id.begin(), [](unsigned char c) { return std::toupper(c); });
        return id;
    };
    const auto host = address(1);
    give(address(2), 1000);
    const auto room_id = create_room(host, 1000);
    const auto host_seat = post("/rooms/join", {{"room_id", capitals(room_id)}}, host);
    BOOST_TEST_REQUIRE(host_seat.status == 200);
    BOOST_TEST(host_seat.body.at("room_id") == room_id);
    BOOST_TEST(host_seat.body.at("channel") == "heaven-free-" + room_id);
    const auto said = [&](const Json& seat) {
        return Json{{"room_id", capitals(seat.at("room_id"))},
                    {"connection_id", capitals(seat.at("connection_id"))}};
    };
    BOOST_TEST(post("/rooms/heartbeat", said(host_seat.body), host).status == 200);
    now += 45;
    BOOST_TEST(post("/rooms/token/renew", said(host_seat.body), host).status == 200);
    BOOST_TEST(get("/rooms/" + capitals(room_id), host).body.at("room_id") == room_id);
    const auto guest = join(address(2), room_id);
    const auto participant = "/participants/" + capitals(guest.at("connection_id"));
    BOOST_TEST(remove("/rooms/" + capitals(room_id) + participant, host).status == 200);
    BOOST_TEST(post("/rooms/leave", said(host_seat.body), host).body.at("debited_seconds") == 45);

    const auto second = create_room(host);
    BOOST_TEST(remove("/rooms/" + capitals(second), host).status == 200);
    require_clean_audit();
}

// Clients pass on what stands in a URL.
BOOST_AUTO_TEST_CASE(a_text_that_is_no_id_is_answered_as_an_unknown_one)
{
    const auto host = address(1);
    const auto seat = join(host, create_room(host, 1000));
    for (const std::string id :
         {"1", " ", "lobby", "00000000-0000-4000-8000-00000000000", "00000000-0000-4000-8000-0000000000000",
          "00000000000040008000000000000000", "00000000-0000-4000-8000-00000000000g",
          "{00000000-0000-4000-8000-000000000000}", "' OR 1=1 --", "\xc3\xa4", "a\0b"}) {
        BOOST_TEST_CONTEXT(id)
        {
            give(address(2), 1000);
            check_refusal(post("/rooms/join", {{"room_id", id}}, address(2)), 404, "room_not_found");
            for (const auto* path : connection_paths) {
                auto body = caller(seat);
                body["room_id"] = id;
                check_refusal(post(path, body, host), 403, "not_your_connection");
                body = caller(seat);
                body["connection_id"] = id;
                check_refusal(post(path, body, host), 403, "not_your_connection");
            }
        }
    }
    // In the order of the contract: who may not join is told so first.
    check_refusal(post("/rooms/join", {{"room_id", "lobby"}}, host), 409, "already_in_free_room");
    check_refusal(post("/rooms/join", {{"room_id", "lobby"}}, address(3)), 403, "heaven_name_required");
    require_clean_audit();
}

BOOST_AUTO_TEST_SUITE_END()
