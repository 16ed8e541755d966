#include "ethereum/rpc_chain.h"

#include "base/error.h"
#include "ethereum/abi.h"
#include "ethereum/address.h"
#include "ethereum/http_transport.h"

#include <algorithm>

namespace ethereum {

std::string decode_primary_name(std::string_view data)
{
    // (string label, bytes32 parentNode): the label's place, then the node as it is
    abi::require_words(data, 2);
    return abi::decode_string(data, 0);
}

std::uint64_t decode_verified_at(std::string_view data)
{
    return abi::decode_unsigned(data, 0, 64);
}

RpcChain::RpcChain(std::unique_ptr<Transport> transport, std::string registry,
                   std::string verification_mirror, std::string escrow)
    : transport_(std::move(transport)), rpc_(*transport_), registry_(std::move(registry)),
      verification_mirror_(std::move(verification_mirror)), escrow_(std::move(escrow))
{
}

bool RpcChain::has_heaven_name(const std::string& wallet)
{
    const auto answer = rpc_.eth_call(registry_, abi::call_with_address("primaryName(address)", wallet));
    return !decode_primary_name(answer).empty();
}

bool RpcChain::is_celo_verified(const std::string& wallet)
{
    const auto answer =
        rpc_.eth_call(verification_mirror_, abi::call_with_address("verifiedAt(address)", wallet));
    return decode_verified_at(answer) > 0;
}

std::string RpcChain::ask_escrow(std::string_view signature, const Uint256& number)
{
    if (escrow_.empty())
        throw base::Error(base::ErrorCode::chain_unavailable, "chain_unavailable",
                          "ESCROW_ADDRESS is not set");
    return rpc_.eth_call(escrow_, abi::call_with_number(signature, number));
}

Booking RpcChain::booking(const Uint256& booking_id)
{
    return decode_booking(ask_escrow("getBooking(uint256)", booking_id));
}

Slot RpcChain::slot(const Uint256& slot_id)
{
    return decode_slot(ask_escrow("getSlot(uint256)", slot_id));
}

Booking MockChain::booking(const Uint256& booking_id)
{
    Booking booking;
    if (host_.empty() || guest_.empty())
        return booking;
    booking.slot_id = booking_id;
    booking.guest = guest_;
    booking.status = BookingStatus::booked;
    return booking;
}

Slot MockChain::slot(const Uint256& slot_id)
{
    const Uint256 last_second(253402300799); // of the year 9999
    Slot slot;
    slot.host = host_;
    slot.start_at = std::stoll(std::min(slot_id, last_second).to_decimal());
    slot.duration_minutes = 20;
    slot.grace_minutes = 5;
    slot.min_overlap_minutes = 10;
    slot.status = 1;
    return slot;
}

std::unique_ptr<Chain> make_chain(const base::Config& config)
{
    if (config.chain_mode == base::ChainMode::mock)
        return std::make_unique<MockChain>(parse_address(config.mock_host).value_or(""),
                                           parse_address(config.mock_guest).value_or(""));
    HttpOptions options;
    options.url = config.rpc_url;
    options.timeout_ms = config.rpc_timeout_ms;
    options.max_concurrent = config.rpc_max_concurrent;
    options.slots_path = config.database_path + "-rpc-slots";
    return std::make_unique<RpcChain>(std::make_unique<HttpTransport>(std::move(options)),
                                      config.registry_address, config.verification_mirror_address,
                                      config.escrow_address);
}

} // namespace ethereum
