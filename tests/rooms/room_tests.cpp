#include "rooms/audit.h"
#include "rooms/listing.h"
#include "rooms/moderation.h"
#include "rooms/participation.h"
#include "rooms/presence.h"
#include "rooms/stored_room.h"

#include "base/config.h"
#include "room_fixture.h"

#include <algorithm>

BOOST_FIXTURE_TEST_SUITE(room_tests, RoomFixture)

// ---- one room to host, one seat to sit in ----

BOOST_AUTO_TEST_CASE(a_wallet_sits_in_one_room_only)
{
    const auto room_id = open_room(address(1));
    const auto other_room = open_room(address(2));
    const auto seat = sit(address(3), room_id, 1000);
    for (const auto& asked : {room_id, other_room})
        BOOST_TEST(refusal_of([&] { sit(address(3), asked); }) == "already_in_free_room");
    BOOST_TEST(refusal_of([&] { create(address(3)); }) == "already_in_free_room");
    leave(seat);
    BOOST_TEST(refusal_of([&] { sit(address(3), other_room); }) == "");
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_wallet_hosts_one_room_only)
{
    const auto room_id = open_room(address(1));
    BOOST_TEST(refusal_of([&] { create(address(1)); }) == "already_hosting_free_room");
    BOOST_TEST(close(room_id));
    BOOST_TEST(refusal_of([&] { create(address(1)); }) == "");
    require_clean_audit();
}

// A booked session is no free room: it is in nobody's way here.
BOOST_AUTO_TEST_CASE(hosting_a_booked_room_does_not_keep_from_hosting_a_free_one)
{
    insert_booked_room(address(1));
    BOOST_TEST(refusal_of([&] { open_room(address(1)); }) == "");
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_full_room_has_a_seat_again_when_one_lapses)
{
    const auto room_id = open_room(address(1));
    const auto first = sit(address(1), room_id);
    now += 10;
    for (unsigned number = 2; number <= 6; ++number)
        sit(address(number), room_id, 1000);
    give(address(7), 1000);
    now += 79;
    BOOST_TEST(refusal_of([&] { sit(address(7), room_id); }) == "room_full");
    now += 1; // the first one's token expires
    BOOST_TEST(refusal_of([&] { sit(address(7), room_id); }) == "");
    BOOST_TEST((stored(first).left_at == now));
    give(address(8), 1000);
    BOOST_TEST(refusal_of([&] { sit(address(8), room_id); }) == "room_full");
    require_clean_audit();
}

// ---- how a room ends ----

BOOST_AUTO_TEST_CASE(the_host_leaving_closes_for_everybody_and_meters_everybody)
{
    const auto room_id = open_room(address(1));
    const auto host = sit(address(1), room_id);
    now += 10;
    const auto guest = sit(address(2), room_id, 1000);
    now += 10;
    const auto other = sit(address(3), room_id, 1000);
    now += 10;
    const auto departure = leave(host);
    BOOST_TEST(departure.closed);
    BOOST_TEST(departure.debited_seconds == 30);
    BOOST_TEST((closed_at(room_id) == now));
    BOOST_TEST(consumed(address(1)) == 30);
    BOOST_TEST(consumed(address(2)) == 20);
    BOOST_TEST(consumed(address(3)) == 10);
    for (const auto& seat : {host, guest, other})
        BOOST_TEST((stored(seat).left_at == now));
    for (const auto& seat : {host, guest, other})
        BOOST_TEST(refusal_of([&] { leave(seat); }) == "not_your_connection");
    require_clean_audit();
}

