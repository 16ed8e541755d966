#include "base/config.h"
#include "oracle_fixture.h"

BOOST_FIXTURE_TEST_SUITE(oracle_tests, OracleFixture)

// ---- what is decided, and when ----

BOOST_AUTO_TEST_CASE(an_outcome_is_attested_in_its_window_to_the_second)
{
    struct Stay
    {
        bool of_host;
        std::int64_t from, to;
    };
    struct Case
    {
        const char* why;
        std::int64_t grace_minutes;
        std::vector<Stay> stays;
        std::vector<std::pair<std::int64_t, std::string>> answers; // at a second: the outcome, or the refusal
    };
    const std::vector<Stay> both_early = {{true, -300, 300}, {false, -300, 300}};
    const Case cases[] = {
        {"they met for ten minutes, half of them before the start",
         5,
         both_early,
         {{599, "overlap_not_met"},
          {600, "completed"},
          {end + 7200, "completed"},
          {end + 7201, "completed_too_late"}}},
        {"they met at the start",
         5,
         {{true, 0, 660}, {false, 0, 700}},
         {{599, "session still in progress"}, {600, "completed"}}},
        {"nobody came",
         5,
         {},
         {{299, "grace_not_over"},
          {300, "session still in progress"},
          {3000, "session still in progress"},
          {3001, "no-show-host"},
          {300 + end, "no-show-host"},
          {301 + end, "no_show_too_late"}}},
        {"only the guest came, long grace",
         55,
         {{false, 0, 100}},
         {{3299, "grace_not_over"},
          {3300, "no-show-host"},
          {3300 + end, "no-show-host"},
          {3301 + end, "no_show_too_late"}}},
        {"only the host came, long grace",
         55,
         {{true, 0, 100}},
         {{3299, "grace_not_over"},
          {3300, "no-show-guest"},
          {3300 + end, "no-show-guest"},
          {3301 + end, "no_show_too_late"}}},
        {"one second short, the host left first",
         5,
         {{true, 0, 599}, {false, 0, 1000}},
         {{598, "session still in progress"},
          {end - 1, "session still in progress"},
          {end, "no-show-host"},
          {300 + end, "no-show-host"},
          {301 + end, "no_show_too_late"}}},
        // That very second is the first at which it is final and the last of the window.
        {"one second short without grace",
         0,
         {{true, 0, 1000}, {false, 0, 599}},
         {{end - 1, "session still in progress"}, {end, "no-show-guest"}, {end + 1, "no_show_too_late"}}},
    };
    for (const auto& c : cases) {
        for (const auto& [at, answer] : c.answers) {
            OracleFixture service;
            service.book("7", c.grace_minutes);
            // As far as it has come by then.
            for (const auto& [of_host, from, to] : c.stays) {
                const auto& wallet = of_host ? host : guest;
                if (from < at)
                    service.enter(wallet, from);
                if (to <= at)
                    service.exit(wallet, to);
            }
            std::string outcome;
            const auto refused =
                refusal([&, moment = at] { outcome = sessions::name_of(service.attest(moment).outcome); });
            BOOST_TEST_CONTEXT(c.why << ", at " << at)
            {
                BOOST_TEST(outcome + refused == answer);
                BOOST_TEST(service.rows() == (refused.empty() ? 2 : 0));
                BOOST_TEST(service.chain.sent.size() == (refused.empty() ? 1u : 0u));
            }
        }
    }
}

// Each piece counts, each second once.
BOOST_AUTO_TEST_CASE(presence_is_the_union_of_all_connections)
{
    enter(guest, 0);
    stay(host, 0, 300); // drops out for three minutes
    enter(host, 480);
    enter(host, 600); // on a second device, which ends the first
    exit(host, 780);
    const auto attestation = attest(800);
    BOOST_TEST((attestation.outcome == Outcome::completed));
    BOOST_TEST(attestation.metrics.overlap_seconds == 300 + 300);
    BOOST_TEST(attestation.metrics.host_joined_at == start);
    BOOST_TEST(attestation.metrics.host_left_at == start + 780);
    BOOST_TEST(attestation.metrics.guest_joined_at == start);
    BOOST_TEST(attestation.metrics.guest_left_at ==
               start + 800); // who is still there left now, as far as we know
}

BOOST_AUTO_TEST_CASE(a_tab_that_nobody_closes_ends_with_the_slot)
{
    enter(host, 3100);
    enter(guest, 3200);
    const auto attestation = attest(end + 200);
    BOOST_TEST((attestation.outcome == Outcome::no_show_guest));
    BOOST_TEST(attestation.metrics.overlap_seconds == end - 3200);
    BOOST_TEST(attestation.metrics.host_left_at == start + end);
    BOOST_TEST(attestation.metrics.guest_left_at == start + end);
}

BOOST_AUTO_TEST_CASE(a_forced_outcome_need_not_be_final_but_wants_its_window)
{
    enter(host, 0);
    enter(guest, 0);
    BOOST_TEST(refusal([&] { attest(299, Outcome::no_show_guest); }) == "grace_not_over");
    BOOST_TEST(refusal([&] { attest(599, Outcome::completed); }) == "overlap_not_met");
    BOOST_TEST(refusal([&] { attest(3901, Outcome::no_show_host); }) == "no_show_too_late");
    BOOST_TEST(refusal([&] { attest(10801, Outcome::completed); }) == "completed_too_late");
    BOOST_TEST(rows() == 0);
    const auto attestation = attest(300, Outcome::no_show_guest);
    BOOST_TEST((attestation.outcome == Outcome::no_show_guest));
    BOOST_TEST(attestation.metrics.overlap_seconds == 300); // the truth all the same
}

// ---- what is stored and sent ----

BOOST_AUTO_TEST_CASE(what_is_sent_says_what_was_measured)
{
    meet();
    const auto attestation = attest(700);
    BOOST_TEST((attestation.state == AttestationState::submitted));
    const sessions::Metrics metrics{start, start + 660, start, start + 660, 660};
    BOOST_TEST(base::to_hex(attestation.metrics_hash) == base::to_hex(sessions::metrics_hash("7", metrics)));
    ethereum::Transaction expected;
    expected.chain_id = 6343;
    expected.nonce = 0;
    expected.gas_limit = 125000; // a quarter more than the estimate
    expected.max_fee_per_gas = Uint256(2100);
    expected.max_priority_fee_per_gas = Uint256(100);
    expected.to = config.escrow_address;
    expected.data = ethereum::attest_calldata(Uint256(7), 1, attestation.metrics_hash);
    const auto made =
        ethereum::sign(expected, ethereum::PrivateKey::parse(config.oracle_private_key).value());
    BOOST_TEST_REQUIRE(chain.sent.size() == 1u);
    BOOST_TEST(base::to_hex(chain.sent.front()) == base::to_hex(made.raw));
    BOOST_TEST(sessions::hash_of(db(), attestation) == made.hash);
    BOOST_TEST(attestation.oracle == oracle().address());
    BOOST_TEST(transactions().front().sent_at.value_or(0) == start + 700);
    BOOST_TEST(concluded() == "attested");
}

