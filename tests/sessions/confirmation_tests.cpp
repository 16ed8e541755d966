// What is mined can be taken back, chains begin anew, and a transaction can be stuck.
#include "base/config.h"
#include "oracle_fixture.h"

namespace {

const std::string cancelled = "attestation_failed: cancelled by an operator";

} // namespace

// Mined is not final here: the last block is 100, transactions are mined in block 100.
class ConfirmationFixture : public OracleFixture
{
  public:
    ConfirmationFixture()
    {
        chain.height = 100;
        chain.finalized = 99;
        meet();
        ask(700);
    }

    void mine_in(std::uint64_t block, const std::string& raw, bool succeeded = true)
    {
        mine(raw, succeeded);
        chain.receipts[hash_of_raw(raw)].block_number = block;
    }
    // The blocks of our transactions are gone. The node has dropped what was in them.
    void reorganise(std::uint64_t count = 0)
    {
        chain.receipts.clear();
        chain.mined_count = chain.pending_count = count;
    }
    AttestationState state(const std::string& id = "7") { return stored(id).state; }
    std::size_t sent() const { return chain.sent.size(); }
    const std::string& last_sent() const { return chain.sent.back(); }
};

BOOST_FIXTURE_TEST_SUITE(confirmation_tests, ConfirmationFixture)

BOOST_AUTO_TEST_CASE(mined_becomes_confirmed_when_its_block_is_final)
{
    mine_in(100, last_sent());
    BOOST_TEST(sweep(710) == "mined 1");
    BOOST_TEST((state() == AttestationState::mined));
    BOOST_TEST(stored().settled_at.value_or(0) == 0);
    BOOST_TEST(ask(720).mined_hash.value_or("") == transactions().front().tx_hash);
    BOOST_TEST(sweep(730).empty());
    chain.finalized = 100;
    BOOST_TEST(sweep(740) == "confirmed 1");
    BOOST_TEST((state() == AttestationState::confirmed));
    BOOST_TEST(stored().settled_at.value_or(0) == start + 740);
    const auto asked = chain.questions;
    BOOST_TEST(sweep(750).empty());
    BOOST_TEST((ask(750).state == AttestationState::confirmed));
    BOOST_TEST(chain.questions == asked);
    check_sent_once();
}

BOOST_AUTO_TEST_CASE(without_a_finalized_block_it_is_the_depth_that_counts)
{
    chain.finalized = std::nullopt;
    for (const std::int64_t confirmations : {0, 1, 20}) {
        ConfirmationFixture service;
        service.config.oracle_confirmations = confirmations;
        service.chain.finalized = std::nullopt;
        service.mine_in(100, service.last_sent());
        const auto last_shallow = 99 + confirmations;
        if (confirmations > 0) {
            service.chain.height = static_cast<std::uint64_t>(last_shallow);
            service.sweep(710);
            BOOST_TEST((service.state() == AttestationState::mined), confirmations);
        }
        service.chain.height = static_cast<std::uint64_t>(last_shallow + 1);
        service.sweep(720);
        BOOST_TEST((service.state() == AttestationState::confirmed), confirmations);
    }
    // A young chain has no block that is deep enough.
    chain.height = 10;
    mine_in(0, last_sent());
    sweep(730);
    BOOST_TEST((state() == AttestationState::mined));
}

// The same bytes are sent again, at once, whoever looks first.
BOOST_AUTO_TEST_CASE(what_was_taken_back_is_sent_again)
{
    for (const bool by_sweep : {false, true}) {
        ConfirmationFixture service;
        service.mine_in(100, service.last_sent());
        service.sweep(710);
        const auto kept = service.stored();
        service.reorganise();
        if (by_sweep)
            BOOST_TEST(service.sweep(715) == "taken_back 1");
        else
            service.ask(715);
        BOOST_TEST((service.state() == AttestationState::submitted));
        BOOST_TEST_REQUIRE(service.sent() == 2u);
        service.mine_in(101, service.last_sent());
        BOOST_TEST(service.sweep(730) == "mined 1");
        service.chain.finalized = 101;
        BOOST_TEST(service.sweep(740) == "confirmed 1");
        service.check_decision(service.stored(), kept);
        service.check_sent_once();
    }
}

