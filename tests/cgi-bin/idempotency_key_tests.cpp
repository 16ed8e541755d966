#include "requests/idempotency.h"

#include "handler_fixture.h"
#include "sqlite/child_process.h"

#include <ctime>

namespace {

constexpr std::int64_t day_seconds = 24 * 3600;
const std::string key = "8e03978e-40d5-43dd-bc93-6894a57f9324";

// Another key for each number.
std::string key_number(int number)
{
    return "key-" + std::to_string(number);
}

bool is_replayed(const http::Response& response)
{
    return header_of(response, "Idempotency-Replayed") == "true";
}

void check_refused(const http::Response& response, int status, const std::string& error)
{
    BOOST_TEST(response.status == status);
    BOOST_TEST(base::parse_json(response.body).at("error") == error);
}

// The second is the first once more, to the byte.
void check_replay(const http::Response& first, const http::Response& second)
{
    BOOST_TEST(!is_replayed(first));
    BOOST_TEST(is_replayed(second));
    BOOST_TEST(second.status == first.status);
    BOOST_TEST(second.body == first.body);
    BOOST_TEST(header_of(second, "Content-Type") == header_of(first, "Content-Type"));
    BOOST_TEST(header_of(second, "Cache-Control") == "no-store");
}

void check_in_progress(const http::Response& response)
{
    check_refused(response, 409, "request_in_progress");
    BOOST_TEST(header_of(response, "Retry-After") == "1");
    BOOST_TEST(!is_replayed(response));
}

class KeyFixture : public HandlerFixture
{
  public:
    using HandlerFixture::HandlerFixture;

    http::Request keyed(const std::string& path, const std::string& body,
                        const std::optional<std::string>& with_key = key, unsigned wallet_number = 1) const
    {
        auto made = signed_in(request("POST", path, body), address(wallet_number));
        made.idempotency_key = with_key;
        made.now = now;
        return made;
    }
    http::Response ask(const std::string& path, const std::string& body = {},
                       const std::optional<std::string>& with_key = key, unsigned wallet_number = 1)
    {
        return dispatch(app, keyed(path, body, with_key, wallet_number));
    }

