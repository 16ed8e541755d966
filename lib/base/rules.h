// What rooms, credits and tokens go by.
#pragma once

#include <cstdint>

namespace base {

// The parameters of rooms, credits and tokens. All in seconds unless the name says otherwise.
struct Rules
{
    std::int64_t base_grant_seconds = 1800;
    bool base_grant_per_name = false; // a name brings the base grant to the first of its owners alone
    std::int64_t celo_bonus_seconds = 1800;
    std::int64_t minimum_credit_seconds = 90; // to create, join or renew; at least free_token_ttl_seconds
    std::int64_t free_token_ttl_seconds = 90;
    std::int64_t renew_after_seconds = 45;
    std::int64_t heartbeat_interval_seconds = 30;
    std::int64_t booked_token_ttl_seconds = 3600;
    std::int64_t low_credit_seconds = 300;
    std::int64_t unjoined_room_ttl_seconds = 300;
    std::int64_t nonce_ttl_seconds = 300;
    std::int64_t jwt_ttl_seconds = 3600;
    std::int64_t session_max_age_seconds = 604800; // since the wallet signed; then no token is refreshed
    std::int64_t join_window_seconds = 300;
    std::int64_t sweep_stale_after_seconds = 300; // /health calls an older sweep stale
    std::int64_t free_room_capacity = 6;          // participants
    std::int64_t booked_room_capacity = 2;
    std::int64_t early_leave_budget_seconds = 900; // per wallet and hour; 0: no such rule

    // Whether there is somebody to tell of what happens; such a message costs a row.
    bool tells_application = false; // WEBHOOK_URL is set
    bool tells_agora = false;       // AGORA_CUSTOMER_ID is set
};

} // namespace base
