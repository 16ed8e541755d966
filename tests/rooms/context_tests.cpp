#include "rooms/context.h"

#include "base/config.h"
#include "base/error.h"
#include "credits/ledger.h"
#include "fixture.h"

namespace {

using base::Error;
using base::ErrorCode;

struct ContextFixture : AppFixture
{
    void charge(std::int64_t seconds)
    {
        credits::adjust(db(), address(1), 1, "so that something is written", now);
        charging.debited(seconds);
    }

    rooms::Context charging{db(), config.rules, now};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(context_tests, ContextFixture)

BOOST_AUTO_TEST_CASE(what_is_charged_counts_when_it_is_committed)
{
    charging.transact([&] { charge(1); });
    BOOST_TEST(charging.debited_seconds() == 1);
    BOOST_TEST(charging.transact([&] {
        charge(2);
        return 7;
    }) == 7);
    BOOST_TEST(charging.debited_seconds() == 3);
    BOOST_TEST(remaining(address(1)) == 2);
}

// What was settled on the way to a refusal stands; a failure takes all back.
BOOST_AUTO_TEST_CASE(a_refusal_commits_and_a_failure_rolls_back)
{
    const auto end_with = [&](ErrorCode code) {
        charging.transact([&] {
            charge(10);
            throw Error(code, "scripted");
        });
    };
    BOOST_CHECK_THROW(end_with(ErrorCode::conflict), Error);
    BOOST_TEST(charging.debited_seconds() == 10);
    BOOST_TEST(remaining(address(1)) == 1);
    for (const auto code : {ErrorCode::internal, ErrorCode::database_unavailable}) {
        BOOST_CHECK_THROW(end_with(code), Error);
        BOOST_TEST(charging.debited_seconds() == 10);
        BOOST_TEST(remaining(address(1)) == 1);
    }
    charging.transact([&] { charge(1); }); // nothing is left of those that failed
    BOOST_TEST(charging.debited_seconds() == 11);
}

BOOST_AUTO_TEST_SUITE_END()
