// What requests and sweeps ask of the database: how much, and by which way.
#include "auth/nonce.h"
#include "handler_fixture.h"
#include "outbox/queue.h"
#include "outbox/standing.h"
#include "requests/idempotency.h"
#include "rooms/sweep.h"
#include "sessions/attestation.h"
#include "sessions/session.h"
#include "sqlite/full_scans.h"
#include "usage/daily.h"

#include <algorithm>

namespace {

struct StatementsFixture
{
    // As many as one request takes.
    std::int64_t statements_of(const std::string& path, const base::Json& body, const std::string& wallet)
    {
        scans.forget();
        BOOST_TEST(service.post(path, body, wallet).status == 200);
        return scans.statements();
    }
    void post(const std::string& path, const base::Json& body, const std::string& wallet,
              const std::string& with_key = {})
    {
        auto asked = service.signed_in(service.request("POST", path, body.dump()), wallet);
        if (!with_key.empty())
            asked.idempotency_key = with_key;
        BOOST_TEST(service.send(asked).status < 500);
    }
    // How SQLite goes about it: a line for each table.
    std::vector<std::string> plan_of(const std::string& sql)
    {
        const database::Transaction tx(service.db()); // to be explained, what writes counts as writing
        auto row = service.db().prepare("EXPLAIN QUERY PLAN " + sql);
        std::vector<std::string> steps;
        while (row.step())
            steps.push_back(row.text("detail"));
        return steps;
    }

    FullScans scans;
    HandlerFixture service;
};

bool begins_with(const std::string& text, const std::string& words)
{
    return text.rfind(words, 0) == 0;
}

// A list in the statement itself, the result of another one, or a table of one row.
bool is_small(const std::string& step)
{
    // `w` is the one row of the wallet that asks, `p` the one part of the connections that is looked at. The
    // days of which the use is summed up are read once a day, or a few of them.
    return begins_with(step, "SCAN CONSTANT ROW") || begins_with(step, "SCAN (subquery") ||
           step == "SCAN w" || step == "SCAN p" || step == "SCAN usage_days";
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(statements_tests, StatementsFixture, *boost::unit_test::label("sqlite"))

BOOST_AUTO_TEST_CASE(a_request_asks_the_database_no_more_than_it_must)
{
    const auto host = service.address(1);
    const auto guest = service.address(2);
    service.give(guest, 1800);
    const auto room_id = service.create_room(host);
    const auto seat = service.caller(service.join(host, room_id));
    BOOST_TEST(statements_of("/rooms/join", {{"room_id", room_id}}, guest) <= 8);
    service.now += 45;
    BOOST_TEST(statements_of("/rooms/heartbeat", seat, host) == 1);
    BOOST_TEST(statements_of("/rooms/token/renew", seat, host) <= 8);
}

// However many have ever talked: what is asked again and again finds its rows by an index.
BOOST_AUTO_TEST_CASE(no_statement_of_a_request_or_of_a_sweep_walks_through_a_table_that_grows)
{
    const auto host = service.address(1);
    const auto guest = service.address(2);
    service.give(guest, 1800);
    scans.forget();
    const auto room_id = service.create_room(host);
    const auto seat = service.caller(service.join(host, room_id));
    service.chain.names.insert(guest);
    post("/rooms/join", {{"room_id", room_id}}, guest, "a-key");
    service.now += 30;
    for (const char* path : {"/rooms/heartbeat", "/rooms/token/renew"})
        post(path, seat, host, path);
    service.get("/credits", host);
    service.get("/credits/history", host);
    service.get("/rooms/active", host);
    service.get("/rooms/" + room_id, host);
    service.get("/health");
    service.now += 100;
    service.sweep();
    auth::purge_spent_nonces(service.db(), service.now, 10);
    requests::purge(service.db(), service.now, 10);
    sessions::close_ended({service.db(), service.config, service.now});
    sessions::find_sessions_to_attest(service.db(), service.now);
    sessions::find_attestations_on_their_way(service.db());
    sessions::find_attestation(service.db(), "7");
    sessions::find_transactions(service.db(), "7");
    sessions::next_nonce(service.db(), 1, host);
    sessions::find_stays({service.db(), service.config, service.now}, "7", host);
    sessions::leave({service.db(), service.config, service.now}, "7", host);
    outbox::Attempt told;
    told.stream = "a room";
    for (const auto destination : {outbox::Destination::webhook, outbox::Destination::agora}) {
        database::transact(service.db(), [&] {
            outbox::write(service.db(), {destination, told.stream, "t", base::Json::object()});
            outbox::write(service.db(), {destination, told.stream, "t", base::Json::object()});
        });
        outbox::claim(service.db(), destination, 16, service.random, service.now);
        outbox::standing(service.db(), destination);
    }
    for (const auto verdict :
         {outbox::Verdict::unwanted, outbox::Verdict::failed, outbox::Verdict::delivered})
        outbox::note(service.db(), {{told, verdict, "", std::nullopt}}, service.random, service.now);
    outbox::purge(service.db(), service.now, 10);
    post("/rooms/leave", seat, host);
    service.remove("/rooms/" + room_id, host);
    service.remove("/rooms/" + room_id + "/participants/" + unknown_id, host);

    post("/service/credits/grant", {{"wallet", host}, {"seconds", 60}, {"reference", "p"}}, host);
    post("/service/credits/refund",
         {{"connection_id", seat["connection_id"]}, {"seconds", 1}, {"reference", "r"}}, host);
    for (const auto& path :
         {std::string("/service/rooms"), "/service/wallets/" + host, std::string("/service/usage")}) {
        auto asked = service.signed_in(service.request("GET", path), host);
        asked.query = "from=2026-01-01&to=2026-01-02";
        BOOST_TEST(service.send(asked).status == 200);
    }
    usage::book_days(service.db(), service.now + 3 * 86400);

    int explained = 0;
    const auto texts = scans.texts(); // of which the explanations are none
    for (const auto& sql : texts) {
        if (!begins_with(sql, "SELECT") && !begins_with(sql, "UPDATE") && !begins_with(sql, "DELETE"))
            continue;
        ++explained;
        const auto plan = plan_of(sql);
        for (const auto& step : plan) {
            if (step == "SCAN r" && std::count(plan.begin(), plan.end(), "CO-ROUTINE r") == 1)
                continue; // a page of rooms
            const bool is_scan = begins_with(step, "SCAN ") && step.find(" USING ") == std::string::npos;
            BOOST_TEST((!is_scan || is_small(step)), step << " in " << sql);
        }
    }
    BOOST_TEST(explained >= 25);
}

// Of all who left lately, only the wallet's own stays are looked at.
BOOST_AUTO_TEST_CASE(what_a_wallet_left_over_is_found_by_the_wallet)
{
    const auto host = service.address(1);
    scans.forget();
    service.join(host, service.create_room(host));
    int found = 0;
    for (const auto& sql : scans.texts()) {
        if (sql.find("left_over_seconds") == std::string::npos)
            continue;
        const auto plan = plan_of(sql);
        found += static_cast<int>(std::count_if(plan.begin(), plan.end(), [](const auto& step) {
            return step == "SEARCH c USING INDEX connections_early_leaves (<expr>=? AND left_at>? "
                           "AND left_at<?)";
        }));
    }
    BOOST_TEST(found >= 1);
}

BOOST_AUTO_TEST_SUITE_END()
