#include "rooms/connection.h"

#include "room_fixture.h"
#include "rooms/loaded_room.h"

#include <functional>

BOOST_FIXTURE_TEST_SUITE(connection_tests, RoomFixture)

// ---- presence is the validity of the token ----

BOOST_AUTO_TEST_CASE(a_participant_is_present_until_the_second_of_the_tokens_expiry)
{
    const auto seat = sit(address(1), open_room(address(1)));
    BOOST_TEST(seat.connection.token_expires_at == now + 90);
    now += 89;
    BOOST_TEST(!stored(seat).is_lapsed(now));
    BOOST_TEST(listed().at(0).participant_count == 1);
    BOOST_TEST(refusal_of([&] { beat(seat); }) == "");
    now += 1;
    BOOST_TEST(stored(seat).is_lapsed(now));
    BOOST_TEST(listed().at(0).participant_count == 0);
    BOOST_TEST(refusal_of([&] { beat(seat); }) == "not_your_connection");
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_heartbeat_does_not_prolong_the_presence)
{
    const auto seat = sit(address(1), open_room(address(1)));
    for (int i = 0; i < 89; ++i) {
        now += 1;
        beat(seat);
    }
    BOOST_TEST(stored(seat).token_expires_at == seat.connection.joined_at + 90);
    now += 1;
    BOOST_TEST(refusal_of([&] { beat(seat); }) == "not_your_connection");
    BOOST_TEST(consumed(address(1)) == 90);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_renewal_prolongs_the_presence_to_90_seconds_from_then)
{
    const auto seat = sit(address(1), open_room(address(1)));
    for (int i = 0; i < 10; ++i) {
        now += 89;
        BOOST_TEST(renew(seat).token_expires_at == now + 90);
        BOOST_TEST(stored(seat).token_expires_at == now + 90);
    }
    // A second one at once, as after a lost answer, prolongs nothing further.
    BOOST_TEST(renew(seat).token_expires_at == now + 90);
    now += 90;
    BOOST_TEST(refusal_of([&] { renew(seat); }) == "not_your_connection");
    BOOST_TEST(consumed(address(1)) == 10 * 89 + 90);
    require_clean_audit();
}

// A lapse is for good: no renewal brings the seat back, only joining again does.
BOOST_AUTO_TEST_CASE(who_lapsed_cannot_renew_but_join_again)
{
    const auto room_id = open_room(address(1));
    sit(address(1), room_id);
    now += 45;
    const auto guest = sit(address(2), room_id, 1000);
    now += 44;
    renew(guest);
    now += 1;
    const auto host_again = sit(address(1), room_id);
    BOOST_TEST(host_again.remaining_seconds == 10000 - 90);
    now += 30;
    BOOST_TEST(beat(host_again).remaining_seconds == 10000 - 90 - 30);
    require_clean_audit();
}

// ---- whoever comes first settles what has lapsed ----

namespace {

struct Toucher
{
    const char* what;
    std::function<void(RoomFixture&, const rooms::Seat& host, const rooms::Seat& guest)> touch;
};

// In a room where the guest has lapsed and the host has not.
const std::vector<Toucher> touchers = {
    {"the guest creates a room", [](auto& f, auto&, auto& guest) { f.create(guest.connection.wallet); }},
    {"the guest joins the room again",
     [](auto& f, auto&, auto& guest) { f.sit(guest.connection.wallet, guest.room.room_id); }},
    {"the guest joins another room",
     [](auto& f, auto&, auto& guest) { f.sit(guest.connection.wallet, f.open_room(f.address(8))); }},
    {"the guest joins a room that is not there",
     [](auto& f, auto&, auto& guest) { refusal_of([&] { f.sit(guest.connection.wallet, "no room"); }); }},
    {"somebody joins the room",
     [](auto& f, auto& host, auto&) { f.sit(f.address(9), host.room.room_id, 500); }},
    {"the guest's heartbeat", [](auto& f, auto&, auto& guest) { refusal_of([&] { f.beat(guest); }); }},
    {"the guest's renewal", [](auto& f, auto&, auto& guest) { refusal_of([&] { f.renew(guest); }); }},
    {"the guest's leaving", [](auto& f, auto&, auto& guest) { refusal_of([&] { f.leave(guest); }); }},
    {"the host's leaving", [](auto& f, auto& host, auto&) { f.leave(host); }},
    {"the host tries to create",
     [](auto& f, auto& host, auto&) { refusal_of([&] { f.create(host.connection.wallet); }); }},
    {"an operator closes the room", [](auto& f, auto& host, auto&) { f.close(host.room.room_id); }},
    {"the guest reads the balance",
     [](auto& f, auto&, auto& guest) { f.get("/credits", guest.connection.wallet); }},
    {"the guest verifies for Celo",
     [](auto& f, auto&, auto& guest) { f.post_text("/credits/verify-celo", "", guest.connection.wallet); }},
    {"the sweep", [](auto& f, auto&, auto&) { f.sweep_now(); }},
};

} // namespace

