#include "credits/ledger.h"
#include "handler_fixture.h"

namespace {

base::Json account(int remaining, int base, int bonus, int consumed)
{
    return {{"remaining_seconds", remaining},
            {"base_granted_seconds", base},
            {"bonus_granted_seconds", bonus},
            {"consumed_seconds", consumed}};
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(credits_tests, HandlerFixture)

// ---- GET /credits ----

BOOST_AUTO_TEST_CASE(an_unknown_wallet_has_nothing_and_reading_that_creates_nothing)
{
    chain.names.insert(address(1));
    for (int i = 0; i < 3; ++i)
        check_answer(get("/credits", address(1)), account(0, 0, 0, 0));
    BOOST_TEST(rows_stored() == 0);
    BOOST_TEST(chain.questions == 0);
}

BOOST_AUTO_TEST_CASE(grants_and_what_was_used_of_them_are_told)
{
    chain.verified.insert(address(1));
    const auto room_id = create_room(named(1), 0);
    check_answer(get("/credits", address(1)), account(1800, 1800, 0, 0));
    post_text("/credits/verify-celo", "", address(1));
    check_answer(get("/credits", address(1)), account(3600, 1800, 1800, 0));
    const auto seat = join(address(1), room_id);
    now += 40;
    post("/rooms/leave", caller(seat), address(1));
    check_answer(get("/credits", address(1)), account(3560, 1800, 1800, 40));
    check_answer(get("/credits", address(2)), account(0, 0, 0, 0)); // another's is another's
    require_clean_audit();
}

// Adjustments have no field of their own; they show in what remains.
BOOST_AUTO_TEST_CASE(an_operators_adjustment_shows_in_what_remains)
{
    give(address(1), 500);
    check_answer(get("/credits", address(1)), account(500, 0, 0, 0));
}

BOOST_AUTO_TEST_CASE(a_lapsed_stay_is_paid_before_the_balance_is_told)
{
    const auto room_id = create_room(address(1), 1000);
    join(address(1), room_id);
    now += 89;
    check_answer(get("/credits", address(1)), account(911, 0, 0, 89));
    BOOST_TEST(credits::account(db(), address(1)).consumed_seconds == 0); // reading writes nothing
    now += 1;
    check_answer(get("/credits", address(1)), account(910, 0, 0, 90));
    now += 86400;
    check_answer(get("/credits", address(1)), account(910, 0, 0, 90));
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_wallet_is_the_same_in_any_case_of_its_token)
{
    give(address(1), 500);
    auto capitals = address(1);
    for (auto& c : capitals)
        c = c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
    BOOST_TEST_REQUIRE(capitals != address(1));
    check_answer(get("/credits", capitals), account(500, 0, 0, 0));
}

// ---- POST /credits/verify-celo ----

BOOST_AUTO_TEST_CASE(an_unverified_wallet_is_refused_and_leaves_nothing_behind)
{
    const auto reply = post_text("/credits/verify-celo", "", address(1));
    check_refusal(reply, 403, "not_verified");
    BOOST_TEST(reply.body.at("granted") == false);
    BOOST_TEST(rows_stored() == 0);
    // It may be verified tomorrow.
    chain.verified.insert(address(1));
    BOOST_TEST(post_text("/credits/verify-celo", "", address(1)).body.at("granted") == true);
}

BOOST_AUTO_TEST_CASE(the_bonus_is_granted_once)
{
    chain.verified.insert(address(1));
    check_answer(post_text("/credits/verify-celo", "", address(1)),
                 {{"granted", true}, {"remaining_seconds", 1800}});
    for (int i = 0; i < 3; ++i)
        check_answer(post_text("/credits/verify-celo", "{}", address(1)),
                     {{"granted", false}, {"remaining_seconds", 1800}});
    check_answer(get("/credits", address(1)), account(1800, 0, 1800, 0));
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_wallet_verified_before_is_not_asked_of_the_chain_again)
{
    chain.verified.insert(address(1));
    post_text("/credits/verify-celo", "", address(1));
    const auto questions = chain.questions;
    chain.verified.clear(); // even if the mirror forgets it
    check_answer(post_text("/credits/verify-celo", "", address(1)),
                 {{"granted", false}, {"remaining_seconds", 1800}});
    chain.is_down = true;
    check_answer(post_text("/credits/verify-celo", "", address(1)),
                 {{"granted", false}, {"remaining_seconds", 1800}});
    BOOST_TEST(chain.questions == questions);
}

BOOST_AUTO_TEST_CASE(the_bonus_comes_on_top)
{
    chain.verified.insert(address(1));
    give(address(1), 50);
    check_answer(post_text("/credits/verify-celo", "", address(1)),
                 {{"granted", true}, {"remaining_seconds", 1850}});
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_dead_chain_is_not_an_unverified_wallet)
{
    chain.is_down = true;
    const auto reply = post_text("/credits/verify-celo", "", address(1));
    check_refusal(reply, 503, "chain_unavailable");
    BOOST_TEST(reply.body.count("granted") == 0);
    BOOST_TEST(std::stoi(header_of(reply, "Retry-After")) > 0);
    BOOST_TEST(rows_stored() == 0);
}

// A caller who used the bonus up still learns what is left to the second.
BOOST_AUTO_TEST_CASE(the_remaining_seconds_told_with_the_bonus_are_after_a_lapsed_stay)
{
    chain.verified.insert(address(1));
    const auto room_id = create_room(address(1), 100);
    join(address(1), room_id);
    now += 500;
    check_answer(post_text("/credits/verify-celo", "", address(1)),
                 {{"granted", true}, {"remaining_seconds", 1810}});
    require_clean_audit();
}

BOOST_AUTO_TEST_SUITE_END()
