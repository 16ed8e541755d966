#include "sessions/attestation.h"

#include "base/hex.h"
#include "fixture.h"

#include <functional>

namespace {

using ethereum::Uint256;
using sessions::Attestation;
using sessions::AttestationState;
using sessions::AttestationTransaction;
using sessions::Outcome;

const std::string oracle = "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a";
const std::string other_oracle = "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf";
const std::string largest_id =
    "115792089237316195423570985008687907853269984665640564039457584007913129639935";

// No two fields alike, so that none can be mixed up unseen.
Attestation attestation_of(const std::string& booking_id, std::int64_t nonce)
{
    Attestation made;
    made.booking_id = booking_id;
    made.outcome = Outcome::no_show_guest;
    made.metrics = {11, 12, 13, 14, 15};
    made.metrics_hash = std::string("\x00\xff\x0a", 3) + std::string(29, '\xab');
    made.decided_at = 16;
    made.chain_id = 6343;
    made.oracle = oracle;
    made.nonce = nonce;
    return made;
}

AttestationTransaction transaction_of(std::int64_t nonce, char digit)
{
    AttestationTransaction made;
    made.tx_hash = "0x" + std::string(64, digit);
    made.oracle = oracle;
    made.nonce = nonce;
    made.gas_limit = 125000;
    made.max_fee_per_gas = Uint256(2100);
    made.max_priority_fee_per_gas = Uint256(100);
    made.raw = std::string("\x02\x00\xff", 3) + digit;
    made.created_at = 17;
    return made;
}

void check_same(const Attestation& left, const Attestation& right)
{
    BOOST_TEST(left.booking_id == right.booking_id);
    BOOST_TEST((left.outcome == right.outcome));
    BOOST_TEST(left.metrics.host_joined_at == right.metrics.host_joined_at);
    BOOST_TEST(left.metrics.host_left_at == right.metrics.host_left_at);
    BOOST_TEST(left.metrics.guest_joined_at == right.metrics.guest_joined_at);
    BOOST_TEST(left.metrics.guest_left_at == right.metrics.guest_left_at);
    BOOST_TEST(left.metrics.overlap_seconds == right.metrics.overlap_seconds);
    BOOST_TEST(base::to_hex(left.metrics_hash) == base::to_hex(right.metrics_hash));
    BOOST_TEST(left.decided_at == right.decided_at);
    BOOST_TEST(left.chain_id == right.chain_id);
    BOOST_TEST(left.oracle == right.oracle);
    BOOST_TEST(left.nonce == right.nonce);
    BOOST_TEST((left.state == right.state));
    BOOST_TEST(left.mined_hash.value_or("") == right.mined_hash.value_or(""));
    BOOST_TEST(left.failure.value_or("") == right.failure.value_or(""));
    BOOST_TEST(left.settled_at.value_or(0) == right.settled_at.value_or(0));
}

void check_same(const AttestationTransaction& left, const AttestationTransaction& right)
{
    BOOST_TEST(left.tx_hash == right.tx_hash);
    BOOST_TEST(left.oracle == right.oracle);
    BOOST_TEST(left.nonce == right.nonce);
    BOOST_TEST(left.gas_limit == right.gas_limit);
    BOOST_TEST((left.max_fee_per_gas == right.max_fee_per_gas));
    BOOST_TEST((left.max_priority_fee_per_gas == right.max_priority_fee_per_gas));
    BOOST_TEST(base::to_hex(left.raw) == base::to_hex(right.raw));
    BOOST_TEST(left.created_at == right.created_at);
    BOOST_TEST(left.sent_at.value_or(0) == right.sent_at.value_or(0));
}

} // namespace

