#include "room_fixture.h"
#include "rooms/presence.h"

#include <algorithm>

namespace {

const auto host_wallet = RoomFixture::cheap_address(1);
const auto guest_wallet = RoomFixture::cheap_address(2);

struct PresenceFixture : RoomFixture
{
    void hear(const rooms::Seat& seat, bool is_arrival, std::int64_t seq, base::UnixSeconds at,
              std::int64_t reason = 1)
    {
        rooms::hear(context(), seat.room.room_id, {seat.connection.agora_uid, is_arrival, seq, reason, at});
    }
    bool is_connected(const rooms::Seat& seat)
    {
        const auto presence = rooms::find_presence(db(), seat.connection.connection_id);
        return presence && presence->is_connected();
    }

    const std::string room_id = open_room(host_wallet);
    const rooms::Seat host = sit(host_wallet, room_id);
    const rooms::Seat guest = sit(guest_wallet, room_id, 1000);
    const base::UnixSeconds begun = now;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(presence_tests, PresenceFixture)

BOOST_AUTO_TEST_CASE(a_client_that_has_gone_is_charged_to_that_instant)
{
    for (const std::int64_t reason : {0, 1, 2, 3, 999}) {
        PresenceFixture other;
        other.now += 60;
        other.hear(other.guest, false, 2, other.begun + 20, reason);
        BOOST_TEST((other.stored(other.guest).left_at == other.begun + 20), reason);
        BOOST_TEST(other.consumed(guest_wallet) == 20);
        BOOST_TEST(!other.is_closed(other.room_id));
        other.require_clean_audit();
    }
}

BOOST_AUTO_TEST_CASE(one_that_comes_back_by_itself_stays)
{
    for (const std::int64_t reason : {4, 5, 9, 10}) {
        PresenceFixture other;
        other.now += 60;
        other.hear(other.guest, true, 1, other.begun + 1);
        BOOST_TEST(other.is_connected(other.guest));
        other.hear(other.guest, false, 2, other.begun + 20, reason);
        BOOST_TEST((!other.stored(other.guest).left_at.has_value()), reason);
        BOOST_TEST(!other.is_connected(other.guest));
        other.hear(other.guest, true, 3, other.begun + 30);
        BOOST_TEST(other.is_connected(other.guest));
    }
}

// All orders of: came, fell out, came again, went.
BOOST_AUTO_TEST_CASE(in_any_order_and_twice_it_ends_the_same)
{
    struct Said
    {
        bool is_arrival;
        std::int64_t seq;
        base::UnixSeconds off;
        std::int64_t reason;
    };
    const std::vector<Said> said = {{true, 1, 2, 0}, {false, 2, 10, 10}, {true, 3, 15, 0}, {false, 4, 40, 1}};
    std::vector<std::size_t> order = {0, 1, 2, 3};
    int orders = 0;
    do {
        PresenceFixture other;
        other.now += 50;
        for (const auto index : order) {
            const auto& each = said[index];
            for (int twice = 0; twice < 2; ++twice)
                other.hear(other.guest, each.is_arrival, each.seq, other.begun + each.off, each.reason);
        }
        BOOST_TEST((other.stored(other.guest).left_at == other.begun + 40));
        BOOST_TEST(other.consumed(guest_wallet) == 40);
        const auto presence = rooms::find_presence(other.db(), other.guest.connection.connection_id);
        BOOST_TEST_REQUIRE(presence.has_value());
        BOOST_TEST((presence->first_heard_at == other.begun + 2));
        BOOST_TEST(presence->client_seq == 4);
        ++orders;
    } while (std::next_permutation(order.begin(), order.end()));
    BOOST_TEST(orders == 24);
}

BOOST_AUTO_TEST_CASE(a_going_that_an_arrival_has_overtaken_ends_nothing)
{
    now += 60;
    hear(guest, true, 5, begun + 30);
    hear(guest, false, 4, begun + 20);
    hear(guest, false, 5, begun + 31); // the same number cannot say two things
    BOOST_TEST(!stored(guest).left_at.has_value());
    BOOST_TEST(is_connected(guest));
}

BOOST_AUTO_TEST_CASE(what_is_not_ours_changes_nothing)
{
    hear(guest, true, 1, begun); // the very second in which it joined
    BOOST_TEST(is_connected(guest));
    const auto before = stored(guest);
    const auto rows = db().rows_written();
    rooms::hear(context(), random.uuid_v4(), {guest.connection.agora_uid, false, 2, 1, begun});
    rooms::hear(context(), room_id, {777, false, 2, 1, begun});
    hear(guest, false, 9, begun - 1); // from before it joined
    BOOST_TEST(db().rows_written() == rows);
    BOOST_TEST((stored(guest) == before));
}

BOOST_AUTO_TEST_CASE(it_ends_at_most_now_and_at_least_at_the_mark)
{
    now += 40;
    renew(guest);
    hear(guest, false, 2, begun + 10); // late, and 40 s are paid
    BOOST_TEST((stored(guest).left_at == begun + 40));
    const auto again = sit(guest_wallet, room_id);
    hear(again, false, 1, now + 1000);
    BOOST_TEST((stored(again).left_at == now));
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_host_who_timed_out_may_come_back)
{
    now += 30;
    hear(host, false, 1, begun + 20, 2);
    BOOST_TEST((stored(host).left_at == begun + 20));
    BOOST_TEST(!is_closed(room_id));
    leave(guest);
    BOOST_TEST(is_closed(room_id));
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_room_whose_host_timed_out_alone_stays_open_as_after_a_lapse)
{
    leave(guest);
    now += 30;
    hear(host, false, 1, begun + 20, 2);
    BOOST_TEST(!is_closed(room_id));
    require_clean_audit();
    const auto back = sit(host_wallet, room_id);
    BOOST_TEST(!is_closed(room_id));
    leave(back);
    BOOST_TEST(is_closed(room_id));
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_host_who_left_closes_the_room)
{
    now += 30;
    hear(host, false, 1, begun + 20, 1);
    BOOST_TEST(is_closed(room_id));
    BOOST_TEST(consumed(host_wallet) == 20);
    BOOST_TEST(consumed(guest_wallet) == 30); // was there till now
    require_clean_audit();
}

// Under the same uid; Agora says a little later that the first one went.
BOOST_AUTO_TEST_CASE(the_going_of_an_earlier_stay_does_not_end_the_one_after_it)
{
    hear(guest, true, 1, begun);
    now += 20;
    leave(guest);
    const auto again = sit(guest_wallet, room_id);
    BOOST_TEST(again.connection.agora_uid == guest.connection.agora_uid);
    now += 5;
    hear(guest, false, 2, begun + 21);
    hear(guest, false, 2, begun + 21);
    BOOST_TEST(!stored(again).left_at.has_value());
    hear(again, true, 3, begun + 22);
    BOOST_TEST(is_connected(again));
    now += 20;
    hear(again, false, 4, begun + 40);
    BOOST_TEST((stored(again).left_at == begun + 40));
}

BOOST_AUTO_TEST_CASE(a_going_is_that_of_a_stay_that_ended_up_to_ten_seconds_before)
{
    for (const bool is_late : {false, true}) {
        PresenceFixture other;
        other.hear(other.guest, true, 1, other.begun);
        other.now += 20;
        other.leave(other.guest);
        const auto again = other.sit(guest_wallet, other.room_id);
        other.now += 30;
        other.hear(other.guest, false, 2, other.begun + 20 + 10 + is_late);
        BOOST_TEST(other.stored(again).left_at.has_value() == is_late);
        BOOST_TEST(other.is_connected(other.guest) == is_late);
    }
}

BOOST_AUTO_TEST_CASE(a_coming_is_that_of_the_stay_which_is_there)
{
    hear(guest, true, 1, begun);
    now += 20;
    leave(guest);
    const auto again = sit(guest_wallet, room_id);
    hear(again, true, 2, begun + 21);
    BOOST_TEST(is_connected(again));
    const auto presence = rooms::find_presence(db(), guest.connection.connection_id);
    BOOST_TEST_REQUIRE(presence.has_value());
    BOOST_TEST(presence->client_seq == 1);
}

BOOST_AUTO_TEST_CASE(the_connected_are_those_in_the_room_whose_clients_are_there)
{
    const auto elsewhere = sit(address(3), open_room(address(3)));
    const auto third = sit(address(4), room_id, 1000);
    for (const auto* seat : {&host, &guest, &elsewhere, &third})
        hear(*seat, true, 1, now);
    plant("UPDATE connections SET agora_uid = 1 WHERE connection_id = " +
          quoted(host.connection.connection_id));
    hear(third, false, 2, now + 1, 10);
    leave(guest);
    const Texts expected{host.connection.connection_id};
    Texts connected;
    const auto seen = rooms::view(db(), config.rules, host.connection.wallet, room_id, now);
    for (const auto& each : seen.value().participants)
        if (each.is_connected)
            connected.push_back(each.connection_id);
    BOOST_TEST(connected == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(one_that_has_lapsed_is_settled_by_its_token)
{
    now += 200;
    hear(guest, false, 1, begun + 150);
    BOOST_TEST((stored(guest).left_at == begun + 90));
    BOOST_TEST(consumed(guest_wallet) == 90);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_host_who_had_lapsed_before_closes_nothing_by_going)
{
    now += 30;
    renew(guest);
    now = begun + 100;
    hear(host, false, 1, begun + 95);
    BOOST_TEST((stored(host).left_at == begun + 90));
    BOOST_TEST(!is_closed(room_id));
    require_clean_audit();
}

BOOST_AUTO_TEST_SUITE_END()
