#include "credits/eligibility.h"

#include "fixture.h"

namespace {

using credits::NameLookup;

struct EligibilityFixture : AppFixture
{
    NameLookup look_up() { return credits::look_up_name(db(), chain, alice); }
    // The refusal's name, or "" for none.
    std::string refuse_to_spend(NameLookup lookup)
    {
        sqlite::Transaction tx(db());
        last_refusal = credits::refuse_to_spend(db(), config.rules, alice, lookup, now);
        tx.commit();
        return last_refusal ? last_refusal->name() : "";
    }
    std::optional<credits::CeloBonus> verify_celo() { return verify_celo(chain); }
    std::optional<credits::CeloBonus> verify_celo(ethereum::Chain& asked)
    {
        if (!credits::look_up_celo(db(), asked, alice))
            return std::nullopt;
        return credits::take_celo_bonus(db(), config.rules, alice, now);
    }
    void grant_base(std::int64_t seconds)
    {
        sqlite::Transaction tx(db());
        credits::grant_base(db(), alice, seconds, now);
        tx.commit();
    }
    std::int64_t events() { return query("SELECT count(*) FROM credit_events"); }

    const std::string alice = address(1);
    std::optional<base::Error> last_refusal;
};

bool is_chain_unavailable(const base::Error& error)
{
    return error.code() == base::ErrorCode::chain_unavailable;
}

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
    grant_base(1);
    chain.names.clear();
    BOOST_TEST((look_up() == NameLookup::not_needed));
    chain.is_down = true;
    BOOST_TEST((look_up() == NameLookup::not_needed));
    BOOST_TEST(chain.questions == 3);
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
        bool has_heaven_name(const std::string&) override
        {
            throw base::Error(base::ErrorCode::internal, "internal_error", "scripted");
        }
        bool is_celo_verified(const std::string&) override { return false; }
    } broken;
    BOOST_CHECK_EXCEPTION(credits::look_up_name(db(), broken, alice), base::Error,
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
        {"a name brings the base grant", 0, 0, NameLookup::has_name, "", 1800},
        {"no name, no credit", 0, 0, NameLookup::no_name, "heaven_name_required", 0},
        {"nobody knows", 0, 0, NameLookup::chain_unavailable, "chain_unavailable", 0},
        {"credit from elsewhere needs no name", 0, 90, NameLookup::no_name, "", 90},
        {"nor a chain", 0, 90, NameLookup::chain_unavailable, "", 90},
        {"but it must be enough", 0, 89, NameLookup::no_name, "heaven_name_required", 89},
        {"and whether the grant would help is up to the chain", 0, 89, NameLookup::chain_unavailable,
         "chain_unavailable", 89},
        {"the grant comes on top", 0, 89, NameLookup::has_name, "", 1889},
        {"granted before and enough left", 90, 0, NameLookup::not_needed, "", 90},
        {"granted before and too little left", 89, 0, NameLookup::not_needed, "insufficient_credits", 89},
        {"both together are enough", 45, 45, NameLookup::not_needed, "", 90},
        {"a name does not grant twice", 89, 0, NameLookup::has_name, "insufficient_credits", 89},
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
    BOOST_TEST(refuse_to_spend(NameLookup::has_name) == "insufficient_credits");
    BOOST_TEST(remaining(alice) == 60);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(the_celo_bonus_is_granted_once_and_the_chain_asked_once)
{
    chain.verified.insert(alice);
    const auto first = verify_celo();
    BOOST_REQUIRE(first.has_value());
    BOOST_TEST(first->granted);
    BOOST_TEST(first->remaining_seconds == 1800);
    BOOST_TEST(chain.questions == 1);

    chain.verified.clear();
    chain.is_down = true;
    const auto second = verify_celo();
    BOOST_REQUIRE(second.has_value());
    BOOST_TEST(!second->granted);
    BOOST_TEST(second->remaining_seconds == 1800);
    BOOST_TEST(chain.questions == 1);
    BOOST_TEST(events() == 1);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_wallet_that_is_not_verified_is_asked_about_again)
{
    BOOST_TEST(!verify_celo().has_value());
    BOOST_TEST(!verify_celo().has_value());
    BOOST_TEST(chain.questions == 2);
    BOOST_TEST(query("SELECT count(*) FROM credit_accounts") == 0);
    chain.verified.insert(alice);
    BOOST_TEST(verify_celo()->granted);
}

BOOST_AUTO_TEST_CASE(a_chain_that_is_down_is_no_answer_about_celo)
{
    chain.is_down = true;
    BOOST_CHECK_EXCEPTION(verify_celo(), base::Error, is_chain_unavailable);
    BOOST_TEST(!db().in_transaction());
    BOOST_TEST(query("SELECT count(*) FROM credit_accounts") == 0);
    chain.is_down = false;
    chain.verified.insert(alice);
    BOOST_TEST(verify_celo()->granted);
}

// Two requests ask the chain at the same time; the other one was faster.
BOOST_AUTO_TEST_CASE(a_bonus_that_was_granted_while_the_chain_was_asked_is_not_granted_again)
{
    struct RacingChain : ScriptedChain
    {
        std::function<void()> meanwhile;
        bool has_heaven_name(const std::string&) override { return false; }
        bool is_celo_verified(const std::string&) override
        {
            meanwhile();
            return true;
        }
    } racing;
    racing.meanwhile = [&] {
        sqlite::Transaction tx(db());
        credits::grant_celo_bonus(db(), alice, config.rules.celo_bonus_seconds, now);
        tx.commit();
    };
    const auto bonus = verify_celo(racing);
    BOOST_REQUIRE(bonus.has_value());
    BOOST_TEST(!bonus->granted);
    BOOST_TEST(bonus->remaining_seconds == 1800);
    BOOST_TEST(events() == 1);
    require_clean_audit();
}

BOOST_AUTO_TEST_SUITE_END()
