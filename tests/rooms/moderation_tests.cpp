// What a host and an operator can do to a room of lib/rooms/room.h, and what one may see of it.
#include "base/config.h"
#include "room_fixture.h"
#include "rooms/stored_room.h"

#include <algorithm>

class ModerationFixture : public RoomFixture
{
  public:
    rooms::Removal remove_as(const std::string& by, const std::string& room_id,
                             const std::string& connection_id)
    {
        return rooms::remove_as_host(context(), by, room_id, connection_id);
    }
    rooms::Removal remove_as(const std::string& by, const rooms::Seat& seat)
    {
        return remove_as(by, seat.room.room_id, seat.connection.connection_id);
    }
    void close_as(const std::string& by, const std::string& room_id)
    {
        rooms::close_as_host(context(), by, room_id);
    }
    rooms::Expulsion expel(const std::string& wallet)
    {
        database::Transaction tx(db());
        const auto result = rooms::expel(context(), wallet);
        tx.commit();
        return result;
    }
    // The wallets that are seen in the room, in their order; nothing if it cannot be seen.
    std::optional<Texts> seen(const std::string& room_id, const std::string& by)
    {
        const auto view = rooms::view(db(), config.rules, by, room_id, now);
        if (!view)
            return std::nullopt;
        Texts wallets;
        for (const auto& participant : view->participants)
            wallets.push_back(participant.wallet);
        return wallets;
    }

    const std::string host = address(1);
    const std::string guest = address(2);
    const std::string other = address(3);
};

BOOST_FIXTURE_TEST_SUITE(moderation_tests, ModerationFixture)

// ---- removing ----

