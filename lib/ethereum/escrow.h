// What the escrow contract says of booked sessions, decoded strictly.
#pragma once

#include "base/clock.h"
#include "ethereum/uint256.h"

#include <string>
#include <string_view>

namespace ethereum {

// Set in the place of a contract's address, it says that there is no such contract.
constexpr const char* no_contract = "0x0000000000000000000000000000000000000000";

// A host's offer of time. No such slot: `host` is the zero address.
struct Slot
{
    std::string host; // address
    base::UnixSeconds start_at = 0;
    std::int64_t duration_minutes = 0;
    Uint256 price;
    std::int64_t grace_minutes = 0;
    std::int64_t min_overlap_minutes = 0;
    std::int64_t cancel_cutoff_minutes = 0;
    std::uint8_t status = 0; // 0 Open, 1 Booked, 2 Cancelled, 3 Settled

    bool exists() const { return host != no_contract; }
    base::UnixSeconds ends_at() const { return start_at + duration_minutes * 60; }
};

enum class BookingStatus : std::uint8_t
{
    none,
    booked,
    cancelled,
    attested,
    disputed,
    resolved,
    finalized
};

// A guest's booking of a slot. No such booking: `status` is none.
struct Booking
{
    Uint256 slot_id;
    std::string guest; // address
    Uint256 amount;
    BookingStatus status = BookingStatus::none;
    std::uint8_t oracle_outcome = 0;
    std::string metrics_hash; // 32 raw bytes
    base::UnixSeconds attested_at = 0;
    base::UnixSeconds finalizable_at = 0;
    std::string challenger; // address
    Uint256 bond_amount;
    base::UnixSeconds disputed_at = 0;
};

// "None", "Booked", "Cancelled", ...
const char* name_of(BookingStatus status);

// The calldata of attest(uint256,uint8,bytes32). `metrics_hash` has 32 bytes.
std::string attest_calldata(const Uint256& booking_id, std::uint8_t outcome, std::string_view metrics_hash);

// The return values of getSlot(uint256) and getBooking(uint256). Throw Error(chain_unavailable) for data that
// is cut off or has a field out of its range.
Slot decode_slot(std::string_view data);
Booking decode_booking(std::string_view data);

} // namespace ethereum
