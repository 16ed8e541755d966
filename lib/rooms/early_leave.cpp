#include "rooms/early_leave.h"

#include "base/rules.h"

#include <algorithm>
#include <cassert>

namespace rooms {

bool is_beyond_budget(const Context& context, const Standing& standing)
{
    const auto budget_seconds = context.rules.early_leave_budget_seconds;
    return !context.rules.tells_agora && budget_seconds > 0 && standing.left_over_seconds > budget_seconds;
}

credits::Account charge_early_leaves(Context& context, const std::string& wallet)
{
    assert(context.db.in_transaction());
    auto stays = find_early_leaves(context.db, wallet, context.now - early_leave_window_seconds, context.now);
    std::int64_t beyond_seconds = -context.rules.early_leave_budget_seconds;
    for (const auto& stay : stays)
        beyond_seconds += stay.token_expires_at - *stay.left_at;
    auto balance_seconds = credits::account(context.db, wallet).remaining_seconds;
    for (auto& stay : stays) {
        if (beyond_seconds <= 0 || balance_seconds == 0)
            break;
        const auto until = std::min(stay.token_expires_at, context.now);
        if (until <= *stay.left_at)
            continue;
        const auto debit = credits::debit(context.db, wallet, balance_seconds, until - *stay.left_at,
                                          stay.connection_id, context.now, left_early);
        context.debited(debit.debited_seconds);
        balance_seconds = debit.remaining_seconds;
        beyond_seconds -= debit.debited_seconds;
        stay.debited_seconds += debit.debited_seconds;
        stay.last_metered_at = *stay.left_at + debit.debited_seconds;
        stay.left_at = stay.last_metered_at;
        update_connection(context.db, stay);
    }
    return credits::account(context.db, wallet);
}

} // namespace rooms
