// What contracts return: decoded strictly, so that it could be encoded again to the same bytes.
#include "base/hex.h"
#include "ethereum/abi.h"
#include "ethereum/escrow.h"
#include "ethereum/rpc_chain.h"
#include "fuzz.h"

namespace {

using ethereum::Uint256;
namespace abi = ethereum::abi;

constexpr auto refusal = base::ErrorCode::chain_unavailable;

std::string word(std::int64_t number)
{
    return Uint256(static_cast<std::uint64_t>(number)).to_word();
}

std::string word(const std::string& address)
{
    return std::string(12, '\0') + base::from_hex(address.substr(2)).value();
}

void check_slot(std::string_view data)
{
    ethereum::Slot slot;
    if (!fuzz::accepts(refusal, [&] { slot = ethereum::decode_slot(data); }))
        return;
    const auto again = word(slot.host) + word(slot.start_at) + word(slot.duration_minutes) +
                       slot.price.to_word() + word(slot.grace_minutes) + word(slot.min_overlap_minutes) +
                       word(slot.cancel_cutoff_minutes) + word(slot.status);
    fuzz::require(data.substr(0, again.size()) == again, "another slot");
    fuzz::require(slot.ends_at() >= slot.start_at, "a slot ends before it begins");
}

void check_booking(std::string_view data)
{
    ethereum::Booking booking;
    if (!fuzz::accepts(refusal, [&] { booking = ethereum::decode_booking(data); }))
        return;
    const auto again = booking.slot_id.to_word() + word(booking.guest) + booking.amount.to_word() +
                       word(static_cast<std::int64_t>(booking.status)) + word(booking.oracle_outcome) +
                       booking.metrics_hash + word(booking.attested_at) + word(booking.finalizable_at) +
                       word(booking.challenger) + booking.bond_amount.to_word() + word(booking.disputed_at);
    fuzz::require(data.substr(0, again.size()) == again, "another booking");
    fuzz::require(*ethereum::name_of(booking.status) != '\0', "a status without a name");
}

void check_string(std::string_view data)
{
    ethereum::PrimaryName name;
    if (fuzz::accepts(refusal, [&] { name = ethereum::decode_primary_name(data); }))
        fuzz::require(data.find(word(static_cast<std::int64_t>(name.label.size())) + name.label) !=
                              data.npos &&
                          data.substr(32, 32) == name.parent_node,
                      "a string that is not in the data");
}

void check_words(fuzz::Input input)
{
    const std::size_t index = input.byte() % 4;
    const unsigned bits = 8 + input.byte() % 57;
    const auto data = input.rest();
    const bool is_whole = data.size() >= (index + 1) * 32;
    const auto expected = is_whole ? Uint256::from_word(data.substr(index * 32, 32)) : Uint256();
    Uint256 number;
    fuzz::require(fuzz::accepts(refusal, [&] { number = abi::decode_uint256(data, index); }) == is_whole &&
                      number == expected,
                  "another number");
    std::uint64_t small = 0;
    const bool fits = is_whole && expected <= Uint256(~std::uint64_t{0} >> (64 - bits));
    fuzz::require(fuzz::accepts(refusal, [&] { small = abi::decode_unsigned(data, index, bits); }) == fits &&
                      (!fits || Uint256(small) == expected),
                  "another small number");
    std::string address;
    const bool is_address = is_whole && expected.to_bytes().size() <= 20;
    fuzz::require(fuzz::accepts(refusal, [&] { address = abi::decode_address(data, index); }) == is_address &&
                      (!is_address || word(address) == expected.to_word()),
                  "another address");
}

} // namespace

FUZZ_TARGET(abi)
{
    fuzz::Input input(bytes);
    switch (input.byte() % 5) {
    case 0:
        return check_slot(input.rest());
    case 1:
        return check_booking(input.rest());
    case 2:
        return check_string(input.rest());
    case 3:
        return check_words(input);
    default:
        abi::decode_revert_reason(input.rest());
        fuzz::accepts(refusal, [&] { ethereum::decode_verified_at(input.rest()); });
    }
}
