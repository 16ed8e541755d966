// The chain behind the scripted one: a node with a pool of transactions, and the escrow contract that carries
// them out.
#pragma once

#include "base/hex.h"
#include "ethereum/keccak256.h"
#include "fixture.h"
#include "simulation/model.h"

#include <map>
#include <stdexcept>
#include <string>

namespace simulation {

class Escrow
{
  public:
    explicit Escrow(ScriptedChain& chain) : chain_(chain)
    {
        chain_.taken = [this] { take(chain_.sent.back()); };
        chain_.reverts_with = "NOT_BOOKED";
    }
    Escrow(const Escrow&) = delete;
    Escrow& operator=(const Escrow&) = delete;

    void book(const ModelBooking& made)
    {
        ethereum::Slot slot;
        slot.host = made.host;
        slot.start_at = made.start;
        slot.duration_minutes = (made.ends - made.start) / 60;
        slot.grace_minutes = made.grace / 60;
        slot.min_overlap_minutes = made.min_overlap / 60;
        slot.status = 1;
        const auto slot_id = std::to_string(1000 + chain_.slots.size());
        chain_.slots[slot_id] = slot;
        ethereum::Booking booking;
        booking.slot_id = ethereum::Uint256::parse_decimal(slot_id).value();
        booking.guest = made.guest;
        booking.status = ethereum::BookingStatus::booked;
        booking.metrics_hash = std::string(32, '\0');
        chain_.bookings[made.booking_id] = booking;
        terms_[made.booking_id] = made;
    }

    void cancel(const std::string& booking_id)
    {
        auto& status = chain_.bookings.at(booking_id).status;
        if (status == ethereum::BookingStatus::booked)
            status = ethereum::BookingStatus::cancelled;
    }

    // A block: what is next in the pool is carried out.
    void mine(Seconds now)
    {
        for (auto next = pool_.find(chain_.mined_count); next != pool_.end();
             next = pool_.find(chain_.mined_count)) {
            chain_.receipts[next->second.hash] = {carry_out(next->second, now), ++block_};
            ++chain_.mined_count;
        }
        // Final is what was mined before the last block but one.
        chain_.height = ++block_;
        chain_.finalized = block_ - 2;
        count_pending();
    }

    // Another program with the oracle's key uses its next nonce.
    void take_nonce()
    {
        pool_.erase(chain_.mined_count);
        ++chain_.mined_count;
        count_pending();
    }

    void lose_pool()
    {
        pool_.clear();
        count_pending();
    }

    // The calls that were ever sent for a booking: an oracle that keeps its word has one.
    const std::map<std::string, std::set<std::string>>& calls() const { return calls_; }
    const std::map<std::string, int>& attested() const { return attested_; } // successful calls, by booking
    bool has_pending(const std::string& booking_id) const
    {
        for (const auto& [nonce, transaction] : pool_) {
            if (transaction.booking_id == booking_id)
                return true;
        }
        return false;
    }

    std::uint64_t refuses_next = 0; // so many transactions are refused for their fee

  private:
    struct Transaction
    {
        std::string hash, booking_id, metrics_hash;
        int outcome = 0;
    };

    // The second item of the list in `raw`, and the call's three words.
    void take(const std::string& raw)
    {
        auto& results = chain_.send_results;
        results.resize(chain_.sent.size(), ethereum::SendResult::accepted);
        static const auto selector =
            ethereum::attest_calldata(ethereum::Uint256(), 1, std::string(32, '\0')).substr(0, 4);
        const auto call = raw.find(selector);
        if (call == std::string::npos)
            throw std::logic_error("no call of attest()");
        Transaction transaction;
        transaction.hash = "0x" + base::to_hex(ethereum::keccak256(raw));
        transaction.booking_id = ethereum::Uint256::from_word(raw.substr(call + 4, 32)).to_decimal();
        transaction.outcome = static_cast<unsigned char>(raw[call + 67]);
        transaction.metrics_hash = raw.substr(call + 68, 32);
        calls_[transaction.booking_id].insert(raw.substr(call, 100));
        const auto nonce = nonce_of(raw);
        if (nonce < chain_.mined_count)
            results.back() = ethereum::SendResult::nonce_too_low;
        else if (refuses_next > 0 && refuses_next-- > 0)
            results.back() = ethereum::SendResult::refused;
        else
            pool_[nonce] = transaction;
        count_pending();
    }

    static std::uint64_t nonce_of(const std::string& raw)
    {
        const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(raw.at(at)); };
        std::size_t at = byte(0) < 0x80 ? 1 : 0;          // the type
        at += byte(at) > 0xf7 ? byte(at) - 0xf7u + 1 : 1; // the list's header
        const auto number = [&] {
            if (byte(at) < 0x80)
                return std::uint64_t{byte(at++)};
            std::uint64_t value = 0;
            for (auto left = byte(at++) - 0x80u; left > 0; --left)
                value = value << 8 | byte(at++);
            return value;
        };
        if (at > 0 && byte(0) < 0x80)
            number(); // the chain's id
        return number();
    }

    bool carry_out(const Transaction& transaction, Seconds now)
    {
        auto& booking = chain_.bookings.at(transaction.booking_id);
        const auto& terms = terms_.at(transaction.booking_id);
        if (booking.status != ethereum::BookingStatus::booked ||
            terms.window_of(transaction.outcome, now) != 0)
            return false;
        booking.status = ethereum::BookingStatus::attested;
        booking.oracle_outcome = static_cast<std::uint8_t>(transaction.outcome);
        booking.metrics_hash = transaction.metrics_hash;
        ++attested_[transaction.booking_id];
        return true;
    }

    void count_pending()
    {
        chain_.pending_count = chain_.mined_count;
        while (pool_.count(chain_.pending_count) > 0)
            ++chain_.pending_count;
    }

    ScriptedChain& chain_;
    std::map<std::string, ModelBooking> terms_;
    std::map<std::uint64_t, Transaction> pool_; // by nonce
    std::map<std::string, std::set<std::string>> calls_;
    std::map<std::string, int> attested_;
    std::uint64_t block_ = 1;
};

} // namespace simulation