BOOST_AUTO_TEST_CASE(a_lapsed_stay_is_settled_by_whoever_comes_first_and_charged_to_its_expiry)
{
    for (const auto& toucher : touchers) {
        for (const int delay : {0, 1, 44}) {
            RoomFixture service;
            const auto room_id = service.open_room(address(1));
            const auto host = service.sit(address(1), room_id);
            const auto guest = service.sit(address(2), room_id, 1000);
            service.now += 20;
            service.beat(guest);
            service.now += 25;
            service.renew(host);
            service.now += 45 + delay;
            BOOST_TEST_CONTEXT(toucher.what << ", " << delay << " s after the lapse")
            {
                BOOST_TEST(!service.stored(guest).left_at);
                toucher.touch(service, host, guest);
                const auto row = service.stored(guest);
                BOOST_TEST((row.left_at == row.token_expires_at));
                BOOST_TEST(row.token_expires_at == guest.connection.joined_at + 90);
                BOOST_TEST(row.last_metered_at == row.token_expires_at);
                BOOST_TEST(row.debited_seconds == 90);
                BOOST_TEST(service.consumed(address(2)) == 90);
                service.require_clean_audit();
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_room_that_lapses_empty_closes_300_seconds_later_however_late_that_is_found)
{
    for (const auto& toucher : touchers) {
        for (const int delay : {0, 1, 299, 300, 301, 3600, 86400 * 30}) {
            RoomFixture service;
            const auto room_id = service.open_room(address(1));
            const auto host = service.sit(address(1), room_id);
            service.now += 10;
            const auto guest = service.sit(address(2), room_id, 1000);
            service.now += 35;
            service.renew(host);
            const auto last_lapse = service.now + 90;
            service.now = last_lapse + delay;
            BOOST_TEST_CONTEXT(toucher.what << ", " << delay << " s after the last lapse")
            {
                refusal_of([&] { toucher.touch(service, host, guest); });
                const auto closed_at = service.closed_at(room_id);
                if (delay >= 300)
                    BOOST_TEST((closed_at == last_lapse + 300));
                else
                    BOOST_TEST((!closed_at || closed_at == service.now)); // by the operator
                BOOST_TEST((service.stored(host).left_at == last_lapse));
                BOOST_TEST((service.stored(guest).left_at == guest.connection.joined_at + 90));
                BOOST_TEST(service.consumed(address(1)) == 135);
                BOOST_TEST(service.consumed(address(2)) == 90);
                service.require_clean_audit();
            }
        }
    }
}

// Reading does not wait for writers: it leaves out what the clock says is gone, and lets others settle it.
BOOST_AUTO_TEST_CASE(the_listing_treats_the_lapsed_as_gone_without_writing)
{
    const auto room_id = open_room(address(1));
    const auto host = sit(address(1), room_id);
    const auto guest = sit(address(2), room_id, 1000);
    now += 45;
    renew(host);
    now += 45;
    BOOST_TEST(listed().at(0).participant_count == 1);
    now += 45;
    BOOST_TEST(listed().at(0).participant_count == 0);
    BOOST_TEST(!stored(guest).left_at);
    BOOST_TEST(stored(guest).debited_seconds == 0);
    sweep();
    BOOST_TEST(consumed(address(2)) == 90);
    require_clean_audit();
}

// ---- the rows ----

BOOST_AUTO_TEST_CASE(a_connection_is_found_as_it_was_stored)
{
    const auto room_id = open_room(address(1));
    const auto seat = sit(address(1), room_id);
    BOOST_TEST((stored(seat) == seat.connection));

    auto changed = seat.connection;
    changed.token_expires_at = now + 200;
    changed.last_metered_at = now + 30;
    changed.debited_seconds = 20;
    changed.credits_low_at = now + 1;
    changed.credits_low_remaining_seconds = 299;
    changed.credits_exhausted_at = now + 2;
    changed.events_delivered = 2;
    changed.left_at = now + 40;
    {
        database::Transaction tx(db());
        rooms::update_connection(db(), changed);
        tx.commit();
    }
    BOOST_TEST((stored(seat) == changed));
    BOOST_TEST(!rooms::find_connection(db(), "no such connection"));
}

// A wallet whose uid is that number, if nobody else has it.
std::string ending_in(const std::string& last_eight_digits, char first = '0')
{
    return "0x" + std::string(1, first) + std::string(31, '0') + last_eight_digits;
}

BOOST_AUTO_TEST_CASE(a_uid_is_made_of_the_last_31_bits_of_the_wallet)
{
    const std::pair<const char*, std::int64_t> uids[] = {
        {"0000002a", 42}, {"8000002a", 42}, {"1234abcd", 0x1234abcd}, {"7ffffffe", 0x7ffffffe},
        {"00000001", 1},  {"00000000", 1},  {"7fffffff", 1},          {"80000000", 1}};
    for (const auto& [digits, uid] : uids)
        BOOST_TEST(rooms::choose_uid(db(), config.rules, "", {}, ending_in(digits), now) == uid, digits);
    rooms::Connection last;
    last.agora_uid = 0x7ffffffe;
    BOOST_TEST(rooms::choose_uid(db(), config.rules, "", {last}, ending_in("7ffffffe"), now) == 1);
}

BOOST_AUTO_TEST_CASE(nobody_gets_the_uid_of_somebody_who_may_still_be_in_the_channel)
{
    const auto room_id = open_room(address(1));
    const auto first = sit(ending_in("0000002a", '1'), room_id, 1000);
    BOOST_TEST(first.connection.agora_uid == 42);
    BOOST_TEST(sit(ending_in("0000002a", '2'), room_id, 1000).connection.agora_uid == 43);
    BOOST_TEST(sit(ending_in("0000002a", '3'), room_id, 1000).connection.agora_uid == 44);
    now += 10;
    leave(first);
    // By the token that they have still.
    const auto uid_for = [&](const std::string& wallet, base::UnixSeconds at, const std::string& where) {
        return rooms::choose_uid(db(), config.rules, where, {}, wallet, at);
    };
    const auto& expires_at = first.connection.token_expires_at;
    const auto other = ending_in("0000002a", '4');
    BOOST_TEST(uid_for(other, expires_at - 1, room_id) == 43);
    BOOST_TEST(uid_for(other, expires_at, room_id) == 42);
    BOOST_TEST(uid_for(other, expires_at - 1, open_room(address(5))) == 42);
    BOOST_TEST(uid_for(first.connection.wallet, now, room_id) == 42);
    config.rules.tells_agora = true; // which turns away by the uid
    BOOST_TEST(uid_for(first.connection.wallet, now, room_id) == 43);
}

BOOST_AUTO_TEST_CASE(only_an_open_connection_is_found_by_its_wallet)
{
    const auto room_id = open_room(address(1));
    BOOST_TEST(!rooms::find_open_connection(db(), address(1)));
    sit(address(2), room_id, 1000);
    BOOST_TEST(!rooms::find_open_connection(db(), address(1)));
    const auto seat = sit(address(1), room_id);
    const auto found = rooms::find_open_connection(db(), address(1));
    BOOST_TEST_REQUIRE(found.has_value());
    BOOST_TEST((*found == seat.connection));
    leave(seat);
    BOOST_TEST(!rooms::find_open_connection(db(), address(1)));
}

BOOST_AUTO_TEST_CASE(the_participants_of_a_room_come_in_the_order_of_their_expiry)
{
    const auto room_id = open_room(address(1));
    const auto first = sit(address(1), room_id);
    now += 10;
    const auto second = sit(address(2), room_id, 1000);
    const auto leaver = sit(address(3), room_id, 1000);
    now += 10;
    renew(first);
    leave(leaver);
    const auto open = rooms::load_room(db(), room_id).value().open;
    BOOST_TEST_REQUIRE(open.size() == 2);
    BOOST_TEST(open[0].connection_id == second.connection.connection_id);
    BOOST_TEST(open[1].connection_id == first.connection.connection_id);
    BOOST_TEST(!rooms::load_room(db(), "no such room").has_value());
}

BOOST_AUTO_TEST_CASE(due_is_who_was_not_booked_for_long_or_has_lapsed)
{
    const auto room_id = open_room(cheap_address(1));
    std::vector<std::string> ids; // in the order in which they lapse
    std::set<std::int64_t> parts;
    for (unsigned number = 1; number <= 4; ++number) {
        const auto seat = sit(cheap_address(number), room_id, 1000);
        ids.push_back(seat.connection.connection_id);
        parts.insert(seat.connection.agora_uid % rooms::parts_of_connections);
        now += 10;
    }
    const auto first_at = now - 40;
    const auto due = [&](base::UnixSeconds at) {
        std::set<std::int64_t> seen;
        std::set<std::string> found;
        for (std::int64_t first = 0;;) {
            const auto some = rooms::find_due_connections(db(), first, at - 60, at + 30, at);
            found.insert(some.ids.begin(), some.ids.end());
            if (!some.part)
                break;
            seen.insert(*some.part);
            first = *some.part + 1;
        }
        BOOST_TEST(seen == parts, boost::test_tools::per_element());
        Texts in_order;
        std::copy_if(ids.begin(), ids.end(), std::back_inserter(in_order),
                     [&](const std::string& id) { return found.erase(id) > 0; });
        BOOST_TEST(found.empty());
        return in_order;
    };
    const auto some = [&](std::ptrdiff_t from, std::ptrdiff_t to) {
        return Texts(ids.begin() + from, ids.begin() + to);
    };
    const auto of_each = boost::test_tools::per_element();
    BOOST_TEST(due(first_at + 59).empty());
    BOOST_TEST(due(first_at + 60) == some(0, 1), of_each);
    BOOST_TEST(due(first_at + 85) == some(0, 3), of_each);
    BOOST_TEST(due(first_at + 100) == some(0, 4), of_each);
    BOOST_TEST(
        !rooms::find_due_connections(db(), *parts.rbegin() + 1, first_at, first_at + 200, first_at + 200)
             .part);
    // One whose mark is new, since its renewal was denied, lapses all the same.
    plant("UPDATE connections SET last_metered_at = token_expires_at WHERE connection_id = '" + ids[0] + "'");
    BOOST_TEST(due(first_at + 89) == some(1, 3), of_each);
    BOOST_TEST(due(first_at + 90) == some(0, 4), of_each);
}

// ---- what the schema itself refuses ----

BOOST_AUTO_TEST_CASE(the_schema_refuses_what_must_not_be)
{
    const auto room_id = open_room(address(1));
    const auto other_room = open_room(address(2));
    const auto closed_room = open_room(address(3));
    close(closed_room);
    const auto booked_room = insert_booked_room(address(4));
    const auto seat = sit(address(1), room_id);
    const auto guest = sit(address(5), room_id, 1000);
    const auto gone = sit(address(6), room_id, 1000);
    now += 10;
    leave(gone);
    renew(seat);

    const auto insert = [&](const std::string& room, const std::string& kind, const std::string& wallet,
                            const std::string& uid, const std::string& times) {
        return "INSERT INTO connections (connection_id, room_id, kind, wallet, agora_uid, joined_at, "
               "last_metered_at, token_expires_at) VALUES (" +
               quoted(random.uuid_v4()) + ", " + quoted(room) + ", " + quoted(kind) + ", " + quoted(wallet) +
               ", " + uid + ", " + times + ")";
    };
    const auto update = [](const rooms::Seat& of, const std::string& change) {
        return "UPDATE connections SET " + change +
               " WHERE connection_id = " + quoted(of.connection.connection_id);
    };
    const auto uid_of = [](const rooms::Seat& of) { return std::to_string(of.connection.agora_uid); };
    const std::string good_times = "100, 100, 190";

    struct Case
    {
        const char* what;
        std::string sql;
        const char* because;
    };
    const Case table[] = {
        {"a second open connection of a wallet", insert(other_room, "free", address(1), "7", good_times),
         "UNIQUE constraint failed: connections.wallet"},
        {"a uid twice in a room", insert(room_id, "free", address(7), uid_of(guest), good_times),
         "UNIQUE constraint failed: connections.room_id, connections.agora_uid"},
        {"changing a uid to another's", update(seat, "agora_uid = " + uid_of(guest)),
         "UNIQUE constraint failed: connections.room_id, connections.agora_uid"},
        {"uid 0", insert(room_id, "free", address(7), "0", good_times), "CHECK constraint failed: agora_uid"},
        {"a negative uid", insert(room_id, "free", address(7), "-1", good_times),
         "CHECK constraint failed: agora_uid"},
        {"a uid over 2^32 - 2", insert(room_id, "free", address(7), "4294967295", good_times),
         "CHECK constraint failed: agora_uid"},
        {"a uid that is no number", insert(room_id, "free", address(7), "'x'", good_times),
         engine::is_postgresql() ? "invalid input syntax for type bigint"
                                 : "cannot store TEXT value in INTEGER column"},
        {"entering a closed room", insert(closed_room, "free", address(7), "7", good_times),
         "no such active room"},
        {"entering a room that is not there",
         insert("00000000-0000-4000-8000-000000000000", "free", address(7), "7", good_times),
         "no such active room"},
        {"entering a free room as a booked one", insert(room_id, "booked", address(7), "7", good_times),
         "no such active room"},
        {"entering a booked room as a free one", insert(booked_room, "free", address(7), "7", good_times),
         "no such active room"},
        {"metered before joining", insert(room_id, "free", address(7), "7", "100, 99, 190"),
         "CHECK constraint failed: joined_at <= last_metered_at"},
        {"metered beyond the token", insert(room_id, "free", address(7), "7", "100, 191, 190"),
         "CHECK constraint failed: joined_at <= last_metered_at"},
        {"more debited than elapsed", update(seat, "debited_seconds = 11"),
         "CHECK constraint failed: debited_seconds <="},
        {"a negative debit", update(seat, "debited_seconds = -1"),
         "CHECK constraint failed: debited_seconds >="},
        {"leaving before the mark", update(seat, "left_at = last_metered_at - 1"),
         "CHECK constraint failed: left_at"},
        {"leaving after the token", update(seat, "left_at = token_expires_at + 1"),
         "CHECK constraint failed: left_at"},
        {"coming back", update(gone, "left_at = NULL"), "the participant has left"},
        {"leaving earlier than was said", update(gone, "left_at = left_at - 1"), "the participant has left"},
        {"telling more events than were raised", update(seat, "events_delivered = 1"),
         "CHECK constraint failed: events_delivered"},
        {"an event without its balance", update(seat, "credits_low_at = 1"),
         "CHECK constraint failed: (credits_low_at IS NULL)"},
        {"a wallet that is none", update(seat, "wallet = '0x'"), "CHECK constraint failed: length(wallet)"},
    };
    for (const auto& refused : table) {
        BOOST_TEST_CONTEXT(refused.what)
        BOOST_CHECK_EXCEPTION(execute(refused.sql), base::Error, [&](const base::Error& error) {
            BOOST_TEST_INFO(error.what());
            return is_because(error, refused.because);
        });
    }
    // The like of which is fine.
    BOOST_CHECK_NO_THROW(execute(insert(room_id, "free", address(7), "4294967294", good_times)));
    BOOST_CHECK_NO_THROW(execute(insert(booked_room, "booked", address(1), "7", good_times)));
    BOOST_CHECK_NO_THROW(execute(update(seat, "agora_uid = 12345")));
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(the_schema_refuses_a_seventh_participant)
{
    const auto room_id = open_room(address(1));
    for (unsigned number = 1; number <= 6; ++number)
        sit(address(number), room_id, 1000);
    const auto insert =
        "INSERT INTO connections (connection_id, room_id, kind, wallet, agora_uid, joined_at, "
        "last_metered_at, token_expires_at) VALUES (" +
        quoted(random.uuid_v4()) + ", " + quoted(room_id) + ", 'free', " + quoted(address(7)) +
        ", 7, 100, 100, 190)";
    BOOST_CHECK_EXCEPTION(execute(insert), base::Error, [](const base::Error& error) {
        return std::string(error.what()).find("the room is full") != std::string::npos;
    });
    now += 90 + 300;
    sweep(); // which closes it
    BOOST_CHECK_THROW(execute(insert), base::Error);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_room_cannot_be_deleted_from_under_its_connections)
{
    const auto room_id = open_room(address(1));
    leave(sit(address(1), room_id));
    BOOST_CHECK_THROW(execute("DELETE FROM rooms WHERE room_id = '" + room_id + "'"), base::Error);
    require_clean_audit();
}

BOOST_AUTO_TEST_SUITE_END()
