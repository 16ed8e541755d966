#include "requests/idempotency.h"

#include "base/config.h"
#include "fixture.h"
#include "sqlite/child_process.h"
#include "sqlite/full_scans.h"
#include "storage/open.h"
#include "temporary_folder.h"

namespace {

using requests::KeyedRequest;
using requests::Turn;

constexpr std::int64_t day_seconds = 24 * 3600;

class RequestFixture : public AppFixture
{
  public:
    KeyedRequest request(const std::string& key = "k", const std::string& body = "{}") const
    {
        return {alice, key, requests::fingerprint_of("POST", "/rooms/create", body), now};
    }
    Turn start(const KeyedRequest& keyed) { return requests::start(db(), keyed).turn; }
    bool keep(const KeyedRequest& keyed, int status = 200, const std::string& body = "the answer")
    {
        return requests::keep_answer(db(), keyed, {status, body});
    }
    void give_up(const KeyedRequest& keyed) { requests::give_up(db(), keyed); }
    std::int64_t stored() { return query("SELECT count(*) FROM idempotent_requests"); }

    const std::string alice = address(1);
    const std::string bob = address(2);
};

} // namespace

// Boost prints it.
namespace requests {
static std::ostream& operator<<(std::ostream& out, Turn turn)
{
    constexpr const char* names[] = {"ours", "answered", "in_progress", "key_reused", "too_many"};
    return out << names[static_cast<int>(turn)];
}
} // namespace requests

BOOST_FIXTURE_TEST_SUITE(idempotency_tests, RequestFixture)

BOOST_AUTO_TEST_CASE(a_key_is_1_to_255_visible_ascii_characters)
{
    for (const std::string& key :
         {std::string("k"), std::string("!"), std::string("~"), std::string(255, 'k'),
          std::string("\"8e03978e-40d5-43dd-bc93-6894a57f9324\""), std::string("a,b;c=d\\'/")})
        BOOST_TEST(requests::is_idempotency_key(key), key);
    for (const std::string& text :
         {std::string(), std::string(256, 'k'), std::string("a b"), std::string(" k"), std::string("k\t"),
          std::string("k\x7f"), std::string("k\n"), std::string("k\0", 2), std::string("k\xc3\xa9"),
          std::string("k\xff")})
        BOOST_TEST(!requests::is_idempotency_key(text), text);
}

BOOST_AUTO_TEST_CASE(method_path_and_body_tell_requests_apart)
{
    const auto one = requests::fingerprint_of("POST", "/rooms/join", "{}");
    BOOST_TEST(one == requests::fingerprint_of("POST", "/rooms/join", "{}"));
    // printf 'POST\n/rooms/join\n{}' | sha256sum
    BOOST_TEST(one == "875e00d802b81b1b6f2e7f2de818de0fc61589000335694326795939eeef975f");
    BOOST_TEST(one != requests::fingerprint_of("PUT", "/rooms/join", "{}"));
    BOOST_TEST(one != requests::fingerprint_of("POST", "/rooms/leave", "{}"));
    BOOST_TEST(one != requests::fingerprint_of("POST", "/rooms/join", "{ }"));
    BOOST_TEST(one != requests::fingerprint_of("POST", "/rooms/join", ""));
}

BOOST_AUTO_TEST_CASE(an_answer_is_repeated_byte_for_byte)
{
    std::string body("{\"a\": 1}\0\xc3\xa9\r\n", 13);
    if (engine::is_postgresql()) // takes no such byte, nor has any answer one
        body.erase(body.find('\0'), 1);
    BOOST_TEST(start(request()) == Turn::ours);
    BOOST_TEST(keep(request(), 409, body));
    for (int i = 0; i < 3; ++i) {
        const auto again = requests::start(db(), request());
        BOOST_TEST(again.turn == Turn::answered);
        BOOST_TEST(again.answer.status == 409);
        BOOST_TEST(again.answer.body == body);
    }
    BOOST_TEST(stored() == 1);
}