BOOST_AUTO_TEST_CASE(what_is_in_another_block_by_now_is_mined_all_the_same)
{
    mine_in(100, last_sent());
    sweep(710);
    chain.receipts[hash_of_raw(last_sent())].block_number = 105;
    chain.finalized = 104;
    BOOST_TEST(sweep(720).empty());
    chain.finalized = 105;
    BOOST_TEST(sweep(730) == "confirmed 1");
    BOOST_TEST(sent() == 1u);
}

// A refused resend leaves it submitted, and the next sweep tries again.
BOOST_AUTO_TEST_CASE(a_node_that_refuses_the_bytes_is_asked_again)
{
    using Result = SendResult;
    mine_in(100, last_sent());
    sweep(710);
    reorganise();
    chain.send_results = {Result::accepted, Result::refused, Result::refused, Result::accepted};
    BOOST_TEST(sweep(715) == "failed 1");
    BOOST_TEST((state() == AttestationState::submitted));
    BOOST_TEST(sweep(720).empty());
    BOOST_TEST(sent() == 4u);
    check_sent_once();
}

BOOST_AUTO_TEST_CASE(a_crash_while_it_is_taken_back_changes_nothing)
{
    for (int at_question = 1;; ++at_question) {
        ConfirmationFixture service;
        service.mine_in(100, service.last_sent());
        service.sweep(710);
        service.reorganise();
        int asked = 0;
        bool crashed = false;
        service.chain.before = [&](const char*) {
            if (++asked == at_question)
                throw Crash();
        };
        try {
            service.sweep(715);
        } catch (const Crash&) {
            crashed = true;
        }
        service.chain.before = nullptr;
        service.sweep(800);
        service.mine_in(101, service.last_sent());
        service.sweep(810);
        BOOST_TEST((service.state() == AttestationState::mined));
        service.check_sent_once();
        if (!crashed)
            break;
    }
}

// A node that lags behind, or indexes its blocks anew, is no reorganisation.
BOOST_AUTO_TEST_CASE(a_receipt_that_is_missing_for_a_while_is_none)
{
    mine_in(100, last_sent());
    sweep(710);
    show_attested(stored());
    chain.receipts.clear();
    for (const std::int64_t at : {720, 2000, 20000}) {
        BOOST_TEST(sweep(at).empty());
        BOOST_TEST((state() == AttestationState::mined));
    }
    BOOST_TEST(sent() == 1u);
}

// Another holder of the key has the nonce in the other branch.
BOOST_AUTO_TEST_CASE(what_was_taken_back_and_overtaken_gets_a_new_nonce)
{
    mine_in(100, last_sent());
    sweep(710);
    const auto kept = stored();
    reorganise(1);
    chain.send_results = {SendResult::accepted, SendResult::nonce_too_low};
    sweep(720);
    BOOST_TEST(stored().nonce == 1);
    mine_in(101, last_sent());
    chain.finalized = 101;
    sweep(730);
    BOOST_TEST((state() == AttestationState::confirmed));
    check_decision(stored(), kept);
}

// A refusal in a block that is taken back is none yet.
BOOST_AUTO_TEST_CASE(what_was_mined_in_vain_may_succeed_in_another_block)
{
    chain.reverts_with = "NOT_ORACLE";
    mine_in(100, last_sent(), false);
    BOOST_TEST(sweep(710) == "failed 1");
    BOOST_TEST(stored().settled_at.value_or(0) == 0);
    BOOST_TEST(sweep(715).empty()); // it is told once
    reorganise();
    BOOST_TEST(sweep(720) == "taken_back 1");
    mine_in(101, last_sent());
    chain.finalized = 101;
    BOOST_TEST(sweep(730) == "confirmed 1");
    check_sent_once();
}

BOOST_AUTO_TEST_CASE(a_retry_looks_first_whether_it_has_succeeded_in_another_block)
{
    mine_in(100, last_sent(), false);
    BOOST_TEST(sweep(710) == "failed 1");
    mine_in(101, last_sent());
    BOOST_TEST((oracle().retry(Uint256(7), start + 720).state == AttestationState::mined));
    BOOST_TEST(transactions().size() == 1U);
    check_sent_once();
}

BOOST_AUTO_TEST_CASE(what_was_mined_in_vain_has_failed_for_good_when_its_block_is_final)
{
    mine_in(100, last_sent(), false);
    sweep(710);
    chain.finalized = 100;
    BOOST_TEST(sweep(720).empty());
    BOOST_TEST(stored().settled_at.value_or(0) == start + 720);
    const auto asked = chain.questions;
    sweep(730);
    BOOST_TEST(chain.questions == asked);
}

