#include "rooms/sweep.h"

#include "base/config.h"
#include "room_fixture.h"
#include "sqlite/child_process.h"
#include "temporary_folder.h"

#include <random>

BOOST_FIXTURE_TEST_SUITE(sweep_tests, RoomFixture)

// ---- what it does ----

BOOST_AUTO_TEST_CASE(it_books_who_was_not_booked_for_a_minute)
{
    const auto room_id = open_room(address(1), 1000);
    const auto silent = sit(address(1), room_id);
    const auto renewed = sit(address(2), room_id, 1000);
    now += 1;
    const auto later = sit(address(3), room_id, 1000);
    renew(renewed);
    now += 59;
    const auto tally = sweep_now();
    BOOST_TEST(tally.connections_metered == 1);
    BOOST_TEST(tally.debited_seconds == 60);
    BOOST_TEST(tally.connections_lapsed == 0);
    BOOST_TEST(tally.rooms_closed == 0);
    BOOST_TEST(stored(silent).debited_seconds == 60);
    BOOST_TEST(stored(renewed).debited_seconds == 1);
    BOOST_TEST(stored(later).debited_seconds == 0);
    now += 1;
    BOOST_TEST(sweep_now().connections_metered == 2);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(it_settles_the_lapsed_and_closes_what_is_empty)
{
    const auto room_id = open_room(address(1), 1000);
    sit(address(1), room_id);
    const auto other_room = open_room(address(2), 1000);
    sit(address(2), other_room);
    now += 45;
    const auto guest = sit(address(3), other_room, 1000);
    const auto never_joined = open_room(address(4));
    now += 45;
    auto tally = sweep_now();
    BOOST_TEST(tally.connections_lapsed == 2);
    BOOST_TEST(tally.connections_metered == 0);
    BOOST_TEST(tally.debited_seconds == 90 + 90);
    BOOST_TEST(tally.rooms_closed == 0);
    for (const auto& open : {room_id, other_room})
        BOOST_TEST(!is_closed(open));
    leave(guest);
    now += 255;
    tally = sweep_now();
    BOOST_TEST(tally.rooms_closed == 1);
    BOOST_TEST(tally.debited_seconds == 0);
    BOOST_TEST((closed_at(never_joined) == now));
    now += 45;
    tally = sweep_now();
    BOOST_TEST(tally.rooms_closed == 1);
    BOOST_TEST((closed_at(room_id) == now));
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_second_sweep_at_once_finds_nothing_to_do)
{
    const auto room_id = open_room(address(1), 1000);
    sit(address(1), room_id);
    open_room(address(2));
    for (const int elapsed : {30, 31, 60, 90, 300, 400}) {
        now = 1767225600 + elapsed;
        sweep_now();
        const auto tally = sweep_now();
        BOOST_TEST_CONTEXT(elapsed)
        {
            BOOST_TEST(tally.connections_metered == 0);
            BOOST_TEST(tally.connections_lapsed == 0);
            BOOST_TEST(tally.debited_seconds == 0);
            BOOST_TEST(tally.rooms_closed == 0);
        }
    }
    BOOST_TEST(consumed(address(1)) == 90);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_sweep_of_nothing_does_nothing)
{
    const auto tally = sweep_now();
    BOOST_TEST(tally.connections_metered + tally.connections_lapsed + tally.rooms_closed == 0);
}

// One batch is 200.
BOOST_AUTO_TEST_CASE(more_than_a_batch_is_swept_in_one_go)
{
    constexpr unsigned rooms_joined = 90;
    constexpr unsigned rooms_unjoined = 410;
    unsigned number = 0;
    for (unsigned i = 0; i < rooms_joined; ++i) {
        const auto room_id = open_room(cheap_address(++number));
        for (int seats = 0; seats < 5; ++seats)
            sit(cheap_address(++number), room_id, 1000);
    }
    const auto unjoined_since = now;
    for (unsigned i = 0; i < rooms_unjoined; ++i)
        open_room(cheap_address(++number));
    now += 60;
    auto tally = sweep_now();
    BOOST_TEST(tally.connections_metered == 5 * rooms_joined);
    BOOST_TEST(tally.debited_seconds == 60 * 5 * rooms_joined);
    now += 30;
    tally = sweep_now();
    BOOST_TEST(tally.connections_lapsed == 5 * rooms_joined);
    BOOST_TEST(tally.rooms_closed == 0);
    BOOST_TEST(tally.debited_seconds == 30 * 5 * rooms_joined);
    now = unjoined_since + 300;
    tally = sweep_now();
    BOOST_TEST(tally.rooms_closed == rooms_unjoined);
    now += 90;
    tally = sweep_now();
    BOOST_TEST(tally.rooms_closed == rooms_joined);
    BOOST_TEST(query("SELECT count(*) FROM rooms WHERE closed_at IS NULL") == 0);
    require_clean_audit();
}

// Another process writes all the time, and after it has waited it gets a rest from the sweep.
BOOST_AUTO_TEST_CASE(it_gives_way_when_somebody_waits_for_a_turn, *boost::unit_test::label("sqlite"))
{
    constexpr int patience_ms = 60000;
    const TemporaryFolder folder("/dev/shm");
    const auto path = folder.path() + "/session-voice.db";
    {
        const auto seeding = sqlite::open_migrated(path, patience_ms);
        database::Transaction tx(*seeding);
        for (unsigned i = 100; i < 400; ++i) {
            credits::adjust(*seeding, address(i), 1000000, "test", now);
            rooms::Connection connection;
            connection.connection_id = connection.room_id =
                "00000000-0000-4000-8000-000000000" + std::to_string(i);
            connection.kind = rooms::Kind::free;
            connection.wallet = address(i);
            connection.agora_uid = i;
            connection.joined_at = connection.last_metered_at = now;
            connection.token_expires_at = now + 90;
            seeding
                ->prepare("INSERT INTO rooms (room_id, kind, host_wallet, visibility, ai_enabled, capacity, "
                          "created_at) VALUES (:room_id, 'free', :wallet, 'open', 0, 2, :now)")
                .bind(":room_id", connection.room_id)
                .bind(":wallet", connection.wallet)
                .bind(":now", now)
                .run();
            rooms::insert_connection(*seeding, connection);
        }
        tx.commit();
    }
    Signal is_writing;
    ChildProcess writer([&] {
        sqlite::Options options;
        options.busy_timeout_ms = patience_ms;
        sqlite::Connection other(path, options);
        for (bool is_first = true;; is_first = false) {
            rooms::record_sweep(other, now);
            if (is_first)
                is_writing.give();
        }
        return 0;
    });
    is_writing.await();
    const auto ours = sqlite::open_migrated(path, patience_ms);
    constexpr int most_turns_alone = 3; // of 300, by 200 at most
    int sweeps = 0;
    const bool has_given_way = comes_true([&] {
        // Tokens renewed meanwhile.
        ++sweeps;
        const auto swept_at = now + 60 * sweeps;
        database::transact(*ours, [&] {
            ours->prepare("UPDATE connections SET token_expires_at = :expires_at")
                .bind(":expires_at", swept_at + 30)
                .run();
        });
        int turns = 0;
        rooms::Pace pace;
        pace.rest = [&] {
            BOOST_TEST(!ours->in_transaction());
            ++turns;
        };
        const auto tally = rooms::sweep(*ours, base::Rules(), swept_at, pace);
        BOOST_TEST(tally.connections_metered == 300);
        return turns > most_turns_alone;
    });
    writer.kill();
    BOOST_TEST(has_given_way);
}

BOOST_AUTO_TEST_CASE(a_transaction_ends_when_its_time_is_over_and_a_rest_follows)
{
    for (unsigned number = 1; number <= 10; ++number) // one in each room
        sit(address(number), open_room(address(number), 1000));
    const auto turns_of = [this](int connections_a_turn) {
        std::vector<int> turns(1);
        rooms::Pace pace;
        pace.is_over = [&] {
            BOOST_TEST(db().in_transaction());
            return ++turns.back() == connections_a_turn;
        };
        pace.rest = [&] {
            BOOST_TEST(!db().in_transaction());
            turns.push_back(0);
        };
        now += 60;
        execute("UPDATE connections SET token_expires_at = " + std::to_string(now + 30));
        BOOST_TEST(rooms::sweep(db(), config.rules, now, pace).connections_metered == 10);
        return turns;
    };
    // The last of each ends it by itself.
    BOOST_TEST(turns_of(4) == std::vector<int>({4, 4, 1, 0}), boost::test_tools::per_element());
    BOOST_TEST(turns_of(1) == std::vector<int>({1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0}),
               boost::test_tools::per_element());
    BOOST_TEST(turns_of(100) == std::vector<int>({9, 0}), boost::test_tools::per_element());

    now += 90 + config.rules.unjoined_room_ttl_seconds; // all lapse, and their rooms close
    int turns = 0;
    rooms::Pace pace;
    pace.is_over = [] { return true; };
    pace.rest = [&] { ++turns; };
    const auto tally = rooms::sweep(db(), config.rules, now, pace);
    BOOST_TEST(tally.connections_lapsed == 10);
    BOOST_TEST(tally.rooms_closed == 10);
    BOOST_TEST(turns == 10);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(it_leaves_booked_sessions_alone)
{
    const auto room_id = insert_booked_room(address(1));
    give(address(1), 1000);
    execute("INSERT INTO connections (connection_id, room_id, kind, wallet, agora_uid, joined_at, "
            "last_metered_at, token_expires_at) VALUES (" +
            quoted(random.uuid_v4()) + ", " + quoted(room_id) + ", 'booked', " + quoted(address(1)) +
            ", 7, 100, 100, 190)");
    now += 5000;
    const auto tally = sweep_now();
    BOOST_TEST(tally.connections_metered + tally.connections_lapsed + tally.rooms_closed == 0);
    BOOST_TEST(remaining(address(1)) == 1000);
    BOOST_TEST(!is_closed(room_id));
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(it_charges_nothing_under_a_clock_that_stepped_back)
{
    const auto room_id = open_room(address(1), 1000);
    const auto seat = sit(address(1), room_id);
    now += 40;
    renew(seat);
    for (const int step : {1, 3600, 86400}) {
        now -= step;
        BOOST_TEST(sweep_now().debited_seconds == 0);
        now += step;
    }
    BOOST_TEST(consumed(address(1)) == 40);
    BOOST_TEST(!is_closed(room_id));
    require_clean_audit();
}

// ---- when it fails half way ----

BOOST_AUTO_TEST_CASE(a_sweep_that_ends_half_way_has_done_half_and_the_next_does_the_rest)
{
    unsigned number = 0;
    for (int i = 0; i < 50; ++i) {
        const auto room_id = open_room(cheap_address(++number));
        sit(cheap_address(number), room_id);
        for (int seats = 0; seats < 5; ++seats)
            sit(cheap_address(++number), room_id, 1000);
    }
    now += 60;
    auto last = db().prepare("SELECT connection_id FROM connections "
                             "ORDER BY agora_uid % 4096 DESC, connection_id LIMIT 1");
    last.step();
    fail("UPDATE ON connections", "OLD.connection_id = " + quoted(last.text(0)));
    BOOST_CHECK_THROW(sweep_now(), base::Error);
    BOOST_TEST(!db().in_transaction());
    const auto done = query("SELECT count(*) FROM credit_events WHERE kind = 'debit_usage'");
    BOOST_TEST((done >= 200 && done < 300));
    require_clean_audit();
    stop_failing();
    now += 10;
    sweep_now(); // those of the first batch are not due yet
    BOOST_TEST(query("SELECT min(consumed_seconds) FROM credit_accounts") == 60);
    BOOST_TEST(query("SELECT max(consumed_seconds) FROM credit_accounts") == 70);
    now += 20;
    sweep_now();
    BOOST_TEST(query("SELECT min(consumed_seconds) FROM credit_accounts") == 90);
    BOOST_TEST(query("SELECT max(consumed_seconds) FROM credit_accounts") == 90);
    require_clean_audit();
}

// ---- late, doubled or missing, it makes no difference to what is charged ----

namespace {

struct Step
{
    int at;           // seconds since the beginning
    unsigned client;  // 1 to 9
    const char* what; // "beat", "renew" or "leave"; whoever sits nowhere joins or creates instead
    unsigned room_of; // whose room to join
};

// Ten minutes of clients that call irregularly, go away without a word, come back and leave.
std::vector<Step> irregular_clients(unsigned seed)
{
    std::mt19937 engine(seed);
    const auto draw = [&](int low, int high) {
        return low + static_cast<int>(engine() % static_cast<unsigned>(high - low + 1));
    };
    std::vector<Step> steps;
    std::vector<int> next(10, 0);
    for (int at = 0; at < 600; ++at) {
        for (unsigned client = 1; client <= 9; ++client) {
            if (at < next[client])
                continue;
            const int dice = draw(0, 99);
            const char* what = dice < 30 ? "beat" : dice < 80 ? "renew" : "leave";
            steps.push_back({at, client, what, static_cast<unsigned>(draw(1, 3))});
            // Mostly in time, sometimes a little late, sometimes far too late.
            const int pause = draw(0, 9);
            next[client] = at + (pause < 6 ? draw(1, 45) : pause < 8 ? draw(46, 90) : draw(80, 200));
        }
    }
    return steps;
}

Texts types_of(const base::Json& body)
{
    Texts types;
    for (const auto& event : body.value("events", base::Json::array()))
        types.push_back(event.at("type"));
    return types;
}

// What a client saw: statuses, balances, kinds of events. When the sweep raises an event earlier, its client
// is told with the same answer.
std::string view(const Reply& reply)
{
    std::string text = std::to_string(reply.status);
    for (const auto* name : {"error", "remaining_seconds", "debited_seconds", "closed", "denied", "room_id"})
        text += " " + reply.body.value(name, base::Json()).dump();
    for (const auto& type : types_of(reply.body))
        text += " " + type;
    return text;
}

class ScriptedService : public RoomFixture
{
  public:
    ScriptedService()
    {
        constexpr std::int64_t balances[] = {100000, 1000, 700, 500, 400, 350, 300, 200, 120};
        for (unsigned client = 1; client <= 9; ++client)
            give(cheap_address(client), balances[client - 1]);
    }

    // Returns what all clients saw.
    Texts play(const std::vector<Step>& steps, const std::set<int>& sweeps)
    {
        Texts seen;
        std::size_t next = 0;
        for (int at = 0; at <= 600; ++at) {
            now = start_ + at;
            for (; next < steps.size() && steps[next].at == at; ++next)
                seen.push_back(std::to_string(at) + " " + take(steps[next]));
            if (sweeps.count(at) > 0)
                sweep();
        }
        return seen;
    }

    // Every stay and room with its charges and its end; what was swept and when does not show in it.
    Texts outcome()
    {
        Texts rows;
        auto stay = db().prepare("SELECT wallet, joined_at, token_expires_at, debited_seconds, left_at, "
                                 "last_metered_at FROM connections ORDER BY wallet, joined_at");
        while (stay.step())
            rows.push_back(stay.text(0) + " " + stay.text(1) + " " + stay.text(2) + " " + stay.text(3) + " " +
                           stay.text(4) + " " + stay.text(5));
        auto room =
            db().prepare("SELECT host_wallet, created_at, closed_at FROM rooms ORDER BY created_at, ordinal");
        while (room.step())
            rows.push_back(room.text(0) + " " + room.text(1) + " " + room.text(2));
        auto account = db().prepare("SELECT wallet, consumed_seconds, remaining_seconds FROM credit_accounts "
                                    "ORDER BY wallet");
        while (account.step())
            rows.push_back(account.text(0) + " " + account.text(1) + " " + account.text(2));
        return rows;
    }

  private:
    std::string take(const Step& step)
    {
        const auto wallet = cheap_address(step.client);
        auto& seat = seats_[step.client];
        if (seat.is_null()) {
            if (step.client <= 3) {
                const auto created = post("/rooms/create", base::Json::object(), wallet);
                if (created.body.contains("room_id"))
                    rooms_[step.client] = created.body.at("room_id");
            }
            const auto room_id = rooms_[step.client <= 3 ? step.client : step.room_of];
            if (room_id.empty())
                return "no room yet";
            const auto joined = post("/rooms/join", {{"room_id", room_id}}, wallet);
            if (joined.status == 200)
                seat = caller(joined.body);
            return view(joined);
        }
        const auto path = std::string(step.what) == "beat"    ? "/rooms/heartbeat"
                          : std::string(step.what) == "renew" ? "/rooms/token/renew"
                                                              : "/rooms/leave";
        const auto reply = post(path, seat, wallet);
        if (reply.status != 200 || reply.body.contains("closed"))
            seat = nullptr;
        return view(reply);
    }

    base::UnixSeconds start_ = now;
    std::map<unsigned, base::Json> seats_;
    std::map<unsigned, std::string> rooms_;
};

std::set<int> every(int seconds)
{
    std::set<int> instants;
    for (int at = 0; at <= 600; at += seconds)
        instants.insert(at);
    return instants;
}

} // namespace

BOOST_AUTO_TEST_CASE(ten_minutes_without_a_sweep_are_charged_as_under_a_perfect_one)
{
    std::int64_t stays = 0;
    std::int64_t lapses = 0;
    std::int64_t departures = 0;
    std::int64_t charged = 0;
    for (unsigned seed = 1; seed <= 10; ++seed) {
        const auto steps = irregular_clients(seed);
        ScriptedService perfect;
        const auto expected_views = perfect.play(steps, every(30));
        perfect.now += 1000;
        perfect.sweep();
        const auto expected = perfect.outcome();
        perfect.require_clean_audit();
        stays += perfect.query("SELECT count(*) FROM connections");
        lapses += perfect.query("SELECT count(*) FROM connections WHERE left_at = token_expires_at");
        departures += perfect.query("SELECT count(*) FROM connections WHERE left_at < token_expires_at");
        charged += perfect.query("SELECT sum(consumed_seconds) FROM credit_accounts");

        const std::pair<const char*, std::set<int>> others[] = {
            {"no sweep at all", {}},
            {"one every second", every(1)},
            {"one every 7 s", every(7)},
            {"one every 200 s", every(200)},
            {"ten minutes without, then on", {600}},
        };
        for (const auto& [what, sweeps] : others) {
            ScriptedService service;
            BOOST_TEST_CONTEXT("seed " << seed << ", " << what)
            {
                BOOST_TEST(service.play(steps, sweeps) == expected_views, boost::test_tools::per_element());
                service.require_clean_audit();
                service.now += 1000;
                service.sweep();
                BOOST_TEST(service.outcome() == expected, boost::test_tools::per_element());
                service.require_clean_audit();
            }
        }
    }
    // The script is worth something only if people stay, lapse, leave and pay.
    BOOST_TEST(stays > 200);
    BOOST_TEST(lapses > 50);
    BOOST_TEST(departures > 50);
    BOOST_TEST(charged > 10000);
}

// ---- the note that it ran ----

BOOST_AUTO_TEST_CASE(when_the_last_sweep_ended_is_noted)
{
    BOOST_TEST(!rooms::last_sweep_at(db()));
    rooms::record_sweep(db(), now);
    BOOST_TEST((rooms::last_sweep_at(db()) == now));
    rooms::record_sweep(db(), now + 30);
    BOOST_TEST((rooms::last_sweep_at(db()) == now + 30));
    rooms::record_sweep(db(), now - 30); // the clock stepped back
    BOOST_TEST((rooms::last_sweep_at(db()) == now - 30));
    BOOST_TEST(query("SELECT count(*) FROM sweeps") == 1);
    BOOST_CHECK_THROW(execute("INSERT INTO sweeps (id, finished_at) VALUES (2, 1)"), base::Error);
    sweep_now(); // notes nothing itself: whoever runs it does so at its end
    BOOST_TEST((rooms::last_sweep_at(db()) == now - 30));
}

BOOST_AUTO_TEST_SUITE_END()