class AttestationFixture : public AppFixture
{
  public:
    void insert(const Attestation& attestation)
    {
        database::Transaction tx(db());
        sessions::insert_attestation(db(), attestation);
        tx.commit();
    }
    void insert(const std::string& booking_id, const AttestationTransaction& transaction)
    {
        database::Transaction tx(db());
        sessions::insert_transaction(db(), booking_id, transaction);
        tx.commit();
    }
    void update(const Attestation& attestation)
    {
        database::Transaction tx(db());
        sessions::update_attestation(db(), attestation);
        tx.commit();
    }
    // Booking 7's, with one transaction.
    Attestation submit()
    {
        const auto made = attestation_of("7", 3);
        insert(made);
        insert("7", transaction_of(3, 'a'));
        return made;
    }
    // The database refuses, and for a reason that says so.
    void check_refused(const std::function<void()>& attempt, const std::string& reason)
    {
        BOOST_CHECK_EXCEPTION(attempt(), base::Error, [&](const base::Error& error) {
            BOOST_TEST_MESSAGE(error.what());
            return is_because(error, reason);
        });
    }
    // Every column of each row, as text.
    std::string row(const std::string& table)
    {
        std::string text;
        const auto columns = engine::columns(db(), table);
        auto read = db().prepare("SELECT * FROM " + table);
        while (read.step()) {
            for (const auto& column : columns)
                text += read.optional_text(column).value_or("NULL") + ",";
            text += ";";
        }
        BOOST_TEST_REQUIRE(!text.empty());
        return text;
    }
};

BOOST_FIXTURE_TEST_SUITE(attestation_tests, AttestationFixture)

BOOST_AUTO_TEST_CASE(what_is_stored_comes_back)
{
    for (const auto& [id, outcome] : {std::pair<std::string, Outcome>{"0", Outcome::completed},
                                      {"7", Outcome::no_show_host},
                                      {largest_id, Outcome::no_show_guest}}) {
        auto made = attestation_of(id, static_cast<std::int64_t>(id.size()) + 10);
        made.outcome = outcome;
        if (id == "0")
            made.nonce = 0;
        insert(made);
        check_same(sessions::find_attestation(db(), id).value(), made);
    }
    BOOST_TEST(!sessions::find_attestation(db(), "8").has_value());
    BOOST_TEST(!sessions::find_attestation(db(), "07").has_value());
}

BOOST_AUTO_TEST_CASE(how_it_fares_is_stored_and_the_decision_is_not)
{
    auto made = submit();
    made.oracle = other_oracle;
    made.nonce = 4;
    update(made);
    check_same(sessions::find_attestation(db(), "7").value(), made);

    auto failed = made;
    failed.state = AttestationState::failed;
    failed.failure = "TOO_LATE";
    failed.settled_at = 20;
    update(failed);
    check_same(sessions::find_attestation(db(), "7").value(), failed);

    update(made); // tried again
    check_same(sessions::find_attestation(db(), "7").value(), made);

    auto confirmed = made;
    confirmed.state = AttestationState::confirmed;
    confirmed.mined_hash = "0x" + std::string(64, 'a');
    confirmed.settled_at = 30;
    confirmed.outcome = Outcome::completed; // not written
    confirmed.metrics = {};
    update(confirmed);
    confirmed.outcome = made.outcome;
    confirmed.metrics = made.metrics;
    check_same(sessions::find_attestation(db(), "7").value(), confirmed);
}

BOOST_AUTO_TEST_CASE(transactions_come_back_in_the_order_of_their_making)
{
    insert(attestation_of("7", 3));
    insert(attestation_of("8", 5));
    BOOST_TEST(sessions::find_transactions(db(), "7").empty());
    auto legacy = transaction_of(3, 'f'); // hashes and fees in another order than theirs
    legacy.max_priority_fee_per_gas = std::nullopt;
    legacy.max_fee_per_gas = Uint256::from_word(std::string(32, '\xff'));
    const auto raised = transaction_of(3, 'c');
    auto moved = transaction_of(2, '0');
    moved.oracle = other_oracle;
    moved.max_priority_fee_per_gas = Uint256(0); // not the same as none
    insert("7", legacy);
    insert("7", raised);
    insert("8", transaction_of(5, 'b'));
    insert("7", moved);
    const auto found = sessions::find_transactions(db(), "7");
    BOOST_TEST_REQUIRE(found.size() == 3u);
    check_same(found[0], legacy);
    check_same(found[1], raised);
    check_same(found[2], moved);
}

