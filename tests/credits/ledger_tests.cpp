#include "credits/ledger.h"

#include "fixture.h"

#include <limits>

namespace {

struct LedgerFixture : AppFixture
{
    template <class Work>
    auto in_transaction(Work work)
    {
        database::Transaction tx(db());
        const auto result = work();
        tx.commit();
        return result;
    }

    // Each of these in a transaction of its own.
    bool grant_base(const std::string& wallet, std::int64_t seconds = 1800)
    {
        return in_transaction([&] { return credits::grant_base(db(), wallet, seconds, now); });
    }
    bool grant_celo_bonus(const std::string& wallet, std::int64_t seconds = 1800)
    {
        return in_transaction([&] { return credits::grant_celo_bonus(db(), wallet, seconds, now); });
    }
    credits::Debit debit(const std::string& wallet, std::int64_t seconds)
    {
        return in_transaction([&] {
            return credits::debit(db(), wallet, credits::account(db(), wallet).remaining_seconds, seconds,
                                  "connection", now);
        });
    }
    std::int64_t adjust(const std::string& wallet, std::int64_t seconds,
                        const std::string& reason = "a reason")
    {
        return in_transaction([&] { return credits::adjust(db(), wallet, seconds, reason, now); });
    }
    credits::Account account(const std::string& wallet) { return credits::account(db(), wallet); }
    std::vector<credits::Event> statement(const std::string& wallet, std::int64_t limit = 100)
    {
        return credits::statement(db(), wallet, limit);
    }

    // Debits here are for connections that no room knows, so the rooms' audit is left out.
    void require_clean_ledger()
    {
        for (const auto& violation : credits::audit(db()))
            BOOST_ERROR("audit: " + violation);
        BOOST_TEST(db().integrity_problems().empty());
    }

    // Whether the schema refuses that script.
    bool is_refused(const std::string& script)
    {
        try {
            execute(script);
            return false;
        } catch (const base::Error& error) {
            BOOST_TEST((error.code() == base::ErrorCode::internal));
            return true;
        }
    }

    // What the audit says after `script` has run past the schema's guards. Nothing of it stays.
    std::vector<std::string> audit_after(const std::string& script)
    {
        database::Transaction tx(db());
        lift_rules();
        db().execute(script);
        auto violations = credits::audit(db());
        engine::heed_checks(db()); // is no part of the transaction
        return violations;
    }
    void require_one_violation(const std::string& part, const std::string& script)
    {
        const auto violations = audit_after(script);
        BOOST_TEST(violations.size() == 1u, script << " gave " << violations.size() << " violations");
        for (const auto& violation : violations)
            BOOST_TEST(violation.find(part) != std::string::npos, violation);
        BOOST_TEST(credits::audit(db()).empty());
    }