// ---- a chain that begins anew ----

BOOST_AUTO_TEST_CASE(nonces_go_on_from_the_count_of_a_chain_that_began_anew)
{
    chain.finalized = 100;
    for (const auto* id : {"8", "9"}) {
        book(id);
        meet(id);
        ask(700, id);
    }
    for (const auto& raw : chain.sent)
        mine_in(100, raw);
    BOOST_TEST(sweep(710) == "confirmed 3");
    BOOST_TEST(!oracle().sweep(start + 711).is_another_chain);

    reorganise();
    for (const auto* id : {"10", "11"}) {
        book(id);
        meet(id);
    }
    const auto tally = oracle().sweep(start + 720);
    BOOST_TEST(summary(tally) == "scanned 2, submitted 2");
    BOOST_TEST(tally.is_another_chain);
    BOOST_TEST(stored("10").nonce == 0);
    BOOST_TEST(stored("11").nonce == 1);
    mine_in(100, transactions("10").back().raw);
    mine_in(100, transactions("11").back().raw);
    BOOST_TEST(sweep(730) == "confirmed 2");
    BOOST_TEST((state("7") == AttestationState::confirmed));
}

// What an earlier version left behind: two that wait for nonces which nothing has.
BOOST_AUTO_TEST_CASE(what_waits_for_a_nonce_that_nothing_has_gets_that_one)
{
    chain.finalized = 100;
    mine_in(100, last_sent());
    sweep(701);
    chain.pending_count = 3;
    for (const auto* id : {"8", "9"}) {
        book(id);
        meet(id);
        ask(702, id);
    }
    reorganise();
    BOOST_TEST(sweep(1200).empty()); // it is early yet
    BOOST_TEST(stored("8").nonce == 3);
    BOOST_TEST(stored("9").nonce == 4);
    sweep(1400);
    BOOST_TEST(stored("8").nonce == 0);
    BOOST_TEST(stored("9").nonce == 4); // the nonce 0 is on its way by now
    mine_in(100, transactions("8").back().raw);
    sweep(1410);
    BOOST_TEST((state("8") == AttestationState::confirmed));
    BOOST_TEST(stored("9").nonce == 1);
    // Once more: what it gets then was signed before.
    reorganise();
    sweep(2100);
    BOOST_TEST(stored("9").nonce == 0);
    chain.mined_count = chain.pending_count = 1;
    sweep(2110);
    BOOST_TEST(stored("9").nonce == 1);
    BOOST_TEST(transactions("9").size() == 4u);
}

// ---- an attestation that is stuck ----

BOOST_AUTO_TEST_CASE(a_cancellation_frees_the_nonce_and_the_decision_can_be_retried)
{
    const auto first = transactions().front();
    const auto waiting = oracle().cancel(Uint256(7), start + 800);
    BOOST_TEST((waiting.state == AttestationState::submitted));
    BOOST_TEST_REQUIRE(transactions().size() == 2u);
    const auto cancellation = transactions().back();
    BOOST_TEST(cancellation.is_cancellation);
    BOOST_TEST(cancellation.nonce == first.nonce);
    BOOST_TEST(is_at_least_an_eighth_more(cancellation.max_fee_per_gas, first.max_fee_per_gas));
    BOOST_TEST(
        is_at_least_an_eighth_more(*cancellation.max_priority_fee_per_gas, *first.max_priority_fee_per_gas));
    BOOST_TEST(last_sent() == cancellation.raw);
    oracle().cancel(Uint256(7), start + 810); // nothing more to be signed
    BOOST_TEST(transactions().size() == 2u);

    mine_in(100, cancellation.raw);
    BOOST_TEST(sweep(820) == "failed 1");
    BOOST_TEST(refusal([&] { ask(830); }) == cancelled);
    chain.finalized = 100;
    sweep(840);
    BOOST_TEST(stored().settled_at.value_or(0) == start + 840);
    const auto again = oracle().retry(Uint256(7), start + 850);
    check_decision(again, waiting);
    BOOST_TEST(again.nonce == first.nonce + 1);
    BOOST_TEST(!transactions().back().is_cancellation);
    mine_in(100, last_sent());
    BOOST_TEST(sweep(860) == "confirmed 1");
}

BOOST_AUTO_TEST_CASE(a_cancellation_that_comes_too_late_finds_the_attestation)
{
    oracle().cancel(Uint256(7), start + 800);
    mine_in(100, transactions().front().raw);
    chain.finalized = 100;
    BOOST_TEST(sweep(870) == "confirmed 1");
}