BOOST_AUTO_TEST_CASE(sending_marks_one_transaction)
{
    submit();
    insert("7", transaction_of(3, 'b'));
    for (const std::int64_t at : {20, 80}) {
        database::Transaction tx(db());
        sessions::mark_sent(db(), "0x" + std::string(64, 'b'), at);
        tx.commit();
        BOOST_TEST(sessions::find_transactions(db(), "7")[0].sent_at.value_or(0) == 0);
        BOOST_TEST(sessions::find_transactions(db(), "7")[1].sent_at.value_or(0) == at);
    }
}

BOOST_AUTO_TEST_CASE(the_hash_is_the_mined_ones_or_that_of_the_last)
{
    auto made = submit();
    BOOST_TEST(sessions::hash_of(db(), made) == "0x" + std::string(64, 'a'));
    insert("7", transaction_of(3, 'b'));
    BOOST_TEST(sessions::hash_of(db(), made) == "0x" + std::string(64, 'b'));
    made.mined_hash = "0x" + std::string(64, 'a');
    BOOST_TEST(sessions::hash_of(db(), made) == "0x" + std::string(64, 'a'));
}

BOOST_AUTO_TEST_CASE(the_submitted_ones_are_found_in_the_order_of_their_nonces)
{
    BOOST_TEST(sessions::find_attestations_on_their_way(db()).empty());
    const std::pair<const char*, std::int64_t> bookings[] = {{"1", 30}, {"2", 10}, {"3", 20}, {"4", 5}};
    for (const auto& [id, nonce] : bookings)
        insert(attestation_of(id, nonce));
    auto settled = attestation_of("4", 5);
    settled.state = AttestationState::failed;
    settled.failure = "TOO_LATE";
    settled.settled_at = 20;
    update(settled);
    const auto found = sessions::find_attestations_on_their_way(db());
    BOOST_TEST_REQUIRE(found.size() == 3u);
    check_same(found[0], attestation_of("2", 10));
    BOOST_TEST(found[1].booking_id == "3");
    BOOST_TEST(found[2].booking_id == "1");
}

BOOST_AUTO_TEST_CASE(the_next_nonce_is_over_all_that_is_on_its_way)
{
    const auto next = [&](std::int64_t chain_id, const std::string& account) {
        return sessions::next_nonce(db(), chain_id, account);
    };
    BOOST_TEST(next(6343, oracle) == 0);
    auto made = submit();
    BOOST_TEST(next(6343, oracle) == 4);
    BOOST_TEST(next(1, oracle) == 0);
    BOOST_TEST(next(6343, other_oracle) == 0);
    BOOST_TEST(!sessions::is_nonce_held(db(), made, 3)); // by another
    BOOST_TEST(sessions::is_nonce_held(db(), attestation_of("8", 4), 3));
    BOOST_TEST(!sessions::is_nonce_held(db(), attestation_of("8", 4), 2));
    auto elsewhere = attestation_of("8", 4);
    elsewhere.chain_id = 1;
    BOOST_TEST(!sessions::is_nonce_held(db(), elsewhere, 3));
    elsewhere = attestation_of("8", 4);
    elsewhere.oracle = other_oracle;
    BOOST_TEST(!sessions::is_nonce_held(db(), elsewhere, 3));
    made.state = AttestationState::mined;
    made.mined_hash = "0x" + std::string(64, 'a');
    update(made);
    BOOST_TEST(next(6343, oracle) == 4);
    BOOST_TEST(sessions::confirmed_count(db(), 6343, oracle) == 0);
    made.state = AttestationState::confirmed;
    made.settled_at = 30;
    update(made);
    BOOST_TEST(next(6343, oracle) == 0);
    BOOST_TEST(sessions::confirmed_count(db(), 6343, oracle) == 4);
    BOOST_TEST(sessions::confirmed_count(db(), 6343, other_oracle) == 0);
    BOOST_TEST(sessions::confirmed_count(db(), 1, oracle) == 0);
}

