// Who leaves holds a token that Agora accepts until it ends. Where Agora cannot be told to turn it away,
// leaving is believed up to early_leave_budget_seconds of token time left over per wallet in an hour. Beyond
// that it was not leaving.
#pragma once

#include "credits/ledger.h"
#include "rooms/context.h"
#include "rooms/standing.h"

#include <string>

namespace rooms {

// The reason of the debits that are made for it.
constexpr const char* left_early = "left_early";

// Whether the wallet has left over more than is believed.
bool is_beyond_budget(const Context& context, const Standing& standing);

// Moves the ends of the newest of these stays towards those of their tokens, at most to now, and charges for
// it, until the rest is within the budget or the balance is used up. Returns the account as it is then. Call
// inside a Transaction, with what the wallet has used booked.
credits::Account charge_early_leaves(Context& context, const std::string& wallet);

} // namespace rooms
