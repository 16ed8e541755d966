#include "usage/daily.h"

#include "credits/ledger.h"
#include "credits/pruning.h"
#include "rooms/crediting.h"
#include "rooms/pruning.h"
#include "rooms/room_fixture.h"

namespace {

constexpr auto day = credits::seconds_per_day;

struct UsageFixture : RoomFixture
{
    std::vector<usage::Day> days(std::int64_t count)
    {
        return usage::daily(db(), first, first + (count - 1) * day, now);
    }
    // The same from every row of the ledger and of stays, as plainly as it can be said.
    std::vector<usage::Day> plainly(std::int64_t count)
    {
        std::vector<usage::Day> counted;
        for (auto begins_at = first; begins_at < first + count * day; begins_at += day) {
            usage::Day each{begins_at};
            const auto sum = [&](const std::string& kinds) {
                return query("SELECT coalesce(sum(delta_seconds), 0) FROM credit_events WHERE kind IN (" +
                             kinds + ") AND created_at - created_at % 86400 = " + std::to_string(begins_at));
            };
            const auto stays = [&](const std::string& what) {
                return query("SELECT count(DISTINCT " + what +
                             ") FROM connections WHERE kind = 'free' AND joined_at < " +
                             std::to_string(begins_at + day) +
                             " AND coalesce(left_at, token_expires_at) >= " + std::to_string(begins_at));
            };
            each.debited_seconds = -sum("'debit_usage'");
            each.granted_seconds = sum("'grant_base', 'grant_celo_bonus', 'top_up'");
            each.admin_adjusted_seconds = sum("'admin_adjust'");
            each.refunded_seconds = sum("'refund_usage'");
            each.wallets = stays("wallet");
            each.rooms = stays("room_id");
            counted.push_back(each);
        }
        return counted;
    }
    void check_same(const std::vector<usage::Day>& one, const std::vector<usage::Day>& other)
    {
        BOOST_TEST_REQUIRE(one.size() == other.size());
        for (std::size_t i = 0; i < one.size(); ++i) {
            BOOST_TEST_CONTEXT("day " << i)
            {
                BOOST_TEST(one[i].debited_seconds == other[i].debited_seconds);
                BOOST_TEST(one[i].wallets == other[i].wallets);
                BOOST_TEST(one[i].rooms == other[i].rooms);
                BOOST_TEST((one[i] == other[i]));
            }
        }
    }
    std::int64_t booked() { return query("SELECT count(*) FROM usage_days"); }
    void attest(const std::string& booking_id, int outcome)
    {
        execute(
            "INSERT INTO attestations (booking_id, outcome, host_joined_at, host_left_at, guest_joined_at, "
            "guest_left_at, overlap_seconds, metrics_hash, decided_at, chain_id, oracle, nonce, state) "
            "VALUES "
            "('" +
            booking_id + "', " + std::to_string(outcome) + ", 0, 0, 0, 0, 0, '" + std::string(64, 'a') +
            "', " + std::to_string(now) + ", 1, '" + address(1) + "', " + booking_id + ", 'submitted')");
    }