BOOST_AUTO_TEST_CASE(states_have_the_names_of_the_contract)
{
    BOOST_TEST(sessions::name_of(AttestationState::submitted) == std::string("submitted"));
    BOOST_TEST(sessions::name_of(AttestationState::mined) == std::string("mined"));
    BOOST_TEST(sessions::name_of(AttestationState::confirmed) == std::string("confirmed"));
    BOOST_TEST(sessions::name_of(AttestationState::failed) == std::string("failed"));
}

// ---- what the database refuses ----

BOOST_AUTO_TEST_CASE(an_attestation_is_decided_once)
{
    submit();
    const auto before = row("attestations");
    for (const std::string change :
         {"booking_id = '8'", "outcome = 1", "host_joined_at = 1", "host_left_at = 1", "guest_joined_at = 1",
          "guest_left_at = 1", "overlap_seconds = 1", "metrics_hash = replace(metrics_hash, 'a', 'b')",
          "decided_at = 1"}) {
        BOOST_TEST_CONTEXT(change)
        check_refused([&] { execute("UPDATE attestations SET " + change); }, "decided once");
    }
    check_refused([&] { insert(attestation_of("7", 8)); }, "UNIQUE");
    BOOST_TEST(row("attestations") == before);
}

BOOST_AUTO_TEST_CASE(what_is_on_the_chain_stays)
{
    auto made = submit();
    made.state = AttestationState::confirmed;
    made.mined_hash = "0x" + std::string(64, 'a');
    made.settled_at = 30;
    update(made);
    const auto before = row("attestations");
    auto changed = made;
    changed.state = AttestationState::failed;
    changed.failure = "TOO_LATE";
    check_refused([&] { update(changed); }, "on the chain");
    for (const auto* change : {"nonce = 9", "state = 'submitted', settled_at = NULL",
                               "mined_hash = replace(mined_hash, 'a', 'b')", "settled_at = 31"}) {
        BOOST_TEST_CONTEXT(change)
        check_refused([&] { execute(std::string("UPDATE attestations SET ") + change); }, "on the chain");
    }
    BOOST_TEST(row("attestations") == before);
}

BOOST_AUTO_TEST_CASE(what_was_signed_stays_as_it_is)
{
    submit();
    const auto before = row("attestation_transactions");
    for (const std::string change :
         {"booking_id = '8'", "tx_hash = replace(tx_hash, 'a', 'b')", "oracle = replace(oracle, '1', '2')",
          "nonce = 4", "is_cancellation = 1", "gas_limit = 1", "max_fee_per_gas = '1'",
          "max_priority_fee_per_gas = NULL", "raw = '02'", "created_at = 1"}) {
        BOOST_TEST_CONTEXT(change)
        check_refused([&] { execute("UPDATE attestation_transactions SET " + change); }, "stays as it is");
    }
    BOOST_TEST(row("attestation_transactions") == before);
}

BOOST_AUTO_TEST_CASE(nothing_is_deleted)
{
    submit();
    check_refused([&] { execute("DELETE FROM attestation_transactions"); }, "is kept");
    check_refused([&] { execute("DELETE FROM attestations"); }, "are kept");
    BOOST_TEST(query("SELECT count(*) FROM attestations") == 1);
    BOOST_TEST(query("SELECT count(*) FROM attestation_transactions") == 1);
}

