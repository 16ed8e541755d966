#include "credits/eligibility.h"

#include "base/config.h"
#include "fixture.h"

namespace {

using credits::NameLookup;

struct EligibilityFixture : AppFixture
{
    NameLookup look_up() { return credits::look_up_name(chain, alice); }
    // The refusal's name, or "" for none.
    std::string refuse_to_spend(NameLookup lookup)
    {
        expect_credit(alice, lookup);
        return last_refusal ? last_refusal->name() : "";
    }
    void expect_credit(const std::string& wallet, const NameLookup& lookup)
    {
        last_refusal.reset();
        try {
            database::transact(db(), [&] {
                const auto before = credits::account(db(), wallet);
                const auto left = credits::expect_credit(db(), config.rules, wallet, before, lookup, now);
                BOOST_TEST(left == credits::account(db(), wallet).remaining_seconds);
            });
        } catch (const base::Error& error) {
            last_refusal = error;
        }
    }
    credits::CeloBonus take_celo_bonus()
    {
        return database::transact(db(),
                                  [&] { return credits::take_celo_bonus(db(), config.rules, alice, now); });
    }
    void grant_base(std::int64_t seconds)
    {
        database::Transaction tx(db());
        credits::grant_base(db(), alice, seconds, now);
        tx.commit();
    }
    std::int64_t events() { return query("SELECT count(*) FROM credit_events"); }