// Who lapsed before the host left was gone since the lapse, not since the leave.
BOOST_AUTO_TEST_CASE(the_host_leaving_settles_the_lapsed_at_their_lapse)
{
    const auto room_id = open_room(address(1));
    const auto host = sit(address(1), room_id);
    const auto lapsed = sit(address(2), room_id, 1000);
    now += 80;
    renew(host);
    const auto present = sit(address(3), room_id, 1000);
    now += 40;
    BOOST_TEST(leave(host).closed);
    BOOST_TEST((stored(lapsed).left_at == lapsed.connection.joined_at + 90));
    BOOST_TEST(consumed(address(2)) == 90);
    BOOST_TEST((stored(present).left_at == now));
    BOOST_TEST(consumed(address(3)) == 40);
    BOOST_TEST((closed_at(room_id) == now));
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_guest_leaving_leaves_the_others_alone)
{
    const auto room_id = open_room(address(1));
    const auto host = sit(address(1), room_id);
    const auto guest = sit(address(2), room_id, 1000);
    now += 20;
    const auto departure = leave(guest);
    BOOST_TEST(!departure.closed);
    BOOST_TEST(departure.debited_seconds == 20);
    BOOST_TEST(departure.remaining_seconds == 980);
    BOOST_TEST(!is_closed(room_id));
    BOOST_TEST(stored(host).debited_seconds == 0); // the host's seconds wait for the host's own metering
    BOOST_TEST(beat(host).remaining_seconds == 9980);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(the_last_one_leaving_closes_even_where_the_host_never_came)
{
    const auto room_id = open_room(address(1));
    const auto guest = sit(address(2), room_id, 1000);
    now += 20;
    BOOST_TEST(leave(guest).closed);
    BOOST_TEST((closed_at(room_id) == now));
    require_clean_audit();
}

// The others have lapsed without anybody noticing: that one was the last all the same.
BOOST_AUTO_TEST_CASE(who_leaves_after_the_others_lapsed_was_the_last)
{
    const auto room_id = open_room(address(1));
    sit(address(1), room_id);
    now += 45;
    const auto guest = sit(address(2), room_id, 1000);
    now += 45;
    BOOST_TEST(leave(guest).closed);
    BOOST_TEST((closed_at(room_id) == now));
    BOOST_TEST(consumed(address(1)) == 90);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(the_host_lapsing_does_not_close_while_others_are_there)
{
    const auto room_id = open_room(address(1));
    const auto host = sit(address(1), room_id);
    now += 1;
    const auto guest = sit(address(2), room_id, 1000);
    now += 89;
    sweep();
    BOOST_TEST((stored(host).left_at == now));
    BOOST_TEST(!is_closed(room_id));
    BOOST_TEST(listed().at(0).participant_count == 1);
    // It is still the host's room: no second one, but a way back, and the right to end it.
    BOOST_TEST(refusal_of([&] { create(address(1)); }) == "already_hosting_free_room");
    const auto host_again = sit(address(1), room_id);
    renew(guest);
    BOOST_TEST(leave(host_again).closed);
    BOOST_TEST((stored(guest).left_at == now));
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_room_that_nobody_joined_closes_after_exactly_300_seconds)
{
    const auto room_id = open_room(address(1));
    const auto created_at = now;
    now += 299;
    sweep();
    BOOST_TEST(!is_closed(room_id));
    BOOST_TEST(refusal_of([&] { create(address(1)); }) == "already_hosting_free_room");
    now += 1;
    sweep();
    BOOST_TEST((closed_at(room_id) == created_at + 300));
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_room_that_nobody_joined_closes_by_whoever_comes_first)
{
    const auto created_at = now;
    const auto swept = open_room(address(1));
    const auto joined_too_late = open_room(address(2));
    const auto created_anew = open_room(address(3));
    const auto closed_by_operator = open_room(address(4));
    now += 5000;
    give(address(5), 1000);
    BOOST_TEST(refusal_of([&] { sit(address(5), joined_too_late); }) == "room_not_found");
    BOOST_TEST(refusal_of([&] { create(address(3)); }) == "");
    BOOST_TEST(!close(closed_by_operator)); // it was closed before
    sweep();
    for (const auto& room_id : {swept, joined_too_late, created_anew, closed_by_operator})
        BOOST_TEST((closed_at(room_id) == created_at + 300));
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(the_first_join_in_the_last_second_keeps_a_room_open)
{
    const auto room_id = open_room(address(1));
    now += 299;
    const auto seat = sit(address(1), room_id);
    now += 1;
    sweep();
    BOOST_TEST(!is_closed(room_id));
    BOOST_TEST(refusal_of([&] { beat(seat); }) == "");
    require_clean_audit();
}

// A phone that slept for two minutes finds its room again.
BOOST_AUTO_TEST_CASE(a_room_in_which_everybody_has_lapsed_stays_open_for_exactly_300_seconds)
{
    for (const bool is_settled_at_once : {true, false}) {
        RoomFixture service;
        const auto room_id = service.open_room(address(1));
        service.sit(address(1), room_id);
        service.now += 10;
        const auto guest = service.sit(address(2), room_id, 1000);
        const auto emptied_at = guest.connection.token_expires_at;
        for (service.now = emptied_at - 1; service.now <= emptied_at + 300; service.now += 1) {
            if (is_settled_at_once)
                service.sweep();
            const bool is_open = service.now < emptied_at + 300;
            const auto seen =
                rooms::view(service.db(), service.config.rules, address(1), room_id, service.now);
            const auto listed = service.listed();
            const auto occupied =
                rooms::occupancy(service.db(), service.config.rules, rooms::Kind::free, service.now);
            BOOST_TEST_CONTEXT(service.now - emptied_at)
            {
                BOOST_TEST(seen.has_value() == is_open);
                BOOST_TEST(listed.size() == is_open);
                BOOST_TEST(occupied.rooms == is_open);
                const auto present = service.now < emptied_at ? 1 : 0;
                BOOST_TEST(occupied.participants == present);
                if (is_open) {
                    BOOST_TEST(listed[0].participant_count == present);
                    BOOST_TEST(seen->participants.size() == static_cast<std::size_t>(present));
                }
                BOOST_TEST(service.is_closed(room_id) == (is_settled_at_once && !is_open));
            }
        }
        service.now += 5000;
        service.sweep();
        BOOST_TEST((service.closed_at(room_id) == emptied_at + 300));
        BOOST_TEST(service.consumed(address(1)) == 90);
        service.require_clean_audit();
    }
}

BOOST_AUTO_TEST_CASE(an_empty_room_is_settled_by_whoever_comes_first)
{
    for (const int too_late : {0, 1, 5000}) {
        RoomFixture service;
        const auto swept = service.open_room(address(1));
        const auto joined_too_late = service.open_room(address(2));
        const auto created_anew = service.open_room(address(3));
        const auto closed_by_operator = service.open_room(address(4));
        unsigned number = 0;
        for (const auto& room_id : {swept, joined_too_late, created_anew, closed_by_operator})
            service.sit(address(++number), room_id);
        const auto emptied_at = service.now + 90;
        service.give(address(5), 1000);
        service.now = emptied_at + 299;
        BOOST_TEST(refusal_of([&] { service.create(address(3)); }) == "already_hosting_free_room");
        service.now = emptied_at + 300 + too_late;
        BOOST_TEST(refusal_of([&] { service.sit(address(5), joined_too_late); }) == "room_not_found");
        BOOST_TEST(refusal_of([&] { service.create(address(3)); }) == "");
        BOOST_TEST(!service.close(closed_by_operator)); // it was closed before
        service.sweep();
        for (const auto& room_id : {swept, joined_too_late, created_anew, closed_by_operator})
            BOOST_TEST((service.closed_at(room_id) == emptied_at + 300));
        service.require_clean_audit();
    }
}

BOOST_AUTO_TEST_CASE(an_empty_room_may_be_joined_and_then_lasts_from_its_next_lapse_on)
{
    const auto room_id = open_room(address(1));
    sit(address(1), room_id);
    give(address(2), 1000);
    for (unsigned times = 0; times < 3; ++times) {
        now += 90 + 299;
        const auto seat = sit(address(times % 2 + 1), room_id); // by the host, and by a guest
        BOOST_TEST(listed().at(0).participant_count == 1);
        now += 1;
        sweep();
        BOOST_TEST(refusal_of([&] { beat(seat); }) == "");
        now -= 1;
    }
    const auto emptied_at = now + 90;
    now = emptied_at + 300;
    sweep();
    BOOST_TEST((closed_at(room_id) == emptied_at + 300));
    require_clean_audit();
}

// Only a lapse leaves a room open.
BOOST_AUTO_TEST_CASE(a_room_that_was_empty_before_closes_at_once_when_its_last_one_leaves)
{
    const auto room_id = open_room(address(1));
    sit(address(1), room_id);
    now += 200;
    sweep();
    const auto guest = sit(address(2), room_id, 1000);
    now += 10;
    BOOST_TEST(leave(guest).closed);
    BOOST_TEST((closed_at(room_id) == now));
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(an_empty_room_is_closed_by_its_host_and_by_an_operator)
{
    for (const bool by_host : {true, false}) {
        RoomFixture service;
        const auto room_id = service.open_room(address(1));
        service.sit(address(1), room_id);
        service.now += 200;
        if (by_host)
            rooms::close_as_host(service.context(), address(1), room_id);
        else
            BOOST_TEST(service.close(room_id));
        BOOST_TEST((service.closed_at(room_id) == service.now));
        BOOST_TEST(refusal_of([&] { service.create(address(1)); }) == "");
        service.require_clean_audit();
    }
}

BOOST_AUTO_TEST_CASE(nobody_has_left_a_room_after_it_was_closed_even_if_the_clock_stepped_back)
{
    for (const bool has_left_before : {true, false}) {
        RoomFixture service;
        const auto room_id = service.open_room(address(1));
        const auto host = service.sit(address(1), room_id);
        const auto guest = service.sit(address(2), room_id, 1000);
        service.now += 60;
        if (has_left_before)
            service.leave(guest);
        else
            service.renew(guest);
        service.now -= 30;
        BOOST_TEST(service.leave(host).closed);
        BOOST_TEST((service.stored(guest).left_at == guest.connection.joined_at + 60));
        BOOST_TEST((service.closed_at(room_id) == guest.connection.joined_at + 60));
        service.require_clean_audit();
    }
}

BOOST_AUTO_TEST_CASE(an_operator_closes_a_room_as_its_host_does)
{
    const auto room_id = open_room(address(1));
    const auto host = sit(address(1), room_id);
    now += 10;
    const auto guest = sit(address(2), room_id, 1000);
    now += 10;
    BOOST_TEST(close(room_id));
    BOOST_TEST(consumed(address(1)) == 20);
    BOOST_TEST(consumed(address(2)) == 10);
    BOOST_TEST((closed_at(room_id) == now));
    BOOST_TEST((stored(guest).left_at == now));
    BOOST_TEST(refusal_of([&] { beat(host); }) == "not_your_connection");
    BOOST_TEST(!close(room_id));
    BOOST_TEST(!close("no such room"));
    BOOST_TEST(!close(insert_booked_room(address(3))));
    BOOST_TEST(query("SELECT count(*) FROM rooms WHERE kind = 'booked' AND closed_at IS NULL") == 1);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(an_operator_may_close_a_room_that_nobody_is_in_yet)
{
    const auto room_id = open_room(address(1));
    now += 10;
    BOOST_TEST(close(room_id));
    BOOST_TEST((closed_at(room_id) == now));
    require_clean_audit();
}

// ---- the listing ----

BOOST_AUTO_TEST_CASE(the_operators_listing_shows_private_rooms_too)
{
    const auto open = open_room(address(1));
    give(address(2), 1000);
    rooms::CreateOptions options;
    options.description.is_private = true;
    const auto hidden = create(address(2), options);
    insert_booked_room(address(3));
    close(open_room(address(4)));
    BOOST_TEST(rooms::occupancy(db(), config.rules, rooms::Kind::free, now).rooms == 2);
    BOOST_TEST_REQUIRE(listed(true).size() == 1);
    BOOST_TEST(listed(true)[0].room.room_id == open);
    BOOST_TEST_REQUIRE(listed(false).size() == 2);
    BOOST_TEST(listed(false)[0].room.room_id == hidden);
    BOOST_TEST(listed(false)[0].description.is_private);
    BOOST_TEST(rooms::list_active(db(), config.rules, false, 1, now).size() == 1);
}

BOOST_AUTO_TEST_CASE(no_more_rooms_are_listed_than_were_asked_for_and_the_occupied_come_first)
{
    for (unsigned host = 1; host <= 4; ++host) {
        const auto room_id = open_room(address(host));
        now += 1;
        if (host <= 2)
            sit(address(host), room_id);
    }
    Texts hosts;
    for (const auto& each : rooms::list_active(db(), config.rules, true, 3, now))
        hosts.push_back(each.room.host_wallet);
    const Texts expected{address(2), address(1), address(4)};
    BOOST_TEST(hosts == expected, boost::test_tools::per_element());
    BOOST_TEST(listed().size() == 4U);
}

BOOST_AUTO_TEST_CASE(the_list_of_all_rooms_ends_as_exactly_as_the_others)
{
    const auto room_id = open_room(address(1));
    insert_booked_room(address(9));
    const auto host = sit(address(1), room_id);
    now += 10;
    const auto guest = sit(address(2), room_id, 1000);
    close(open_room(address(3)));
    const auto list = [&](std::int64_t limit = 10) {
        return rooms::list_all(db(), config.rules, {}, limit, now);
    };
    for (now = host.connection.token_expires_at - 1;
         now <= guest.connection.token_expires_at + config.rules.unjoined_room_ttl_seconds; ++now) {
        const auto page = list();
        BOOST_TEST_CONTEXT(now - guest.connection.token_expires_at)
        {
            const bool is_there =
                now < guest.connection.token_expires_at + config.rules.unjoined_room_ttl_seconds;
            BOOST_TEST_REQUIRE(page.rooms.size() == (is_there ? 1U : 0U));
            BOOST_TEST(!page.next.has_value());
            const std::size_t present = (now < host.connection.token_expires_at ? 1U : 0U) +
                                        (now < guest.connection.token_expires_at ? 1U : 0U);
            if (is_there)
                BOOST_TEST(page.rooms[0].participants.size() == present);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_first_to_join_is_named_first_and_a_draw_goes_by_the_id)
{
    const auto room_id = open_room(address(1));
    Texts expected;
    for (unsigned number = 1; number <= 5; ++number)
        expected.push_back(sit(address(number), room_id, 1000).connection.connection_id);
    leave(sit(address(6), room_id, 1000));
    BOOST_TEST(listed().at(0).participant_count == 5);
    BOOST_TEST(rooms::occupancy(db(), config.rules, rooms::Kind::free, now).participants == 5);
    std::sort(expected.begin(), expected.end());
    const auto last = expected.front();
    plant("UPDATE connections SET joined_at = joined_at + 1, last_metered_at = last_metered_at + 1 "
          "WHERE connection_id = " +
          quoted(last));
    std::rotate(expected.begin(), expected.begin() + 1, expected.end());
    // Whatever else they are ordered by.
    plant("UPDATE connections SET token_expires_at = token_expires_at + agora_uid % 5");
    const auto names = [](const std::vector<rooms::Participant>& participants) {
        Texts ids;
        for (const auto& each : participants)
            ids.push_back(each.connection_id);
        return ids;
    };
    BOOST_TEST(names(rooms::view(db(), config.rules, address(1), room_id, now)->participants) == expected,
               boost::test_tools::per_element());
    BOOST_TEST(names(rooms::list_all(db(), config.rules, {}, 10, now).rooms.at(0).participants) == expected,
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(both_views_say_whose_client_is_there)
{
    const auto room_id = open_room(address(1));
    const auto host = sit(address(1), room_id);
    const auto guest = sit(address(2), room_id, 1000);
    sit(address(3), room_id, 1000); // of whom Agora has said nothing
    for (const auto* seat : {&host, &guest})
        rooms::hear(context(), room_id, {seat->connection.agora_uid, true, 1, 0, now});
    rooms::hear(context(), room_id, {guest.connection.agora_uid, false, 2, 10, now}); // and will be back
    const auto connected = [](const std::vector<rooms::Participant>& participants) {
        std::string wallets;
        for (const auto& each : participants)
            wallets += each.is_connected ? each.wallet : "";
        return wallets;
    };
    BOOST_TEST(connected(rooms::view(db(), config.rules, address(1), room_id, now)->participants) ==
               address(1));
    BOOST_TEST(connected(rooms::list_all(db(), config.rules, {}, 10, now).rooms.at(0).participants) ==
               address(1));
}

// Uids are drawn, and this one hardly ever.
BOOST_AUTO_TEST_CASE(the_smallest_uid_is_seen_everywhere)
{
    const auto room_id = open_room(address(1));
    sit(address(1), room_id);
    plant("UPDATE connections SET agora_uid = 1");
    BOOST_TEST(rooms::view(db(), config.rules, address(1), room_id, now)->participants.size() == 1U);
    BOOST_TEST(rooms::list_all(db(), config.rules, {}, 10, now).rooms.at(0).participants.size() == 1U);
    BOOST_TEST(listed().at(0).participant_count == 1);
    BOOST_TEST(rooms::occupancy(db(), config.rules, rooms::Kind::free, now).participants == 1);
}

// ---- the schema ----

BOOST_AUTO_TEST_CASE(the_schema_refuses_what_rooms_must_not_be)
{
    const auto room_id = open_room(address(1));
    const auto closed = open_room(address(2));
    close(closed);
    sit(address(1), room_id);

    const auto insert = [&](const std::string& kind, const std::string& host, const std::string& capacity) {
        return "INSERT INTO rooms (room_id, kind, host_wallet, visibility, ai_enabled, capacity, created_at, "
               "emptied_at) VALUES (" +
               quoted(random.uuid_v4()) + ", " + quoted(kind) + ", " + quoted(host) + ", 'open', 0, " +
               capacity + ", 100, 100)";
    };
    const auto update = [](const std::string& id, const std::string& change) {
        return "UPDATE rooms SET " + change + " WHERE room_id = " + quoted(id);
    };
    struct Case
    {
        const char* what;
        std::string sql;
        const char* because;
    };
    const Case table[] = {
        {"a second active room of a host", insert("free", address(1), "6"),
         "UNIQUE constraint failed: rooms.host_wallet"},
        {"closing a room with somebody in it", update(room_id, "closed_at = created_at"),
         "somebody is still in the room"},
        {"opening a closed room again", update(closed, "closed_at = NULL"), "the room is closed"},
        {"closing it once more", update(closed, "closed_at = closed_at + 1"), "the room is closed"},
        {"closed before it was created", update(open_room(address(3)), "closed_at = created_at - 1"),
         "CHECK constraint failed: closed_at"},
        {"a third kind", insert("party", address(4), "6"), "CHECK constraint failed: kind"},
        {"room for seven", insert("free", address(4), "7"), "CHECK constraint failed: capacity"},
        {"room for one", insert("free", address(4), "1"), "CHECK constraint failed: capacity"},
        {"a host that is no wallet", insert("free", "alice", "6"),
         "CHECK constraint failed: length(host_wallet)"},
        {"a room that vanishes under somebody", "DELETE FROM rooms WHERE room_id = " + quoted(room_id),
         "FOREIGN KEY constraint failed"},
    };
    for (const auto& refused : table) {
        BOOST_TEST_CONTEXT(refused.what)
        BOOST_CHECK_EXCEPTION(execute(refused.sql), base::Error,
                              [&](const base::Error& error) { return is_because(error, refused.because); });
    }
    BOOST_CHECK_NO_THROW(execute(insert("free", address(4), "6")));
    BOOST_CHECK_NO_THROW(execute(insert("booked", address(1), "2")));
    require_clean_audit();
}

// ---- the audit finds each kind of violation ----

class AuditFixture : public RoomFixture
{
  public:
    AuditFixture()
    {
        room_id = open_room(address(1));
        host = sit(address(1), room_id);
        guest = sit(address(2), room_id, 1000);
        now += 30;
        renew(host);
        renew(guest);
    }

    const std::string& id_of(const rooms::Seat& seat) const { return seat.connection.connection_id; }

    // What the audit says now that it did not say before.
    void check_only(const std::string& violation)
    {
        const Texts expected{violation};
        BOOST_TEST(rooms::audit(db()) == expected, boost::test_tools::per_element());
    }

    void change(const rooms::Seat& seat, const std::string& what)
    {
        plant("UPDATE connections SET " + what + " WHERE connection_id = " + quoted(id_of(seat)));
    }

    // A debit as the ledger books it.
    void debit(const std::string& wallet, std::int64_t seconds, const std::string& connection_id)
    {
        database::Transaction tx(db());
        credits::debit(db(), wallet, credits::account(db(), wallet).remaining_seconds, seconds, connection_id,
                       now);
        tx.commit();
    }

    std::string room_id;
    rooms::Seat host;
    rooms::Seat guest;
};

BOOST_FIXTURE_TEST_CASE(the_audit_is_silent_about_a_healthy_database, AuditFixture)
{
    require_clean_audit();
    now += 3600; // lapsed, and nobody has noticed yet
    require_clean_audit();
    open_room(address(3));
    insert_booked_room(address(1));
    now += 3600;
    require_clean_audit();
    sweep();
    require_clean_audit();
}

// A wallet may be in a booked session besides, and a session may be closed while somebody is still there.
BOOST_FIXTURE_TEST_CASE(the_audit_lets_booked_rooms_be, AuditFixture)
{
    const auto insert = [&](const std::string& booked_room, const std::string& left_at) {
        plant("INSERT INTO connections (connection_id, room_id, kind, wallet, agora_uid, joined_at, "
              "last_metered_at, token_expires_at, left_at) VALUES (" +
              quoted(random.uuid_v4()) + ", " + quoted(booked_room) + ", 'booked', " + quoted(address(2)) +
              ", 7, 100, 100, 190, " + left_at + ")");
    };
    insert(insert_booked_room(address(9)), "NULL");
    const auto over = insert_booked_room(address(9));
    insert(over, "180");
    BOOST_TEST(rooms::audit(db()).empty());
    execute("UPDATE rooms SET closed_at = 170, created_at = 100 WHERE room_id = " + quoted(over));
    BOOST_TEST(rooms::audit(db()).empty());
}

BOOST_FIXTURE_TEST_CASE(the_audit_finds_a_debit_that_the_ledger_does_not_know, AuditFixture)
{
    change(host, "debited_seconds = 29");
    check_only("debited_seconds is not the sum of the ledger's debits for connection " + id_of(host));
}

BOOST_FIXTURE_TEST_CASE(the_audit_finds_a_debit_that_only_the_ledger_knows, AuditFixture)
{
    debit(address(2), 1, id_of(guest));
    check_only("debited_seconds is not the sum of the ledger's debits for connection " + id_of(guest));
}

BOOST_FIXTURE_TEST_CASE(the_audit_finds_a_debit_for_no_connection, AuditFixture)
{
    debit(address(2), 5, "no such connection");
    check_only("the ledger debits a wallet for a connection that is not its own: no such connection");
}

BOOST_FIXTURE_TEST_CASE(the_audit_finds_a_debit_for_anothers_connection, AuditFixture)
{
    debit(address(2), 5, id_of(host));
    const Texts expected{"debited_seconds is not the sum of the ledger's debits for connection " +
                             id_of(host),
                         "the ledger debits a wallet for a connection that is not its own: " + id_of(host)};
    BOOST_TEST(rooms::audit(db()) == expected, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(the_audit_finds_more_debited_than_was_metered, AuditFixture)
{
    debit(address(2), 1, id_of(guest));
    change(guest, "debited_seconds = 31");
    check_only("more seconds are debited than were spent in the room by connection " + id_of(guest));
}

BOOST_FIXTURE_TEST_CASE(the_audit_finds_more_debited_than_the_stay_lasted, AuditFixture)
{
    // The mark hides it; the time of leaving tells.
    debit(address(2), 1, id_of(guest));
    change(guest, "debited_seconds = 31, last_metered_at = joined_at + 31, left_at = joined_at + 30");
    const Texts expected{"more seconds are debited than were spent in the room by connection " + id_of(guest),
                         "joined, metered, left and expired are out of order for connection " + id_of(guest)};
    BOOST_TEST(rooms::audit(db()) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_audit_finds_instants_out_of_order)
{
    for (const auto* disorder :
         {"last_metered_at = token_expires_at + 1", "token_expires_at = last_metered_at - 1",
          "joined_at = last_metered_at + 1, debited_seconds = debited_seconds",
          "left_at = token_expires_at + 1", "left_at = last_metered_at - 1"}) {
        AuditFixture service;
        service.change(service.guest, disorder);
        const auto violations = rooms::audit(service.db());
        const auto expected = "joined, metered, left and expired are out of order for connection " +
                              service.id_of(service.guest);
        BOOST_TEST_CONTEXT(disorder)
        BOOST_TEST((std::find(violations.begin(), violations.end(), expected) != violations.end()));
    }
}

BOOST_FIXTURE_TEST_CASE(the_audit_finds_a_wallet_with_two_seats, AuditFixture)
{
    const auto other_room = open_room(address(3));
    sit(address(3), other_room);
    lift_rules();
    execute("INSERT INTO connections (connection_id, room_id, kind, wallet, agora_uid, joined_at, "
            "last_metered_at, token_expires_at) VALUES (" +
            quoted(random.uuid_v4()) + ", " + quoted(other_room) + ", 'free', " + quoted(address(2)) +
            ", 7, 100, 100, 190)");
    check_only("more than one open free connection has wallet " + address(2));
}

BOOST_FIXTURE_TEST_CASE(the_audit_finds_a_host_with_two_rooms, AuditFixture)
{
    lift_rules();
    execute("INSERT INTO rooms (room_id, kind, host_wallet, visibility, ai_enabled, capacity, created_at, "
            "emptied_at) VALUES (" +
            quoted(random.uuid_v4()) + ", 'free', " + quoted(address(1)) + ", 'open', 0, 6, 100, 100)");
    check_only("more than one active free room has host " + address(1));
}

BOOST_FIXTURE_TEST_CASE(the_audit_finds_an_overcrowded_room, AuditFixture)
{
    sit(address(3), room_id, 1000);
    require_clean_audit();
    execute("UPDATE rooms SET capacity = 2");
    check_only("more participants than its capacity has room " + room_id);
}

BOOST_AUTO_TEST_CASE(the_audit_finds_uids_that_are_wrong)
{
    for (const auto* uid : {"0", "-1", "4294967295"}) {
        AuditFixture service;
        service.change(service.guest, std::string("agora_uid = ") + uid);
        BOOST_TEST_CONTEXT(uid)
        service.check_only("uids are zero or not distinct in room " + service.room_id);
    }
    AuditFixture service;
    service.change(service.guest, "agora_uid = 1");
    service.change(service.host, "agora_uid = 4294967294");
    BOOST_TEST(rooms::audit(service.db()).empty());
    service.execute("UPDATE connections SET agora_uid = 7");
    service.check_only("uids are zero or not distinct in room " + service.room_id);
}

BOOST_FIXTURE_TEST_CASE(the_audit_finds_somebody_in_a_closed_room, AuditFixture)
{
    leave(guest);
    lift_rules();
    execute("UPDATE rooms SET closed_at = created_at + 40");
    check_only("the room is closed but somebody is in it with connection " + id_of(host));
}

BOOST_FIXTURE_TEST_CASE(the_audit_finds_a_connection_in_a_room_of_another_kind, AuditFixture)
{
    change(guest, "kind = 'booked'");
    check_only("no room of its kind belongs to connection " + id_of(guest));
}

BOOST_FIXTURE_TEST_CASE(the_audit_finds_a_connection_in_no_room, AuditFixture)
{
    leave(guest);
    const auto elsewhere = open_room(address(3));
    const auto orphan = sit(address(4), elsewhere, 1000);
    lift_rules();
    execute("DELETE FROM rooms WHERE room_id = " + quoted(elsewhere));
    check_only("no room of its kind belongs to connection " + id_of(orphan));
}

BOOST_FIXTURE_TEST_CASE(the_audit_finds_a_room_that_outlives_its_last_participant, AuditFixture)
{
    execute("UPDATE connections SET left_at = last_metered_at; UPDATE rooms SET emptied_at = 1");
    sit(address(3), open_room(address(3)));
    check_only("everybody has left but it is not closed: room " + room_id);
}

BOOST_FIXTURE_TEST_CASE(the_audit_finds_a_room_that_is_taken_for_empty_or_for_none, AuditFixture)
{
    for (const auto* emptied_at : {"created_at", "NULL"}) {
        execute(std::string("UPDATE rooms SET emptied_at = ") + emptied_at);
        emptied_at == std::string("NULL")
            ? require_clean_audit()
            : check_only("whether somebody is in it is wrongly noted of room " + room_id);
    }
    open_room(address(3));
    execute("UPDATE rooms SET emptied_at = NULL");
    check_only("whether somebody is in it is wrongly noted of room " + hosted_room(address(3)));
}

BOOST_FIXTURE_TEST_CASE(the_audit_finds_an_empty_room_that_no_lapse_left_open, AuditFixture)
{
    now += 200;
    sweep();
    require_clean_audit();
    execute("UPDATE rooms SET emptied_at = emptied_at + 1");
    check_only("everybody has left but it is not closed: room " + room_id);
}

BOOST_FIXTURE_TEST_CASE(the_audit_finds_a_room_that_somebody_left_after_its_closing, AuditFixture)
{
    leave(guest);
    now += 10;
    leave(host);
    {
        database::Transaction tx(db());
        credits::adjust(db(), address(1), 1, "left_early", now); // is no stay's
        tx.commit();
    }
    lift_rules();
    execute("UPDATE rooms SET closed_at = closed_at - 1");
    check_only("somebody left after it was closed: room " + room_id);
}

BOOST_AUTO_TEST_SUITE_END()
