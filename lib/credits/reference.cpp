#include "credits/reference.h"

#include "base/error.h"

#include <algorithm>
#include <cassert>

namespace credits {

bool is_reference(std::string_view text)
{
    constexpr std::size_t longest = 128;
    return !text.empty() && text.size() <= longest &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

bool is_booked(database::Connection& db, const std::string& reference, const ReferencedEvent& asked)
{
    assert(db.in_transaction());
    auto row = db.prepare("SELECT kind, wallet, delta_seconds, connection_id, reason FROM credit_events "
                          "WHERE reference = :reference");
    if (!row.bind(":reference", reference).step())
        return false;
    const ReferencedEvent booked{event_kind_named(row.text("kind")), row.text("wallet"),
                                 row.integer("delta_seconds"), row.optional_text("connection_id"),
                                 row.optional_text("reason")};
    if (booked != asked)
        throw base::Error(base::ErrorCode::conflict, "reference_reused",
                          "the reference stands for another top-up or refund");
    return true;
}

} // namespace credits
