// What stands in the way of a wallet that wants into a free room, and what it has to spend: read at once.
#pragma once

#include "credits/ledger.h"
#include "rooms/ban.h"

#include <optional>
#include <string>

namespace rooms {

struct Standing
{
    std::optional<Ban> ban; // that is active
    credits::Account account;
};

Standing load_standing(database::Connection& db, const std::string& wallet, base::UnixSeconds now);

} // namespace rooms
