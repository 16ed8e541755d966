// What booked sessions go by: their chain, their escrow, and when and for how long the two may talk.
#pragma once

#include <cstdint>
#include <string>

namespace base {

struct SessionSettings
{
    std::int64_t chain_id = 6343;
    std::string escrow_address;
    std::int64_t join_window_seconds = 300; // before the start
    std::int64_t booked_token_ttl_seconds = 3600;
    std::int64_t booked_room_capacity = 2; // participants
    bool agora_require_audio = false;      // only what Agora heard counts
};

} // namespace base