    const std::string alice = address(1);
    const std::string bob = address(2);
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(ledger_tests, LedgerFixture)

BOOST_AUTO_TEST_CASE(a_wallet_without_credit_has_an_account_of_zeros_and_no_row)
{
    const auto empty = account(alice);
    BOOST_TEST(empty.remaining_seconds == 0);
    BOOST_TEST(empty.base_granted_seconds == 0);
    BOOST_TEST(empty.bonus_granted_seconds == 0);
    BOOST_TEST(empty.adjusted_seconds == 0);
    BOOST_TEST(empty.consumed_seconds == 0);
    BOOST_TEST(statement(alice).empty());
    BOOST_TEST(query("SELECT count(*) FROM credit_accounts") == 0);
    require_clean_ledger();
}

// The first service granted up to eight times.
BOOST_AUTO_TEST_CASE(each_grant_is_made_once_per_wallet)
{
    BOOST_TEST(grant_base(alice));
    BOOST_TEST(!grant_base(alice));
    BOOST_TEST(grant_celo_bonus(alice, 600));
    BOOST_TEST(!grant_celo_bonus(alice, 600));
    BOOST_TEST(account(alice).base_granted_seconds == 1800);
    BOOST_TEST(account(alice).bonus_granted_seconds == 600);
    BOOST_TEST(account(alice).remaining_seconds == 2400);
    // Spending it all brings no new one.
    BOOST_TEST(debit(alice, 2400).remaining_seconds == 0);
    BOOST_TEST(!grant_base(alice));
    BOOST_TEST(!grant_celo_bonus(alice));
    BOOST_TEST(account(alice).remaining_seconds == 0);

    BOOST_TEST(grant_celo_bonus(bob));
    BOOST_TEST(account(bob).remaining_seconds == 1800);
    BOOST_TEST(query("SELECT count(*) FROM credit_events WHERE kind LIKE 'grant_%'") == 3);
    require_clean_ledger();
}

BOOST_AUTO_TEST_CASE(a_grant_of_a_single_second_is_not_made_twice_either)
{
    BOOST_TEST(grant_base(alice, 1));
    BOOST_TEST(!grant_base(alice, 1));
    BOOST_TEST(grant_celo_bonus(alice, 1));
    BOOST_TEST(!grant_celo_bonus(alice, 1));
    BOOST_TEST(account(alice).remaining_seconds == 2);
    require_clean_ledger();
}

BOOST_AUTO_TEST_CASE(what_moves_one_account_leaves_the_others_alone)
{
    grant_base(alice, 100);
    grant_base(bob, 200);
    grant_celo_bonus(alice, 10);
    grant_celo_bonus(bob, 20);
    adjust(alice, 1);
    debit(bob, 5);
    debit(alice, 50);
    in_transaction([&] {
        credits::refund(db(), bob, "connection", 3, "", now);
        credits::top_up(db(), bob, 7, "an order", std::nullopt, now);
        return 0;
    });
    BOOST_TEST(account(alice).remaining_seconds == 61);
    BOOST_TEST(account(bob).remaining_seconds == 225);
    // Each counts its events for itself.
    std::int64_t number = 0;
    for (const auto& event : statement(bob))
        BOOST_TEST(event.event_id == ++number);
    BOOST_TEST(number == 5);
    require_clean_ledger();
}

BOOST_AUTO_TEST_CASE(a_grant_that_is_rolled_back_can_be_made_again)
{
    {
        database::Transaction tx(db());
        BOOST_TEST(credits::grant_base(db(), alice, 1800, now));
        BOOST_TEST(!credits::grant_base(db(), alice, 1800, now));
    }
    BOOST_TEST(account(alice).remaining_seconds == 0);
    BOOST_TEST(grant_base(alice));
    require_clean_ledger();
}

BOOST_AUTO_TEST_CASE(a_debit_takes_what_is_there_and_never_more)
{
    grant_base(alice, 100);
    const auto some = debit(alice, 30);
    BOOST_TEST(some.debited_seconds == 30);
    BOOST_TEST(some.remaining_seconds == 70);
    const auto rest = debit(alice, 71);
    BOOST_TEST(rest.debited_seconds == 70);
    BOOST_TEST(rest.remaining_seconds == 0);
    const auto nothing = debit(alice, 1000000000000);
    BOOST_TEST(nothing.debited_seconds == 0);
    BOOST_TEST(nothing.remaining_seconds == 0);
    BOOST_TEST(account(alice).consumed_seconds == 100);
    require_clean_ledger();
}

// The first service wrote one every 30 s for whoever had vanished.
BOOST_AUTO_TEST_CASE(a_debit_of_nothing_leaves_no_event)
{
    grant_base(alice, 100);
    BOOST_TEST(debit(alice, 0).remaining_seconds == 100);
    BOOST_TEST(debit(bob, 50).debited_seconds == 0);
    BOOST_TEST(query("SELECT count(*) FROM credit_events WHERE kind = 'debit_usage'") == 0);
    BOOST_TEST(query("SELECT count(*) FROM credit_accounts") == 1);
    require_clean_ledger();
}

BOOST_AUTO_TEST_CASE(an_adjustment_adds_or_takes_and_stops_at_zero)
{
    BOOST_TEST(adjust(alice, 100) == 100);
    BOOST_TEST(adjust(alice, -30) == -30);
    BOOST_TEST(account(alice).remaining_seconds == 70);
    BOOST_TEST(adjust(alice, -71) == -70);
    BOOST_TEST(account(alice).remaining_seconds == 0);
    BOOST_TEST(account(alice).adjusted_seconds == 0);
    BOOST_TEST(adjust(alice, -1) == 0);
    BOOST_TEST(adjust(alice, 0) == 0);
    BOOST_TEST(adjust(bob, -5) == 0);
    BOOST_TEST(statement(alice).size() == 3u); // nothing moved, nothing booked
    BOOST_TEST(query("SELECT count(*) FROM credit_accounts") == 1);
    require_clean_ledger();
}

BOOST_AUTO_TEST_CASE(an_adjustment_beyond_the_limits_is_refused)
{
    const auto is_invalid_argument = [](const base::Error& error) {
        return error.code() == base::ErrorCode::invalid_argument;
    };
    constexpr auto most = credits::max_adjustment_seconds;
    for (const auto seconds : {most + 1, -most - 1, std::numeric_limits<std::int64_t>::max(),
                               std::numeric_limits<std::int64_t>::min()}) {
        BOOST_CHECK_EXCEPTION(adjust(alice, seconds), base::Error, is_invalid_argument);
        BOOST_TEST(!db().in_transaction());
    }
    BOOST_TEST(adjust(alice, most) == most);
    BOOST_TEST(adjust(alice, -most) == -most);

    database::Transaction tx(db());
    for (std::int64_t held = 0; held < credits::max_balance_seconds; held += most)
        BOOST_REQUIRE(credits::adjust(db(), alice, most, "more", now) == most);
    BOOST_CHECK_EXCEPTION(credits::adjust(db(), alice, 1, "too much", now), base::Error, is_invalid_argument);
    BOOST_TEST(credits::adjust(db(), alice, -1, "less", now) == -1);
    BOOST_TEST(credits::adjust(db(), alice, 1, "full again", now) == 1);
    BOOST_TEST(credits::account(db(), alice).remaining_seconds == credits::max_balance_seconds);
    tx.commit();
    // The grants fit on top of it.
    BOOST_TEST(grant_base(alice));
    BOOST_TEST(credits::audit(db()).empty());
}

BOOST_AUTO_TEST_CASE(a_history_goes_back_from_any_event_and_names_each_once)
{
    for (int i = 1; i <= 7; ++i) {
        adjust(alice, i);
        adjust(bob, 100 * i);
    }
    std::vector<std::int64_t> seen;
    auto before = std::numeric_limits<std::int64_t>::max();
    for (;;) {
        const auto page = credits::history(db(), alice, before, 3);
        if (page.empty())
            break;
        for (const auto& event : page) {
            seen.push_back(event.delta_seconds);
            BOOST_TEST(event.event_id < before);
            before = event.event_id;
        }
        adjust(alice, 1000); // what comes meanwhile moves nothing
    }
    const std::vector<std::int64_t> expected{7, 6, 5, 4, 3, 2, 1};
    BOOST_TEST(seen == expected, boost::test_tools::per_element());
    BOOST_TEST(credits::history(db(), address(9), 100, 3).empty());
    require_clean_ledger();
}

BOOST_AUTO_TEST_CASE(a_statement_lists_the_newest_events_oldest_first)
{
    grant_base(alice, 100);
    now += 10;
    adjust(alice, 50, "a present");
    now += 10;
    debit(alice, 30);
    grant_base(bob, 7);

    const auto events = statement(alice);
    BOOST_REQUIRE(events.size() == 3u);
    BOOST_TEST(name_of(events[0].kind) == "grant_base");
    BOOST_TEST(events[0].delta_seconds == 100);
    BOOST_TEST(events[0].balance_after_seconds == 100);
    BOOST_TEST(events[0].created_at == now - 20);
    BOOST_TEST(!events[0].connection_id);
    BOOST_TEST(!events[0].reason);
    BOOST_TEST(name_of(events[1].kind) == "admin_adjust");
    BOOST_TEST(events[1].delta_seconds == 50);
    BOOST_TEST(events[1].balance_after_seconds == 150);
    BOOST_TEST(events[1].reason.value_or("") == "a present");
    BOOST_TEST(name_of(events[2].kind) == "debit_usage");
    BOOST_TEST(events[2].delta_seconds == -30);
    BOOST_TEST(events[2].balance_after_seconds == 120);
    BOOST_TEST(events[2].connection_id.value_or("") == "connection");
    BOOST_TEST(events[2].created_at == now);
    BOOST_TEST(events[0].event_id < events[1].event_id);
    BOOST_TEST(events[1].event_id < events[2].event_id);

    const auto newest = statement(alice, 2);
    BOOST_REQUIRE(newest.size() == 2u);
    BOOST_TEST(name_of(newest[0].kind) == "admin_adjust");
    BOOST_TEST(name_of(newest[1].kind) == "debit_usage");
    BOOST_TEST(statement(alice, 0).empty());
    BOOST_TEST(statement(bob).size() == 1u);
}

// Amounts near the balance are drawn, where an off-by-one would show.
BOOST_AUTO_TEST_CASE(random_movements_end_where_a_plain_sum_ends)
{
    for (int seed = 1; seed <= 20; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed)
        {
            LedgerFixture fixture;
            SeededRandom draw(static_cast<std::uint64_t>(seed));
            std::int64_t balance = 0;
            for (int step = 0; step < 60; ++step) {
                const auto near = std::max<std::int64_t>(0, balance - 1) + draw.uniform(0, 2);
                switch (draw.uniform(0, 3)) {
                case 0:
                    balance += fixture.grant_base(fixture.alice, 90) ? 90 : 0;
                    break;
                case 1:
                    balance += fixture.adjust(fixture.alice, draw.uniform(0, 50));
                    break;
                case 2: {
                    const auto taken = std::min(near, balance);
                    BOOST_TEST(fixture.adjust(fixture.alice, -near) == -taken);
                    balance -= taken;
                    break;
                }
                default: {
                    const auto taken = std::min(near, balance);
                    BOOST_TEST(fixture.debit(fixture.alice, near).debited_seconds == taken);
                    balance -= taken;
                }
                }
                BOOST_TEST(fixture.account(fixture.alice).remaining_seconds == balance);
            }
            fixture.require_clean_ledger();
        }
    }
}

// ---- what the schema refuses ----

BOOST_AUTO_TEST_CASE(events_are_append_only)
{
    grant_base(alice);
    BOOST_TEST(is_refused("UPDATE credit_events SET delta_seconds = 1"));
    BOOST_TEST(is_refused("UPDATE credit_events SET reason = 'x'"));
    BOOST_TEST(is_refused("DELETE FROM credit_events"));
    BOOST_TEST(is_refused("DELETE FROM credit_accounts"));
    BOOST_TEST(statement(alice).size() == 1u);
    require_clean_ledger();
}

// To SQLite a replacement is an insertion, and what it displaces goes without a word.
BOOST_AUTO_TEST_CASE(an_event_cannot_be_replaced_either)
{
    grant_base(alice);
    const auto forged =
        " (event_id, wallet, kind, delta_seconds, balance_after_seconds, reason, created_at) VALUES (1, '" +
        alice + "', 'grant_base', 1800, 1800, 'forged', 0)";
    BOOST_TEST(is_refused("INSERT INTO credit_events" + forged));
    BOOST_TEST(is_refused("INSERT OR REPLACE INTO credit_events" + forged));
    BOOST_TEST(is_refused("REPLACE INTO credit_events" + forged));
    BOOST_TEST(query("SELECT count(*) FROM credit_events WHERE reason = 'forged'") == 0);
}

BOOST_AUTO_TEST_CASE(an_event_must_state_the_balance_that_its_account_has)
{
    grant_base(alice, 100);
    const auto insert_after = [&](const std::string& balance_after) {
        return "INSERT INTO credit_events (wallet, event_id, kind, delta_seconds, balance_after_seconds, "
               "created_at) "
               "VALUES ('" +
               alice + "', 9, 'admin_adjust', 5, " + balance_after + ", 0)";
    };
    BOOST_TEST(is_refused(insert_after("99")));
    BOOST_TEST(is_refused(insert_after("105"))); // the account moves first
    const auto move = "UPDATE credit_accounts SET adjusted_seconds = 5, remaining_seconds = 105;";
    BOOST_TEST(is_refused(move + insert_after("100")));
    BOOST_TEST(account(alice).remaining_seconds == 100);
    BOOST_TEST(!is_refused(move + insert_after("105")));
    require_clean_ledger();
}

BOOST_AUTO_TEST_CASE(events_of_the_wrong_shape_are_refused)
{
    grant_base(alice, 100);
    const auto insert = [&](const std::string& wallet, const std::string& kind_and_delta,
                            const std::string& connection) {
        return "INSERT INTO credit_events (wallet, event_id, kind, delta_seconds, balance_after_seconds, "
               "connection_id, "
               "created_at) VALUES ('" +
               wallet + "', 9, " + kind_and_delta + ", 100, " + connection + ", 0)";
    };
    BOOST_TEST(is_refused(insert(alice, "'grant_base', 100", "NULL")));        // a second time
    BOOST_TEST(is_refused(insert(alice, "'grant_celo_bonus', 0", "NULL")));    // nothing
    BOOST_TEST(is_refused(insert(alice, "'grant_celo_bonus', -1", "NULL")));   // a grant that takes
    BOOST_TEST(is_refused(insert(alice, "'debit_usage', 1", "'connection'"))); // a debit that gives
    BOOST_TEST(is_refused(insert(alice, "'refund_usage', -1", "'connection'")));
    BOOST_TEST(is_refused(insert(alice, "'debit_usage', -1", "NULL"))); // whose?
    BOOST_TEST(is_refused(insert(alice, "'refund_usage', 1", "NULL")));
    BOOST_TEST(is_refused(insert(alice, "'present', 1", "NULL")));
    BOOST_TEST(is_refused(insert(alice, "'grant_celo_bonus', 'x'", "NULL")));
    BOOST_TEST(is_refused(insert(bob, "'grant_base', 100", "NULL"))); // no such account
    BOOST_TEST(!is_refused(insert(alice, "'debit_usage', -1", "'connection'")));
}

BOOST_AUTO_TEST_CASE(accounts_of_the_wrong_shape_are_refused)
{
    grant_base(alice, 100);
    for (const auto* change :
         {"remaining_seconds = 99", "base_granted_seconds = 101", "bonus_granted_seconds = 1",
          "adjusted_seconds = -1", "consumed_seconds = 1", "consumed_seconds = 101, remaining_seconds = -1",
          "base_granted_seconds = -1, remaining_seconds = -1",
          "consumed_seconds = -1, remaining_seconds = 101",
          "bonus_granted_seconds = -1, remaining_seconds = 99",
          "adjusted_seconds = 9007199254740992, remaining_seconds = 9007199254741092", "wallet = 'alice'"})
        BOOST_TEST(is_refused(std::string("UPDATE credit_accounts SET ") + change), change);
    for (const std::string wallet :
         {"alice", "", "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A",
          "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2", "0019e7e376e7c213b7e7e7e46cc70a5dd086daff2a",
          "0x19e7e376e7c213b7e7e7e46cc70a5dd086daffzz"})
        BOOST_TEST(is_refused("INSERT INTO credit_accounts (wallet) VALUES ('" + wallet + "')"), wallet);
    require_clean_ledger();
}

BOOST_AUTO_TEST_CASE(a_wallet_that_is_no_lowercase_address_gets_no_grant)
{
    BOOST_CHECK_THROW(grant_base("0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"), base::Error);
    BOOST_CHECK_THROW(adjust("alice", 5), base::Error);
    BOOST_TEST(query("SELECT count(*) FROM credit_events") == 0);
}

// ---- the audit ----

BOOST_AUTO_TEST_CASE(the_audit_finds_an_account_that_is_not_the_sum_of_its_events)
{
    grant_base(alice, 100);
    grant_celo_bonus(alice, 200);
    adjust(alice, 40);
    debit(alice, 30);
    grant_base(bob, 100);
    // Each column by itself, and the balance.
    for (const auto* change : {"base_granted_seconds = 101", "bonus_granted_seconds = 199",
                               "adjusted_seconds = 0", "consumed_seconds = 31", "remaining_seconds = 311",
                               "remaining_seconds = 0", "consumed_seconds = 0, remaining_seconds = 340"})
        require_one_violation("the account of " + alice, "UPDATE credit_accounts SET " + std::string(change) +
                                                             " WHERE wallet = '" + alice + "'");
    // Sums that hide each other.
    require_one_violation("the account of " + alice, "UPDATE credit_accounts SET base_granted_seconds = 200, "
                                                     "bonus_granted_seconds = 100 WHERE wallet = '" +
                                                         alice + "'");
    // An account without any event.
    require_one_violation(
        "the account of " + address(3),
        "INSERT INTO credit_accounts (wallet, adjusted_seconds, remaining_seconds) VALUES ('" + address(3) +
            "', 5, 5)");
    // An event without its account's move.
    require_one_violation("the account of " + bob,
                          "INSERT INTO credit_events (wallet, event_id, kind, delta_seconds, "
                          "balance_after_seconds, connection_id, created_at) VALUES ('" +
                              bob + "', 9, 'debit_usage', -5, 95, 'c', 0)");
}

BOOST_AUTO_TEST_CASE(the_audit_finds_a_negative_balance)
{
    // Everything adds up but for the sign at the end; the running balance says the same.
    const auto violations = audit_after(
        "INSERT INTO credit_accounts (wallet, consumed_seconds, remaining_seconds) VALUES ('" + alice +
        "', 5, -5); INSERT INTO credit_events (wallet, event_id, kind, delta_seconds, balance_after_seconds, "
        "connection_id, created_at) VALUES ('" +
        alice + "', 9, 'debit_usage', -5, -5, 'c', 0)");
    BOOST_TEST(violations.size() == 2u);
}

BOOST_AUTO_TEST_CASE(the_audit_finds_a_balance_that_was_negative_in_between)
{
    require_one_violation(
        "does not state the running balance",
        "INSERT INTO credit_accounts (wallet, adjusted_seconds, consumed_seconds, remaining_seconds) "
        "VALUES ('" +
            alice +
            "', 10, 5, 5); INSERT INTO credit_events (wallet, event_id, kind, delta_seconds, "
            "balance_after_seconds, connection_id, created_at) VALUES ('" +
            alice + "', 9, 'debit_usage', -5, -5, 'c', 0), ('" + alice +
            "', 10, 'admin_adjust', 10, 5, NULL, 0)");
}

BOOST_AUTO_TEST_CASE(the_audit_finds_an_event_with_another_balance_than_the_running_sum)
{
    grant_base(alice, 100);
    debit(alice, 30);
    adjust(alice, 5);
    for (int event = 1; event <= 3; ++event)
        require_one_violation("event " + std::to_string(event) + " of " + alice,
                              "UPDATE credit_events SET balance_after_seconds = balance_after_seconds + 1 "
                              "WHERE event_id = " +
                                  std::to_string(event));
    // Its sum is right, its order is not: each of the last two states the other's balance.
    const auto violations = audit_after("UPDATE credit_events SET event_id = 9 WHERE event_id = 2");
    BOOST_TEST(violations.size() == 2u);
}

BOOST_AUTO_TEST_CASE(the_audit_finds_a_grant_that_was_made_twice)
{
    for (const std::string kind : {"grant_base", "grant_celo_bonus"}) {
        const auto column = kind == "grant_base" ? "base_granted_seconds" : "bonus_granted_seconds";
        require_one_violation(
            kind + " more than once",
            std::string("INSERT INTO credit_accounts (wallet, ") + column + ", remaining_seconds) VALUES ('" +
                alice +
                "', 20, 20); INSERT INTO credit_events (wallet, event_id, kind, delta_seconds, "
                "balance_after_seconds, created_at) VALUES ('" +
                alice + "', 1, '" + kind + "', 10, 10, 0), ('" + alice + "', 2, '" + kind + "', 10, 20, 0)");
    }
}

BOOST_AUTO_TEST_CASE(the_audit_finds_events_without_an_account)
{
    grant_base(alice, 100);
    require_one_violation("events without an account: " + alice, "DELETE FROM credit_accounts");
}

BOOST_AUTO_TEST_CASE(the_audit_counts_refunds_against_what_was_consumed)
{
    grant_base(alice, 100);
    debit(alice, 60);
    execute("UPDATE credit_accounts SET consumed_seconds = 50, remaining_seconds = 50;"
            "INSERT INTO credit_events (wallet, event_id, kind, delta_seconds, balance_after_seconds, "
            "connection_id, "
            "created_at) "
            "VALUES ('" +
            alice + "', 9, 'refund_usage', 10, 50, 'connection', 0)");
    require_clean_ledger();
}

// ---- refunds, and what a wallet is told ----

BOOST_AUTO_TEST_CASE(a_refund_gives_back_what_a_connection_was_charged)
{
    grant_base(alice, 100);
    debit(alice, 60);
    const auto refund = [&](std::int64_t seconds, const std::string& connection_id = "connection") {
        return in_transaction([&] {
            credits::refund(db(), alice, connection_id, seconds, "no sound", now);
            return account(alice).remaining_seconds;
        });
    };
    BOOST_TEST(refund(20) == 60);
    BOOST_TEST(account(alice).consumed_seconds == 40);
    const auto is_too_much = [](const base::Error& error) {
        return error.name() == "refund_exceeds_debits" && error.code() == base::ErrorCode::conflict;
    };
    BOOST_CHECK_EXCEPTION(refund(41), base::Error, is_too_much);
    BOOST_CHECK_EXCEPTION(refund(1, "another"), base::Error, is_too_much);
    for (const std::int64_t seconds : {std::int64_t{0}, std::int64_t{-5}})
        BOOST_CHECK_EXCEPTION(refund(seconds), base::Error,
                              [](const base::Error& error) { return error.name() == "invalid seconds"; });
    BOOST_TEST(account(alice).remaining_seconds == 60);
    BOOST_TEST(refund(40) == 100);
    BOOST_CHECK_EXCEPTION(refund(1), base::Error, is_too_much);
    const auto event = statement(alice).back();
    BOOST_TEST(name_of(event.kind) == "refund_usage");
    BOOST_TEST(event.delta_seconds == 40);
    BOOST_TEST(event.balance_after_seconds == 100);
    BOOST_TEST(event.connection_id.value_or("") == "connection");
    BOOST_TEST(event.reason.value_or("") == "no sound");
    require_clean_ledger();
}

BOOST_AUTO_TEST_CASE(what_others_were_charged_is_not_refunded)
{
    grant_base(alice, 100);
    grant_base(bob, 100);
    debit(alice, 10);
    debit(bob, 60); // of the same connection, by its name
    database::Transaction tx(db());
    BOOST_CHECK_EXCEPTION(credits::refund(db(), alice, "connection", 11, "", now), base::Error,
                          [](const base::Error& error) { return error.name() == "refund_exceeds_debits"; });
}

BOOST_AUTO_TEST_CASE(the_refusal_of_a_refund_says_what_can_be_had)
{
    grant_base(alice, 100);
    debit(alice, 60);
    in_transaction([&] {
        credits::refund(db(), alice, "connection", 25, "", now);
        return 0;
    });
    database::Transaction tx(db());
    BOOST_CHECK_EXCEPTION(
        credits::refund(db(), alice, "connection", 36, "", now), base::Error, [](const base::Error& error) {
            const auto& fields = error.fields();
            return fields.size() == 2 && fields[0].first == "debited_seconds" &&
                   std::get<std::int64_t>(fields[0].second) == 60 && fields[1].first == "refunded_seconds" &&
                   std::get<std::int64_t>(fields[1].second) == 25;
        });
}

BOOST_AUTO_TEST_CASE(the_audit_finds_more_refunded_than_was_debited)
{
    grant_base(alice, 100);
    debit(alice, 10);
    require_one_violation(
        "more is refunded than was debited of connection connection",
        "UPDATE credit_accounts SET consumed_seconds = -1, remaining_seconds = 101;"
        "INSERT INTO credit_events (wallet, event_id, kind, delta_seconds, balance_after_seconds, "
        "connection_id, created_at) VALUES ('" +
            alice + "', 9, 'refund_usage', 11, 101, 'connection', 0)");
}

BOOST_AUTO_TEST_CASE(a_brief_statement_tells_what_follows_one_another_in_one)
{
    grant_base(alice, 1000);
    debit(alice, 10);
    debit(alice, 20);
    adjust(alice, 5);
    debit(alice, 30);
    now += credits::seconds_per_day;
    debit(alice, 40);
    grant_base(bob, 1);
    const auto brief = credits::brief_statement(db(), alice, 0);
    std::vector<std::int64_t> deltas;
    for (const auto& event : brief)
        deltas.push_back(event.delta_seconds);
    BOOST_TEST(deltas == (std::vector<std::int64_t>{1000, -30, 5, -30, -40}),
               boost::test_tools::per_element());
    BOOST_TEST(brief[1].event_id == 3);
    BOOST_TEST(brief[1].balance_after_seconds == 970);
    // Any second of a day stands for its beginning.
    BOOST_TEST(credits::brief_statement(db(), alice, now + 5).size() == 1u);
    BOOST_TEST(credits::brief_statement(db(), alice, now + credits::seconds_per_day).empty());
}

BOOST_AUTO_TEST_CASE(each_day_has_its_totals)
{
    const auto first = credits::day_of(now);
    now += 3600;
    grant_base(alice, 1000);
    grant_base(bob, 1000);
    grant_celo_bonus(alice, 500);
    debit(alice, 100);
    adjust(alice, -7);
    now += credits::seconds_per_day;
    debit(alice, 50);
    adjust(bob, 3);
    in_transaction([&] {
        credits::refund(db(), alice, "connection", 30, "", now);
        return 0;
    });
    const auto days = credits::daily_totals(db(), alice, 0);
    BOOST_REQUIRE(days.size() == 2u);
    BOOST_TEST((days[0] == credits::Day{first, 1500, -7, 100, 0, 1393}));
    BOOST_TEST((days[1] == credits::Day{first + credits::seconds_per_day, 0, 0, 50, 30, 1373}));
    BOOST_TEST(credits::daily_totals(db(), alice, now).size() == 1u);
    BOOST_TEST(credits::daily_totals(db(), alice, days[1].begins_at - 1).size() == 2u);
}

// To the second.
BOOST_AUTO_TEST_CASE(a_day_begins_at_midnight)
{
    adjust(alice, 1);
    now += credits::seconds_per_day - 1;
    adjust(alice, 2);
    now += 1;
    adjust(alice, 4);
    const auto days = credits::daily_totals(db(), alice, 0);
    BOOST_REQUIRE(days.size() == 2u);
    BOOST_TEST(days[0].adjusted_seconds == 3);
    BOOST_TEST(days[1].adjusted_seconds == 4);
    BOOST_TEST(credits::daily_totals(db(), alice, now).size() == 1u);
    BOOST_TEST(credits::brief_statement(db(), alice, now).size() == 1u);
    BOOST_TEST(credits::brief_statement(db(), alice, now - 1).size() == 3u);
}

BOOST_AUTO_TEST_CASE(accounts_are_listed_by_their_last_event)
{
    grant_base(alice, 100);
    grant_base(bob, 200);
    now += 5;
    debit(alice, 1);
    const auto listed = credits::list_accounts(db(), 10);
    BOOST_REQUIRE(listed.size() == 2u);
    BOOST_TEST(listed[0].wallet == alice);
    BOOST_TEST(listed[0].account.consumed_seconds == 1);
    BOOST_TEST((listed[0].last_event_at == now));
    BOOST_TEST(listed[1].wallet == bob);
    BOOST_TEST((listed[1].last_event_at == now - 5));
    BOOST_TEST(credits::list_accounts(db(), 1).size() == 1u);
    const auto extent = credits::extent(db());
    BOOST_TEST(extent.accounts == 2);
    BOOST_TEST(extent.events == 3);
    BOOST_TEST(extent.remaining_seconds == 299);
    BOOST_TEST((extent.last_event_at == now));
}

BOOST_AUTO_TEST_SUITE_END()
