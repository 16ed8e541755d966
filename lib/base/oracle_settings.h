// With what the oracle attests, and who may ask it to.
#pragma once

#include <cstdint>
#include <string>

namespace base {

struct OracleSettings
{
    std::string oracle_private_key;
    std::string oracle_service_token;
    std::int64_t oracle_max_fee_gwei = 1000; // never offered more per gas
    std::int64_t oracle_confirmations = 20;  // blocks, where the node does not tell what is final
};

} // namespace base
