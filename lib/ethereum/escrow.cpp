#include "ethereum/escrow.h"

#include "base/error.h"
#include "ethereum/abi.h"

namespace ethereum {

namespace {

std::int64_t number(std::string_view data, std::size_t index, unsigned bits)
{
    return static_cast<std::int64_t>(abi::decode_unsigned(data, index, bits));
}

} // namespace

const char* name_of(BookingStatus status)
{
    switch (status) {
    case BookingStatus::none:
        return "None";
    case BookingStatus::booked:
        return "Booked";
    case BookingStatus::cancelled:
        return "Cancelled";
    case BookingStatus::attested:
        return "Attested";
    case BookingStatus::disputed:
        return "Disputed";
    case BookingStatus::resolved:
        return "Resolved";
    case BookingStatus::finalized:
        return "Finalized";
    }
    return "";
}

std::string attest_calldata(const Uint256& booking_id, std::uint8_t outcome, std::string_view metrics_hash)
{
    return abi::call_with_numbers("attest(uint256,uint8,bytes32)",
                                  {booking_id, Uint256(outcome), Uint256::from_word(metrics_hash)});
}

Slot decode_slot(std::string_view data)
{
    Slot slot;
    slot.host = abi::decode_address(data, 0);
    slot.start_at = number(data, 1, 48);
    slot.duration_minutes = number(data, 2, 32);
    slot.price = abi::decode_uint256(data, 3);
    slot.grace_minutes = number(data, 4, 32);
    slot.min_overlap_minutes = number(data, 5, 32);
    slot.cancel_cutoff_minutes = number(data, 6, 32);
    slot.status = static_cast<std::uint8_t>(number(data, 7, 8));
    return slot;
}

Booking decode_booking(std::string_view data)
{
    Booking booking;
    booking.slot_id = abi::decode_uint256(data, 0);
    booking.guest = abi::decode_address(data, 1);
    booking.amount = abi::decode_uint256(data, 2);
    const auto status = number(data, 3, 8);
    if (status > static_cast<std::int64_t>(BookingStatus::finalized))
        throw base::Error(base::ErrorCode::chain_unavailable, "chain_unavailable",
                          "a booking of an unknown status");
    booking.status = static_cast<BookingStatus>(status);
    booking.oracle_outcome = static_cast<std::uint8_t>(number(data, 4, 8));
    booking.metrics_hash = abi::decode_uint256(data, 5).to_word();
    booking.attested_at = number(data, 6, 48);
    booking.finalizable_at = number(data, 7, 48);
    booking.challenger = abi::decode_address(data, 8);
    booking.bond_amount = abi::decode_uint256(data, 9);
    booking.disputed_at = number(data, 10, 48);
    return booking;
}

} // namespace ethereum