BOOST_AUTO_TEST_CASE(a_removed_participant_is_charged_and_gone_and_the_others_stay)
{
    const auto room_id = open_room(host);
    const auto hosts = sit(host, room_id);
    const auto guests = sit(guest, room_id, 1000);
    now += 20;
    const auto removal = remove_as(host, guests);
    BOOST_TEST(removal.debited_seconds == 20);
    BOOST_TEST(!removal.closed);
    BOOST_TEST(remaining(guest) == 980);
    BOOST_TEST((stored(guests).left_at == now));
    BOOST_TEST(refusal_of([&] { beat(guests); }) == "not_your_connection");
    BOOST_TEST(refusal_of([&] { renew(guests); }) == "not_your_connection");
    BOOST_TEST(refusal_of([&] { leave(guests); }) == "not_your_connection");
    BOOST_TEST(refusal_of([&] { beat(hosts); }) == "");
    now += 20;
    BOOST_TEST(remaining(guest) == 980); // and pays no more
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_host_that_removes_themself_closes_the_room_for_everybody)
{
    const auto room_id = open_room(host);
    const auto hosts = sit(host, room_id);
    const auto guests = sit(guest, room_id, 1000);
    now += 7;
    const auto removal = remove_as(host, hosts);
    BOOST_TEST(removal.closed);
    BOOST_TEST(removal.debited_seconds == 7);
    BOOST_TEST(is_closed(room_id));
    BOOST_TEST((stored(guests).left_at == now));
    BOOST_TEST(remaining(guest) == 993);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(removing_the_last_one_closes_the_room)
{
    const auto room_id = open_room(host);
    const auto guests = sit(guest, room_id, 1000);
    now += 7;
    BOOST_TEST(remove_as(host, guests).closed);
    BOOST_TEST(is_closed(room_id));
    require_clean_audit();
}

// One that lapsed without anybody noticing does not keep the room open.
BOOST_AUTO_TEST_CASE(the_last_one_present_is_the_last_one)
{
    const auto room_id = open_room(host);
    const auto lapsing = sit(other, room_id, 1000);
    now += 50;
    const auto guests = sit(guest, room_id, 1000);
    now += 40;
    BOOST_TEST(remove_as(host, guests).closed);
    BOOST_TEST(stored(lapsing).left_at.value() == now);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(removing_is_refused_in_the_order_of_the_contract_and_changes_nothing)
{
    const auto room_id = open_room(host);
    const auto guests = sit(guest, room_id, 1000);
    const auto elsewhere = open_room(other);
    const auto others = sit(other, elsewhere);
    const auto booked = insert_booked_room(host);
    const auto unknown = random.uuid_v4();
    const auto id = guests.connection.connection_id;
    now += 10;
    const auto changes_before = db().rows_written();
    BOOST_TEST(refusal_of([&] { remove_as(host, unknown, id); }) == "room_not_found");
    BOOST_TEST(refusal_of([&] { remove_as(host, booked, id); }) == "room_not_found");
    BOOST_TEST(refusal_of([&] { remove_as(guest, room_id, unknown); }) == "not_host");
    BOOST_TEST(refusal_of([&] { remove_as(other, room_id, id); }) == "not_host");
    BOOST_TEST(refusal_of([&] { remove_as(host, room_id, unknown); }) == "participant_not_found");
    BOOST_TEST(refusal_of([&] { remove_as(host, room_id, others.connection.connection_id); }) ==
               "participant_not_found");
    BOOST_TEST(refusal_of([&] { remove_as(host, elsewhere, others.connection.connection_id); }) ==
               "not_host");
    BOOST_TEST(db().rows_written() == changes_before);

    BOOST_TEST(refusal_of([&] { remove_as(host, guests); }) == "");
    BOOST_TEST(refusal_of([&] { remove_as(host, guests); }) ==
               "room_not_found"); // it closed with the last one
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(who_left_or_lapsed_cannot_be_removed_any_more)
{
    const auto room_id = open_room(host);
    const auto lapsing = sit(other, room_id, 1000);
    now += 50;
    sit(host, room_id);
    const auto left = sit(guest, room_id, 1000);
    leave(left);
    BOOST_TEST(refusal_of([&] { remove_as(host, left); }) == "participant_not_found");
    now += 40;
    BOOST_TEST(refusal_of([&] { remove_as(host, lapsing); }) == "participant_not_found");
    BOOST_TEST(stored(lapsing).left_at.value() == now); // and that is written down now
    BOOST_TEST(remaining(other) == 910);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(an_operator_removes_from_any_free_room)
{
    const auto room_id = open_room(host);
    const auto hosts = sit(host, room_id);
    const auto guests = sit(guest, room_id, 1000);
    now += 5;
    const auto remove = [&](const std::string& id) { return rooms::remove(context(), id); };
    const auto removal = remove(guests.connection.connection_id);
    BOOST_TEST(removal.debited_seconds == 5);
    BOOST_TEST(!removal.closed);
    BOOST_TEST(refusal_of([&] { remove(guests.connection.connection_id); }) == "participant_not_found");
    BOOST_TEST(refusal_of([&] { remove(random.uuid_v4()); }) == "participant_not_found");
    BOOST_TEST(remove(hosts.connection.connection_id).closed);
    BOOST_TEST(refusal_of([&] { remove(hosts.connection.connection_id); }) == "participant_not_found");
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_clock_that_steps_back_removes_without_a_refund)
{
    const auto room_id = open_room(host);
    sit(host, room_id);
    const auto guests = sit(guest, room_id, 1000);
    now += 30;
    renew(guests);
    now -= 3600;
    BOOST_TEST(remove_as(host, guests).debited_seconds == 30);
    BOOST_TEST(remaining(guest) == 970);
    require_clean_audit();
}

// ---- closing ----

BOOST_AUTO_TEST_CASE(only_the_host_closes_a_room_and_everybody_pays)
{
    const auto room_id = open_room(host);
    const auto guests = sit(guest, room_id, 1000);
    now += 12;
    const auto changes_before = db().rows_written();
    BOOST_TEST(refusal_of([&] { close_as(guest, room_id); }) == "not_host");
    BOOST_TEST(refusal_of([&] { close_as(host, random.uuid_v4()); }) == "room_not_found");
    BOOST_TEST(refusal_of([&] { close_as(host, insert_booked_room(host)); }) == "room_not_found");
    const int written =
        engine::is_postgresql() ? 1 : 2; // the booked room; SQLite writes its number by itself
    BOOST_TEST(db().rows_written() == changes_before + written);
    BOOST_TEST(refusal_of([&] { close_as(host, room_id); }) == "");
    BOOST_TEST((closed_at(room_id) == now));
    BOOST_TEST((stored(guests).left_at == now));
    BOOST_TEST(remaining(guest) == 988);
    BOOST_TEST(refusal_of([&] { close_as(host, room_id); }) == "room_not_found");
    BOOST_TEST(refusal_of([&] { close_as(guest, room_id); }) == "room_not_found");
    BOOST_TEST(refusal_of([&] { create(host); }) == "");
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_room_that_everybody_lapsed_from_long_ago_is_closed_already)
{
    const auto room_id = open_room(host);
    sit(guest, room_id, 1000);
    now += 90 + 300;
    BOOST_TEST(refusal_of([&] { close_as(host, room_id); }) == "room_not_found");
    BOOST_TEST((closed_at(room_id) == now));
    BOOST_TEST(remaining(guest) == 910);
    require_clean_audit();
}

// ---- expelling ----

BOOST_AUTO_TEST_CASE(who_is_expelled_leaves_and_the_room_that_they_host_closes)
{
    const auto own_room = open_room(host);
    const auto guests = sit(guest, own_room, 1000);
    const auto elsewhere = open_room(other);
    sit(other, elsewhere);
    const auto seat = sit(host, elsewhere);
    now += 15;
    const auto expulsion = expel(host);
    BOOST_TEST(expulsion.left_room_id.value() == elsewhere);
    BOOST_TEST(expulsion.closed_room_id.value() == own_room);
    BOOST_TEST((stored(seat).left_at == now));
    BOOST_TEST((stored(guests).left_at == now));
    BOOST_TEST(stored(seat).debited_seconds == 15);
    BOOST_TEST(remaining(guest) == 985);
    BOOST_TEST(is_closed(own_room));
    BOOST_TEST(!is_closed(elsewhere));
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(who_is_expelled_from_the_own_room_closes_it)
{
    const auto room_id = open_room(host);
    sit(host, room_id);
    sit(guest, room_id, 1000);
    const auto expulsion = expel(host);
    BOOST_TEST(expulsion.left_room_id.value() == room_id);
    BOOST_TEST(expulsion.closed_room_id.value() == room_id);
    BOOST_TEST(is_closed(room_id));
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(the_last_one_to_be_expelled_closes_the_room_of_another)
{
    const auto room_id = open_room(host);
    sit(other, room_id, 1000); // lapses unnoticed
    now += 30;
    sit(guest, room_id, 1000);
    now += 60;
    const auto expulsion = expel(guest);
    BOOST_TEST(expulsion.left_room_id.value() == room_id);
    BOOST_TEST(!expulsion.closed_room_id.has_value());
    BOOST_TEST(is_closed(room_id));
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(who_has_nothing_open_is_expelled_from_nothing)
{
    const auto room_id = open_room(host);
    sit(guest, room_id, 1000);
    now += 90; // lapsed: gone before
    const auto expulsion = expel(guest);
    BOOST_TEST(!expulsion.left_room_id.has_value());
    BOOST_TEST(!expulsion.closed_room_id.has_value());
    BOOST_TEST(remaining(guest) == 910);
    BOOST_TEST(!expel(address(9)).left_room_id.has_value());
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_booked_session_goes_on)
{
    const auto booked = insert_booked_room(host);
    BOOST_TEST(!expel(host).closed_room_id.has_value());
    BOOST_TEST(!is_closed(booked));
}

// ---- looking ----

BOOST_AUTO_TEST_CASE(a_room_shows_those_who_are_present_in_the_order_of_their_coming)
{
    const auto room_id = open_room(host);
    BOOST_TEST((seen(room_id, other) == Texts{}));
    const auto guests = sit(guest, room_id, 1000);
    now += 40;
    sit(host, room_id);
    BOOST_TEST((seen(room_id, other) == Texts{guest, host}));
    const auto changes_before = db().rows_written();
    now += 50; // the guest lapses, and nobody writes it down
    BOOST_TEST((seen(room_id, other) == Texts{host}));
    now += 40;
    BOOST_TEST((seen(room_id, other) == Texts{})); // everybody is gone, and may come back
    now += 300;
    BOOST_TEST(!seen(room_id, other).has_value());
    BOOST_TEST(!seen(room_id, host).has_value());
    BOOST_TEST(db().rows_written() == changes_before);
    BOOST_TEST(!stored(guests).left_at.has_value());
}

BOOST_AUTO_TEST_CASE(a_room_that_nobody_joined_is_seen_until_it_is_given_up)
{
    const auto room_id = open_room(host);
    now += 299;
    BOOST_TEST((seen(room_id, other) == Texts{}));
    now += 1;
    BOOST_TEST(!seen(room_id, other).has_value());
}

BOOST_AUTO_TEST_CASE(a_private_room_is_seen_by_its_host_and_from_inside)
{
    give(host, 1000);
    rooms::CreateOptions options;
    options.description.is_private = true;
    const auto room_id = create(host, options);
    BOOST_TEST((seen(room_id, host) == Texts{}));
    BOOST_TEST(!seen(room_id, guest).has_value());
    sit(guest, room_id, 1000);
    now += 10;
    sit(host, room_id);
    BOOST_TEST((seen(room_id, guest) == Texts{guest, host}));
    BOOST_TEST((seen(room_id, host) == Texts{guest, host}));
    BOOST_TEST(!seen(room_id, other).has_value());
    now += 80; // the guest is no longer in
    BOOST_TEST(!seen(room_id, guest).has_value());
    BOOST_TEST((seen(room_id, host) == Texts{host}));
}

BOOST_AUTO_TEST_CASE(a_closed_a_booked_and_an_unknown_room_are_not_seen)
{
    const auto room_id = open_room(host);
    close(room_id);
    const auto booked = insert_booked_room(host);
    for (const auto& id : {room_id, booked, random.uuid_v4(), std::string("x"), std::string()})
        BOOST_TEST(!seen(id, host).has_value());
}

// ---- title and capacity ----

BOOST_AUTO_TEST_CASE(a_room_has_the_title_and_the_capacity_that_were_asked_for)
{
    give(host, 1000);
    rooms::CreateOptions options;
    options.description.title = "caf\xc3\xa9";
    options.capacity = 2;
    options.description.ai_enabled = true;
    const auto room_id = create(host, options);
    const auto found = *rooms::find_room(db(), room_id);
    BOOST_TEST(found.description.title.value_or("") == "caf\xc3\xa9");
    BOOST_TEST(found.stored.room.capacity == 2);
    BOOST_TEST(found.description.ai_enabled);
    BOOST_TEST((listed().at(0).description.title == found.description.title));
    BOOST_TEST(listed().at(0).room.capacity == 2);
    sit(host, room_id);
    sit(guest, room_id, 1000);
    give(other, 1000);
    BOOST_TEST(refusal_of([&] { sit(other, room_id); }) == "room_full");
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(without_a_capacity_a_room_has_the_settings)
{
    config.rules.free_room_capacity = 3;
    const auto room_id = open_room(host);
    BOOST_TEST(rooms::find_room(db(), room_id)->stored.room.capacity == 3);
    BOOST_TEST(query("SELECT title IS NULL FROM rooms") == 1);
}

// ---- the whole history, for operators ----

BOOST_AUTO_TEST_CASE(everybody_who_ever_was_in_a_room_is_found)
{
    const auto room_id = open_room(host);
    sit(host, room_id);
    now += 1;
    leave(sit(guest, room_id, 1000));
    now += 1;
    leave(sit(guest, room_id));
    now += 1;
    close(room_id);
    const auto stays = rooms::find_all_connections(db(), room_id);
    BOOST_TEST_REQUIRE(stays.size() == 3u);
    BOOST_TEST(stays[0].wallet == host);
    BOOST_TEST(stays[1].wallet == guest);
    BOOST_TEST(stays[2].joined_at == now - 1);
    BOOST_TEST(rooms::find_room(db(), room_id)->stored.closed_at.value() == now);
    BOOST_TEST(!rooms::find_room(db(), room_id)->stored.is_active_free());
    BOOST_TEST(rooms::find_all_connections(db(), random.uuid_v4()).empty());
}

BOOST_AUTO_TEST_SUITE_END()