BOOST_AUTO_TEST_CASE(a_nonce_serves_one_attestation)
{
    submit();
    check_refused([&] { insert(attestation_of("8", 3)); }, "UNIQUE");
    insert(attestation_of("8", 4));
    check_refused([&] { update(attestation_of("8", 3)); }, "UNIQUE");
    auto of_another_account = attestation_of("9", 3);
    of_another_account.oracle = other_oracle;
    BOOST_CHECK_NO_THROW(insert(of_another_account));
    auto of_another_chain = attestation_of("10", 3);
    of_another_chain.chain_id = 1;
    BOOST_CHECK_NO_THROW(insert(of_another_chain));
}

BOOST_AUTO_TEST_CASE(rows_that_make_no_sense_are_refused)
{
    const auto refused = [&](const std::function<void(Attestation&)>& spoil) {
        auto made = attestation_of("7", 3);
        spoil(made);
        check_refused([&] { insert(made); }, "CHECK");
    };
    refused([](Attestation& a) { a.booking_id = "07"; });
    refused([](Attestation& a) { a.booking_id = ""; });
    refused([](Attestation& a) { a.booking_id = "x"; });
    refused([](Attestation& a) { a.booking_id = "1" + largest_id; });
    refused([](Attestation& a) { a.outcome = static_cast<Outcome>(0); });
    refused([](Attestation& a) { a.outcome = static_cast<Outcome>(4); });
    refused([](Attestation& a) { a.metrics_hash.pop_back(); });
    refused([](Attestation& a) { a.oracle = "0x12"; });
    refused([](Attestation& a) { a.nonce = -1; });

    const auto made = submit();
    const auto refused_later = [&](AttestationState state, const std::string& hash,
                                   const std::string& failure) {
        auto settled = made;
        settled.state = state;
        settled.mined_hash = hash;
        settled.failure = failure;
        check_refused([&] { update(settled); }, "CHECK");
    };
    const auto hash = "0x" + std::string(64, 'a');
    refused_later(AttestationState::confirmed, "", "");           // by which transaction?
    refused_later(AttestationState::confirmed, "0xaa", "");       // no hash
    refused_later(AttestationState::confirmed, hash, "TOO_LATE"); // failed, after all?
    refused_later(AttestationState::failed, "", "");              // why?
    refused_later(AttestationState::mined, "", "");               // by which transaction?
    refused_later(AttestationState::mined, hash, "TOO_LATE");     // failed, after all?
    refused_later(AttestationState::submitted, hash, "");         // then it is mined
    check_refused([&] { execute("UPDATE attestations SET state = 'lost', settled_at = 7"); }, "CHECK");
    check_refused([&] { execute("UPDATE attestations SET settled_at = 7"); }, "CHECK");

    check_refused([&] { insert("7", transaction_of(3, 'a')); }, "UNIQUE");
    check_refused([&] { insert("8", transaction_of(3, 'b')); }, "FOREIGN KEY");
    auto transaction = transaction_of(3, 'b');
    transaction.gas_limit = 0;
    check_refused([&] { insert("7", transaction); }, "CHECK");
}

BOOST_AUTO_TEST_CASE(a_row_that_cannot_be_read_is_a_bug_and_no_attestation)
{
    submit();
    lift_rules();
    const auto is_internal = [](const base::Error& error) {
        return error.code() == base::ErrorCode::internal;
    };
    execute("UPDATE attestation_transactions SET max_fee_per_gas = 'much'");
    BOOST_CHECK_EXCEPTION(sessions::find_transactions(db(), "7"), base::Error, is_internal);
    execute("UPDATE attestation_transactions SET max_fee_per_gas = '1', raw = 'zz'");
    BOOST_CHECK_EXCEPTION(sessions::find_transactions(db(), "7"), base::Error, is_internal);
    execute("UPDATE attestations SET metrics_hash = '" + std::string(64, 'z') + "'");
    BOOST_CHECK_EXCEPTION(sessions::find_attestation(db(), "7"), base::Error, is_internal);
}

BOOST_AUTO_TEST_SUITE_END()
