// What the tests of the oracle share: bookings of an escrow that a test scripts, presence at given seconds.
#pragma once

#include "sessions/oracle.h"

#include "base/config.h"
#include "base/hex.h"
#include "ethereum/keccak256.h"
#include "ethereum/transaction.h"
#include "fixture.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

using base::Error;
using base::ErrorCode;
using ethereum::BookingStatus;
using ethereum::SendResult;
using ethereum::Uint256;
using sessions::Attestation;
using sessions::AttestationState;
using sessions::AttestationTransaction;
using sessions::Oracle;
using sessions::OracleTally;
using sessions::Outcome;

using Hook = std::function<void(const char*)>;

constexpr std::int64_t end = 3600; // of the slots below, in seconds from their start

// A process that dies: nothing in the program catches this.
struct Crash
{
};

inline base::Config oracle_config()
{
    auto config = test_config();
    config.oracle_private_key = "0x" + std::string(64, '1');
    config.escrow_address = "0x132212b78c4a7a3f19de1bf63f119848c765c1d2";
    return config;
}

inline std::string hash_of_raw(const std::string& raw)
{
    return "0x" + base::to_hex(ethereum::keccak256(raw));
}

inline bool is_at_least_an_eighth_more(const Uint256& fee, const Uint256& before)
{
    return fee >= before.scaled(9, 8);
}

// What is not 0, as in "scanned 2, submitted 1, failed 1".
inline std::string summary(const OracleTally& tally)
{
    const std::pair<const char*, std::int64_t> counts[] = {
        {"scanned", tally.scanned},       {"submitted", tally.submitted},         {"mined", tally.mined},
        {"confirmed", tally.confirmed},   {"taken_back", tally.taken_back},       {"not_due", tally.not_due},
        {"not_booked", tally.not_booked}, {"window_missed", tally.window_missed}, {"failed", tally.failed},
    };
    std::string text;
    for (const auto& [name, count] : counts) {
        if (count != 0)
            text += (text.empty() ? "" : ", ") + std::string(name) + " " + std::to_string(count);
    }
    return text;
}

// Why the work is refused, as in "attestation_failed: TOO_LATE"; "" if it is not.
inline std::string refusal(const std::function<void()>& work)
{
    try {
        work();
    } catch (const Error& error) {
        auto text = error.name();
        for (const auto& [name, value] : error.fields()) {
            if (name == "reason")
                text += ": " + std::get<std::string>(value);
        }
        const bool is_failure = error.name() == "attestation_failed";
        BOOST_TEST((error.code() == ErrorCode::chain_refused) == is_failure);
        return text;
    }
    return {};
}

// All times are seconds from the slots' start.
class OracleFixture : public AppFixture
{
  public:
    explicit OracleFixture(const base::Config& settings = oracle_config()) : AppFixture(settings)
    {
        book("7");
    }

    const std::string host = address(1);
    const std::string guest = address(2);
    const base::UnixSeconds start = now;

    // A booking of a slot of an hour, with five minutes of grace and ten of overlap if not told otherwise.
    void book(const std::string& id, std::int64_t grace_minutes = 5, std::int64_t min_overlap_minutes = 10)
    {
        const auto slot_id = "500" + id;
        ethereum::Booking booking;
        booking.slot_id = Uint256::parse_decimal(slot_id).value();
        booking.guest = guest;
        booking.status = BookingStatus::booked;
        booking.metrics_hash = std::string(32, '\0');
        chain.bookings[id] = booking;
        ethereum::Slot slot;
        slot.host = host;
        slot.start_at = start;
        slot.duration_minutes = end / 60;
        slot.grace_minutes = grace_minutes;
        slot.min_overlap_minutes = min_overlap_minutes;
        slot.status = 1;
        chain.slots[slot_id] = slot;
    }
    // What look_up() gives for it.
    sessions::Session session(const std::string& id = "7") const
    {
        const auto& booking = chain.bookings.at(id);
        const auto& slot = chain.slots.at(booking.slot_id.to_decimal());
        return {id,
                slot.host,
                booking.guest,
                {slot.start_at, slot.ends_at(), slot.grace_minutes * 60, slot.min_overlap_minutes * 60},
                now};
    }
    void enter(const std::string& wallet, std::int64_t at, const std::string& id = "7")
    {
        sessions::join({db(), config, start + at}, {app.tokens, random}, session(id), wallet);
    }
    void exit(const std::string& wallet, std::int64_t at, const std::string& id = "7")
    {
        sessions::leave({db(), config, start + at}, id, wallet);
    }
    void stay(const std::string& wallet, std::int64_t from, std::int64_t to, const std::string& id = "7")
    {
        enter(wallet, from, id);
        exit(wallet, to, id);
    }
    // Both for eleven minutes: one more than enough.
    void meet(const std::string& id = "7")
    {
        stay(host, 0, 660, id);
        stay(guest, 0, 660, id);
    }

