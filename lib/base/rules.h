// What rooms and credit go by.
#pragma once

#include "base/listeners.h"

#include <cstdint>

namespace base {

// All in seconds unless the name says otherwise.
struct Rules : Listeners
{
    std::int64_t base_grant_seconds = 1800;
    bool base_grant_per_name = false; // a name brings the base grant to the first of its owners alone
    std::int64_t celo_bonus_seconds = 1800;
    std::int64_t minimum_credit_seconds = 90; // to create, join or renew; at least free_token_ttl_seconds
    std::int64_t free_token_ttl_seconds = 90;
    std::int64_t renew_after_seconds = 45;
    std::int64_t heartbeat_interval_seconds = 30;
    std::int64_t low_credit_seconds = 300;
    std::int64_t unjoined_room_ttl_seconds = 300;
    std::int64_t free_room_capacity = 6;           // participants
    std::int64_t early_leave_budget_seconds = 900; // per wallet and hour; 0: no such rule
};

} // namespace base
