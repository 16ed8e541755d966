#include "rooms/audit.h"

namespace rooms {

namespace {

struct Check
{
    const char* sql; // names each offender in its first column
    const char* violation;
};

constexpr Check checks[] = {
    {"SELECT connection_id FROM connections LEFT JOIN (SELECT connection_id AS id, -sum(delta_seconds) "
     "AS total "
     "FROM credit_events WHERE kind = 'debit_usage' GROUP BY connection_id) debits ON id = connection_id "
     "WHERE debited_seconds <> coalesce(total, 0)",
     "debited_seconds is not the sum of the ledger's debits for connection"},
    {"SELECT DISTINCT e.connection_id FROM credit_events e LEFT JOIN connections c "
     "ON c.connection_id = e.connection_id WHERE e.kind IN ('debit_usage', 'refund_usage') "
     "AND c.wallet IS DISTINCT FROM e.wallet",
     "the ledger debits a wallet for a connection that is not its own:"},
    {"SELECT connection_id FROM connections WHERE debited_seconds > coalesce(left_at, token_expires_at) "
     "- "
     "joined_at "
     "OR debited_seconds > last_metered_at - joined_at",
     "more seconds are debited than were spent in the room by connection"},
    {"SELECT connection_id FROM connections WHERE NOT (joined_at <= last_metered_at "
     "AND last_metered_at <= token_expires_at AND (left_at IS NULL OR left_at BETWEEN last_metered_at "
     "AND token_expires_at))",
     "joined, metered, left and expired are out of order for connection"},
    {"SELECT wallet FROM connections WHERE left_at IS NULL AND kind = 'free' GROUP BY wallet HAVING "
     "count(*) > 1",
     "more than one open free connection has wallet"},
    {"SELECT host_wallet FROM rooms WHERE closed_at IS NULL AND kind = 'free' GROUP BY host_wallet "
     "HAVING count(*) > 1",
     "more than one active free room has host"},
    {"SELECT r.room_id FROM rooms r JOIN connections c ON c.room_id = r.room_id AND c.left_at IS NULL "
     "GROUP BY r.room_id HAVING count(*) > r.capacity",
     "more participants than its capacity has room"},
    {"SELECT room_id FROM connections WHERE left_at IS NULL GROUP BY room_id "
     "HAVING count(DISTINCT agora_uid) <> count(*) OR min(agora_uid) < 1 OR max(agora_uid) > 4294967294",
     "uids are zero or not distinct in room"},
    {"SELECT c.connection_id FROM connections c JOIN rooms r ON r.room_id = c.room_id "
     "WHERE c.left_at IS NULL AND r.closed_at IS NOT NULL",
     "the room is closed but somebody is in it with connection"},
    {"SELECT c.connection_id FROM connections c LEFT JOIN rooms r ON r.room_id = c.room_id "
     "WHERE r.room_id IS NULL OR r.kind <> c.kind",
     "no room of its kind belongs to connection"},
    {"SELECT room_id FROM rooms r WHERE closed_at IS NULL AND kind = 'free' "
     "AND EXISTS (SELECT 1 FROM connections c WHERE c.room_id = r.room_id) "
     "AND NOT EXISTS (SELECT 1 FROM connections c WHERE c.room_id = r.room_id "
     "AND (c.left_at IS NULL OR c.left_at = r.emptied_at))",
     "everybody has left but it is not closed: room"},
    {"SELECT room_id FROM rooms r WHERE closed_at IS NULL AND kind = 'free' "
     "AND (emptied_at IS NULL) <> EXISTS (SELECT 1 FROM connections c WHERE c.room_id = r.room_id "
     "AND c.left_at IS NULL)",
     "whether somebody is in it is wrongly noted of room"},
    // But for those whose leaving early was not believed.
    {"SELECT DISTINCT r.room_id FROM rooms r JOIN connections c ON c.room_id = r.room_id "
     "WHERE r.kind = 'free' AND c.left_at > r.closed_at AND NOT EXISTS (SELECT 1 FROM credit_events e "
     "WHERE e.wallet = c.wallet AND e.connection_id = c.connection_id AND e.reason = 'left_early')",
     "somebody left after it was closed: room"},
};

} // namespace

std::vector<std::string> audit(database::Connection& db)
{
    std::vector<std::string> violations;
    for (const auto& check : checks) {
        auto row = db.prepare(check.sql);
        while (row.step())
            violations.push_back(std::string(check.violation) + " " + row.text(0));
    }
    return violations;
}

} // namespace rooms