BOOST_AUTO_TEST_CASE(without_an_escrow_the_mock_chain_is_sent_to_nobody)
{
    config.escrow_address = "";
    meet();
    attest(700);
    BOOST_TEST_REQUIRE(chain.sent.size() == 1u);
    const auto to_nobody = "94" + std::string(40, '0'); // RLP's 20 bytes
    BOOST_TEST(base::to_hex(chain.sent.front()).find(to_nobody) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(everything_is_stored_before_anything_is_sent)
{
    meet();
    int sends = 0;
    chain.before = [&](const char* question) {
        BOOST_TEST(!db().in_transaction());
        if (std::string(question) != "send") {
            BOOST_TEST(sends == 0);
            return;
        }
        ++sends;
        const auto decided = stored();
        BOOST_TEST((decided.outcome == Outcome::completed));
        BOOST_TEST(decided.metrics.overlap_seconds == 660);
        BOOST_TEST(base::to_hex(decided.metrics_hash) ==
                   base::to_hex(sessions::metrics_hash("7", decided.metrics)));
        BOOST_TEST_REQUIRE(transactions().size() == 1u);
        BOOST_TEST(transactions().front().nonce == decided.nonce);
        BOOST_TEST(transactions().front().sent_at.value_or(0) == 0);
        BOOST_TEST(chain.sent.empty());
    };
    attest(700);
    BOOST_TEST(sends == 1);
    BOOST_TEST(base::to_hex(chain.sent.front()) == base::to_hex(transactions().front().raw));
}

BOOST_AUTO_TEST_CASE(an_oracle_needs_a_key)
{
    for (const auto& key : {std::string(), "0x" + std::string(64, '0'), std::string("0x11")}) {
        config.oracle_private_key = key;
        BOOST_CHECK_EXCEPTION(oracle(), Error, [](const Error& error) {
            return error.code() == ErrorCode::not_configured && error.name() == "oracle key not configured";
        });
    }
}

BOOST_AUTO_TEST_CASE(who_presses_again_gets_the_same_and_sends_nothing)
{
    meet();
    const auto first = attest(700);
    for (const std::int64_t at : {700, 701, 759}) {
        const auto again = attest(at, Outcome::no_show_host);
        check_decision(again, first);
        check_decision(resume(at).value(), first);
    }
    BOOST_TEST(chain.sent.size() == 1u);
    mine(chain.sent.front());
    BOOST_TEST((resume(760)->state == AttestationState::confirmed));
    // A confirmed one is known without the chain.
    const auto questions = chain.questions;
    for (const std::int64_t at : {800, 8000, 80000}) {
        const auto again = resume(at).value();
        check_decision(again, first);
        BOOST_TEST((again.state == AttestationState::confirmed));
        BOOST_TEST(sessions::hash_of(db(), again) == hash_of_raw(chain.sent.front()));
    }
    BOOST_TEST(chain.questions == questions);
    check_sent_once();
    BOOST_TEST(!resume(800, "8").has_value());
}

// ---- what can be found wrong beforehand ----

BOOST_AUTO_TEST_CASE(what_is_found_wrong_before_a_nonce_is_given_leaves_no_trace)
{
    meet();
    struct Case
    {
        std::function<void(ScriptedChain&)> spoil;
        std::string refusal;
    };
    const auto cost = std::to_string(125000 * 2100);
    const Case cases[] = {
        {[](ScriptedChain& node) { node.id = 1; }, "attestation_failed: the node is on chain 1, not on 6343"},
        {[](ScriptedChain& node) { node.account_balance = Uint256(125000 * 2100 - 1); },
         "attestation_failed: the oracle " + oracle().address() + " holds " +
             std::to_string(125000 * 2100 - 1) + " wei and needs " + cost},
        {[](ScriptedChain& node) {
             node.estimate = {0, "NOT_ORACLE"};
         },
         "attestation_failed: NOT_ORACLE"},
        {[](ScriptedChain& node) {
             node.estimate = {0, ""};
         },
         "attestation_failed: reverted without a reason"},
        {[](ScriptedChain& node) { node.is_down = true; }, "chain_unavailable"},
    };
    const ScriptedChain healthy = chain;
    for (const auto& c : cases) {
        c.spoil(chain);
        BOOST_TEST_CONTEXT(c.refusal)
        {
            BOOST_TEST(refusal([&] { attest(700); }) == c.refusal);
            BOOST_TEST(rows() == 0);
            BOOST_TEST(chain.sent.empty());
            BOOST_TEST(concluded().empty());
        }
        chain = healthy;
    }
    chain.account_balance = Uint256(125000 * 2100); // to the last wei
    attest(700);
    check_sent_once();
}

BOOST_AUTO_TEST_CASE(an_outcome_that_closes_while_the_node_is_asked_is_not_attested)
{
    stay(guest, 0, 100);
    bool came = false;
    chain.before = [&](const char* question) {
        if (!came && std::string(question) == "balance") {
            came = true;
            enter(host, 3001);
        }
    };
    const auto attestation = attest(3002);
    BOOST_TEST(attestation.metrics.host_joined_at == start + 3001);
    BOOST_TEST((attestation.outcome == Outcome::no_show_guest));
    BOOST_TEST(base::to_hex(attestation.metrics_hash) ==
               base::to_hex(sessions::metrics_hash("7", attestation.metrics)));
}

// ---- crashes ----

// Decided for a host who never came. Then the host comes, and a decision made now would be another.
BOOST_AUTO_TEST_CASE(a_crash_at_any_question_changes_neither_outcome_nor_bytes)
{
    for (const bool by_sweep : {false, true}) {
        bool crashed = true;
        int decided_before = 0;
        int at_question = 0;
        while (crashed) {
            ++at_question;
            OracleFixture service;
            service.enter(guest, 0);
            int asked = 0;
            service.chain.before = [&](const char*) {
                if (++asked == at_question)
                    throw Crash();
            };
            crashed = false;
            try {
                if (by_sweep)
                    service.sweep(3001);
                else
                    service.ask(3001);
            } catch (const Crash&) {
                crashed = true;
            }
            service.chain.before = nullptr;
            BOOST_TEST_CONTEXT((by_sweep ? "sweep" : "request") << ", at question " << at_question)
            {
                const auto decided = sessions::find_attestation(service.db(), "7");
                decided_before += decided && crashed ? 1 : 0;
                service.enter(host, 3010);
                if (by_sweep)
                    service.sweep(3020);
                else
                    service.ask(3020);
                const auto kept = service.stored();
                if (decided) {
                    BOOST_TEST((decided->outcome == Outcome::no_show_host));
                    service.check_decision(kept, *decided);
                } else {
                    BOOST_TEST((kept.outcome == Outcome::no_show_guest));
                }
                service.mine(service.chain.sent.front());
                service.sweep(3100);
                BOOST_TEST((service.stored().state == AttestationState::confirmed));
                service.check_decision(service.stored(), kept);
                service.check_sent_once();
            }
        }
        BOOST_TEST(at_question > 9);
        BOOST_TEST(decided_before >= 2);
    }
}

// The node answers and mines as it likes; the process dies again and again.
BOOST_AUTO_TEST_CASE(crash_after_crash_ends_in_one_attestation)
{
    for (int first = 1; first <= 11; ++first) {
        for (int second = 1; second <= 9; ++second) {
            OracleFixture service;
            service.enter(guest, 0);
            int asked = 0;
            int crash_at = first;
            service.chain.before = [&](const char*) {
                if (++asked == crash_at)
                    throw Crash();
            };
            std::optional<Attestation> decided;
            int runs = 0;
            for (std::int64_t at = 3001; !decided || decided->state != AttestationState::confirmed;
                 at += 25) {
                BOOST_REQUIRE(++runs < 20);
                try {
                    service.ask(at);
                } catch (const Crash&) {
                }
                asked = 0;
                crash_at = runs == 1 ? second : runs == 2 ? first : 0;
                const auto found = sessions::find_attestation(service.db(), "7");
                if (decided)
                    service.check_decision(found.value(), *decided);
                decided = found;
                if (!service.chain.sent.empty() && runs > 3)
                    service.mine(service.chain.sent.front());
                if (runs == 1)
                    service.enter(host, at + 1);
            }
            BOOST_TEST_CONTEXT("at questions " << first << ", " << second)
            service.check_sent_once();
        }
    }
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_lost_after_the_node_took_the_bytes_sends_them_again)
{
    meet();
    chain.taken = [] { throw Error(ErrorCode::chain_unavailable, "chain_unavailable", "timed out"); };
    BOOST_TEST(refusal([&] { attest(700); }) == "chain_unavailable");
    BOOST_TEST(chain.sent.size() == 1u);
    BOOST_TEST(transactions().front().sent_at.value_or(0) == 0);
    chain.taken = nullptr;
    const auto again = resume(701).value(); // at once: nobody knows that the node has it
    BOOST_TEST((again.state == AttestationState::submitted));
    BOOST_TEST(chain.sent.size() == 2u);
    check_sent_once();
}

// Mined in the meantime: first the node's count of transactions lags behind, then its receipts do.
BOOST_AUTO_TEST_CASE(a_nonce_that_is_used_by_our_own_transaction_is_no_failure)
{
    meet();
    chain.taken = [] { throw Error(ErrorCode::chain_unavailable, "chain_unavailable", "timed out"); };
    BOOST_TEST(refusal([&] { attest(700); }) == "chain_unavailable");
    chain.taken = nullptr;
    chain.send_results = {SendResult::accepted, SendResult::nonce_too_low, SendResult::nonce_too_low,
                          SendResult::nonce_too_low};
    BOOST_TEST(refusal([&] { resume(701); }) == "chain_unavailable");
    BOOST_TEST((stored().state == AttestationState::submitted));
    chain.before = [&](const char* question) {
        if (std::string(question) == "send")
            mine(chain.sent.front());
    };
    BOOST_TEST((resume(702)->state == AttestationState::confirmed));
    check_sent_once();
}

BOOST_AUTO_TEST_CASE(what_the_node_takes_and_forgets_is_sent_again_after_a_minute)
{
    meet();
    attest(700);
    for (const auto& [at, sends] :
         {std::pair<std::int64_t, std::size_t>{701, 1}, {759, 1}, {760, 2}, {761, 2}, {819, 2}, {820, 3}}) {
        resume(at);
        BOOST_TEST(chain.sent.size() == sends, "at " << at);
    }
    resume(755); // the clock stepped back by more than a minute
    resume(750);
    BOOST_TEST(chain.sent.size() == 4u);
    check_sent_once();
}

// ---- receipts ----

BOOST_AUTO_TEST_CASE(a_receipt_that_is_late_is_waited_for)
{
    meet();
    attest(700);
    for (std::int64_t at = 710; at < 1000; at += 10)
        BOOST_TEST((resume(at)->state == AttestationState::submitted));
    mine(chain.sent.front());
    const auto confirmed = resume(1000).value();
    BOOST_TEST((confirmed.state == AttestationState::confirmed));
    BOOST_TEST(confirmed.mined_hash.value_or("") == hash_of_raw(chain.sent.front()));
    BOOST_TEST(confirmed.settled_at.value_or(0) == start + 1000);
    BOOST_TEST(confirmed.failure.value_or("") == "");
    check_sent_once();
}

BOOST_AUTO_TEST_CASE(a_receipt_of_status_0_is_a_failure_that_keeps_its_reason)
{
    for (const auto& [reverts_with, reason] :
         {std::pair<std::optional<std::string>, std::string>{"TOO_LATE", "TOO_LATE"},
          {"", "reverted without a reason"},
          {std::nullopt, "reverted without a reason"}}) {
        OracleFixture service;
        service.meet();
        service.attest(700);
        service.mine(service.chain.sent.front(), false);
        service.chain.reverts_with = reverts_with;
        const auto expected = "attestation_failed: " + reason;
        BOOST_TEST(refusal([&] { service.resume(760); }) == expected);
        const auto failed = service.stored();
        BOOST_TEST((failed.state == AttestationState::failed));
        BOOST_TEST(failed.failure.value_or("") == reason);
        BOOST_TEST(failed.mined_hash.value_or("") == hash_of_raw(service.chain.sent.front()));
        BOOST_TEST(failed.settled_at.value_or(0) == service.start + 760);
        // It stays so, and the chain is not asked again.
        const auto questions = service.chain.questions;
        BOOST_TEST(refusal([&] { service.resume(800); }) == expected);
        BOOST_TEST(refusal([&] { service.oracle().attest(service.session(), {}, service.start + 900); }) !=
                   "");
        BOOST_TEST(service.sweep(1000) == "");
        BOOST_TEST(service.chain.sent.size() == 1u);
        BOOST_TEST(service.chain.questions <= questions + 5); // attest() looks what it would take
        service.check_decision(service.stored(), failed);
    }
}

BOOST_AUTO_TEST_CASE(a_reason_that_cannot_be_asked_for_leaves_it_open)
{
    meet();
    attest(700);
    mine(chain.sent.front(), false);
    chain.before = [](const char* question) {
        if (std::string(question) == "revert_reason")
            throw Error(ErrorCode::chain_unavailable, "chain_unavailable", "scripted");
    };
    BOOST_TEST(refusal([&] { resume(760); }) == "chain_unavailable");
    BOOST_TEST((stored().state == AttestationState::submitted));
    chain.before = nullptr;
    chain.reverts_with = "NOT_BOOKED";
    BOOST_TEST(refusal([&] { resume(761); }) == "attestation_failed: NOT_BOOKED");
    BOOST_TEST(chain.sent.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_failed_one_is_retried_with_the_same_decision_in_a_new_nonce)
{
    stay(guest, 0, 100);
    const auto first = attest(3001);
    mine(chain.sent.front(), false);
    chain.reverts_with = "NOT_ORACLE";
    BOOST_TEST(refusal([&] { resume(3070); }) == "attestation_failed: NOT_ORACLE");
    enter(host, 3080);

    const auto again = oracle().retry(Uint256(7), start + 3100);
    check_decision(again, first);
    BOOST_TEST((again.state == AttestationState::submitted));
    BOOST_TEST(again.nonce == 1);
    BOOST_TEST(again.failure.value_or("") == "");
    BOOST_TEST_REQUIRE(transactions().size() == 2u);
    BOOST_TEST(transactions().back().nonce == 1);
    BOOST_TEST_REQUIRE(chain.sent.size() == 2u);
    BOOST_TEST(base::to_hex(chain.sent.back()) == base::to_hex(transactions().back().raw));
    BOOST_TEST(chain.sent.back().find(ethereum::attest_calldata(Uint256(7), 2, first.metrics_hash)) !=
               std::string::npos);

    // Once more is the same as looking, and the old receipt is no news.
    BOOST_TEST((oracle().retry(Uint256(7), start + 3110).state == AttestationState::submitted));
    BOOST_TEST(chain.sent.size() == 2u);
    mine(chain.sent.back());
    BOOST_TEST((oracle().retry(Uint256(7), start + 3120).state == AttestationState::confirmed));
    BOOST_TEST(stored().mined_hash.value_or("") == hash_of_raw(chain.sent.back()));
    BOOST_TEST((oracle().retry(Uint256(7), start + 3130).state == AttestationState::confirmed));
    BOOST_TEST(chain.sent.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_retry_wants_an_attestation_and_a_booking_that_waits_for_it)
{
    BOOST_TEST(refusal([&] { oracle().retry(Uint256(7), start); }) == "attestation not found");
    meet();
    attest(700);
    mine(chain.sent.front(), false);
    refusal([&] { resume(760); });
    chain.bookings.at("7").status = BookingStatus::cancelled;
    BOOST_TEST(refusal([&] { oracle().retry(Uint256(7), start + 800); }) ==
               "booking status is Cancelled, expected Booked");
    chain.bookings.at("7").status = BookingStatus::booked;
    chain.estimate = {0, "TOO_LATE"};
    BOOST_TEST(refusal([&] { oracle().retry(Uint256(7), start + 800); }) == "attestation_failed: TOO_LATE");
    BOOST_TEST((stored().state == AttestationState::failed));
    BOOST_TEST(transactions().size() == 1u);
}

// ---- fees ----

BOOST_AUTO_TEST_CASE(a_transaction_that_waits_is_replaced_when_the_network_has_become_dearer)
{
    struct Case
    {
        const char* why;
        ethereum::Fees fees;
        std::string max_fee, tip; // of what takes its place; empty: the same bytes again
    };
    const Case cases[] = {
        {"nothing changed", {Uint256(1100), Uint256(2100), Uint256(100)}, "", ""},
        {"cheaper", {Uint256(600), Uint256(1100), Uint256(100)}, "", ""},
        {"dearer, but under what is offered", {Uint256(2100), Uint256(4100), Uint256(100)}, "", ""},
        {"a little dearer", {Uint256(2101), Uint256(2200), Uint256(100)}, "2363", "113"},
        {"a larger tip", {Uint256(1101), Uint256(2101), Uint256(101)}, "2363", "113"},
        {"much dearer", {Uint256(9000), Uint256(17000), Uint256(1000)}, "17000", "1000"},
        {"no base fee any more", {Uint256(5000), Uint256(6250), std::nullopt}, "6250", "113"},
    };
    for (const auto& c : cases) {
        OracleFixture service;
        service.meet();
        const auto first = service.attest(700);
        service.chain.fees = c.fees;
        service.resume(759);
        BOOST_TEST_CONTEXT(c.why)
        {
            BOOST_TEST(service.chain.sent.size() == 1u); // the node has a minute
            service.resume(760);
            BOOST_TEST_REQUIRE(service.chain.sent.size() == 2u);
            if (c.max_fee.empty()) {
                service.check_sent_once();
                continue;
            }
            const auto signed_ones = service.transactions();
            BOOST_TEST_REQUIRE(signed_ones.size() == 2u);
            const auto& [before, raised] = std::pair(signed_ones[0], signed_ones[1]);
            BOOST_TEST(raised.nonce == before.nonce);
            BOOST_TEST(raised.gas_limit == before.gas_limit);
            BOOST_TEST(raised.max_fee_per_gas.to_decimal() == c.max_fee);
            BOOST_TEST(raised.max_priority_fee_per_gas.value().to_decimal() == c.tip);
            BOOST_TEST(is_at_least_an_eighth_more(raised.max_fee_per_gas, before.max_fee_per_gas));
            BOOST_TEST(is_at_least_an_eighth_more(*raised.max_priority_fee_per_gas,
                                                  *before.max_priority_fee_per_gas));
            BOOST_TEST((service.chain.sent[1] == raised.raw));
            BOOST_TEST(raised.raw.find(ethereum::attest_calldata(Uint256(7), 1, first.metrics_hash)) !=
                       std::string::npos);
            service.check_decision(service.stored(), first);
            BOOST_TEST(service.stored().nonce == 0);
            BOOST_TEST(sessions::hash_of(service.db(), service.stored()) == raised.tx_hash);
            // Mined is one of the two; which, the receipt tells.
            service.mine(before.raw);
            service.resume(761);
            BOOST_TEST((service.stored().state == AttestationState::confirmed));
            BOOST_TEST(service.stored().mined_hash.value_or("") == before.tx_hash);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_replacement_too_is_stored_before_it_is_sent)
{
    meet();
    attest(700);
    chain.fees = {Uint256(9000), Uint256(17000), Uint256(1000)};
    chain.before = [&](const char* question) {
        if (std::string(question) == "send")
            throw Crash();
    };
    BOOST_CHECK_THROW(resume(760), Crash);
    BOOST_TEST(transactions().size() == 2u);
    chain.before = nullptr;
    chain.fees = {Uint256(1100), Uint256(2100), Uint256(100)};
    resume(761);
    BOOST_TEST_REQUIRE(chain.sent.size() == 2u);
    BOOST_TEST((chain.sent.back() == transactions().back().raw));
    BOOST_TEST(transactions().size() == 2u);
    mine(chain.sent.back());
    BOOST_TEST((resume(762)->state == AttestationState::confirmed));
    BOOST_TEST(stored().mined_hash.value_or("") == transactions().back().tx_hash);
}

// The first one is mined while the second waits to be sent.
BOOST_AUTO_TEST_CASE(a_replacement_that_comes_too_late_finds_the_receipt_of_the_first)
{
    meet();
    attest(700);
    chain.fees = {Uint256(9000), Uint256(17000), Uint256(1000)};
    chain.send_results = {SendResult::accepted, SendResult::nonce_too_low};
    chain.before = [&](const char* question) {
        if (std::string(question) == "send")
            mine(chain.sent.front());
    };
    BOOST_TEST((resume(760)->state == AttestationState::confirmed));
    BOOST_TEST(stored().mined_hash.value_or("") == transactions().front().tx_hash);
    BOOST_TEST(transactions().size() == 2u);
    BOOST_TEST(query("SELECT count(DISTINCT nonce) FROM attestation_transactions") == 1);
}

BOOST_AUTO_TEST_CASE(fees_rise_as_often_as_the_network_asks)
{
    meet();
    attest(700);
    std::uint64_t wei = 2100;
    for (std::int64_t at = 760; at <= 1000; at += 60) {
        wei *= 2;
        chain.fees = {Uint256(wei), Uint256(wei + 1), Uint256(100)};
        resume(at);
    }
    const auto signed_ones = transactions();
    BOOST_TEST_REQUIRE(signed_ones.size() == 6u);
    for (std::size_t i = 1; i < signed_ones.size(); ++i) {
        BOOST_TEST(signed_ones[i].nonce == 0);
        BOOST_TEST(
            is_at_least_an_eighth_more(signed_ones[i].max_fee_per_gas, signed_ones[i - 1].max_fee_per_gas));
        BOOST_TEST(is_at_least_an_eighth_more(*signed_ones[i].max_priority_fee_per_gas,
                                              *signed_ones[i - 1].max_priority_fee_per_gas));
        BOOST_TEST((*signed_ones[i].max_priority_fee_per_gas <= signed_ones[i].max_fee_per_gas));
    }
    BOOST_TEST((chain.sent.back() == signed_ones.back().raw));
}

BOOST_AUTO_TEST_CASE(what_is_underpriced_when_it_is_sent_is_raised_at_once_if_the_network_says_so)
{
    meet();
    chain.send_results = {SendResult::underpriced};
    chain.before = [&](const char* question) {
        if (std::string(question) == "send")
            chain.fees = {Uint256(4000), Uint256(8000), Uint256(200)};
    };
    attest(700);
    const auto signed_ones = transactions();
    BOOST_TEST_REQUIRE(signed_ones.size() == 2u);
    BOOST_TEST((chain.sent == std::vector<std::string>{signed_ones[0].raw, signed_ones[1].raw}));
    BOOST_TEST(signed_ones[1].nonce == signed_ones[0].nonce);
    BOOST_TEST(signed_ones[1].max_fee_per_gas.to_decimal() == "8000");
    BOOST_TEST(signed_ones[0].sent_at.value_or(0) == 0);
    BOOST_TEST(signed_ones[1].sent_at.value_or(0) == start + 700);
}

BOOST_AUTO_TEST_CASE(what_the_node_does_not_take_is_told_and_tried_again)
{
    const std::pair<SendResult, std::string> cases[] = {
        {SendResult::underpriced, "the node wants a higher fee"},
        {SendResult::insufficient_funds,
         "the oracle " + oracle().address() + " has too little to pay the fee"},
        {SendResult::refused, "the node refuses the transaction"},
    };
    for (const auto& [result, reason] : cases) {
        OracleFixture service;
        service.meet();
        service.chain.send_results = {result, result};
        for (const std::int64_t at : {700, 701})
            BOOST_TEST(refusal([&, moment = at] { service.ask(moment); }) == "attestation_failed: " + reason);
        BOOST_TEST((service.stored().state == AttestationState::submitted));
        BOOST_TEST(service.transactions().front().sent_at.value_or(0) == 0);
        BOOST_TEST((service.ask(702).state == AttestationState::submitted));
        BOOST_TEST(service.chain.sent.size() == 3u);
        service.check_sent_once();
    }
}

BOOST_AUTO_TEST_CASE(no_more_is_offered_than_the_settings_allow)
{
    meet();
    config.oracle_max_fee_gwei = 2;
    chain.fees = {Uint256(3000000000), Uint256(6000000000), Uint256(5000000000)};
    attest(700);
    BOOST_TEST(transactions().back().max_fee_per_gas.to_decimal() == "2000000000");
    BOOST_TEST(transactions().back().max_priority_fee_per_gas->to_decimal() == "2000000000");
    // An eighth more is too much, so it waits as it is.
    for (const std::int64_t at : {760, 820})
        resume(at);
    BOOST_TEST(chain.sent.size() == 3u);
    check_sent_once();
    // The bound itself is allowed.
    config.oracle_max_fee_gwei = 3;
    chain.fees = {Uint256(9000000000), Uint256(9000000000), Uint256(1)};
    resume(880);
    BOOST_TEST_REQUIRE(transactions().size() == 2u);
    BOOST_TEST(transactions().back().max_fee_per_gas.to_decimal() == "3000000000");
    BOOST_TEST(transactions().back().max_priority_fee_per_gas->to_decimal() == "2250000000");
}

BOOST_AUTO_TEST_CASE(a_chain_without_base_fees_gets_legacy_transactions)
{
    meet();
    chain.fees = {Uint256(1000), Uint256(1250), std::nullopt};
    const auto attestation = attest(700);
    ethereum::Transaction expected;
    expected.chain_id = 6343;
    expected.gas_limit = 125000;
    expected.max_fee_per_gas = Uint256(1250);
    expected.to = config.escrow_address;
    expected.data = ethereum::attest_calldata(Uint256(7), 1, attestation.metrics_hash);
    const auto key = ethereum::PrivateKey::parse(config.oracle_private_key).value();
    BOOST_TEST_REQUIRE(chain.sent.size() == 1u);
    BOOST_TEST(base::to_hex(chain.sent.back()) == base::to_hex(ethereum::sign(expected, key).raw));

    // Replaced by its like, even if the chain has base fees by then.
    chain.fees = {Uint256(1251), Uint256(1300), Uint256(7)};
    resume(760);
    BOOST_TEST_REQUIRE(transactions().size() == 2u);
    BOOST_TEST(!transactions().back().max_priority_fee_per_gas.has_value());
    expected.max_fee_per_gas = Uint256(1407);
    BOOST_TEST(base::to_hex(chain.sent.back()) == base::to_hex(ethereum::sign(expected, key).raw));
}

// ---- nonces that others use ----

BOOST_AUTO_TEST_CASE(a_nonce_that_somebody_else_used_gives_the_same_decision_a_new_one)
{
    stay(guest, 0, 100);
    const auto first = attest(3001);
    take_nonce();
    chain.pending_count = 4; // and more of theirs wait
    enter(host, 3010);
    const auto again = resume(3020).value();
    check_decision(again, first);
    BOOST_TEST((again.state == AttestationState::submitted));
    BOOST_TEST(again.nonce == 4);
    BOOST_TEST_REQUIRE(chain.sent.size() == 2u);
    BOOST_TEST(chain.sent.back().find(ethereum::attest_calldata(Uint256(7), 2, first.metrics_hash)) !=
               std::string::npos);
    BOOST_TEST(attestations() == 1);
    // Not before that is known to be so.
    resume(3021);
    BOOST_TEST(chain.sent.size() == 2u);
    mine(chain.sent.back());
    BOOST_TEST((resume(3030)->state == AttestationState::confirmed));
    BOOST_TEST(stored().mined_hash.value_or("") == hash_of_raw(chain.sent.back()));
}

BOOST_AUTO_TEST_CASE(a_nonce_used_before_ours_was_ever_sent_is_replaced_too)
{
    meet();
    chain.send_results = {SendResult::nonce_too_low};
    chain.before = [&](const char* question) {
        if (std::string(question) == "send" && chain.sent.empty())
            take_nonce();
    };
    const auto attestation = attest(700);
    BOOST_TEST(attestation.nonce == 1);
    BOOST_TEST(chain.sent.size() == 2u);
    BOOST_TEST(stored().nonce == 1);
    BOOST_TEST(attestations() == 1);
}

BOOST_AUTO_TEST_CASE(a_new_nonce_is_given_only_where_the_call_would_still_succeed)
{
    meet();
    attest(700);
    take_nonce();
    chain.estimate = {0, "TOO_LATE"};
    BOOST_TEST(refusal([&] { resume(760); }) == "attestation_failed: TOO_LATE");
    BOOST_TEST((stored().state == AttestationState::submitted));
    BOOST_TEST(transactions().size() == 1u);
    BOOST_TEST(chain.sent.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_booking_that_somebody_else_settled_is_a_failure)
{
    struct Case
    {
        BookingStatus status;
        bool same_hash;
        std::uint8_t outcome;
        std::string name;
    };
    const Case cases[] = {
        {BookingStatus::attested, false, 1, "Attested"},
        {BookingStatus::attested, true, 2, "Attested"}, // our measures and another conclusion
        {BookingStatus::cancelled, false, 0, "Cancelled"},
        {BookingStatus::finalized, false, 3, "Finalized"},
        {BookingStatus::none, false, 0, "None"},
    };
    for (const auto& c : cases) {
        OracleFixture service;
        service.meet();
        const auto attestation = service.attest(700);
        service.take_nonce();
        auto& booking = service.chain.bookings.at("7");
        booking.status = c.status;
        booking.oracle_outcome = c.outcome;
        if (c.same_hash)
            booking.metrics_hash = attestation.metrics_hash;
        const auto reason = "somebody else acted: the booking's status is " + c.name;
        BOOST_TEST(refusal([&] { service.resume(760); }) == "attestation_failed: " + reason);
        BOOST_TEST((service.stored().state == AttestationState::failed));
        BOOST_TEST(service.stored().failure.value_or("") == reason);
        BOOST_TEST(service.chain.sent.size() == 1u);
        BOOST_TEST(service.transactions().size() == 1u);
    }
}

// The block is there, the node's receipt is not yet.
BOOST_AUTO_TEST_CASE(a_booking_that_shows_our_own_attestation_waits_for_the_receipt)
{
    meet();
    const auto attestation = attest(700);
    take_nonce();
    for (const auto status : {BookingStatus::attested, BookingStatus::disputed, BookingStatus::finalized}) {
        show_attested(attestation);
        chain.bookings.at("7").status = status;
        BOOST_TEST((resume(800)->state == AttestationState::submitted));
        BOOST_TEST(chain.sent.size() == 1u);
    }
    mine(chain.sent.front());
    BOOST_TEST((resume(900)->state == AttestationState::confirmed));
    check_sent_once();
}

// Another holder of the key measured the same, and its transaction is none of ours. That is told only once a
// receipt of ours would have come.
BOOST_AUTO_TEST_CASE(the_same_said_by_somebody_else_is_a_failure_after_ten_minutes)
{
    meet();
    const auto attestation = attest(700);
    take_nonce();
    show_attested(attestation);
    for (const std::int64_t at : {700, 760, 1299})
        BOOST_TEST((resume(at)->state == AttestationState::submitted));
    BOOST_TEST(refusal([&] { resume(1300); }) == "attestation_failed: somebody else attested the same");
    BOOST_TEST((stored().state == AttestationState::failed));
    BOOST_TEST(chain.sent.size() == 1u);
    check_decision(stored(), attestation);
    // It was ours after all, and the node slower than that.
    mine(chain.sent.front());
    BOOST_TEST((resume(1400)->state == AttestationState::confirmed));
    BOOST_TEST(stored().failure.value_or("") == "");
    check_sent_once();
}

BOOST_AUTO_TEST_CASE(the_ten_minutes_begin_when_it_was_sent_last)
{
    meet();
    const auto attestation = attest(700);
    resume(760);
    BOOST_TEST_REQUIRE(chain.sent.size() == 2u);
    take_nonce();
    show_attested(attestation);
    BOOST_TEST((resume(1359)->state == AttestationState::submitted));
    BOOST_TEST(refusal([&] { resume(1360); }) == "attestation_failed: somebody else attested the same");
}

BOOST_AUTO_TEST_CASE(an_attestation_of_another_chain_is_left_alone)
{
    meet();
    const auto attestation = attest(700);
    config.chain_id = 1;
    chain.id = 1;
    const auto questions = chain.questions;
    BOOST_TEST(refusal([&] { resume(800); }) ==
               "attestation_failed: it was signed for chain 6343, CHAIN_ID is 1");
    BOOST_TEST(chain.questions == questions);
    config.chain_id = 6343;
    BOOST_TEST((resume(800)->state == AttestationState::submitted));
    check_decision(stored(), attestation);
}

// Behind one address there may be several nodes, of which one is a block behind: it knows neither the receipt
// nor the attestation. What took the nonce was ours after all.
BOOST_AUTO_TEST_CASE(our_first_transaction_counts_even_if_a_second_was_sent_for_it)
{
    meet();
    const auto first = attest(700);
    take_nonce();
    const auto second = resume(760).value();
    BOOST_TEST_REQUIRE(second.nonce == 1);
    show_attested(first);
    mine(chain.sent.front());
    mine(chain.sent.back(), false);
    chain.reverts_with = "NOT_BOOKED";
    const auto confirmed = resume(770).value();
    BOOST_TEST((confirmed.state == AttestationState::confirmed));
    BOOST_TEST(confirmed.mined_hash.value_or("") == hash_of_raw(chain.sent.front()));
}

// ---- several processes ----

// In a new world each time, another process comes just before the first question of `trial` to the chain,
// before the second, and so on until it asks no more. `trial` says with `let_in` what the other does; `met`
// whether it has. Returns how many questions there were.
int before_each_question(
    const std::function<void(OracleFixture& service, const bool& met,
                             const std::function<void(std::function<void()>)>& let_in)>& trial)
{
    for (int at_question = 1;; ++at_question) {
        OracleFixture service;
        bool met = false;
        const auto let_in = [&](std::function<void()> other) {
            service.chain.before = [&met, at_question, other, asked = 0](const char*) mutable {
                if (met || ++asked != at_question)
                    return;
                met = true; // its own questions are not counted
                other();
            };
        };
        BOOST_TEST_CONTEXT("the other comes before question " << at_question)
        trial(service, met, let_in);
        if (!met)
            return at_question;
    }
}

BOOST_AUTO_TEST_CASE(two_at_once_make_one_attestation)
{
    for (const bool is_mined : {false, true}) { // as on a chain of many blocks a second
        const int questions =
            before_each_question([&](OracleFixture& service, const bool& met, const auto& let_in) {
                service.stay(guest, 0, 100);
                std::optional<Attestation> others;
                let_in([&] {
                    others = service.ask(3001);
                    if (is_mined) {
                        service.mine(service.chain.sent.front());
                        service.show_attested(*others);
                        service.chain.estimate = {0, "NOT_BOOKED"};
                    }
                });
                const auto mine = service.attest(3001);
                if (met)
                    service.check_decision(mine, others.value());
                service.check_sent_once();
                service.chain.before = nullptr;
                service.mine(service.chain.sent.front());
                BOOST_TEST((service.resume(3100)->state == AttestationState::confirmed));
            });
        BOOST_TEST(questions > 6);
    }
}

BOOST_AUTO_TEST_CASE(two_sweeps_at_once_give_each_booking_one_nonce)
{
    for (const bool is_mined : {false, true}) {
        const int questions =
            before_each_question([&](OracleFixture& service, const bool&, const auto& let_in) {
                for (const auto* id : {"7", "8", "9"}) {
                    service.book(id);
                    service.meet(id);
                }
                let_in([&] {
                    service.sweep(700);
                    if (!is_mined)
                        return;
                    for (const auto& raw : std::set(service.chain.sent.begin(), service.chain.sent.end()))
                        service.mine(raw);
                    for (const auto* id : {"7", "8", "9"})
                        service.show_attested(service.stored(id));
                    service.chain.estimate = {0, "NOT_BOOKED"};
                });
                service.sweep(700);
                BOOST_TEST(service.rows() == 6);
                BOOST_TEST(service.query("SELECT max(nonce) FROM attestations") == 2);
                for (const auto* id : {"7", "8", "9"}) {
                    service.check_sent_once(id);
                    BOOST_TEST(service.concluded(id) == "attested");
                }
            });
        BOOST_TEST(questions > 20);
    }
}

BOOST_AUTO_TEST_CASE(two_retries_at_once_make_one_new_transaction)
{
    const int questions = before_each_question([](OracleFixture& service, const bool&, const auto& let_in) {
        service.meet();
        service.attest(700);
        service.mine(service.chain.sent.front(), false);
        refusal([&] { service.resume(760); });
        const auto retry = [&] { service.oracle().retry(Uint256(7), service.start + 800); };
        let_in(retry);
        retry();
        BOOST_TEST(service.transactions().size() == 2u);
        BOOST_TEST(service.stored().nonce == 1);
        BOOST_TEST((service.stored().state == AttestationState::submitted));
        BOOST_TEST((service.chain.sent.back() == service.transactions().back().raw));
    });
    BOOST_TEST(questions > 8);
}

BOOST_AUTO_TEST_CASE(two_who_raise_the_fee_at_once_raise_it_once)
{
    const int questions = before_each_question([](OracleFixture& service, const bool&, const auto& let_in) {
        service.meet();
        service.attest(700);
        service.chain.fees = {Uint256(9000), Uint256(17000), Uint256(1000)};
        let_in([&] { service.resume(760); });
        service.resume(760);
        BOOST_TEST(service.transactions().size() == 2u);
        BOOST_TEST((service.chain.sent.back() == service.transactions().back().raw));
    });
    BOOST_TEST(questions > 4);
}

BOOST_AUTO_TEST_CASE(two_who_find_the_receipt_at_once_settle_it_once)
{
    for (const bool succeeded : {false, true}) {
        const int questions =
            before_each_question([&](OracleFixture& service, const bool& met, const auto& let_in) {
                service.meet();
                service.attest(700);
                service.mine(service.chain.sent.front(), succeeded);
                let_in([&] { refusal([&] { service.resume(760); }); });
                const auto refused = refusal([&] { service.resume(761); });
                BOOST_TEST(refused == (succeeded ? "" : "attestation_failed: reverted without a reason"));
                BOOST_TEST(service.stored().settled_at.value_or(0) == service.start + (met ? 760 : 761));
            });
        BOOST_TEST(questions > 1);
    }
}

// One process finds the nonce used and takes the next. Another, which had looked a moment before, still
// thinks that the old one counts, and is told that the new transaction is underpriced.
BOOST_AUTO_TEST_CASE(a_raised_fee_keeps_the_nonce_of_what_it_replaces)
{
    meet();
    attest(700);
    chain.send_results = {SendResult::accepted, SendResult::refused, SendResult::underpriced};
    bool met = false;
    chain.before = [&](const char* question) {
        if (met || std::string(question) != "transaction_count")
            return;
        met = true;
        take_nonce();
        refusal([&] { resume(760); }); // stored under the next nonce, and not taken by the node
        BOOST_TEST_REQUIRE(stored().nonce == 1);
        chain.mined_count = 0; // what the first process had been told
        chain.fees = {Uint256(9000), Uint256(17000), Uint256(1000)};
    };
    resume(760);
    const auto signed_ones = transactions();
    BOOST_TEST_REQUIRE(signed_ones.size() == 3u);
    BOOST_TEST(signed_ones[2].nonce == 1);
    BOOST_TEST((chain.sent.back() == signed_ones[2].raw));
    chain.mined_count = 1;
    mine(chain.sent.back());
    BOOST_TEST((resume(770)->state == AttestationState::confirmed));
}

BOOST_AUTO_TEST_CASE(many_bookings_get_consecutive_nonces)
{
    chain.pending_count = 5; // used by others
    chain.mined_count = 3;
    for (int i = 100; i < 120; ++i) {
        const auto id = std::to_string(i);
        book(id);
        meet(id);
        chain.pending_count = i == 110 ? 40 : chain.pending_count; // others again
        ask(700, id);
        BOOST_TEST(stored(id).nonce == (i < 110 ? 5 + i - 100 : 40 + i - 110));
    }
    BOOST_TEST(attestations() == 20);
    BOOST_TEST(query("SELECT count(DISTINCT nonce) FROM attestation_transactions") == 20);
}

BOOST_AUTO_TEST_CASE(another_key_counts_its_own_nonces)
{
    meet();
    attest(700);
    const auto before = oracle().address();
    config.oracle_private_key = "0x" + std::string(64, '2');
    BOOST_TEST_REQUIRE(oracle().address() != before);
    book("8");
    meet("8");
    BOOST_TEST(ask(700, "8").nonce == 0);
    // What the old key signed is still sent, but with no fee other than its own.
    chain.fees = {Uint256(9000), Uint256(17000), Uint256(1000)};
    const auto old = resume(760).value();
    BOOST_TEST(old.oracle == before);
    BOOST_TEST(transactions("7").size() == 1u);
    BOOST_TEST((chain.sent.back() == transactions("7").front().raw));
    // Should its nonce be used up, the new key takes over.
    take_nonce();
    chain.pending_count = 0;
    const auto taken_over = resume(770).value();
    BOOST_TEST(taken_over.oracle == oracle().address());
    BOOST_TEST(taken_over.nonce == 1);
}

// A question may take seconds, and everybody who writes would wait for them.
BOOST_AUTO_TEST_CASE(nobody_asks_the_chain_inside_a_transaction)
{
    std::set<std::string> questions;
    chain.before = [&](const char* question) {
        BOOST_TEST(!db().in_transaction(), question);
        questions.insert(question);
    };
    meet();
    sweep(700);
    chain.fees = {Uint256(9000), Uint256(17000), Uint256(1000)};
    sweep(760); // raised
    take_nonce();
    sweep(770); // replaced
    mine(chain.sent.back(), false);
    sweep(780); // failed
    oracle().retry(Uint256(7), start + 790);
    mine(chain.sent.back());
    BOOST_TEST(sweep(800) == "confirmed 1");
    BOOST_TEST(transactions().size() == 4u);
    BOOST_TEST(questions.size() == 11u); // all that an oracle has
}

// ---- the sweep ----

BOOST_AUTO_TEST_CASE(the_sweep_attests_what_is_due_and_follows_it_up)
{
    meet();
    BOOST_TEST(sweep(700) == "scanned 1, submitted 1");
    BOOST_TEST(sweep(730) == ""); // it waits
    mine(chain.sent.front());
    BOOST_TEST(sweep(760) == "confirmed 1");
    BOOST_TEST(sweep(790) == "");
    check_sent_once();
    const auto questions = chain.questions;
    BOOST_TEST(sweep(9000) == "");
    BOOST_TEST(chain.questions == questions);
}

BOOST_AUTO_TEST_CASE(what_is_mined_at_once_is_confirmed_in_the_same_sweep)
{
    meet();
    chain.before = [&](const char* question) {
        if (std::string(question) == "receipt")
            mine(chain.sent.front());
    };
    BOOST_TEST(sweep(700) == "scanned 1, submitted 1, confirmed 1");
}

BOOST_AUTO_TEST_CASE(the_sweep_asks_the_chain_nothing_about_what_is_not_due)
{
    enter(host, -300);
    enter(guest, -200);
    book("8", 55);
    stay(guest, 0, 100, "8");
    const auto questions = chain.questions;
    BOOST_TEST(sweep(-1) == ""); // none has begun
    BOOST_TEST(sweep(0) == "scanned 2, not_due 2");
    BOOST_TEST(sweep(299) == "scanned 2, not_due 2");
    BOOST_TEST(sweep(399) == "scanned 2, not_due 2");
    BOOST_TEST(sweep(599) == "scanned 2, not_due 2"); // they met long enough, but the window is not open
    BOOST_TEST(chain.questions == questions);
    BOOST_TEST(sweep(600) == "scanned 2, submitted 1, not_due 1");
    BOOST_TEST(sweep(3299) == "scanned 1, not_due 1");
    BOOST_TEST(sweep(3300) == "scanned 1, submitted 1");
}

BOOST_AUTO_TEST_CASE(the_sweep_leaves_what_is_not_booked_any_more)
{
    struct Case
    {
        std::function<void(OracleFixture&)> spoil;
        std::string concluded;
    };
    const Case cases[] = {
        {[](OracleFixture& s) { s.chain.bookings.at("7").status = BookingStatus::cancelled; },
         "booking status is Cancelled, expected Booked"},
        {[](OracleFixture& s) { s.chain.bookings.at("7").status = BookingStatus::attested; },
         "booking status is Attested, expected Booked"},
    };
    for (const auto& c : cases) {
        OracleFixture service;
        service.meet();
        c.spoil(service);
        BOOST_TEST_CONTEXT(c.concluded)
        {
            BOOST_TEST(service.sweep(700) == "scanned 1, not_booked 1");
            BOOST_TEST(service.concluded() == c.concluded);
            const auto questions = service.chain.questions;
            BOOST_TEST(service.sweep(730) == "");
            BOOST_TEST(service.chain.questions == questions);
            BOOST_TEST(service.rows() == 0);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_another_process_attests_meanwhile_is_not_counted_as_not_booked)
{
    meet();
    bool is_first = true;
    chain.before = [&](const char* question) {
        if (question == std::string("booking") && std::exchange(is_first, false))
            show_attested(attest(700));
    };
    BOOST_TEST(sweep(700) == "scanned 1");
    BOOST_TEST(!is_first);
    BOOST_TEST(concluded() == "attested");
}

// Somebody joined it, so it was there: the node may lag behind, or be another's for a moment.
BOOST_AUTO_TEST_CASE(the_sweep_asks_again_for_what_the_escrow_does_not_know)
{
    meet();
    const auto bookings = std::exchange(chain.bookings, {});
    BOOST_TEST(sweep(700) == "scanned 1, failed 1");
    chain.bookings = bookings;
    const auto slots = std::exchange(chain.slots, {});
    BOOST_TEST(sweep(730) == "scanned 1, failed 1");
    BOOST_TEST(rows() == 0);
    chain.slots = slots;
    BOOST_TEST(sweep(760) == "scanned 1, submitted 1");
    check_sent_once();
}

BOOST_AUTO_TEST_CASE(the_sweep_gives_up_what_is_too_late_and_asks_nobody)
{
    for (const bool completed : {false, true}) {
        OracleFixture service;
        if (completed)
            service.meet();
        else
            service.stay(guest, 0, 100);
        const auto last_second = completed ? end + 7200 : end + 300;
        service.chain.is_down = true;
        BOOST_TEST(service.sweep(last_second) == "scanned 1, failed 1");
        const auto questions = service.chain.questions;
        BOOST_TEST(service.sweep(last_second + 1) == "scanned 1, window_missed 1");
        BOOST_TEST(service.concluded() == "window missed");
        BOOST_TEST(service.sweep(last_second + 2) == "");
        BOOST_TEST(service.chain.questions == questions);
        BOOST_TEST(service.rows() == 0);
    }
}

// The window closes in the second in which the outcome becomes final.
// Decided when nobody could come in time any more; then somebody comes all the same.
BOOST_AUTO_TEST_CASE(the_sweep_is_done_with_a_session_that_was_attested_before_anybody_joined)
{
    BOOST_TEST((attest(end - 500).outcome == Outcome::no_show_host));
    enter(host, end - 400);
    BOOST_TEST(concluded() == "");
    sweep(end - 300);
    BOOST_TEST(concluded() == "attested");
    sweep(end + 301); // the window has closed
    BOOST_TEST(concluded() == "attested");
    check_sent_once();
}

BOOST_AUTO_TEST_CASE(the_sweep_can_hit_the_one_second_that_there_is)
{
    book("7", 0);
    stay(host, 0, 1000);
    stay(guest, 0, 599);
    BOOST_TEST(sweep(end - 1) == "scanned 1, not_due 1");
    BOOST_TEST(sweep(end) == "scanned 1, submitted 1");
    BOOST_TEST((stored().outcome == Outcome::no_show_guest));
}

BOOST_AUTO_TEST_CASE(the_sweep_counts_what_the_chain_refuses_and_tries_again)
{
    meet();
    chain.estimate = {0, "NOT_ORACLE"};
    BOOST_TEST(sweep(700) == "scanned 1, failed 1");
    BOOST_TEST(sweep(730) == "scanned 1, failed 1");
    BOOST_TEST(rows() == 0);
    chain.estimate = {100000, std::nullopt};
    chain.send_results = {SendResult::refused, SendResult::refused};
    BOOST_TEST(sweep(760) == "scanned 1, failed 1"); // stored, but not taken
    BOOST_TEST(sweep(790) == "failed 1");
    BOOST_TEST(sweep(820) == "");
    check_sent_once();
    mine(chain.sent.front(), false);
    chain.reverts_with = "TOO_LATE";
    BOOST_TEST(sweep(850) == "failed 1");
    BOOST_TEST(sweep(880) == ""); // told once
    BOOST_TEST(stored().failure.value_or("") == "TOO_LATE");
}

BOOST_AUTO_TEST_CASE(the_sweep_stops_when_the_chain_is_out_of_reach)
{
    for (const auto* id : {"7", "8", "9"}) {
        book(id);
        meet(id);
    }
    chain.is_down = true;
    const auto questions = chain.questions;
    BOOST_TEST(sweep(700) == "scanned 1, failed 1");
    BOOST_TEST(chain.questions == questions + 2); // the booking, and whether there is a chain at all
    chain.is_down = false;
    BOOST_TEST(sweep(730) == "scanned 3, submitted 3");
    chain.is_down = true;
    BOOST_TEST(sweep(800) == "failed 1");
    chain.is_down = false;
    for (const auto* id : {"7", "8", "9"})
        mine(transactions(id).front().raw);
    BOOST_TEST(sweep(830) == "confirmed 3");
}

BOOST_AUTO_TEST_CASE(one_answer_that_makes_no_sense_does_not_stop_the_sweep)
{
    for (const auto* id : {"7", "8", "9"}) {
        book(id);
        meet(id);
    }
    const auto malformed_once = [&](const std::string& question) {
        chain.before = [question, is_first = true](const char* asked) mutable {
            if (asked == question && std::exchange(is_first, false))
                throw Error(ErrorCode::chain_unavailable, "chain_unavailable", "cut off");
        };
    };
    malformed_once("booking");
    BOOST_TEST(sweep(700) == "scanned 3, submitted 2, failed 1");
    malformed_once("slot");
    BOOST_TEST(sweep(701) == "scanned 1, failed 1");
    malformed_once("estimate_gas");
    BOOST_TEST(sweep(702) == "scanned 1, failed 1");
    BOOST_TEST(sweep(703) == "scanned 1, submitted 1");
    for (const auto* id : {"7", "8", "9"})
        mine(transactions(id).front().raw);
    malformed_once("receipt");
    BOOST_TEST(sweep(800) == "confirmed 2, failed 1");
    chain.before = nullptr;
    BOOST_TEST(sweep(830) == "confirmed 1");
}

BOOST_AUTO_TEST_CASE(a_failure_that_is_not_the_chains_ends_the_sweep)
{
    meet();
    chain.before = [](const char*) {
        throw Error(ErrorCode::database_unavailable, "database_unavailable", "disk full");
    };
    BOOST_CHECK_EXCEPTION(sweep(700), Error,
                          [](const Error& error) { return error.code() == ErrorCode::database_unavailable; });
}

// Joined under a version of the program that did not write the terms down.
BOOST_AUTO_TEST_CASE(a_session_of_unknown_terms_is_looked_up)
{
    const auto forget = [&] {
        execute(
            "UPDATE sessions SET host_wallet = NULL, guest_wallet = NULL, start_at = NULL, ends_at = NULL, "
            "grace_seconds = NULL, min_overlap_seconds = NULL, looked_up_at = NULL");
    };
    enter(host, 0);
    enter(guest, 0);
    forget();
    BOOST_TEST(sweep(500) == "scanned 1, not_due 1");
    const auto known = sessions::find_session(db(), "7").value();
    BOOST_TEST_REQUIRE(known.terms.has_value());
    BOOST_TEST(known.host == host);
    BOOST_TEST(known.guest == guest);
    BOOST_TEST(known.terms->start_at == start);
    BOOST_TEST(known.terms->ends_at == start + end);
    BOOST_TEST(known.terms->grace_seconds == 300);
    BOOST_TEST(known.terms->min_overlap_seconds == 600);
    BOOST_TEST((known.looked_up_at == start + 500));
    const auto questions = chain.questions;
    BOOST_TEST(sweep(530) == "scanned 1, not_due 1");
    BOOST_TEST(chain.questions == questions);
    forget();
    BOOST_TEST(sweep(600) == "scanned 1, submitted 1");
    BOOST_TEST((stored().outcome == Outcome::completed));
}

BOOST_AUTO_TEST_CASE(the_terms_that_count_are_those_of_the_escrow)
{
    meet();
    chain.slots.at("5007").min_overlap_minutes = 12; // another slot than at the time of joining
    BOOST_TEST(sweep(700) == "scanned 1, not_due 1");
    BOOST_TEST(rows() == 0);
    BOOST_TEST(sessions::find_session(db(), "7")->terms->min_overlap_seconds == 720);
}

BOOST_AUTO_TEST_SUITE_END()
