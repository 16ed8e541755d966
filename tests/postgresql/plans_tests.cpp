// By which way PostgreSQL finds what requests and sweeps ask for, as tests/cgi-bin/statements_tests.cpp asks
// of SQLite.
#include "auth/nonce.h"
#include "cgi-bin/handler_fixture.h"
#include "postgresql/with_server.h"
#include "requests/idempotency.h"
#include "rooms/sweep.h"
#include "sessions/attestation.h"
#include "sessions/session.h"

namespace {

class PlansFixture : public HandlerFixture
{
  public:
    void ask(const std::string& path, const base::Json& body, const std::string& wallet,
             const std::string& with_key = {})
    {
        auto asked = signed_in(request("POST", path, body.dump()), wallet);
        if (!with_key.empty())
            asked.idempotency_key = with_key;
        BOOST_TEST(send(asked).status < 500);
    }
    // What this connection has prepared: name, text, and how many parameters there are.
    struct Prepared
    {
        std::string name, text;
        std::int64_t parameters = 0;
    };
    std::vector<Prepared> prepared()
    {
        std::vector<Prepared> all;
        auto row = db().prepare("SELECT name, statement, cardinality(parameter_types) AS parameters "
                                "FROM pg_prepared_statements");
        while (row.step())
            all.push_back({row.text("name"), row.text("statement"), row.integer("parameters")});
        return all;
    }
    std::string plan_of(const Prepared& statement)
    {
        std::string values;
        for (std::int64_t i = 0; i < statement.parameters; ++i)
            values += i == 0 ? "NULL" : ", NULL";
        std::string plan;
        auto row = db().prepare("EXPLAIN (COSTS OFF) EXECUTE " + statement.name + " (" + values + ")");
        while (row.step())
            plan += row.text(0) + "\n";
        return plan;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(postgresql_plans_tests, PlansFixture, *boost::unit_test::precondition(with_server))

// The tables are empty as far as the server knows, and what is asked is not known to it: then it still finds
// an index for each.
BOOST_AUTO_TEST_CASE(no_statement_of_a_request_or_of_a_sweep_walks_through_a_table)
{
    const auto host = address(1);
    const auto guest = address(2);
    give(guest, 1800);
    const auto room_id = create_room(host);
    const auto seat = caller(join(host, room_id));
    chain.names.insert(guest);
    ask("/rooms/join", {{"room_id", room_id}}, guest, "a-key");
    now += 30;
    for (const char* path : {"/rooms/heartbeat", "/rooms/token/renew"})
        ask(path, seat, host, path);
    get("/credits", host);
    get("/credits/history", host);
    get("/rooms/active", host);
    get("/rooms/" + room_id, host);
    get("/health");
    now += 100;
    sweep();
    auth::purge_spent_nonces(db(), now, 10);
    requests::purge(db(), now, 10);
    sessions::close_ended({db(), config, now});
    sessions::find_sessions_to_attest(db(), now);
    sessions::find_attestations_on_their_way(db());
    sessions::find_attestation(db(), "7");
    sessions::find_transactions(db(), "7");
    sessions::next_nonce(db(), 1, host);
    sessions::find_stays({db(), config, now}, "7", host);
    sessions::leave({db(), config, now}, "7", host);
    ask("/rooms/leave", seat, host);
    remove("/rooms/" + room_id, host);
    remove("/rooms/" + room_id + "/participants/" + unknown_id, host);

    db().prepare("SELECT set_config('plan_cache_mode', 'force_generic_plan', false)").step();
    const auto statements = prepared();
    for (const auto& statement : statements) {
        const auto plan = plan_of(statement);
        BOOST_TEST(plan.find("Seq Scan") == std::string::npos, statement.text << "\n" << plan);
    }
    BOOST_TEST(statements.size() >= 25u);
}

BOOST_AUTO_TEST_SUITE_END()
