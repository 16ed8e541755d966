// A worker that holds answers back until one sync has brought all that they speak of to the disk.
#include "dispatch.h"
#include "faults/faulty_vfs.h"
#include "faults/town.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>

namespace {

using faults::FaultyVfs;
using faults::kinds;
using faults::Silence;
using faults::Town;
using faults::World;

struct HoldingFixture
{
    HoldingFixture()
    {
        town.found(folder.path());
        world = town.open(folder.path());
        world->app.hold_answers();
        town.operation("GET /rooms/active").run(*world); // opens the database
    }

    std::int64_t syncs_of(const std::string& operation)
    {
        const auto before = disk.calls(faults::Call::sync);
        town.operation(operation).run(*world);
        return disk.calls(faults::Call::sync) - before;
    }
    void break_syncs()
    {
        const auto* sync = &*std::find_if(kinds.begin(), kinds.end(),
                                          [](const auto& kind) { return kind.call == faults::Call::sync; });
        disk.arm(*sync, 1, true);
    }

    const Town town;
    FaultyVfs disk;
    const TemporaryFolder folder{"/dev/shm"};
    std::unique_ptr<World> world;
};

bool is_unavailable(const base::Error& error)
{
    return error.code() == base::ErrorCode::database_unavailable;
}

} // namespace

BOOST_AUTO_TEST_SUITE(held_answers_tests, *boost::unit_test::label("sqlite"))

BOOST_FIXTURE_TEST_CASE(one_sync_does_for_all_that_are_held, HoldingFixture)
{
    auto& app = world->app;
    BOOST_TEST(!app.is_sync_due());
    BOOST_TEST(syncs_of("POST /rooms/token/renew") == 0);
    BOOST_TEST(app.is_sync_due());
    BOOST_TEST(syncs_of("POST /rooms/leave") == 0);
    BOOST_TEST(syncs_of("GET /credits") == 0);
    BOOST_TEST(app.is_sync_due());
    const auto before = disk.calls(faults::Call::sync);
    app.sync();
    BOOST_TEST(disk.calls(faults::Call::sync) == before + 1);
    BOOST_TEST(!app.is_sync_due());
}

BOOST_FIXTURE_TEST_CASE(what_may_have_asked_the_chain_is_held_too, HoldingFixture)
{
    for (const auto* operation : {"POST /auth/verify", "POST /rooms/create", "POST /rooms/join"}) {
        BOOST_TEST(syncs_of(operation) == 0, operation);
        BOOST_TEST(world->app.is_sync_due(), operation);
        world->app.sync();
    }
}

// It goes on and acts outside, upon what it has committed.
BOOST_FIXTURE_TEST_CASE(what_is_attested_is_on_the_disk_at_once, HoldingFixture)
{
    town.operation("POST /rooms/token/renew").run(*world);
    BOOST_TEST(syncs_of("POST /session/:id/attest") > 0);
    BOOST_TEST(!world->app.is_sync_due());
}

BOOST_FIXTURE_TEST_CASE(who_does_not_hold_answers_syncs_each, HoldingFixture)
{
    const auto other = town.open(folder.path());
    const auto before = disk.calls(faults::Call::sync);
    town.operation("POST /rooms/token/renew").run(*other);
    BOOST_TEST(disk.calls(faults::Call::sync) == before + 1);
    BOOST_TEST(!other->app.is_sync_due());
}

BOOST_FIXTURE_TEST_CASE(an_answer_is_withdrawn_if_the_sync_fails, HoldingFixture)
{
    auto request =
        world->signed_in(HandlerFixture::request("POST", "/rooms/token/renew", "{}"), world->address(1));
    request.request_id = "the-same";
    request.origin = "https://example.org";
    town.operation("POST /rooms/token/renew").run(*world);
    break_syncs();
    http::Response answered;
    answered.request_id = "the-same";
    answered.wallet = world->address(1);
    answered.debited_seconds = 7;
    BOOST_CHECK_EXCEPTION(world->app.sync(), base::Error, [&](const base::Error& error) {
        const Silence silence;
        answered = withdraw(world->app, request, answered, error);
        return is_unavailable(error);
    });
    BOOST_TEST(answered.status == 503);
    BOOST_TEST(answered.body == R"({"error":"database_unavailable"})");
    BOOST_TEST(answered.request_id == "the-same");
    BOOST_TEST(answered.wallet == world->address(1));
    BOOST_TEST(answered.route == std::string("/rooms/token/renew"));
    BOOST_TEST(answered.debited_seconds == 0);
    for (const std::string name : {"X-Request-Id", "Access-Control-Allow-Origin", "Retry-After"})
        BOOST_TEST(std::count_if(answered.headers.begin(), answered.headers.end(),
                                 [&](const auto& header) { return header.first == name; }) == 1);
}

// Whoever goes on amid a request does not make the failure forgotten for those whose answers are held.
BOOST_FIXTURE_TEST_CASE(a_sync_that_fails_amid_a_request_fails_for_all, HoldingFixture)
{
    auto& app = world->app;
    town.operation("POST /rooms/token/renew").run(*world);
    break_syncs();
    BOOST_CHECK_EXCEPTION(app.sync_or_remember(), base::Error, is_unavailable);
    disk.disarm();
    BOOST_TEST(app.is_sync_due());
    BOOST_CHECK_EXCEPTION(app.sync(), base::Error, is_unavailable);
}

// Another request of those that are held may find the database out of reach and close it.
BOOST_FIXTURE_TEST_CASE(what_is_due_outlives_the_connection, HoldingFixture)
{
    auto& app = world->app;
    town.operation("POST /rooms/token/renew").run(*world);
    const auto before = disk.calls(faults::Call::sync);
    app.close_database();
    BOOST_TEST(disk.calls(faults::Call::sync) == before + 1);
    BOOST_TEST(!app.is_sync_due());

    town.operation("POST /rooms/leave").run(*world);
    break_syncs();
    app.close_database();
    BOOST_TEST(app.is_sync_due());
    BOOST_CHECK_EXCEPTION(app.sync(), base::Error, is_unavailable);
    BOOST_TEST(!app.is_sync_due());
}

BOOST_AUTO_TEST_SUITE_END()
