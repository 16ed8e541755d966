// How often somebody may ask.
#pragma once

#include <cstdint>

namespace base {

// So many in a minute or an hour, and as many at once; 0: no limit, which is the default in development.
struct RateLimitSettings
{
    std::int64_t rate_limit_sign_in_per_minute = 300;           // per address
    std::int64_t rate_limit_create_per_minute = 20;             // per wallet, as is
    std::int64_t rate_limit_create_per_hour = 120;              // and
    std::int64_t rate_limit_join_per_hour = 600;                // and
    std::int64_t rate_limit_keyed_per_minute = 60;              // requests with an Idempotency-Key, and
    std::int64_t rate_limit_chain_per_minute = 60;              // whatever may ask the chain;
    std::int64_t rate_limit_chain_per_address_per_minute = 300; // what does ask it, per address
    std::int64_t rate_limit_attest_per_minute = 120;            // per address
};

} // namespace base