BOOST_AUTO_TEST_CASE(a_key_stands_for_one_request_of_one_wallet)
{
    BOOST_TEST(start(request()) == Turn::ours);
    BOOST_TEST(start(request("k", "another")) == Turn::key_reused); // while the first is at it
    keep(request());
    BOOST_TEST(start(request("k", "another")) == Turn::key_reused); // and after that
    BOOST_TEST(start(request("K")) == Turn::ours);
    auto bobs = request();
    bobs.wallet = bob;
    BOOST_TEST(start(bobs) == Turn::ours);
}

BOOST_AUTO_TEST_CASE(one_attempt_at_a_time_for_as_long_as_the_lease)
{
    const auto first = request();
    BOOST_TEST(start(first) == Turn::ours);
    BOOST_TEST(start(request()) == Turn::in_progress);
    now += requests::lease_seconds - 1;
    BOOST_TEST(start(request()) == Turn::in_progress);
    now += 1;
    const auto second = request();
    BOOST_TEST(start(second) == Turn::ours);
    BOOST_TEST(start(request()) == Turn::in_progress); // the lease is the second's now
    now += requests::lease_seconds - 1;
    BOOST_TEST(start(request()) == Turn::in_progress);
    BOOST_TEST(start(request("k", "another")) == Turn::key_reused);
}

// An attempt that was stopped for longer than its lease wakes up.
BOOST_AUTO_TEST_CASE(of_two_attempts_the_first_to_end_counts)
{
    const auto slow = request();
    start(slow);
    now += requests::lease_seconds;
    const auto fast = request();
    start(fast);
    BOOST_TEST(keep(fast, 200, "fast"));
    BOOST_TEST(!keep(slow, 200, "slow"));
    BOOST_TEST(requests::start(db(), request()).answer.body == "fast");

    const auto woken = request("another");
    start(woken);
    now += requests::lease_seconds;
    const auto late = request("another");
    start(late);
    BOOST_TEST(keep(woken, 200, "woken"));
    BOOST_TEST(!keep(late, 200, "late"));
    BOOST_TEST(requests::start(db(), request("another")).answer.body == "woken");
}

BOOST_AUTO_TEST_CASE(of_several_attempts_each_has_its_own_row)
{
    auto bobs = request();
    bobs.wallet = bob;
    const auto other = request("other");
    const auto begin_all = [&] {
        for (const auto& keyed : {request(), bobs, other})
            BOOST_TEST(start(keyed) == Turn::ours);
    };
    const auto both_others_go_on = [&] {
        return start(bobs) == Turn::in_progress && start(other) == Turn::in_progress;
    };
    begin_all();
    BOOST_TEST(requests::give_up(db(), request()));
    BOOST_TEST(stored() == 2);
    BOOST_TEST(both_others_go_on());
    BOOST_TEST(start(request()) == Turn::ours);
    BOOST_TEST(keep(request()));
    BOOST_TEST(both_others_go_on());
    now += day_seconds;
    BOOST_TEST(start(request()) == Turn::ours); // in the place of the old one
    BOOST_TEST(stored() == 3);
}

BOOST_AUTO_TEST_CASE(a_wallet_has_so_many_keys_until_the_oldest_is_forgotten)
{
    for (int i = 0; i < requests::most_keys - 1; ++i)
        execute(
            "INSERT INTO idempotent_requests (wallet, idempotency_key, fingerprint, started_at) VALUES ('" +
            alice + "', 'key " + std::to_string(i) + "', '" + std::string(64, 'a') + "', " +
            std::to_string(now + (i == 7 ? -100 : 0)) + ")");
    BOOST_TEST(start(request("last")) == Turn::ours);
    const auto refused = requests::start(db(), request("one more"));
    BOOST_TEST((refused.turn == Turn::too_many));
    BOOST_TEST(refused.retry_after_seconds == day_seconds - 100);
    auto others = request("one more");
    others.wallet = bob;
    const auto bobs = requests::start(db(), others);
    BOOST_TEST(bobs.turn == Turn::ours);
    BOOST_TEST(bobs.retry_after_seconds == 0);
    others.wallet = requests::backend;
    BOOST_TEST(start(others) == Turn::ours);
    for (const auto& [key, turn] :
         {std::pair("last", Turn::in_progress), std::pair("key 7", Turn::key_reused)}) {
        const auto started = requests::start(db(), request(key));
        BOOST_TEST(started.turn == turn);
        BOOST_TEST(started.retry_after_seconds == 0);
    }
    keep(request("last"));
    BOOST_TEST(requests::start(db(), request("last")).retry_after_seconds == 0);
    now += day_seconds - 100;
    BOOST_TEST(requests::start(db(), request("one more")).retry_after_seconds == 1); // the sweep is late
    requests::purge(db(), now, 10);
    BOOST_TEST(start(request("one more")) == Turn::ours);
}

