#include "rooms/metering.h"

#include "room_fixture.h"
#include "rooms/loaded_room.h"

#include <algorithm>
#include <functional>

BOOST_FIXTURE_TEST_SUITE(metering_tests, RoomFixture)

// ---- each second once ----

// The heartbeat and the cron run may land on the same second.
BOOST_AUTO_TEST_CASE(a_second_is_charged_once)
{
    const auto room_id = create_room(address(1), 1000);
    const auto seat = join(address(1), room_id);
    now += 30;
    BOOST_TEST(post("/rooms/heartbeat", caller(seat), address(1)).body["remaining_seconds"] == 970);
    BOOST_TEST(post("/rooms/heartbeat", caller(seat), address(1)).body["remaining_seconds"] == 970);
    sweep();
    BOOST_TEST(remaining(address(1)) == 970);
    require_clean_audit();
}

// Whatever meters in between, and however often: the seconds between joining and leaving are charged.
BOOST_AUTO_TEST_CASE(who_meters_and_how_often_does_not_change_the_sum)
{
    for (const int step : {1, 2, 3, 7, 10, 29, 30, 31, 44, 60}) {
        for (const bool swept : {false, true}) {
            RoomFixture service;
            const auto seat = service.sit(address(1), service.open_room(address(1), 1000));
            for (int elapsed = step; elapsed < 60; elapsed += step) {
                service.now = seat.connection.joined_at + elapsed;
                elapsed % 2 == 0 ? (void)service.beat(seat) : (void)service.renew(seat);
                if (swept)
                    service.sweep();
            }
            service.now = seat.connection.joined_at + 60;
            BOOST_TEST_CONTEXT("every " << step << " s" << (swept ? ", swept" : ""))
            {
                const auto departure = service.leave(seat);
                BOOST_TEST(departure.debited_seconds == 60);
                BOOST_TEST(departure.remaining_seconds == 940);
                BOOST_TEST(service.consumed(address(1)) == 60);
                service.require_clean_audit();
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(metering_moves_the_mark_the_balance_and_the_ledger_together)
{
    const auto seat = sit(address(1), open_room(address(1), 1000));
    now += 25;
    beat(seat); // writes nothing
    BOOST_TEST((stored(seat) == seat.connection));
    BOOST_TEST(credits::account(db(), address(1)).consumed_seconds == 0);
    BOOST_TEST(consumed(address(1)) == 25);
    renew(seat);
    const auto row = stored(seat);
    BOOST_TEST(row.last_metered_at == now);
    BOOST_TEST(row.debited_seconds == 25);
    const auto events = credits::statement(db(), address(1), 1);
    BOOST_TEST_REQUIRE(events.size() == 1);
    BOOST_TEST(name_of(events[0].kind) == "debit_usage");
    BOOST_TEST(events[0].delta_seconds == -25);
    BOOST_TEST(events[0].balance_after_seconds == 975);
    BOOST_TEST(events[0].connection_id.value_or("") == seat.connection.connection_id);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(no_debit_of_nothing_is_booked)
{
    const auto seat = sit(address(1), open_room(address(1), 1000));
    for (int i = 0; i < 5; ++i)
        beat(seat);
    sweep();
    renew(seat);
    leave(seat);
    BOOST_TEST(query("SELECT count(*) FROM credit_events WHERE kind = 'debit_usage'") == 0);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(metering_that_fails_half_way_changes_nothing)
{
    const auto seat = sit(address(1), open_room(address(1), 1000));
    now += 60;
    // The last of the three changes fails.
    fail("UPDATE OF last_metered_at ON connections");
    const std::function<void()> attempts[] = {[&] { renew(seat); }, [&] { leave(seat); },
                                              [&] { sweep_now(); }, [&] { close(seat.room.room_id); }};
    for (const auto& attempt : attempts) {
        BOOST_TEST(refusal_of(attempt) == "internal_error");
        BOOST_TEST(!db().in_transaction());
        BOOST_TEST(credits::account(db(), address(1)).remaining_seconds == 1000);
        BOOST_TEST((stored(seat) == seat.connection));
        require_clean_audit();
    }
    stop_failing();
    BOOST_TEST(renew(seat).remaining_seconds == 940);
    require_clean_audit();
}

// ---- a heartbeat writes nothing ----

BOOST_AUTO_TEST_CASE(a_heartbeat_is_one_statement_that_writes_nothing)
{
    const auto seat = sit(address(1), open_room(address(1), 1000));
    const auto rows_before = db().rows_written();
    for (const int elapsed : {1, 30, 60, 89}) {
        now = seat.connection.joined_at + elapsed;
        BOOST_TEST(beat(seat).remaining_seconds == 1000 - elapsed);
        BOOST_TEST(remaining(address(1)) == 1000 - elapsed);
    }
    BOOST_TEST(db().rows_written() == rows_before);
    BOOST_TEST(rooms::pending_seconds(db(), now) == 89);
    leave(seat);
    BOOST_TEST(remaining(address(1)) == 1000 - 89);
    BOOST_TEST(rooms::pending_seconds(db(), now) == 0);
    require_clean_audit();
}

// What was used before the balance rose is charged to the balance of then.
BOOST_AUTO_TEST_CASE(whatever_changes_a_balance_books_first)
{
    const std::function<void(RoomFixture&)> changes[] = {
        [](auto& f) { f.give(address(1), 500); },
        [](auto& f) {
            f.chain.verified.insert(address(1));
            BOOST_TEST(f.post("/credits/verify-celo", base::Json::object(), address(1)).body["granted"] ==
                       true);
            f.give(address(1), 500 - 1800);
        },
        [](auto& f) { // a name that came late
            BOOST_TEST(refusal_of([&] {
                           rooms::create(f.context(), f.mint(), address(1),
                                         {credits::NameLookup::has_name, std::string(64, 'a')}, {});
                       }) == "already_in_free_room");
            f.give(address(1), 500 - 1800);
        },
    };
    for (const auto& change : changes) {
        RoomFixture service;
        const auto seat = service.sit(address(1), service.open_room(address(1), 90));
        service.give(address(1), -60);
        service.now += 50; // 30 of which it can pay
        BOOST_TEST_CONTEXT("change " << &change - changes)
        {
            change(service);
            BOOST_TEST(service.remaining(address(1)) == 500);
            BOOST_TEST(service.consumed(address(1)) == 30);
            service.now += 5;
            BOOST_TEST(service.beat(seat).remaining_seconds == 495);
            service.require_clean_audit();
        }
    }
}

// ---- never more than there is, never past the token ----

BOOST_AUTO_TEST_CASE(nothing_is_charged_past_the_tokens_expiry)
{
    for (const int late : {0, 1, 30, 3600, 86400, 400 * 86400}) {
        RoomFixture service;
        const auto seat = service.sit(address(1), service.open_room(address(1), 100000000));
        service.now += 90 + late;
        service.sweep();
        BOOST_TEST_CONTEXT(late)
        {
            BOOST_TEST(service.consumed(address(1)) == 90);
            BOOST_TEST((service.stored(seat).left_at == seat.connection.joined_at + 90));
            service.require_clean_audit();
        }
    }
}

// Whoever calls it may be late; the arithmetic itself stops at the expiry.
BOOST_AUTO_TEST_CASE(metering_late_charges_to_the_expiry_and_sets_the_mark_there)
{
    const auto seat = sit(address(1), open_room(address(1), 1000));
    now += 500;
    database::Transaction tx(db());
    auto connection = seat.connection;
    BOOST_TEST(rooms::meter(context(), connection, now) == 910);
    BOOST_TEST(connection.last_metered_at == connection.token_expires_at);
    BOOST_TEST(connection.debited_seconds == 90);
    BOOST_TEST(rooms::meter(context(), connection, now + 100) == 910);
    rooms::end_stay(context(), connection, now, rooms::Ending::left);
    BOOST_TEST((connection.left_at == connection.token_expires_at));
    rooms::close_room(db(), seat.room.room_id, connection.token_expires_at);
    tx.commit();
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(the_last_seconds_of_a_balance_are_enough_for_the_token_that_they_bought)
{
    const auto seat = sit(address(1), open_room(address(1), 90));
    now += 89;
    BOOST_TEST(beat(seat).remaining_seconds == 1);
    now += 1;
    BOOST_TEST(refusal_of([&] { beat(seat); }) == "not_your_connection");
    BOOST_TEST(remaining(address(1)) == 0);
    BOOST_TEST(consumed(address(1)) == 90);
    require_clean_audit();
}

// An operator takes seconds away while somebody talks on them.
BOOST_AUTO_TEST_CASE(never_more_than_the_balance_is_charged)
{
    const auto seat = sit(address(1), open_room(address(1), 1000));
    give(address(1), -960);
    now += 30;
    BOOST_TEST(beat(seat).remaining_seconds == 10);
    now += 30;
    BOOST_TEST(beat(seat).remaining_seconds == 0); // which is an event, and so is booked
    BOOST_TEST(stored(seat).debited_seconds == 40);
    BOOST_TEST(stored(seat).last_metered_at == now);
    now += 20;
    BOOST_TEST(beat(seat).remaining_seconds == 0);
    // What could not be paid is not charged later.
    give(address(1), 500);
    BOOST_TEST(beat(seat).remaining_seconds == 500);
    now += 5;
    const auto departure = leave(seat);
    BOOST_TEST(departure.remaining_seconds == 495);
    BOOST_TEST(departure.debited_seconds == 45);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_refused_renewal_ends_the_call_within_90_seconds)
{
    const auto seat = sit(address(1), open_room(address(1), 150));
    now += 45;
    BOOST_TEST(!renew(seat).denied); // 105 left
    const auto last_renewed_at = now;
    for (const int elapsed : {45, 60, 89}) {
        now = last_renewed_at + elapsed;
        const auto renewal = renew(seat);
        BOOST_TEST_CONTEXT(elapsed)
        {
            BOOST_TEST(renewal.denied);
            BOOST_TEST(renewal.remaining_seconds == 105 - elapsed);
            BOOST_TEST(renewal.token_expires_at == last_renewed_at + 90);
        }
    }
    BOOST_TEST(stored(seat).token_expires_at == last_renewed_at + 90);
    now = last_renewed_at + 90; // by itself, without sweep
    BOOST_TEST(listed().at(0).participant_count == 0);
    BOOST_TEST(refusal_of([&] { renew(seat); }) == "not_your_connection");
    BOOST_TEST(remaining(address(1)) == 15);
    BOOST_TEST(refusal_of([&] { create(address(1)); }) == "heaven_name_required");
    require_clean_audit();
}

// Credit that comes in time (a Celo bonus, an operator) lets the call go on.
BOOST_AUTO_TEST_CASE(a_renewal_after_a_refused_one_succeeds_with_new_credit)
{
    const auto seat = sit(address(1), open_room(address(1), 100));
    now += 45;
    BOOST_TEST(renew(seat).denied);
    give(address(1), 100);
    now += 10;
    const auto renewal = renew(seat);
    BOOST_TEST(!renewal.denied);
    BOOST_TEST(renewal.token_expires_at == now + 90);
    require_clean_audit();
}

// However greedily a client renews: the balance always covers the token that it holds.
BOOST_AUTO_TEST_CASE(nobody_talks_for_seconds_that_they_do_not_have)
{
    for (const int seconds : {90, 91, 100, 179, 180, 181, 269, 270, 271, 1000}) {
        for (const int every : {1, 13, 45, 89}) {
            RoomFixture service;
            const auto seat = service.sit(address(1), service.open_room(address(1), seconds));
            while (refusal_of([&] { service.renew(seat); }).empty()) {
                const auto row = service.stored(seat);
                BOOST_REQUIRE_GE(service.remaining(address(1)), row.token_expires_at - row.last_metered_at);
                service.now += every;
            }
            const auto row = service.stored(seat);
            BOOST_TEST_CONTEXT(seconds << " s, renewed every " << every)
            {
                BOOST_TEST(*row.left_at - row.joined_at == row.debited_seconds); // all of it was paid
                BOOST_TEST(row.debited_seconds <= seconds);
                BOOST_TEST(row.debited_seconds > seconds - 90);
                service.require_clean_audit();
            }
        }
    }
}

// ---- events ----

BOOST_AUTO_TEST_CASE(low_credit_is_told_when_it_first_is_300_or_less)
{
    struct Case
    {
        int balance;
        int elapsed;
        Texts events;
    };
    const Case table[] = {
        {1000, 30, {}},
        {331, 30, {}},
        {330, 30, {"credits_low 300"}},
        {329, 30, {"credits_low 299"}},
        {301, 0, {}},
        {301, 1, {"credits_low 300"}},
        {300, 0, {"credits_low 300"}},
        {90, 0, {"credits_low 90"}},
        {90, 89, {"credits_low 1"}},
    };
    for (const auto& expected : table) {
        const std::function<Texts(RoomFixture&, const rooms::Seat&)> calls[] = {
            [](auto& f, auto& seat) { return told(f.beat(seat).events); },
            [](auto& f, auto& seat) { return told(f.renew(seat).events); },
            [](auto& f, auto& seat) { return told(f.leave(seat).events); },
        };
        for (const auto& call : calls) {
            RoomFixture service;
            const auto seat = service.sit(address(1), service.open_room(address(1), expected.balance));
            service.now += expected.elapsed;
            BOOST_TEST_CONTEXT(expected.balance << " s, after " << expected.elapsed << " s, by call "
                                                << &call - calls)
            BOOST_TEST(call(service, seat) == expected.events, boost::test_tools::per_element());
            service.require_clean_audit();
        }
    }
}

BOOST_AUTO_TEST_CASE(each_event_is_told_once_per_connection)
{
    const auto room_id = open_room(address(1), 1000);
    const auto host = sit(address(1), room_id);
    auto seat = sit(address(2), room_id, 310);
    Texts events;
    const auto collect = [&](const std::vector<rooms::Event>& more) {
        const auto texts = told(more);
        events.insert(events.end(), texts.begin(), texts.end());
    };
    for (int i = 0; i < 8; ++i) {
        now += 10;
        collect(beat(seat).events);
        collect(renew(seat).events);
        sweep();
    }
    collect(leave(seat).events);
    const Texts once{"credits_low 300"};
    BOOST_TEST(events == once, boost::test_tools::per_element());
    // Another connection is another client; it wants to know, too.
    renew(host);
    seat = sit(address(2), room_id);
    const Texts again{"credits_low 230"};
    BOOST_TEST(told(beat(seat).events) == again, boost::test_tools::per_element());
    BOOST_TEST(told(beat(seat).events).empty());
    require_clean_audit();
}

// Credit that rises and falls again crosses the threshold a second time; "first" is not again.
BOOST_AUTO_TEST_CASE(a_threshold_crossed_again_is_not_told_again)
{
    const auto seat = sit(address(1), open_room(address(1), 310));
    now += 20;
    BOOST_TEST(told(beat(seat).events).size() == 1);
    give(address(1), 1000);
    BOOST_TEST(told(beat(seat).events).empty());
    give(address(1), -1000);
    now += 10;
    BOOST_TEST(told(beat(seat).events).empty());
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(what_the_sweep_raised_is_told_with_the_next_answer_once)
{
    const std::function<Texts(RoomFixture&, const rooms::Seat&)> calls[] = {
        [](auto& f, auto& seat) { return told(f.beat(seat).events); },
        [](auto& f, auto& seat) { return told(f.renew(seat).events); },
        [](auto& f, auto& seat) { return told(f.leave(seat).events); },
    };
    for (const auto& call : calls) {
        RoomFixture service;
        const auto seat = service.sit(address(1), service.open_room(address(1), 360));
        service.now += 60;
        const auto raised_at = service.now;
        service.sweep();
        BOOST_TEST((service.stored(seat).credits_low_at == raised_at));
        service.now += 10;
        const Texts expected{"credits_low 300"}; // at the balance of then
        BOOST_TEST_CONTEXT("call " << &call - calls)
        {
            BOOST_TEST(call(service, seat) == expected, boost::test_tools::per_element());
            if (!service.stored(seat).left_at)
                BOOST_TEST(told(service.beat(seat).events).empty());
        }
        service.require_clean_audit();
    }
}

BOOST_AUTO_TEST_CASE(several_events_at_once_come_in_their_order)
{
    const auto seat = sit(address(1), open_room(address(1), 1000));
    give(address(1), -980);
    now += 30;
    const auto beaten = beat(seat);
    const Texts expected{"credits_low 0", "credits_exhausted 0"};
    BOOST_TEST(told(beaten.events) == expected, boost::test_tools::per_element());
    BOOST_TEST(beaten.events[0].raised_at == now);
    BOOST_TEST(told(beat(seat).events).empty());
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(events_raised_one_after_the_other_are_told_together_if_nobody_asked_between)
{
    const auto seat = sit(address(1), open_room(address(1), 360));
    now += 60;
    sweep(); // low
    give(address(1), -290);
    now += 15;
    give(address(1), 0); // exhausted
    const auto exhausted_at = now;
    now += 5;
    const auto beaten = beat(seat);
    const Texts expected{"credits_low 300", "credits_exhausted 0"};
    BOOST_TEST(told(beaten.events) == expected, boost::test_tools::per_element());
    BOOST_TEST(beaten.events[0].raised_at == now - 20);
    BOOST_TEST(beaten.events[1].raised_at == exhausted_at);
    BOOST_TEST(told(renew(seat).events).empty());
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(exhaustion_is_told_once_after_low_was_told_before)
{
    const auto seat = sit(address(1), open_room(address(1), 330));
    now += 30;
    BOOST_TEST(told(beat(seat).events).size() == 1);
    give(address(1), -290);
    now += 20;
    const auto renewal = renew(seat);
    const Texts expected{"credits_exhausted 0"};
    BOOST_TEST(renewal.denied);
    BOOST_TEST(told(renewal.events) == expected, boost::test_tools::per_element());
    now += 5;
    BOOST_TEST(told(leave(seat).events).empty());
    require_clean_audit();
}

// ---- the clock steps ----

BOOST_AUTO_TEST_CASE(a_clock_that_steps_back_charges_nothing_and_moves_no_mark)
{
    for (const int step : {1, 30, 3600, 86400}) {
        RoomFixture service;
        const auto room_id = service.open_room(address(1), 1000);
        const auto seat = service.sit(address(1), room_id);
        service.now += 40;
        service.renew(seat);
        const auto mark = service.now;
        BOOST_TEST_CONTEXT(step)
        {
            service.now = mark - step;
            BOOST_TEST(service.beat(seat).remaining_seconds == 960);
            service.sweep();
            BOOST_TEST(service.stored(seat).last_metered_at == mark);
            BOOST_TEST(service.stored(seat).debited_seconds == 40);
            BOOST_TEST(service.listed().at(0).participant_count == 1);
            service.require_clean_audit();
            // Only what comes after the mark is charged again.
            service.now = mark;
            BOOST_TEST(service.beat(seat).remaining_seconds == 960);
            service.now = mark + 7;
            BOOST_TEST(service.beat(seat).remaining_seconds == 953);
            service.require_clean_audit();
        }
    }
}

BOOST_AUTO_TEST_CASE(leaving_renewing_and_closing_work_under_a_clock_that_stepped_back)
{
    for (const int step : {1, 30, 3600, 86400}) {
        RoomFixture service;
        const auto room_id = service.open_room(address(1), 1000);
        const auto host = service.sit(address(1), room_id);
        const auto guest = service.sit(address(2), room_id, 1000);
        const auto third = service.sit(address(3), room_id, 1000);
        service.now += 40;
        for (const auto& seat : {host, guest, third})
            service.renew(seat);
        const auto mark = service.now;
        service.now = mark - step;
        BOOST_TEST_CONTEXT(step)
        {
            const auto renewal = service.renew(guest);
            BOOST_TEST(!renewal.denied);
            BOOST_TEST(renewal.remaining_seconds == 960);
            BOOST_TEST(renewal.token_expires_at >= mark); // what is paid stays presence
            BOOST_TEST(renewal.token_expires_at <= mark + 90);
            const auto departure = service.leave(third);
            BOOST_TEST(departure.debited_seconds == 40);
            BOOST_TEST((service.stored(third).left_at == mark));
            BOOST_TEST(!departure.closed);
            service.require_clean_audit();
            BOOST_TEST(service.leave(host).closed);
            BOOST_TEST(service.is_closed(room_id));
            BOOST_TEST(service.consumed(address(1)) == 40);
            BOOST_TEST(service.consumed(address(2)) == 40);
            service.require_clean_audit();
        }
    }
}

// Even before the room was made.
BOOST_AUTO_TEST_CASE(an_operator_closes_a_room_under_a_clock_that_stepped_back)
{
    for (const int step : {1, 3600, 86400}) {
        RoomFixture service;
        const auto empty = service.open_room(address(1));
        const auto room_id = service.open_room(address(2));
        const auto seat = service.sit(address(2), room_id);
        const auto created_at = service.now;
        service.now -= step;
        BOOST_TEST_CONTEXT(step)
        {
            BOOST_TEST(service.close(empty));
            BOOST_TEST(service.close(room_id));
            BOOST_TEST((service.closed_at(empty) == created_at));
            BOOST_TEST((service.closed_at(room_id) == created_at));
            BOOST_TEST((service.stored(seat).left_at == created_at));
            BOOST_TEST(service.consumed(address(2)) == 0);
            service.require_clean_audit();
        }
    }
}

// A step back and forth again, many times: in the end the seconds of the mark are the seconds charged.
BOOST_AUTO_TEST_CASE(a_clock_that_jumps_about_charges_no_second_twice)
{
    const auto seat = sit(address(1), open_room(address(1), 10000));
    const auto start = now;
    base::UnixSeconds latest = now;
    for (const int at : {10, 5, 20, 1, 20, 30, -3600, 40, 39, 60, -86400, 80}) {
        now = start + at;
        latest = std::max(latest, now);
        give(address(1), 0); // which books
        BOOST_TEST(consumed(address(1)) == latest - start);
        BOOST_TEST(stored(seat).last_metered_at == latest);
    }
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_clock_that_jumps_forward_a_day_charges_at_most_to_the_expiry)
{
    const auto room_id = open_room(address(1), 1000000);
    const auto seat = sit(address(1), room_id);
    now += 45;
    renew(seat);
    now += 86400;
    BOOST_TEST(refusal_of([&] { beat(seat); }) == "not_your_connection");
    BOOST_TEST(consumed(address(1)) == 135);
    // And back to the right time: the next room is a room as any other.
    now -= 86400;
    const auto next = sit(address(1), create(address(1)));
    now += 30;
    BOOST_TEST(beat(next).remaining_seconds == 1000000 - 135 - 30);
    require_clean_audit();
}

// ---- settling ----

BOOST_AUTO_TEST_CASE(settling_tells_what_it_did)
{
    const auto room_id = open_room(address(1));
    const auto host = sit(address(1), room_id);
    sit(address(2), room_id, 1000);
    sit(address(3), room_id, 1000);
    now += 50;
    renew(host);
    now += 40;
    const auto settle = [&] {
        auto& settling = context();
        return settling.transact([&] {
            auto room = rooms::load_room(db(), room_id).value();
            return rooms::settle(settling, room);
        });
    };
    auto tally = settle();
    BOOST_TEST(tally.connections_lapsed == 2);
    BOOST_TEST(tally.debited_seconds == 180);
    BOOST_TEST(tally.rooms_closed == 0);
    tally = settle(); // there is nothing left to do
    BOOST_TEST(tally.connections_lapsed == 0);
    BOOST_TEST(tally.debited_seconds == 0);
    now += 50;
    tally = settle();
    BOOST_TEST(tally.connections_lapsed == 1);
    BOOST_TEST(tally.debited_seconds == 90); // 50 were charged with the renewal
    BOOST_TEST(tally.rooms_closed == 0);
    now += 300;
    tally = settle();
    BOOST_TEST(tally.connections_lapsed == 0);
    BOOST_TEST(tally.rooms_closed == 1);
    tally = settle();
    BOOST_TEST(tally.rooms_closed == 0);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_wallet_that_lapsed_nowhere_is_not_written_to)
{
    const auto room_id = open_room(address(1), 1000);
    const auto seat = sit(address(1), room_id);
    now += 89;
    rooms::load_settled_standing(context(), address(1));
    rooms::load_settled_standing(context(), address(2));
    BOOST_TEST((stored(seat) == seat.connection));
    now += 1;
    rooms::load_settled_standing(context(), address(1));
    BOOST_TEST(remaining(address(1)) == 910);
    require_clean_audit();
}

// Whoever settles it, and on whatever day: statements, totals and pruning go by the day of the talk.
BOOST_AUTO_TEST_CASE(a_lapsed_stays_debit_is_of_the_instant_of_the_lapse)
{
    for (const bool by_sweep : {true, false}) {
        RoomFixture service;
        service.now = 1767225600 + 86400 - 30; // half a minute before midnight
        const auto seat = service.sit(address(1), service.open_room(address(1)));
        const auto lapsed_at = seat.connection.token_expires_at;
        service.now += 2 * 86400;
        if (by_sweep)
            service.sweep();
        else
            service.get("/credits", address(1));
        const auto events = credits::statement(service.db(), address(1), 1);
        BOOST_TEST_REQUIRE(events.size() == 1);
        BOOST_TEST(events[0].delta_seconds == -90);
        BOOST_TEST(events[0].created_at == lapsed_at);
    }
}

BOOST_AUTO_TEST_SUITE_END()
