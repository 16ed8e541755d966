#include "credits/pruning.h"

#include "base/config.h"
#include "credits/ledger.h"
#include "rooms/audit.h"
#include "rooms/room_fixture.h"
#include "sqlite/child_process.h"
#include "storage/open.h"
#include "temporary_folder.h"

#include <chrono>
#include <iostream>

namespace {

constexpr auto day = credits::seconds_per_day;

// What must be the same after pruning, of one wallet.
struct View
{
    std::vector<credits::Event> statement;
    std::vector<credits::Day> days;
    std::int64_t remaining_seconds = 0;
    std::int64_t consumed_seconds = 0;

    bool operator==(const View&) const = default;
};

View view(database::Connection& db, const std::string& wallet)
{
    const auto account = credits::account(db, wallet);
    return {credits::brief_statement(db, wallet, 0), credits::daily_totals(db, wallet, 0),
            account.remaining_seconds, account.consumed_seconds};
}

struct PruningFixture : RoomFixture
{
    using RoomFixture::RoomFixture;

    std::int64_t events() { return query("SELECT count(*) FROM credit_events"); }
    std::int64_t prune(base::UnixSeconds before, bool rehearse = false, std::int64_t batch = 5000)
    {
        return credits::prune(db(), before, rehearse, batch);
    }
    void beat_for(const rooms::Seat& seat, std::int64_t seconds)
    {
        for (const auto until = now + seconds; now < until;) {
            now += 30;
            renew(seat);
        }
    }
    bool is_refused(const std::string& script)
    {
        try {
            execute(script);
            return false;
        } catch (const base::Error&) {
            return true;
        }
    }