    std::int64_t keys_stored() { return query("SELECT count(*) FROM idempotent_requests"); }
    std::int64_t rooms() { return query("SELECT count(*) FROM rooms"); }
    std::int64_t connections() { return query("SELECT count(*) FROM connections"); }
    std::int64_t events() { return query("SELECT count(*) FROM credit_events"); }
};

// Where the databases of two services are to be one, as those of two processes are.
struct FileDatabase
{
    TemporaryFolder folder;
    const std::string path = folder / "session-voice.db";
};

double processor_seconds(pid_t pid)
{
    clockid_t clock = 0;
    struct timespec used = {};
    BOOST_REQUIRE(::clock_getcpuclockid(pid, &clock) == 0);
    BOOST_REQUIRE(::clock_gettime(clock, &used) == 0);
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(idempotency_key_tests, KeyFixture)

// ---- repeating ----

BOOST_AUTO_TEST_CASE(a_stay_whose_every_request_is_sent_three_times_is_one_stay)
{
    chain.names.insert(address(1));
    chain.verified.insert(address(1));
    const auto thrice = [&](const std::string& path, const std::string& body, int number) {
        const auto first = ask(path, body, key_number(number));
        BOOST_TEST(first.status == 200);
        const auto questions = chain.questions;
        for (int i = 0; i < 2; ++i)
            check_replay(first, ask(path, body, key_number(number)));
        BOOST_TEST(chain.questions == questions);
        return base::parse_json(first.body);
    };
    const auto bonus = thrice("/credits/verify-celo", "", 1);
    BOOST_TEST(bonus.at("granted") == true);
    const auto created = thrice("/rooms/create", R"({"visibility":"private"})", 2);
    const auto joined = thrice("/rooms/join", base::Json{{"room_id", created["room_id"]}}.dump(), 3);
    now += 10;
    const auto left = thrice("/rooms/leave", caller(joined).dump(), 4);
    BOOST_TEST(left.at("debited_seconds") == 10);
    now += 10;
    BOOST_TEST(ask("/rooms/leave", caller(joined).dump(), key_number(4)).body == left.dump()); // long after
    BOOST_TEST(rooms() == 1);
    BOOST_TEST(connections() == 1);
    BOOST_TEST(events() == 3); // two grants, one debit
    BOOST_TEST(remaining(address(1)) == 3600 - 10);
    BOOST_TEST(keys_stored() == 4);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(without_a_key_nothing_is_stored_and_nothing_repeated)
{
    give(address(1), 1000);
    const auto first = ask("/rooms/create", "", std::nullopt);
    BOOST_TEST(first.status == 200);
    const auto second = ask("/rooms/create", "", std::nullopt);
    check_refused(second, 409, "already_hosting_free_room");
    for (const auto& response : {first, second})
        BOOST_TEST(!is_replayed(response));
    BOOST_TEST(keys_stored() == 0);
}

// Or a wallet without credit could fill the disk with refusals.
BOOST_AUTO_TEST_CASE(a_refusal_that_changed_nothing_is_not_kept)
{
    const auto unknown = base::Json{{"room_id", unknown_id}, {"connection_id", unknown_id}}.dump();
    for (int number = 0; number < 10; ++number) {
        check_refused(ask("/rooms/create", "", key_number(number)), 403, "heaven_name_required");
        check_refused(ask("/rooms/join", unknown, key_number(number)), 403, "heaven_name_required");
        check_refused(ask("/rooms/leave", unknown, key_number(number)), 403, "not_your_connection");
        check_refused(ask("/credits/verify-celo", "", key_number(number)), 403, "not_verified");
        check_refused(ask("/rooms/join", "{}", key_number(number)), 400, "missing room_id");
    }
    BOOST_TEST(keys_stored() == 0);
    BOOST_TEST(rows_stored() == 0);
    // So the same request fares better once its reason is gone.
    chain.names.insert(address(1));
    const auto created = ask("/rooms/create");
    BOOST_TEST(created.status == 200);
    check_replay(created, ask("/rooms/create"));
    require_clean_audit();
}

// The stay that lapsed is settled on the way; the wallet is told the same again.
BOOST_AUTO_TEST_CASE(a_refusal_that_changed_something_is_repeated_even_when_its_reason_is_gone)
{
    const auto room_id = create_room(address(1), 1000);
    join(address(1), room_id);
    now += 500;
    const auto body = base::Json{{"room_id", room_id}}.dump();
    const auto refused = ask("/rooms/join", body);
    check_refused(refused, 404, "room_not_found");
    check_replay(refused, ask("/rooms/join", body));
    BOOST_TEST(keys_stored() == 1);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_wallet_has_so_many_keys_and_the_oldest_makes_room_a_day_later)
{
    constexpr auto most = static_cast<int>(requests::most_keys);
    give(address(1), 1000);
    const auto room_id = create_room(address(1), 0);
    for (int number = 0; number < most; ++number) {
        database::Transaction tx(db());
        db().prepare(
                "INSERT INTO idempotent_requests (wallet, idempotency_key, fingerprint, started_at, status, "
                "body) VALUES (:wallet, :key, :fingerprint, :started_at, 200, '{}')")
            .bind(":wallet", address(1))
            .bind(":key", key_number(number))
            .bind(":fingerprint", std::string(64, 'f'))
            .bind(":started_at", now - most + number)
            .run();
        tx.commit();
    }
    const auto joining = base::Json{{"room_id", room_id}}.dump();
    const auto refused = ask("/rooms/join", joining, "one-more");
    check_refused(refused, 429, "rate_limited");
    BOOST_TEST(header_of(refused, "Retry-After") == std::to_string(day_seconds - most));
    BOOST_TEST(keys_stored() == most);
    BOOST_TEST(connections() == 0);
    give(address(2), 1000);
    BOOST_TEST(ask("/rooms/join", joining, "one-more", 2).status == 200); // another wallet's keys are its own
    BOOST_TEST(ask("/rooms/join", joining, std::nullopt).status == 200);  // and without a key it works on
    now += day_seconds - most;
    requests::purge(db(), now, 1000);
    BOOST_TEST(keys_stored() == most); // one gone, and that of the other wallet
    check_refused(ask("/rooms/join", joining, "one-more"), 404, "room_not_found"); // closed long ago
}

// A phone that has forgotten its key along with the answer.
BOOST_AUTO_TEST_CASE(a_client_that_lost_answer_and_key_can_carry_on)
{
    give(address(1), 1000);
    const auto room_id = base::parse_json(ask("/rooms/create").body).at("room_id");
    const auto in_the_way = ask("/rooms/create", "", "another");
    check_refused(in_the_way, 409, "already_hosting_free_room");
    BOOST_TEST(base::parse_json(in_the_way.body).at("room_id") == room_id);

    const auto body = base::Json{{"room_id", room_id}}.dump();
    const auto joined = base::parse_json(ask("/rooms/join", body, "join").body);
    for (const auto& [path, another] :
         {std::pair{"/rooms/join", "join-again"}, {"/rooms/create", "create-again"}}) {
        const auto refused = ask(path, body, another);
        check_refused(refused, 409, "already_in_free_room");
        const auto ids = base::parse_json(refused.body);
        BOOST_TEST(ids.at("room_id") == room_id);
        BOOST_TEST(ids.at("connection_id") == joined.at("connection_id"));
        BOOST_TEST(post("/rooms/heartbeat", caller(ids), address(1)).status == 200);
    }
    require_clean_audit();
}

// ---- which requests ----

BOOST_AUTO_TEST_CASE(four_routes_take_a_key_and_the_others_ignore_it)
{
    const std::set<std::string> taking = {"/credits/verify-celo", "/rooms/create", "/rooms/join",
                                          "/rooms/leave"};
    for (const auto& route : known_routes) {
        BOOST_TEST_CONTEXT(route.path)
        {
            auto made = signed_in(request(route.method, route.path, "{}"), address(1));
            made.now = now;
            made.idempotency_key = "not a key";
            const auto response = dispatch(app, made);
            if (taking.count(route.path) > 0)
                check_refused(response, 400, "invalid idempotency_key");
            else
                BOOST_TEST(response.body.find(R"("error":"invalid idempotency_key")") == std::string::npos);
        }
    }
    // Those that take one repeat what they did.
    chain.names.insert(address(1));
    chain.verified.insert(address(1));
    const auto twice = [&](const std::string& path, const std::string& body) {
        const auto first = ask(path, body, key + path);
        check_replay(first, ask(path, body, key + path));
        return base::parse_json(first.body);
    };
    twice("/credits/verify-celo", "");
    const auto created = twice("/rooms/create", "");
    const auto joined = twice("/rooms/join", base::Json{{"room_id", created["room_id"]}}.dump());
    twice("/rooms/leave", caller(joined).dump());
    BOOST_TEST(keys_stored() == 4);
}

BOOST_AUTO_TEST_CASE(a_malformed_key_is_refused)
{
    give(address(1), 1000);
    for (const std::string& malformed :
         {std::string(), std::string(256, 'k'), std::string("a key"), std::string("k\x7f"),
          std::string("k\xc3\xa9"), std::string("k\0", 2)})
        check_refused(ask("/rooms/create", "", malformed), 400, "invalid idempotency_key");
    BOOST_TEST(keys_stored() == 0);
    BOOST_TEST(rooms() == 0);
    BOOST_TEST(ask("/rooms/create", "", std::string(255, 'k')).status == 200);
}

BOOST_AUTO_TEST_CASE(the_key_is_looked_at_after_the_token_and_before_the_body)
{
    auto made = keyed("/rooms/create", "{", "a key");
    check_refused(dispatch(app, made), 400, "invalid idempotency_key");
    made.authorization.clear();
    check_refused(dispatch(app, made), 401, "unauthorized");
}

// A body that broke off on its way must not stand for the one that was meant.
BOOST_AUTO_TEST_CASE(what_is_no_request_uses_no_key_up)
{
    give(address(1), 1000);
    auto broken_off = keyed("/rooms/create", R"({"visibility":)");
    broken_off.body_state = http::BodyState::cut_off;
    check_refused(dispatch(app, broken_off), 400, "invalid_json");
    check_refused(ask("/rooms/create", "{"), 400, "invalid_json");
    auto unsigned_request = keyed("/rooms/create", "{}");
    unsigned_request.authorization = "Bearer none";
    check_refused(dispatch(app, unsigned_request), 401, "unauthorized");
    BOOST_TEST(keys_stored() == 0);
    BOOST_TEST(ask("/rooms/create", R"({"visibility":"open"})").status == 200);
}

BOOST_AUTO_TEST_CASE(another_request_under_the_same_key_is_refused_and_does_nothing)
{
    give(address(1), 1000);
    const auto first = ask("/rooms/create", R"({"visibility":"open"})");
    const auto rows = rows_stored();
    for (const auto& [path, body] : {std::pair{"/rooms/create", R"({"visibility": "open"})"},
                                     {"/rooms/create", ""},
                                     {"/rooms/join", R"({"visibility":"open"})"},
                                     {"/credits/verify-celo", ""}})
        check_refused(ask(path, body), 422, "idempotency_key_reused");
    BOOST_TEST(rows_stored() == rows);
    check_replay(first, ask("/rooms/create/", R"({"visibility":"open"})")); // the same path
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_key_belongs_to_its_wallet)
{
    give(address(1), 1000);
    give(address(2), 1000);
    const auto first = ask("/rooms/create", "", key, 1);
    const auto second = ask("/rooms/create", "", key, 2);
    BOOST_TEST(!is_replayed(second));
    BOOST_TEST(base::parse_json(first.body).at("room_id") != base::parse_json(second.body).at("room_id"));
    check_replay(first, ask("/rooms/create", "", key, 1));
    check_replay(second, ask("/rooms/create", "", key, 2));
    require_clean_audit();
}

// ---- time ----

BOOST_AUTO_TEST_CASE(a_day_later_the_key_is_new)
{
    give(address(1), 1000);
    const auto first = ask("/rooms/create");
    now += day_seconds - 1;
    check_replay(first, ask("/rooms/create"));
    now += 1; // the room has closed long ago, as nobody came
    const auto second = ask("/rooms/create");
    BOOST_TEST(second.status == 200);
    BOOST_TEST(!is_replayed(second));
    BOOST_TEST(second.body != first.body);
    check_replay(second, ask("/rooms/create"));
    BOOST_TEST(rooms() == 2);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_clock_that_steps_back_repeats_the_answer)
{
    give(address(1), 1000);
    const auto first = ask("/rooms/create");
    for (int i = 0; i < 3; ++i) {
        now -= 600;
        check_replay(first, ask("/rooms/create"));
    }
    BOOST_TEST(rooms() == 1);
    require_clean_audit();
}

// ---- while the first attempt runs, and after it died ----

BOOST_AUTO_TEST_CASE(a_second_attempt_is_told_that_the_first_still_runs)
{
    chain.names.insert(address(1));
    int met = 0;
    chain.before = [&](const char*) {
        check_in_progress(ask("/rooms/create"));
        check_refused(ask("/rooms/create", "{}"), 422, "idempotency_key_reused");
        ++met;
    };
    const auto first = ask("/rooms/create");
    BOOST_TEST(first.status == 200);
    BOOST_TEST(met == 1);
    check_replay(first, ask("/rooms/create"));
    require_clean_audit();
}

// The write lock must be free while a node thinks, whatever there was to settle.
BOOST_AUTO_TEST_CASE(nobody_waits_for_the_chain_behind_a_keyed_request)
{
    const FileDatabase file;
    KeyFixture service(config_with_database(file.path));
    KeyFixture other(service.config);
    service.join(address(1), service.create_room(address(1), 100));
    service.chain.verified.insert(address(1));
    service.chain.names.insert(address(1));
    service.now += 500; // the stay has lapsed
    int asked = 0;
    service.chain.before = [&](const char*) {
        other.give(address(2), 1);
        ++asked;
    };
    BOOST_TEST(service.ask("/credits/verify-celo", "", "celo").status == 200);
    BOOST_TEST(service.ask("/rooms/create", "", "create").status == 200);
    BOOST_TEST(asked == 2);
    service.require_clean_audit();
}

BOOST_AUTO_TEST_CASE(an_attempt_that_died_blocks_its_key_for_the_lease)
{
    give(address(1), 1000);
    requests::start(db(), {address(1), key, requests::fingerprint_of("POST", "/rooms/create", ""), now});
    check_in_progress(ask("/rooms/create"));
    now += requests::lease_seconds - 1;
    check_in_progress(ask("/rooms/create"));
    now += 1;
    const auto response = ask("/rooms/create");
    BOOST_TEST(response.status == 200);
    check_replay(response, ask("/rooms/create"));
    BOOST_TEST(rooms() == 1);
    require_clean_audit();
}

// A process that was stopped in the middle of the question wakes up long after.
BOOST_AUTO_TEST_CASE(an_attempt_that_outlives_its_lease_does_nothing_if_another_has_answered)
{
    const FileDatabase file;
    KeyFixture sleeper(config_with_database(file.path));
    KeyFixture other(sleeper.config);
    for (auto* service : {&sleeper, &other})
        service->chain.names.insert(address(1));
    std::optional<http::Response> answered;
    sleeper.chain.before = [&](const char*) {
        other.now += requests::lease_seconds;
        answered = other.ask("/rooms/create");
    };
    check_in_progress(sleeper.ask("/rooms/create"));
    BOOST_TEST_REQUIRE(answered.has_value());
    BOOST_TEST(answered->status == 200);
    check_replay(*answered, sleeper.ask("/rooms/create"));
    BOOST_TEST(other.rooms() == 1);
    BOOST_TEST(other.events() == 1);
    other.require_clean_audit();
}

// ---- what frees the key ----

BOOST_AUTO_TEST_CASE(a_silent_chain_frees_the_key)
{
    chain.names.insert(address(1));
    chain.verified.insert(address(1));
    for (const std::string path : {"/rooms/create", "/credits/verify-celo"}) {
        chain.is_down = true;
        for (int i = 0; i < 2; ++i)
            check_refused(ask(path, "", path), 503, "chain_unavailable");
        BOOST_TEST(query("SELECT count(*) FROM idempotent_requests WHERE idempotency_key = '" + path + "'") ==
                   0);
        chain.is_down = false;
        const auto response = ask(path, "", path);
        BOOST_TEST(response.status == 200);
        BOOST_TEST(!is_replayed(response));
    }
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_bug_frees_the_key)
{
    give(address(1), 1000);
    execute("ALTER TABLE rooms RENAME TO lost");
    check_refused(ask("/rooms/create"), 500, "internal_error");
    BOOST_TEST(keys_stored() == 0);
    execute("ALTER TABLE lost RENAME TO rooms");
    BOOST_TEST(ask("/rooms/create").status == 200);
    require_clean_audit();
}

// The effect is there, the answer cannot be stored: then the effect is not there either.
BOOST_AUTO_TEST_CASE(effect_and_answer_are_one)
{
    chain.names.insert(address(1));
    fail("UPDATE ON idempotent_requests", "EXISTS (SELECT 1 FROM rooms)");
    check_refused(ask("/rooms/create"), 500, "internal_error");
    BOOST_TEST(rooms() == 0);
    BOOST_TEST(events() == 0); // nor is the grant
    stop_failing();
    BOOST_TEST(ask("/rooms/create").status == 200);
    BOOST_TEST(events() == 1);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(what_was_settled_on_the_way_to_a_refusal_stands)
{
    const auto room_id = create_room(address(1), 1000);
    join(address(1), room_id);
    now += 500;
    const auto refused = ask("/rooms/join", base::Json{{"room_id", room_id}}.dump());
    check_refused(refused, 404, "room_not_found");
    BOOST_TEST(query("SELECT count(*) FROM connections WHERE left_at IS NULL") == 0);
    BOOST_TEST(remaining(address(1)) == 910);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_busy_database_frees_the_key_or_at_the_worst_the_lease_does)
{
    const FileDatabase file;
    KeyFixture service(config_with_database(file.path));
    service.chain.names.insert(address(1));
    {
        const engine::Writer other(service.config);
        check_refused(service.ask("/rooms/create"), 503, "database_unavailable");
    }
    BOOST_TEST(service.keys_stored() == 0);
    {
        std::optional<engine::Writer> other;
        // Not even giving up can be written.
        service.chain.before = [&](const char*) { other.emplace(service.config); };
        check_refused(service.ask("/rooms/create"), 503, "database_unavailable");
    }
    service.chain.before = nullptr;
    check_in_progress(service.ask("/rooms/create"));
    service.now += requests::lease_seconds;
    BOOST_TEST(service.ask("/rooms/create").status == 200);
    BOOST_TEST(service.rooms() == 1);
    service.require_clean_audit();
}

// kill -9 at the one instant that matters: the room is made, its answer not stored. A trigger that never ends
// holds the process there. (With a server there is no such instant: tests/postgresql/faults_tests.cpp.)
BOOST_AUTO_TEST_CASE(a_process_that_is_killed_between_effect_and_answer_leaves_neither,
                     *boost::unit_test::label("sqlite"))
{
    const FileDatabase file;
    const auto settings = config_with_database(file.path);
    {
        KeyFixture service(settings);
        service.give(address(1), 1000);
    }
    Signal begins;
    ChildProcess child([&] {
        KeyFixture service(settings);
        service.execute("CREATE TEMP VIEW endless AS "
                        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n;"
                        "CREATE TEMP TRIGGER stay BEFORE UPDATE ON main.idempotent_requests "
                        "WHEN EXISTS (SELECT 1 FROM main.rooms) BEGIN SELECT count(*) FROM endless; END");
        begins.give();
        service.ask("/rooms/create");
        return 0;
    });
    begins.await();
    // Only the trigger takes that much of the processor.
    const auto before = processor_seconds(child.pid());
    while (processor_seconds(child.pid()) < before + 0.2)
        ::sched_yield();
    child.kill();
    BOOST_TEST(child.wait() == 128 + SIGKILL);

    KeyFixture service(settings);
    BOOST_TEST(service.rooms() == 0);
    check_in_progress(service.ask("/rooms/create"));
    service.now += requests::lease_seconds;
    const auto response = service.ask("/rooms/create");
    BOOST_TEST(response.status == 200);
    check_replay(response, service.ask("/rooms/create"));
    BOOST_TEST(service.rooms() == 1);
    service.require_clean_audit();
}

BOOST_AUTO_TEST_SUITE_END()