BOOST_AUTO_TEST_CASE(an_attempt_that_gives_up_frees_the_key)
{
    start(request());
    give_up(request());
    BOOST_TEST(stored() == 0);
    BOOST_TEST(start(request("k", "another")) == Turn::ours);
}

BOOST_AUTO_TEST_CASE(giving_up_takes_nothing_from_another_attempt)
{
    const auto slow = request();
    start(slow);
    now += requests::lease_seconds;
    const auto fast = request();
    start(fast);
    give_up(slow);
    BOOST_TEST(start(request()) == Turn::in_progress);
    keep(fast);
    give_up(slow);
    give_up(fast);
    BOOST_TEST(start(request()) == Turn::answered);
}

BOOST_AUTO_TEST_CASE(an_attempt_whose_key_was_given_away_keeps_no_answer)
{
    const auto slow = request();
    start(slow);
    give_up(slow);
    BOOST_TEST(!keep(slow));
    start(request("k", "another"));
    BOOST_TEST(!keep(slow));
    BOOST_TEST(start(request("k", "another")) == Turn::in_progress);
}

BOOST_AUTO_TEST_CASE(an_answer_is_kept_for_a_day)
{
    start(request());
    keep(request());
    now += day_seconds - 1;
    BOOST_TEST(start(request()) == Turn::answered);
    BOOST_TEST(start(request("k", "another")) == Turn::key_reused);
    now += 1;
    BOOST_TEST(start(request("k", "another")) == Turn::ours); // it may be anything again
    BOOST_TEST(keep(request("k", "another"), 200, "the other answer"));
    BOOST_TEST(requests::start(db(), request("k", "another")).answer.body == "the other answer");
}

BOOST_AUTO_TEST_CASE(a_clock_that_steps_back_runs_nothing_twice)
{
    start(request());
    keep(request());
    start(request("running"));
    for (const std::int64_t step : {1, 20}) {
        now -= step;
        BOOST_TEST(start(request()) == Turn::answered);
        BOOST_TEST(start(request("running")) == Turn::in_progress);
    }
    now -= 3600;
    BOOST_TEST(start(request()) == Turn::answered);
    BOOST_TEST(start(request("k", "another")) == Turn::key_reused);
}

// Or a key would be blocked, and a secret stored, until the year in which the clock once was.
BOOST_AUTO_TEST_CASE(a_clock_that_was_far_ahead_blocks_no_key_for_long)
{
    start(request("dead"));
    start(request());
    keep(request());
    now -= requests::lease_seconds;
    BOOST_TEST(start(request("dead")) == Turn::ours);
    now -= 365 * day_seconds;
    BOOST_TEST(start(request()) == Turn::ours);
    now -= 365 * day_seconds;
    BOOST_TEST(requests::purge(db(), now, 10) == 2);
    BOOST_TEST(stored() == 0);
}

BOOST_AUTO_TEST_CASE(a_key_from_a_day_ahead_is_purged_and_no_younger_one)
{
    start(request());
    now -= day_seconds - 1;
    BOOST_TEST(requests::purge(db(), now, 10) == 0);
    now -= 1;
    BOOST_TEST(requests::purge(db(), now, 10) == 1);
}