    const std::string alice = address(1);
    const std::string bob = address(2);
};

std::int64_t number_from_environment(const char* name, std::int64_t otherwise)
{
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::atoll(text);
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(pruning_tests, PruningFixture)

BOOST_AUTO_TEST_CASE(the_debits_of_a_stay_on_a_day_become_the_last_of_them)
{
    const auto room = open_room(alice);
    const auto seat = sit(alice, room);
    beat_for(seat, 300);
    leave(seat);
    const auto before = view(db(), alice);
    BOOST_TEST(events() == 11); // the gift and ten debits
    now += day;
    BOOST_TEST(prune(credits::day_of(now)) == 9);
    BOOST_TEST(events() == 2);
    BOOST_TEST((view(db(), alice) == before));
    const auto events = credits::statement(db(), alice, 10);
    BOOST_TEST(events[1].event_id == 11);
    BOOST_TEST(events[1].delta_seconds == -300);
    BOOST_TEST(events[1].balance_after_seconds == 9700);
    BOOST_TEST(events[1].created_at == now - day);
    BOOST_TEST(prune(credits::day_of(now)) == 0);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(what_is_not_older_than_the_limit_stays)
{
    const auto seat = sit(alice, open_room(alice));
    beat_for(seat, 300);
    BOOST_TEST(prune(credits::day_of(now)) == 0);
    BOOST_TEST(events() == 11);
    BOOST_TEST(prune(credits::day_of(now) + day) == 9); // an open stay has no say in it
    beat_for(seat, 60);
    BOOST_TEST(events() == 4);
    leave(seat);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(days_connections_wallets_and_other_events_are_kept_apart)
{
    now += day - 150; // five debits on each side of midnight
    const auto room = open_room(alice);
    const auto host = sit(alice, room);
    const auto guest = sit(bob, room, 10000);
    for (int i = 1; i <= 10; ++i) {
        now += 30;
        renew(host);
        renew(guest);
        if (i == 8)
            give(bob, 50);
    }
    leave(guest);
    const auto again = sit(bob, room);
    beat_for(again, 60);
    leave(again);
    leave(host);
    const auto before_alice = view(db(), alice);
    const auto before_bob = view(db(), bob);
    BOOST_TEST(prune(credits::day_of(now) + day) > 0);
    BOOST_TEST((view(db(), alice) == before_alice));
    BOOST_TEST((view(db(), bob) == before_bob));
    const auto count = [&](const std::string& wallet) {
        return query("SELECT count(*) FROM credit_events WHERE kind = 'debit_usage' AND wallet = '" + wallet +
                     "'");
    };
    BOOST_TEST(count(alice) == 2); // a day each
    BOOST_TEST(count(bob) == 4);   // before and after midnight, after the gift, and the second stay
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(any_size_of_batches_gives_the_same_ledger)
{
    std::string expected;
    for (const std::int64_t batch : {2, 3, 7, 5000}) {
        PruningFixture other;
        const auto room = other.open_room(alice);
        const auto host = other.sit(alice, room);
        const auto guest = other.sit(bob, room, 5000);
        for (int i = 0; i < 20; ++i) {
            other.now += 30;
            other.renew(host);
            other.renew(guest);
        }
        other.prune(credits::day_of(other.now) + day, false, batch);
        std::string ledger;
        auto row =
            other.db().prepare("SELECT event_id, delta_seconds, balance_after_seconds FROM credit_events "
                               "ORDER BY event_id");
        while (row.step())
            ledger += row.text(0) + " " + row.text(1) + " " + row.text(2) + "\n";
        if (expected.empty())
            expected = ledger;
        BOOST_TEST(ledger == expected, "batches of " << batch);
        other.require_clean_audit();
    }
}

// The clock may have been ahead for a while: what is younger than the limit says nothing of what comes after
// it.
BOOST_AUTO_TEST_CASE(a_young_event_at_the_end_of_a_batch_is_not_the_end)
{
    const auto seat = sit(alice, open_room(alice));
    beat_for(seat, 120);
    now += 2 * day;
    give(bob, 5);
    now -= 2 * day;
    const auto batch = events();
    beat_for(seat, 120);
    BOOST_TEST(prune(credits::day_of(now) + day, false, batch) == 7);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_rehearsal_counts_and_changes_nothing)
{
    const auto seat = sit(alice, open_room(alice));
    beat_for(seat, 600);
    const auto limit = credits::day_of(now) + day;
    for (const std::int64_t batch : {4, 5000})
        BOOST_TEST(prune(limit, true, batch) == 19);
    BOOST_TEST(events() == 21);
    BOOST_TEST(prune(limit) == 19);
}

BOOST_AUTO_TEST_CASE(a_clock_that_stepped_back_over_midnight_loses_nothing)
{
    give(alice, 1000);
    now += day;
    const auto seat = sit(alice, create(alice));
    for (int i = 0; i < 6; ++i) {
        now += i == 3 ? 5 - day : 30; // yesterday again
        database::Transaction tx(db());
        auto connection = stored(seat);
        connection.debited_seconds +=
            credits::debit(db(), alice, credits::account(db(), alice).remaining_seconds, 5,
                           connection.connection_id, now)
                .debited_seconds;
        connection.last_metered_at += 5;
        rooms::update_connection(db(), connection);
        tx.commit();
    }
    const auto before = view(db(), alice);
    BOOST_TEST(prune(credits::day_of(now) + 2 * day) == 4);
    BOOST_TEST((view(db(), alice) == before));
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(nothing_but_pruning_may_change_the_ledger)
{
    const auto seat = sit(alice, open_room(alice));
    beat_for(seat, 120);
    const std::string update = "UPDATE credit_events SET delta_seconds = -31 WHERE event_id = 2;";
    const std::string remove = "DELETE FROM credit_events WHERE event_id = 2;";
    BOOST_TEST(is_refused(update));
    BOOST_TEST(is_refused(remove));
    const auto opened =
        "INSERT INTO pruning (id, created_before) VALUES (1, " + std::to_string(now + 1) + ");";
    const std::string closed = "DELETE FROM pruning;";
    // A transaction that leaves the door open cannot commit.
    BOOST_TEST(is_refused(opened));
    BOOST_TEST(is_refused(opened + remove));
    BOOST_TEST(is_refused("INSERT INTO pruning (id, created_before, gone) VALUES (1, 5, 1)"));
    BOOST_TEST(is_refused("INSERT INTO pruning (id, created_before) VALUES (0, 5)"));
    BOOST_TEST(query("SELECT count(*) FROM pruning") == 0);
    // Not even then may anything change but how much an old debit took.
    for (const auto& set :
         {std::string("event_id = 99"), "wallet = '" + bob + "'", std::string("kind = 'refund_usage'"),
          std::string("balance_after_seconds = 5"), std::string("connection_id = 'c'"),
          std::string("reason = 'r'"), std::string("created_at = 5")})
        BOOST_TEST(is_refused(opened + "UPDATE credit_events SET " + set + " WHERE event_id = 2;" + closed),
                   set);
    BOOST_TEST(is_refused(opened + "DELETE FROM credit_events WHERE event_id = 1;" + closed)); // the gift
    const auto opened_for_older =
        "INSERT INTO pruning (id, created_before) VALUES (1, " + std::to_string(now - 500) + ");";
    BOOST_TEST(is_refused(opened_for_older + remove + closed));
    BOOST_TEST(is_refused(opened_for_older + update + closed));
    BOOST_TEST(events() == 5);
    require_clean_audit();
}

// Whatever happens, and however often it is pruned meanwhile, the books stay what they are without pruning.
BOOST_AUTO_TEST_CASE(random_weeks_are_the_same_with_and_without_pruning)
{
    std::mt19937_64 dice(20260131);
    for (int world = 0; world < 5; ++world) {
        const auto seed = dice();
        BOOST_TEST_CONTEXT("seed " << seed)
        {
            PruningFixture plain, pruned;
            for (auto* service : {&plain, &pruned}) {
                std::mt19937_64 events(seed);
                std::mt19937_64 pruner(seed + 1);
                std::optional<rooms::Seat> seat;
                service->give(alice, 100000);
                for (int step = 0; step < 400; ++step) {
                    service->now +=
                        static_cast<std::int64_t>(events() % 40 == 0 ? events() % 40000 : events() % 60);
                    service->sweep_now();
                    const bool is_in = seat && !service->stored(*seat).left_at;
                    switch (events() % 8) {
                    case 0:
                        service->give(alice, 17);
                        break;
                    case 1:
                        if (is_in)
                            service->leave(*seat);
                        break;
                    case 2:
                        if (seat && service->stored(*seat).debited_seconds > 0) {
                            database::Transaction tx(service->db());
                            try {
                                credits::refund(service->db(), alice, seat->connection.connection_id,
                                                1 + static_cast<std::int64_t>(events() % 5), "r",
                                                service->now);
                                tx.commit();
                            } catch (const base::Error&) {
                            }
                        }
                        break;
                    default:
                        if (is_in) {
                            service->renew(*seat);
                        } else {
                            const auto hosted = service->hosted_room(alice);
                            seat = service->sit(alice, hosted.empty() ? service->create(alice) : hosted);
                        }
                    }
                    if (service == &pruned && pruner() % 10 == 0)
                        service->prune(credits::day_of(service->now) -
                                           static_cast<std::int64_t>(pruner() % 2) * day,
                                       false, 2 + static_cast<std::int64_t>(pruner() % 20));
                }
                service->require_clean_audit();
            }
            pruned.prune(credits::day_of(pruned.now) + day);
            BOOST_TEST((view(plain.db(), alice) == view(pruned.db(), alice)));
            BOOST_TEST(pruned.events() < plain.events());
        }
    }
}

BOOST_AUTO_TEST_CASE(killed_anywhere_it_leaves_a_whole_ledger_and_can_be_run_again)
{
    const TemporaryFolder folder;
    auto settings = test_config();
    settings.database_path = folder / "test.db";
    View before;
    base::UnixSeconds limit = 0;
    {
        PruningFixture service(settings);
        const auto seat = service.sit(alice, service.open_room(alice, 1000000));
        service.beat_for(seat, 30000);
        before = view(service.db(), alice);
        limit = credits::day_of(service.now) + day;
    }
    const auto events_in = [](database::Connection& db) {
        auto row = db.prepare("SELECT count(*) FROM credit_events");
        row.step();
        return row.integer(0);
    };
    std::mt19937_64 dice(7);
    int killed_midway = 0;
    for (int round = 0; round < 20; ++round) {
        {
            ChildProcess child([&] {
                const auto db = storage::open(settings);
                credits::prune(*db, limit, false, 5);
                return 0;
            });
            const auto db = storage::open(settings);
            const auto events_before = events_in(*db);
            comes_true([&] { return events_in(*db) < events_before || child.has_ended(); });
            ::usleep(static_cast<useconds_t>(dice() % 1000));
            child.kill();
            killed_midway += child.wait() == 128 + SIGKILL ? 1 : 0;
        }
        const auto db = storage::open(settings);
        BOOST_TEST((view(*db, alice) == before));
        BOOST_TEST(credits::audit(*db).empty());
        BOOST_TEST(rooms::audit(*db).empty());
        BOOST_TEST(db->integrity_problems().empty());
    }
    BOOST_TEST(killed_midway > 0);
    const auto db = storage::open(settings);
    credits::prune(*db, limit);
    BOOST_TEST((view(*db, alice) == before));
    BOOST_TEST(credits::statement(*db, alice, 100).size() == before.statement.size());
}

// Rooms of five who talk twice a day for an hour, with a heartbeat every 30 s and a renewal every 45 s, the
// second hour over midnight. PRUNING_PARTICIPANTS=1000 PRUNING_DAYS=30 is the full size (TMPDIR=/dev/shm).
BOOST_AUTO_TEST_CASE(a_month_of_talk_takes_little_room_once_it_is_pruned, *boost::unit_test::label("sqlite"))
{
    const auto participants = number_from_environment("PRUNING_PARTICIPANTS", 20);
    const auto days = number_from_environment("PRUNING_DAYS", 3);
    constexpr std::int64_t hour = 3600;
    const TemporaryFolder folder;
    const auto path = folder / "month.db";
    const auto stop = folder / "stop";
    Signal start;
    // Somebody who writes all the while, and how long that took at most: milliseconds / 50.
    ChildProcess other([&] {
        start.await();
        const auto db = sqlite::open_migrated(path, 60000);
        std::chrono::milliseconds longest{0};
        for (base::UnixSeconds at = 0; !std::filesystem::exists(stop); ++at) {
            const auto begun = std::chrono::steady_clock::now();
            rooms::record_sweep(*db, at);
            longest = std::max(longest, std::chrono::duration_cast<std::chrono::milliseconds>(
                                            std::chrono::steady_clock::now() - begun));
            ::usleep(2000);
        }
        return static_cast<int>(std::min<std::int64_t>(longest.count() / 50, 98));
    });

    RoomFixture service; // in memory, where a month passes sooner
    const auto size = [&path](sqlite::Connection& db) {
        db.vacuum();
        return static_cast<std::int64_t>(std::filesystem::file_size(path));
    };
    const auto size_empty = size(*sqlite::open_migrated(path, 5000));
    std::filesystem::remove(path);
    std::filesystem::remove(path + "-wal");
    std::filesystem::remove(path + "-shm");
    std::vector<std::string> wallets;
    for (std::int64_t i = 1; i <= participants; ++i) {
        wallets.push_back(RoomFixture::cheap_address(static_cast<unsigned>(i)));
        service.give(wallets.back(), days * 2 * hour + 100000);
    }
    const auto first_day = service.now;
    const auto talk = [&](base::UnixSeconds from) {
        service.now = from;
        std::vector<rooms::Seat> seats;
        std::string room;
        for (std::size_t i = 0; i < wallets.size(); ++i) {
            if (i % 5 == 0)
                room = service.create(wallets[i]);
            seats.push_back(service.sit(wallets[i], room));
        }
        for (std::int64_t second = 15; second <= hour; second += 15) {
            service.now = from + second;
            for (const auto& seat : seats) {
                if (second % 30 == 0)
                    service.renew(seat);
                if (second % 45 == 0)
                    service.renew(seat);
            }
        }
        for (auto seat = seats.rbegin(); seat != seats.rend(); ++seat)
            service.leave(*seat);
    };
    for (std::int64_t i = 0; i < days; ++i) {
        talk(first_day + i * day + 10 * hour);
        talk(first_day + i * day + 23 * hour + hour / 2);
    }

    service.sqlite_db().copy_into(path);
    const auto file = sqlite::open_migrated(path, 60000);
    auto& db = *file;

    std::vector<View> before;
    for (const auto& wallet : wallets)
        before.push_back(view(db, wallet));
    const auto events = service.query("SELECT count(*) FROM credit_events");
    const auto size_full = static_cast<std::int64_t>(std::filesystem::file_size(path));
    start.give();
    const auto begun = std::chrono::steady_clock::now();
    const auto merged = credits::prune(db, credits::day_of(service.now) + day);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    std::ofstream(stop).put('\n');
    const auto longest_wait_ms = other.wait() * 50;

    for (std::size_t i = 0; i < wallets.size(); ++i) {
        BOOST_REQUIRE((view(db, wallets[i]) == before[i]));
        BOOST_REQUIRE(before[i].consumed_seconds == days * 2 * hour);
    }
    for (const auto& violations : {credits::audit(db), rooms::audit(db), db.integrity_problems()})
        BOOST_TEST(violations.empty());
    const auto size_unvacuumed = static_cast<std::int64_t>(std::filesystem::file_size(path));
    const auto vacuum_begun = std::chrono::steady_clock::now();
    const auto size_pruned = size(db);
    const std::chrono::duration<double> vacuum_took = std::chrono::steady_clock::now() - vacuum_begun;
    const auto hours = participants * days * 2;
    const auto bytes_per_hour = (size_pruned - size_empty) / hours;
    std::cerr << "PRUNING: " << participants << " participants, " << days << " days, " << hours
              << " hours: " << events << " events in " << size_full << " bytes; " << merged << " merged in "
              << took.count() << " s (longest wait of another writer " << longest_wait_ms << " ms); "
              << size_unvacuumed << " bytes before and " << size_pruned << " after VACUUM in "
              << vacuum_took.count() << " s, " << bytes_per_hour << " bytes per participant-hour\n";
    BOOST_TEST(bytes_per_hour <= 2000);
    BOOST_TEST(size_pruned < 100000000);
    BOOST_TEST(longest_wait_ms < 4900); // DATABASE_BUSY_TIMEOUT_MS is 5000
    // The gift, the morning's hour, and the two sides of midnight.
    BOOST_TEST(events - merged == participants * (1 + 3 * days));
}

BOOST_AUTO_TEST_SUITE_END()
