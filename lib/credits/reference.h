// References: what the application's backend asks of the ledger under a name of its own, such as a payment's
// id, so that it happens once, for ever. Top-ups and refunds share them, and pruning keeps both.
#pragma once

#include "credits/ledger.h"

#include <string_view>

namespace credits {

// 1 to 128 visible ASCII characters.
bool is_reference(std::string_view text);

// What is asked for, in full: two that are equal are the same.
struct ReferencedEvent
{
    EventKind kind = EventKind::top_up; // or refund_usage
    std::string wallet;
    std::int64_t seconds = 0;
    std::optional<std::string> connection_id; // of a refund
    std::optional<std::string> reason;

    bool operator==(const ReferencedEvent&) const = default;
};

// Whether just that was booked under the reference before. Throws Error(conflict, "reference_reused") if
// something else was. Call inside the Transaction that books it.
bool is_booked(database::Connection& db, const std::string& reference, const ReferencedEvent& asked);

} // namespace credits