BOOST_AUTO_TEST_CASE(keys_are_purged_after_a_day_so_many_at_a_time)
{
    for (int i = 0; i < 5; ++i) {
        const auto keyed = request("old " + std::to_string(i)); // answered or not
        start(keyed);
        if (i % 2 == 0)
            keep(keyed);
    }
    now += 1;
    start(request("young"));
    now += day_seconds - 2;
    BOOST_TEST(requests::purge(db(), now, 2) == 0);
    now += 1;
    BOOST_TEST(requests::purge(db(), now, 2) == 2);
    BOOST_TEST(requests::purge(db(), now, 2) == 2);
    BOOST_TEST(requests::purge(db(), now, 2) == 1);
    BOOST_TEST(requests::purge(db(), now, 2) == 0);
    BOOST_TEST(stored() == 1);
    BOOST_TEST(query("SELECT count(*) FROM idempotent_requests WHERE idempotency_key = 'young'") == 1);
}

BOOST_AUTO_TEST_CASE(purging_walks_an_index, *boost::unit_test::label("sqlite"))
{
    FullScans scans;
    RequestFixture service; // whose connection is watched
    service.start(service.request("old"));
    service.now += day_seconds;
    for (int i = 0; i < 20; ++i)
        service.start(service.request(std::to_string(i)));
    scans.forget();
    BOOST_TEST(requests::purge(service.db(), service.now, 10) == 1);
    BOOST_TEST(requests::purge(service.db(), service.now, 10) == 0);
    BOOST_TEST(scans.rows() == 0);
    BOOST_TEST(scans.statements() >= 3);
}

BOOST_AUTO_TEST_CASE(the_schema_keeps_an_answer_as_it_is)
{
    start(request());
    keep(request());
    BOOST_CHECK_THROW(execute("UPDATE idempotent_requests SET body = 'another'"), base::Error);
    BOOST_CHECK_THROW(execute("UPDATE idempotent_requests SET status = NULL, body = NULL"), base::Error);
    BOOST_TEST(requests::start(db(), request()).answer.body == "the answer");
}

BOOST_AUTO_TEST_CASE(the_schema_knows_which_answers_are_kept)
{
    for (const int status : {200, 499}) {
        const auto keyed = request(std::to_string(status));
        start(keyed);
        BOOST_TEST(keep(keyed, status));
    }
    start(request());
    for (const int status : {199, 500})
        BOOST_CHECK_THROW(keep(request(), status), base::Error);
}

// It found the key free, and then had to wait for its turn.
BOOST_AUTO_TEST_CASE(who_waited_for_the_lock_looks_again_whether_the_key_is_free)
{
    const TemporaryFolder folder;
    auto settings = test_config();
    settings.database_path = folder / "test.db";
    storage::open(settings);
    Signal begins;
    ChildProcess second([&] {
        begins.await();
        auto patient = settings;
        patient.database_busy_timeout_ms = 60000;
        const auto other = storage::connect(patient);
        return static_cast<int>(requests::start(*other, request()).turn);
    });
    const auto first = storage::open(settings);
    database::TransactionGroup group(*first);
    BOOST_TEST(requests::start(*first, request()).turn == Turn::ours);
    begins.give();
    {
        const database::Transaction part(*first);
        BOOST_TEST_REQUIRE(comes_true([&] { return engine::is_awaited(*first); }));
    }
    group.commit();
    BOOST_TEST(second.wait() == static_cast<int>(Turn::in_progress));
}

// Repeating must work while others write, and must not hold them up.
BOOST_AUTO_TEST_CASE(an_answer_is_repeated_without_waiting_for_a_writer)
{
    const TemporaryFolder folder;
    auto settings = test_config();
    settings.database_path = folder / "test.db";
    settings.database_busy_timeout_ms = 1;
    const auto db = storage::open(settings);
    auto& other = *db;
    requests::start(other, request());
    requests::keep_answer(other, request(), {200, "the answer"});
    const engine::Writer writer(settings);
    BOOST_TEST(requests::start(other, request()).turn == Turn::answered);
    BOOST_TEST(requests::start(other, request("k", "another")).turn == Turn::key_reused);
    BOOST_CHECK_THROW(requests::start(other, request("fresh")), base::Error);
}

BOOST_AUTO_TEST_SUITE_END()
