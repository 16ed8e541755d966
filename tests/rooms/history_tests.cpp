#include "rooms/history.h"
#include "rooms/pruning.h"

#include "credits/ledger.h"
#include "rooms/room_fixture.h"

namespace {

struct HistoryFixture : RoomFixture
{
    const std::string alice = address(1);
    const std::string bob = address(2);

    std::int64_t rows(const std::string& table) { return query("SELECT count(*) FROM " + table); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(history_tests, HistoryFixture)

BOOST_AUTO_TEST_CASE(stays_and_hosted_rooms_are_listed_the_newest_first)
{
    const auto room = open_room(alice);
    const auto first = sit(bob, room, 1000);
    now += 30;
    leave(first); // empties and closes it
    now += 10;
    const auto second_room = create(alice);
    const auto host = sit(alice, second_room);
    const auto second = sit(bob, second_room);

    const auto stays = rooms::list_stays(db(), bob, 10);
    BOOST_REQUIRE(stays.size() == 2u);
    BOOST_TEST(stays[0].connection.connection_id == second.connection.connection_id);
    BOOST_TEST(stays[1].connection.debited_seconds == 30);
    BOOST_TEST(stays[1].host_wallet == alice);
    BOOST_TEST(rooms::list_stays(db(), bob, 1).size() == 1u);
    BOOST_TEST(rooms::list_stays(db(), address(3), 10).empty());

    const auto hosted = rooms::list_hosted_rooms(db(), alice, 10);
    BOOST_REQUIRE(hosted.size() == 2u);
    BOOST_TEST(hosted[0].room_id == second_room);
    BOOST_TEST(hosted[0].stays == 2);
    BOOST_TEST(!hosted[0].closed_at.has_value());
    BOOST_TEST(hosted[1].closed_at.value() == now - 10);
    BOOST_TEST(rooms::list_hosted_rooms(db(), alice, 1).size() == 1u);
    BOOST_TEST(rooms::list_hosted_rooms(db(), bob, 10).empty());

    BOOST_TEST(rooms::find_stay(db(), host.connection.connection_id)->host_wallet == alice);
    BOOST_TEST(!rooms::find_stay(db(), "none").has_value());
}

BOOST_AUTO_TEST_CASE(only_old_rooms_in_which_nobody_was_charged_are_pruned)
{
    const auto charged_room = open_room(alice);
    const auto charged = sit(alice, charged_room);
    const auto free_guest = sit(bob, charged_room, 1000);
    leave(free_guest); // not a second
    now += 30;
    leave(charged);
    const auto for_nothing = sit(bob, open_room(bob));
    leave(for_nothing);
    const auto unjoined = open_room(address(3));
    close(unjoined);
    const auto closed_at = now;
    now += 100;
    const auto young = open_room(address(4));
    close(young);
    const auto active = open_room(address(5));
    insert_booked_room(alice);
    execute("UPDATE rooms SET closed_at = created_at WHERE kind = 'booked'");

    BOOST_TEST(rooms::prune(db(), closed_at).rooms == 0);
    const auto rehearsed = rooms::prune(db(), closed_at + 1, true);
    BOOST_TEST(rehearsed.rooms == 2);
    BOOST_TEST(rehearsed.connections == 1);
    BOOST_TEST(rows("rooms") == 6);
    const auto pruned = rooms::prune(db(), closed_at + 1);
    BOOST_TEST(pruned.rooms == 2);
    BOOST_TEST(pruned.connections == 1);
    BOOST_TEST(rows("rooms") == 4);
    BOOST_TEST(rows("connections") == 2); // who was charged, and who was there with them
    BOOST_TEST(!rooms::find_stay(db(), for_nothing.connection.connection_id).has_value());
    BOOST_TEST(is_closed(charged_room));
    BOOST_TEST(is_closed(young));
    BOOST_TEST(!is_closed(active));
    BOOST_TEST(rooms::prune(db(), closed_at + 1).rooms == 0);
    require_clean_audit();
}

// Attestations rest on them.
BOOST_AUTO_TEST_CASE(a_booked_room_is_never_pruned)
{
    insert_booked_room(alice);
    execute("UPDATE rooms SET closed_at = created_at");
    now += 86400;
    BOOST_TEST(rooms::prune(db(), now).rooms == 0);
    BOOST_TEST(rows("rooms") == 1);
}

BOOST_AUTO_TEST_CASE(a_stay_that_was_charged_one_second_is_kept)
{
    const auto seat = sit(alice, open_room(alice));
    now += 1;
    leave(seat);
    BOOST_TEST(consumed(alice) == 1);
    now += 86400;
    BOOST_TEST(rooms::prune(db(), now).rooms == 0);
    BOOST_TEST(rooms::find_stay(db(), seat.connection.connection_id).has_value());
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(more_rooms_than_fit_into_a_transaction_are_pruned_as_well)
{
    for (unsigned i = 1; i <= 450; ++i)
        close(open_room(cheap_address(i), 100));
    BOOST_TEST(rooms::prune(db(), now + 1, true).rooms == 450);
    BOOST_TEST(rooms::prune(db(), now + 1).rooms == 450);
    BOOST_TEST(rows("rooms") == 0);
}

BOOST_AUTO_TEST_SUITE_END()