    const std::string alice = address(1);
    const NameLookup with_name{NameLookup::has_name, std::string(64, 'a')};
    std::optional<base::Error> last_refusal;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(eligibility_tests, EligibilityFixture)

BOOST_AUTO_TEST_CASE(a_name_is_looked_up_until_the_base_grant_was_made)
{
    BOOST_TEST((look_up() == NameLookup::no_name));
    chain.names.insert(alice);
    BOOST_TEST((look_up() == NameLookup::has_name));
    BOOST_TEST((look_up() == NameLookup::has_name)); // asking grants nothing
    BOOST_TEST(chain.questions == 3);
    BOOST_TEST(events() == 0);
    BOOST_TEST((credits::account(db(), alice).base_granted_seconds == 0));
    grant_base(1);
    BOOST_TEST(!(credits::account(db(), alice).base_granted_seconds == 0));
}

BOOST_AUTO_TEST_CASE(a_chain_that_is_down_is_told_apart_from_no_name)
{
    chain.is_down = true;
    BOOST_TEST((look_up() == NameLookup::chain_unavailable));
}

BOOST_AUTO_TEST_CASE(what_is_a_bug_is_not_taken_for_a_chain_that_is_down)
{
    struct BrokenChain : ScriptedChain
    {
        std::optional<std::string> heaven_name(const std::string&) override
        {
            throw base::Error(base::ErrorCode::internal, "internal_error", "scripted");
        }
    } broken;
    BOOST_CHECK_EXCEPTION(credits::look_up_name(broken, alice), base::Error,
                          [](const base::Error& error) { return error.code() == base::ErrorCode::internal; });
}

BOOST_AUTO_TEST_CASE(who_may_spend_depends_on_credit_first_and_on_the_name_then)
{
    const struct
    {
        const char* why;
        std::int64_t base_seconds; // granted before; 0: not
        std::int64_t other_seconds;
        NameLookup lookup;
        const char* refusal;
        std::int64_t remaining_seconds; // afterwards
    } table[] = {
        {"a name brings the base grant", 0, 0, with_name, "", 1800},
        {"no name, no credit", 0, 0, NameLookup::no_name, "heaven_name_required", 0},
        {"nobody knows", 0, 0, NameLookup::chain_unavailable, "chain_unavailable", 0},
        {"credit from elsewhere needs no name", 0, 90, NameLookup::no_name, "", 90},
        {"nor a chain", 0, 90, NameLookup::chain_unavailable, "", 90},
        {"but it must be enough", 0, 89, NameLookup::no_name, "heaven_name_required", 89},
        {"and whether the grant would help is up to the chain", 0, 89, NameLookup::chain_unavailable,
         "chain_unavailable", 89},
        {"the grant comes on top", 0, 89, with_name, "", 1889},
        {"granted before and enough left", 90, 0, NameLookup::not_needed, "", 90},
        {"granted before and too little left", 89, 0, NameLookup::not_needed, "insufficient_credits", 89},
        {"both together are enough", 45, 45, NameLookup::not_needed, "", 90},
        {"a name does not grant twice", 89, 0, with_name, "insufficient_credits", 89},
        {"granted meanwhile, by another request", 89, 0, NameLookup::no_name, "insufficient_credits", 89},
        {"granted meanwhile, and the chain was down", 89, 0, NameLookup::chain_unavailable,
         "insufficient_credits", 89},
        {"granted meanwhile, and enough", 1800, 0, NameLookup::chain_unavailable, "", 1800},
    };
    for (const auto& row : table) {
        BOOST_TEST_CONTEXT(row.why)
        {
            EligibilityFixture fixture;
            if (row.base_seconds > 0)
                fixture.grant_base(row.base_seconds);
            if (row.other_seconds > 0)
                fixture.give(fixture.alice, row.other_seconds);
            BOOST_TEST(fixture.refuse_to_spend(row.lookup) == row.refusal);
            BOOST_TEST(fixture.remaining(fixture.alice) == row.remaining_seconds);
            BOOST_TEST(fixture.chain.questions == 0); // the lookup was made before
            fixture.require_clean_audit();
        }
    }
}

BOOST_AUTO_TEST_CASE(a_refusal_is_of_the_kind_that_the_client_needs_to_know)
{
    refuse_to_spend(NameLookup::no_name);
    BOOST_REQUIRE(last_refusal.has_value());
    BOOST_TEST((last_refusal->code() == base::ErrorCode::permission_denied));
    BOOST_TEST(last_refusal->fields().empty());

    refuse_to_spend(NameLookup::chain_unavailable);
    BOOST_REQUIRE(last_refusal.has_value());
    BOOST_TEST((last_refusal->code() == base::ErrorCode::chain_unavailable));

    grant_base(89);
    refuse_to_spend(NameLookup::not_needed);
    BOOST_REQUIRE(last_refusal.has_value());
    BOOST_TEST((last_refusal->code() == base::ErrorCode::permission_denied));
    BOOST_REQUIRE(last_refusal->fields().size() == 1u);
    BOOST_TEST(last_refusal->fields()[0].first == "remaining_seconds");
    BOOST_TEST(std::get<std::int64_t>(last_refusal->fields()[0].second) == 89);
}

// The name brought the grant, even if the settings make it too small to spend.
BOOST_AUTO_TEST_CASE(a_grant_stands_beside_a_refusal)
{
    config.rules.base_grant_seconds = 60;
    BOOST_TEST(refuse_to_spend(with_name) == "insufficient_credits");
    BOOST_TEST(remaining(alice) == 60);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_name_that_is_passed_on_brings_the_grant_again_unless_the_settings_say_once)
{
    BOOST_TEST(refuse_to_spend(with_name) == "");
    const auto next_owner = [&](unsigned number, const NameLookup& lookup) {
        expect_credit(address(number), lookup);
        return remaining(address(number));
    };
    BOOST_TEST(next_owner(2, with_name) == 1800);
    config.rules.base_grant_per_name = true;
    BOOST_TEST(next_owner(3, with_name) == 0);
    BOOST_REQUIRE(last_refusal.has_value());
    BOOST_TEST(last_refusal->name() == "heaven_name_required");
    BOOST_REQUIRE(last_refusal->fields().size() == 1u);
    BOOST_TEST(last_refusal->fields()[0].first == "reason");
    BOOST_TEST(std::get<std::string>(last_refusal->fields()[0].second) == "name_granted_before");
    BOOST_TEST(next_owner(3, {NameLookup::has_name, std::string(64, 'b')}) == 1800); // with a name of its own
    // Credit from elsewhere needs no grant.
    give(address(4), 90);
    BOOST_TEST(next_owner(4, with_name) == 90);
    BOOST_TEST(!last_refusal.has_value());
    BOOST_TEST(query("SELECT count(*) FROM granted_names") == 3);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(the_celo_bonus_is_granted_once)
{
    BOOST_TEST(!(credits::account(db(), alice).bonus_granted_seconds > 0));
    const auto first = take_celo_bonus();
    BOOST_TEST(first.granted);
    BOOST_TEST(first.remaining_seconds == 1800);
    BOOST_TEST((credits::account(db(), alice).bonus_granted_seconds > 0));
    const auto second = take_celo_bonus();
    BOOST_TEST(!second.granted);
    BOOST_TEST(second.remaining_seconds == 1800);
    BOOST_TEST(events() == 1);
    require_clean_audit();
}

BOOST_AUTO_TEST_SUITE_END()
