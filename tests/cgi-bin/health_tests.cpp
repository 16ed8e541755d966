#include "handler_fixture.h"

BOOST_FIXTURE_TEST_SUITE(health_tests, HandlerFixture)

BOOST_AUTO_TEST_CASE(a_service_that_can_read_its_database_is_ok)
{
    const auto reply = get("/health");
    BOOST_TEST(reply.status == 200);
    BOOST_TEST(reply.body.at("ok") == true);
    BOOST_TEST(reply.body.count("error") == 0);
    BOOST_TEST(reply.body.at("schema_version") == db().schema_version());
    BOOST_TEST(reply.body.at("schema_version") >= 3);
}

// cron that never ran is what an operator wants to be told.
BOOST_AUTO_TEST_CASE(it_tells_how_old_the_last_sweep_is)
{
    const auto never = get("/health");
    BOOST_TEST(never.body.at("last_sweep_age_seconds").is_null());
    BOOST_TEST(never.body.at("sweep_stale") == true);

    sweep();
    const std::pair<int, bool> table[] = {{0, false}, {1, false}, {300, false}, {301, true}, {86400, true}};
    const auto swept_at = now;
    for (const auto& [age, is_stale] : table) {
        now = swept_at + age;
        BOOST_TEST_CONTEXT(age)
        {
            const auto reply = get("/health");
            BOOST_TEST(reply.status == 200); // a stale sweep is no outage
            BOOST_TEST(reply.body.at("ok") == true);
            BOOST_TEST(reply.body.at("last_sweep_age_seconds") == age);
            BOOST_TEST(reply.body.at("sweep_stale") == is_stale);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_sweep_is_never_from_the_future)
{
    sweep();
    now -= 3600;
    const auto reply = get("/health");
    BOOST_TEST(reply.body.at("last_sweep_age_seconds") == 0);
    BOOST_TEST(reply.body.at("sweep_stale") == false);
}

BOOST_AUTO_TEST_CASE(a_database_that_cannot_be_opened_is_not_ok)
{
    HandlerFixture service(config_without_database());
    const auto reply = service.get("/health");
    check_refusal(reply, 503, "database_unavailable");
    BOOST_TEST(reply.body.at("ok") == false);
    BOOST_TEST(std::stoi(header_of(reply, "Retry-After")) > 0);
    const auto of_head = service.send(request("HEAD", "/health"));
    BOOST_TEST(of_head.status == 503);
}

BOOST_AUTO_TEST_CASE(a_database_that_cannot_be_read_is_not_ok)
{
    BOOST_TEST(get("/health").status == 200);
    execute("DROP TABLE sweeps");
    const auto reply = get("/health");
    check_refusal(reply, 503, "database_unavailable");
    BOOST_TEST(reply.body.at("ok") == false);
    BOOST_TEST(reply.body.dump().find("sweeps") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(it_says_nothing_about_a_dead_chain)
{
    chain.is_down = true;
    BOOST_TEST(get("/health").body.at("ok") == true);
    BOOST_TEST(chain.questions == 0);
}

BOOST_AUTO_TEST_SUITE_END()