// A cancellation is stuck as well when the network becomes dearer, and is lost with its block.
BOOST_AUTO_TEST_CASE(a_cancellation_is_followed_up_like_an_attestation)
{
    oracle().cancel(Uint256(7), start + 800);
    chain.fees = {Uint256(50000), Uint256(90000), Uint256(9000)};
    sweep(870);
    BOOST_TEST_REQUIRE(transactions().size() == 3u);
    BOOST_TEST(transactions().back().is_cancellation);
    mine_in(100, last_sent());
    sweep(880);
    BOOST_TEST((state() == AttestationState::failed));
    reorganise();
    BOOST_TEST(sweep(890) == "taken_back 1");
    BOOST_TEST(last_sent() == transactions().back().raw);
    take_nonce(); // by another's transaction
    BOOST_TEST(sweep(960) == "failed 1");
    BOOST_TEST(refusal([&] { ask(970); }) == cancelled);
}

BOOST_AUTO_TEST_CASE(only_what_waits_for_the_chain_can_be_cancelled)
{
    const auto cancel = [&](std::uint64_t id = 7) {
        return [&, id] { oracle().cancel(Uint256(id), start + 900); };
    };
    BOOST_TEST(refusal(cancel(8)) == "attestation not found");
    config.oracle_max_fee_gwei = 1;
    chain.fees.max_fee_per_gas = Uint256(2000000000);
    execute("UPDATE attestation_transactions SET sent_at = NULL");
    config.oracle_private_key = "0x" + std::string(64, '2');
    BOOST_TEST(refusal(cancel()).find("it was signed with another key") != std::string::npos);
    config.oracle_private_key = "0x" + std::string(64, '1');
    chain.mined_count = 1;
    BOOST_TEST(refusal(cancel()) == "nothing_to_cancel");
    chain.mined_count = 0;
    chain.id = 1;
    BOOST_TEST(refusal(cancel()) == "attestation_failed: the node is on chain 1, not on 6343");
    chain.id = 6343;
    mine_in(100, last_sent());
    BOOST_TEST(refusal(cancel()) == "nothing_to_cancel"); // mined
    BOOST_TEST((state() == AttestationState::mined));
    BOOST_TEST(transactions().size() == 1u);
}

// ---- while the node is asked what a new transaction takes ----

BOOST_AUTO_TEST_CASE(a_retry_that_another_process_overtakes_signs_nothing)
{
    chain.finalized = 100;
    mine_in(100, last_sent(), false);
    sweep(710);
    int retries = 0;
    chain.before = [&](const char* question) {
        if (std::string(question) == "estimate_gas" && ++retries == 1)
            oracle().retry(Uint256(7), start + 720);
    };
    oracle().retry(Uint256(7), start + 720);
    chain.before = nullptr;
    BOOST_TEST(transactions().size() == 2u);
    BOOST_TEST(stored().nonce == 1);
}

// The nonce is used by another's; before ours gets a new one, a process finds that it was ours after all.
BOOST_AUTO_TEST_CASE(what_another_process_settles_meanwhile_gets_no_new_nonce)
{
    chain.finalized = 100;
    take_nonce();
    bool is_settled = false;
    chain.before = [&](const char* question) {
        if (std::string(question) != "estimate_gas" || std::exchange(is_settled, true))
            return;
        mine_in(100, chain.sent.front());
        oracle().sweep(start + 720);
    };
    ask(720);
    BOOST_TEST((state() == AttestationState::confirmed));
    check_sent_once();
}

BOOST_AUTO_TEST_CASE(whose_fee_another_process_raises_meanwhile_gets_no_new_nonce)
{
    take_nonce();
    bool is_raised = false;
    chain.before = [&](const char* question) {
        if (std::string(question) != "estimate_gas" || std::exchange(is_raised, true))
            return;
        chain.mined_count = 0; // another node, which knows nothing of that yet
        chain.fees = {Uint256(50000), Uint256(90000), Uint256(9000)};
        oracle().resume("7", start + 790);
        BOOST_TEST_REQUIRE(transactions().size() == 2u);
    };
    resume(790);
    BOOST_TEST(transactions().size() == 2u);
    BOOST_TEST(stored().nonce == 0);
}

BOOST_AUTO_TEST_SUITE_END()