    const base::UnixSeconds first = now; // a midnight
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(daily_tests, UsageFixture)

BOOST_AUTO_TEST_CASE(nothing_is_zero_on_every_day_that_was_asked_for)
{
    const auto shown = days(366);
    BOOST_TEST(shown.size() == 366);
    for (std::size_t i = 0; i < shown.size(); ++i)
        BOOST_TEST((shown[i] == usage::Day{first + static_cast<std::int64_t>(i) * day}));
    BOOST_TEST(usage::book_days(db(), now) == 0);
}

BOOST_AUTO_TEST_CASE(a_day_has_what_was_given_and_taken_on_it)
{
    now = first + 12 * 3600;
    const auto room = open_room(address(1), 1000);
    auto seat = sit(address(1), room);
    sit(address(2), room, 500);
    now += 60;
    renew(seat);
    rooms::top_up(context(), address(3), {700, "p", std::nullopt});
    leave(seat);
    rooms::give_back(context(), seat.connection.connection_id, {20, "r", std::nullopt});
    attest("1", 1);
    attest("2", 2);
    attest("3", 3);
    attest("4", 3);
    attest("5", 1);
    attest("6", 1);
    const auto today = days(2);
    BOOST_TEST(today[0].debited_seconds == 120);
    BOOST_TEST(today[0].granted_seconds == 700);
    BOOST_TEST(today[0].admin_adjusted_seconds == 1500);
    BOOST_TEST(today[0].refunded_seconds == 20);
    BOOST_TEST(today[0].wallets == 2);
    BOOST_TEST(today[0].rooms == 1);
    BOOST_TEST(today[0].sessions_completed == 3);
    BOOST_TEST(today[0].sessions_no_show_host == 1);
    BOOST_TEST(today[0].sessions_no_show_guest == 2);
    BOOST_TEST((today[1] == usage::Day{first + day}));
}

// Stays of all lengths, some of them over midnights, some that lapse, some that are still open.
BOOST_AUTO_TEST_CASE(the_days_are_those_of_the_ledger_before_and_after_they_are_summed_up_and_pruned)
{
    constexpr std::int64_t count = 6;
    constexpr unsigned people = 8;
    std::map<unsigned, rooms::Seat> seats;
    for (unsigned number = 1; number <= people; ++number)
        give(address(number), 1000000);
    for (int step = 0; now < first + (count - 1) * day + 10 * 3600; ++step) {
        now += random.uniform(20, 60);
        if (step % 80 == 0) // to the middle of the day, or to the next midnight
            now += step % 160 == 0 ? 9 * 3600 : credits::day_of(now) + day - 1200 - now;
        for (unsigned number = 1; number <= people; ++number) {
            const auto chance = random.uniform(0, 399);
            const auto seat = seats.find(number);
            const bool is_in = seat != seats.end() && now < stored(seat->second).token_expires_at &&
                               !stored(seat->second).left_at;
            if (is_in && chance > 5)
                renew(seat->second);
            else if (is_in && chance > 2)
                leave(seat->second);
            else if (!is_in && chance < 100) {
                const auto host = address(number % 2 == 1 ? number : number - 1);
                const auto hosted = hosted_room(host);
                const auto name = refusal_of([&] {
                    seats.insert_or_assign(number,
                                           sit(address(number), hosted.empty() ? create(host) : hosted));
                });
                BOOST_TEST((name.empty() || name == "room_not_found"), name);
            }
        }
        if (random.uniform(0, 3) == 0)
            sweep_now();
    }
    sweep_now();
    const auto counted = plainly(count);
    BOOST_TEST(counted[2].debited_seconds > 0);
    BOOST_TEST(query("SELECT count(*) FROM connections WHERE joined_at / 86400 <> left_at / 86400") > 0);
    check_same(days(count), counted);
    BOOST_TEST(usage::book_days(db(), now) == count - 1);
    BOOST_TEST(usage::book_days(db(), now) == 0);
    check_same(days(count), counted);

    credits::prune(db(), credits::day_of(now));
    rooms::prune(db(), credits::day_of(now));
    check_same(days(count), counted);
    execute("DELETE FROM usage_days"); // the ledger's part can always be counted again
    const auto again = days(count);
    for (std::size_t i = 0; i < again.size(); ++i)
        BOOST_TEST(again[i].debited_seconds == counted[i].debited_seconds);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(what_nobody_was_charged_for_is_kept_in_the_sums)
{
    const auto room = open_room(address(1));
    leave(sit(address(1), room));
    now += day + 3600;
    sweep_now();
    BOOST_TEST(usage::book_days(db(), now) == 1);
    BOOST_TEST(rooms::prune(db(), usage::summed_up_until(now)).connections == 1);
    BOOST_TEST(days(1)[0].wallets == 1);
    BOOST_TEST(days(1)[0].rooms == 1);
}

BOOST_AUTO_TEST_CASE(a_day_is_summed_up_an_hour_after_its_end)
{
    give(address(1), 5);
    now = first + day + 3599;
    BOOST_TEST(usage::summed_up_until(now) == first);
    BOOST_TEST(usage::book_days(db(), now) == 0);
    ++now;
    BOOST_TEST(usage::summed_up_until(now) == first + day);
    BOOST_TEST(usage::book_days(db(), now) == 1);
    BOOST_TEST(days(1)[0].admin_adjusted_seconds == 5);
}

BOOST_AUTO_TEST_CASE(what_a_clock_booked_that_was_ahead_is_booked_again)
{
    give(address(1), 5);
    BOOST_TEST(usage::book_days(db(), now + 400 * day) == 7);
    BOOST_TEST(usage::book_days(db(), now + 400 * day + 1) == 7);
    now += 3600;
    BOOST_TEST(usage::book_days(db(), now) == 0);
    BOOST_TEST(booked() == 14); // until there is a day in their place
    give(address(1), 7);
    BOOST_TEST(days(1)[0].admin_adjusted_seconds == 12); // nobody relies on it
    now += 2 * day;
    give(address(2), 1);
    BOOST_TEST(usage::book_days(db(), now) == 2);
    BOOST_TEST(booked() == 2);
    BOOST_TEST(days(1)[0].admin_adjusted_seconds == 12);
    BOOST_TEST(days(3)[2].admin_adjusted_seconds == 1);
}

// At the midnight itself the next day has begun.
BOOST_AUTO_TEST_CASE(what_happens_at_midnight_is_of_the_day_that_begins)
{
    for (unsigned number = 1; number <= 6; ++number)
        give(address(number), 10000);
    const auto midnight = first + day;
    now = midnight - config.rules.free_token_ttl_seconds;
    const auto room = create(address(1));
    const auto ends_then = sit(address(4), room); // if nobody sweeps
    BOOST_TEST(stored(ends_then).token_expires_at == midnight);
    const auto leaves_then = sit(address(2), room);
    now = midnight - 30;
    renew(leaves_then);
    const auto goes_on = sit(address(3), room);
    const auto gets_some_back = sit(address(6), room);
    BOOST_TEST((days(2)[1] == usage::Day{midnight})); // is yet to come
    now = midnight;
    check_same(days(2), plainly(2));
    leave(leaves_then);
    renew(goes_on);
    sit(address(5), room);
    give(address(5), 3);
    check_same(days(3), plainly(3));
    now += 40;
    renew(goes_on);
    leave(gets_some_back);
    rooms::give_back(context(), gets_some_back.connection.connection_id, {20, "r", std::nullopt});
    check_same(days(3), plainly(3));

    now = midnight;
    attest("1", 1);
    now = midnight + day;
    attest("2", 1);
    const auto shown = days(3);
    BOOST_TEST(shown[0].sessions_completed == 0);
    BOOST_TEST(shown[1].sessions_completed == 1);
    BOOST_TEST(shown[2].sessions_completed == 1);
}

BOOST_AUTO_TEST_CASE(a_stay_is_on_the_days_from_its_first_second_to_its_last)
{
    const auto room = open_room(address(1));
    leave(sit(address(1), room));
    const auto begins = std::to_string(first + day);
    const auto ends = std::to_string(first + 2 * day);
    plant("UPDATE connections SET joined_at = " + begins + ", last_metered_at = " + ends +
          ", left_at = " + ends);
    now = first + 4 * day;
    const auto shown = days(4);
    for (std::size_t i = 0; i < shown.size(); ++i)
        BOOST_TEST(shown[i].wallets == (i == 1 || i == 2 ? 1 : 0), i);
}

BOOST_AUTO_TEST_CASE(stays_of_booked_sessions_are_not_among_them)
{
    for (unsigned number = 2; number <= 4; ++number)
        give(address(number), 1000);
    now = first + day - 30;
    const auto room = open_room(address(1));
    const auto within_the_day = sit(address(2), room);
    const auto over_midnight = sit(address(3), room);
    sit(address(4), room); // and stays
    now += 20;
    leave(within_the_day);
    now += 20;
    leave(over_midnight);
    plant("UPDATE connections SET kind = 'booked'");
    for (const auto& shown : days(2)) {
        BOOST_TEST(shown.wallets == 0);
        BOOST_TEST(shown.rooms == 0);
        BOOST_TEST(shown.debited_seconds == 0);
    }
}

// On which days somebody was given credit, and on which of them a session was decided.
BOOST_AUTO_TEST_CASE(days_are_summed_up_from_the_first_on_which_anything_happened)
{
    const auto booked_days = [&](const std::vector<int>& given, const std::vector<int>& decided) {
        UsageFixture service;
        for (const auto number : given) {
            service.now = first + number * day;
            service.give(address(1), 5);
        }
        for (const auto number : decided) {
            service.now = first + number * day;
            service.attest(std::to_string(number), 1);
        }
        service.now = first + 6 * day + 3600;
        return usage::book_days(service.db(), service.now);
    };
    BOOST_TEST(booked_days({}, {}) == 0);
    BOOST_TEST(booked_days({2, 4}, {}) == 4);
    BOOST_TEST(booked_days({}, {3, 5}) == 3);
    BOOST_TEST(booked_days({2, 4}, {3, 5}) == 4);
    BOOST_TEST(booked_days({3}, {1, 5}) == 5);
    now = 100; // of 1970
    give(address(1), 5);
    BOOST_TEST(usage::summed_up_until(now) == 0);
    BOOST_TEST(usage::book_days(db(), 2 * day + 3600) == 2);
}

BOOST_AUTO_TEST_CASE(years_are_caught_up_with_step_by_step)
{
    give(address(1), 5);
    now += 80 * day + 3600;
    int steps = 0;
    while (usage::book_days(db(), now) > 0)
        ++steps;
    BOOST_TEST(steps == 12);
    BOOST_TEST(booked() == 80);
}

BOOST_AUTO_TEST_SUITE_END()
