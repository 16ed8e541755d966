// What the application's backend gives a wallet, be it in a call or not: each as one transaction, and once
// for each reference (credits/reference.h).
#pragma once

#include "rooms/context.h"

#include <optional>
#include <string>

namespace rooms {

struct Gift
{
    std::int64_t seconds = 0; // 1 or more
    std::string reference;
    std::optional<std::string> reason; // told to the wallet
};

struct Credited
{
    bool granted = false; // now; false: it was before
    std::string wallet;
    std::int64_t remaining_seconds = 0; // as of now
};

// Both throw Error(conflict, "reference_reused") for a reference that stands for something else.

Credited top_up(Context& context, const std::string& wallet, const Gift& gift);

// Gives back what a stay was charged, to its wallet. Throws connection_not_found, and
// refund_exceeds_debits as credits::refund() does.
Credited give_back(Context& context, const std::string& connection_id, const Gift& gift);

} // namespace rooms