    Oracle oracle() { return Oracle(db(), chain, config); }
    Attestation attest(std::int64_t at, std::optional<Outcome> forced = std::nullopt)
    {
        return oracle().attest(session(), forced, start + at);
    }
    std::optional<Attestation> resume(std::int64_t at, const std::string& id = "7")
    {
        return oracle().resume(id, start + at);
    }
    // As POST /session/:id/attest does it.
    Attestation ask(std::int64_t at, const std::string& id = "7")
    {
        auto asked = oracle();
        if (auto known = asked.resume(id, start + at))
            return *known;
        const auto booking_id = Uint256::parse_decimal(id).value();
        const auto found = sessions::look_up(chain, booking_id, sessions::Asker::oracle, start + at);
        return asked.attest(found, std::nullopt, start + at);
    }
    std::string sweep(std::int64_t at) { return summary(oracle().sweep(start + at)); }

    Attestation stored(const std::string& id = "7")
    {
        auto found = sessions::find_attestation(db(), id);
        BOOST_REQUIRE(found.has_value());
        return *found;
    }
    std::vector<AttestationTransaction> transactions(const std::string& id = "7")
    {
        return sessions::find_transactions(db(), id);
    }
    std::string concluded(const std::string& id = "7")
    {
        return sessions::find_session(db(), id).value().concluded.value_or("");
    }
    std::int64_t attestations() { return query("SELECT count(*) FROM attestations"); }
    std::int64_t rows() { return attestations() + query("SELECT count(*) FROM attestation_transactions"); }

    // The chain takes the transaction, which is one of ours.
    void mine(const std::string& raw, bool succeeded = true)
    {
        const auto hash = hash_of_raw(raw);
        chain.receipts[hash] = {succeeded, 5};
        const auto nonce = query("SELECT nonce FROM attestation_transactions WHERE tx_hash = '" + hash + "'");
        chain.mined_count = std::max(chain.mined_count, static_cast<std::uint64_t>(nonce) + 1);
        chain.pending_count = std::max(chain.pending_count, chain.mined_count);
    }
    // What the escrow knows once it has the attestation.
    void show_attested(const Attestation& attestation)
    {
        auto& booking = chain.bookings.at(attestation.booking_id);
        booking.status = BookingStatus::attested;
        booking.oracle_outcome = static_cast<std::uint8_t>(attestation.outcome);
        booking.metrics_hash = attestation.metrics_hash;
    }
    // Somebody else's transaction takes the account's next nonce.
    void take_nonce()
    {
        chain.mined_count += 1;
        chain.pending_count = std::max(chain.pending_count, chain.mined_count);
    }

    void check_decision(const Attestation& attestation, const Attestation& expected)
    {
        BOOST_TEST((attestation.outcome == expected.outcome));
        BOOST_TEST(base::to_hex(attestation.metrics_hash) == base::to_hex(expected.metrics_hash));
        BOOST_TEST(attestation.decided_at == expected.decided_at);
    }
    // Whatever came in between: one decision, one nonce, and always the same bytes.
    void check_sent_once(const std::string& id = "7")
    {
        BOOST_TEST(query("SELECT count(*) FROM attestations WHERE booking_id = '" + id + "'") == 1);
        const auto signed_once = transactions(id);
        BOOST_TEST_REQUIRE(signed_once.size() == 1u);
        BOOST_TEST(signed_once.front().nonce == stored(id).nonce);
        BOOST_TEST(std::count(chain.sent.begin(), chain.sent.end(), signed_once.front().raw) >= 1);
        if (attestations() == 1)
            BOOST_TEST(std::set<std::string>(chain.sent.begin(), chain.sent.end()).size() == 1u);
    }
};
