#include "command.h"
#include "credits/ledger.h"
#include "rooms/history.h"
#include "rooms/settling.h"

#include <iomanip>

void wallets_list(Command& command)
{
    auto& db = command.database();
    command.json["wallets"] = base::Json::array();
    const database::Snapshot snapshot(db);
    for (const auto& listed : credits::list_accounts(db, command.arguments.limit)) {
        const auto& last_event_at = listed.last_event_at;
        const auto account = rooms::load_standing(db, listed.wallet, command.now).account();
        auto json = render(account);
        json["wallet"] = listed.wallet;
        json["last_event_at"] = instant(last_event_at);
        command.json["wallets"].push_back(std::move(json));
        command.text << listed.wallet << "  remaining " << std::setw(8) << account.remaining_seconds
                     << " s  consumed " << std::setw(8) << account.consumed_seconds << " s  last "
                     << (last_event_at ? base::iso8601(*last_event_at) : "never") << "\n";
    }
}

void wallets_show(Command& command)
{
    auto& db = command.database();
    rooms::Context context(db, command.rules, command.now);
    rooms::load_settled_standing(context, command.wallet);
    const database::Snapshot snapshot(db);
    const auto standing = rooms::load_standing(db, command.wallet, command.now);
    const auto account = standing.account();
    auto& json = command.json;
    auto& text = command.text;
    json = render(account);
    json["wallet"] = command.wallet;
    json["grants"] = base::Json::array();
    json["rooms_hosted"] = base::Json::array();
    json["stays"] = base::Json::array();
    text << command.wallet << "\n"
         << "  remaining  " << account.remaining_seconds << " s, consumed " << account.consumed_seconds
         << " s\n";
    for (const auto& event : credits::brief_statement(db, command.wallet, 0)) {
        if (event.kind == credits::EventKind::debit_usage || event.kind == credits::EventKind::refund_usage)
            continue;
        json["grants"].push_back({{"kind", name_of(event.kind)},
                                  {"delta_seconds", event.delta_seconds},
                                  {"reason", event.reason.value_or("")},
                                  {"created_at", base::iso8601(event.created_at)}});
        text << "  granted    " << base::iso8601(event.created_at) << "  " << name_of(event.kind) << "  "
             << std::showpos << event.delta_seconds << std::noshowpos << " s  " << event.reason.value_or("")
             << "\n";
    }
    for (const auto& room : rooms::list_hosted_rooms(db, command.wallet, command.arguments.limit)) {
        json["rooms_hosted"].push_back({{"room_id", room.room_id},
                                        {"kind", name_of(room.kind)},
                                        {"visibility", room.is_private ? "private" : "open"},
                                        {"created_at", base::iso8601(room.created_at)},
                                        {"closed_at", instant(room.closed_at)},
                                        {"stays", room.stays}});
        text << "  hosted     " << base::iso8601(room.created_at) << "  " << name_of(room.kind) << " room "
             << room.room_id << ", " << room.stays << " stays, "
             << (room.closed_at ? "closed " + base::iso8601(*room.closed_at) : "active") << "\n";
    }
    for (const auto& stay : rooms::list_stays(db, command.wallet, command.arguments.limit)) {
        const auto& connection = stay.connection;
        const bool is_pending = standing.stay && standing.stay->connection_id == connection.connection_id;
        const auto debited_seconds = connection.debited_seconds + (is_pending ? standing.pending_seconds : 0);
        json["stays"].push_back({{"connection_id", connection.connection_id},
                                 {"room_id", connection.room_id},
                                 {"kind", name_of(connection.kind)},
                                 {"host_wallet", stay.host_wallet},
                                 {"joined_at", base::iso8601(connection.joined_at)},
                                 {"left_at", instant(connection.left_at)},
                                 {"debited_seconds", debited_seconds}});
        text << "  stay       " << base::iso8601(connection.joined_at) << "  connection "
             << connection.connection_id << " in room " << connection.room_id << ", " << debited_seconds
             << " s charged, "
             << (connection.left_at ? "left " + base::iso8601(*connection.left_at) : "not left yet") << "\n";
    }
}
