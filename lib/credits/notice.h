// What the application is told of a wallet's credit.
#pragma once

#include "credits/ledger.h"

#include <string>

namespace base {
struct Listeners;
}

namespace credits {

// That the wallet has got credit and has `remaining_seconds` now. Does nothing where nobody is to be told.
// Call inside a Transaction.
void tell_granted(database::Connection& db, const base::Listeners& listeners, const std::string& wallet,
                  EventKind kind, std::int64_t seconds, std::int64_t remaining_seconds,
                  base::UnixSeconds now);

} // namespace credits
