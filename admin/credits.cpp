#include "base/error.h"
#include "base/rules.h"
#include "command.h"
#include "credits/ledger.h"
#include "credits/notice.h"
#include "rooms/history.h"
#include "rooms/settling.h"

#include <iomanip>
#include <map>

base::Json render(const credits::Account& account)
{
    return {{"remaining_seconds", account.remaining_seconds},
            {"base_granted_seconds", account.base_granted_seconds},
            {"bonus_granted_seconds", account.bonus_granted_seconds},
            {"adjusted_seconds", account.adjusted_seconds},
            {"consumed_seconds", account.consumed_seconds}};
}

namespace {

base::Json render(const credits::Event& event)
{
    base::Json json = {{"event_id", event.event_id},
                       {"kind", name_of(event.kind)},
                       {"delta_seconds", event.delta_seconds},
                       {"balance_after_seconds", event.balance_after_seconds},
                       {"created_at", base::iso8601(event.created_at)}};
    if (event.connection_id)
        json["connection_id"] = *event.connection_id;
    if (event.reason)
        json["reason"] = *event.reason;
    return json;
}

void write_line(std::ostream& text, const credits::Event& event)
{
    text << "  " << base::iso8601(event.created_at) << "  " << std::left << std::setw(16)
         << name_of(event.kind) << std::right << std::showpos << std::setw(8) << event.delta_seconds
         << std::noshowpos << std::setw(8) << event.balance_after_seconds << "  "
         << event.connection_id.value_or("") << (event.connection_id && event.reason ? "  " : "")
         << event.reason.value_or("") << "\n";
}

// Why a connection was charged: null if it is unknown.
base::Json describe_stay(const std::optional<rooms::Stay>& stay)
{
    if (!stay)
        return {};
    const auto& connection = stay->connection;
    return {{"room_id", connection.room_id},
            {"host_wallet", stay->host_wallet},
            {"joined_at", base::iso8601(connection.joined_at)},
            {"left_at", instant(connection.left_at)},
            {"debited_seconds", connection.debited_seconds}};
}

// What is used of the open stay and not booked yet: the last line of a list of events.
void append_pending(Command& command, const rooms::Standing& standing)
{
    command.json["pending"] = nullptr;
    if (!standing.stay)
        return;
    const auto& connection_id = standing.stay->connection_id;
    command.json["pending"] = {{"delta_seconds", -standing.pending_seconds},
                               {"balance_after_seconds", standing.remaining_seconds()},
                               {"connection_id", connection_id}};
    command.text << "  " << base::iso8601(command.now) << "  " << std::left << std::setw(16) << "pending"
                 << std::right << std::setw(8) << -standing.pending_seconds << std::setw(8)
                 << standing.remaining_seconds() << "  " << connection_id << "\n";
}

void write_line(std::ostream& text, const rooms::Stay& stay)
{
    const auto& connection = stay.connection;
    text << "      in room " << connection.room_id << " of " << stay.host_wallet << " from "
         << base::iso8601(connection.joined_at)
         << (connection.left_at ? " to " + base::iso8601(*connection.left_at) : ", not left yet") << ", "
         << connection.debited_seconds << " s charged\n";
}

} // namespace

void credits_show(Command& command)
{
    auto& db = command.database();
    rooms::Context context(db, command.rules, command.now);
    rooms::load_settled_standing(context, command.wallet);
    const database::Snapshot snapshot(db);
    const auto standing = rooms::load_standing(db, command.wallet, command.now);
    const auto account = standing.account();
    command.json = render(account);
    command.json["wallet"] = command.wallet;
    command.json["events"] = base::Json::array();
    command.text << command.wallet << "\n"
                 << "  remaining  " << account.remaining_seconds << " s\n"
                 << "  base       " << account.base_granted_seconds << " s\n"
                 << "  bonus      " << account.bonus_granted_seconds << " s\n"
                 << "  adjusted   " << account.adjusted_seconds << " s\n"
                 << "  consumed   " << account.consumed_seconds << " s\n";
    constexpr std::int64_t events_shown = 50;
    for (const auto& event : credits::statement(db, command.wallet, events_shown)) {
        command.json["events"].push_back(render(event));
        write_line(command.text, event);
    }
    append_pending(command, standing);
}

void credits_statement(Command& command)
{
    auto& db = command.database();
    rooms::Context context(db, command.rules, command.now);
    rooms::load_settled_standing(context, command.wallet);
    const database::Snapshot snapshot(db);
    const auto standing = rooms::load_standing(db, command.wallet, command.now);
    const auto& days = command.arguments.days;
    const auto since = days ? first_day(command.now, *days - 1) : base::UnixSeconds{0};
    const auto events = credits::brief_statement(db, command.wallet, since);
    const auto totals = credits::daily_totals(db, command.wallet, since);
    const auto opening_seconds = events.empty()
                                     ? standing.booked.remaining_seconds
                                     : events.front().balance_after_seconds - events.front().delta_seconds;
    command.json = {{"wallet", command.wallet},
                    {"opening_balance_seconds", opening_seconds},
                    {"remaining_seconds", standing.remaining_seconds()},
                    {"events", base::Json::array()},
                    {"days", base::Json::array()}};
    auto& text = command.text;
    text << command.wallet << ", " << opening_seconds << " s"
         << (days ? " on " + base::iso8601(since).substr(0, 10) : " at first") << "\n";
    std::map<std::string, std::optional<rooms::Stay>> stays;
    for (const auto& event : events) {
        auto json = render(event);
        write_line(text, event);
        if (event.connection_id) {
            auto found = stays.find(*event.connection_id);
            if (found == stays.end())
                found = stays.emplace(*event.connection_id, rooms::find_stay(db, *event.connection_id)).first;
            json["stay"] = describe_stay(found->second);
            if (found->second)
                write_line(text, *found->second);
        }
        command.json["events"].push_back(std::move(json));
    }
    append_pending(command, standing);
    for (const auto& day : totals) {
        const auto date = base::iso8601(day.begins_at).substr(0, 10);
        command.json["days"].push_back({{"day", date},
                                        {"granted_seconds", day.granted_seconds},
                                        {"adjusted_seconds", day.adjusted_seconds},
                                        {"debited_seconds", day.debited_seconds},
                                        {"refunded_seconds", day.refunded_seconds},
                                        {"balance_after_seconds", day.balance_after_seconds}});
        text << "  " << date << "  granted " << day.granted_seconds << ", adjusted " << day.adjusted_seconds
             << ", debited " << day.debited_seconds << ", refunded " << day.refunded_seconds << ", leaving "
             << day.balance_after_seconds << " s\n";
    }
    text << "  remaining  " << standing.remaining_seconds() << " s\n";
}

void credits_adjust(Command& command)
{
    auto& db = command.database();
    rooms::Context context(db, command.rules, command.now);
    std::int64_t applied = 0;
    const auto remaining_seconds = context.transact([&] {
        rooms::settle_wallet(context, command.wallet);
        applied = credits::adjust(db, command.wallet, command.arguments.seconds, command.arguments.reason,
                                  command.now);
        const auto after_seconds = credits::account(db, command.wallet).remaining_seconds;
        if (applied > 0)
            credits::tell_granted(db, command.rules, command.wallet, credits::EventKind::admin_adjust,
                                  applied, after_seconds, command.now);
        return after_seconds;
    });
    command.json = {{"wallet", command.wallet},
                    {"adjusted_by_seconds", applied},
                    {"remaining_seconds", remaining_seconds}};
    command.text << command.wallet << " adjusted by " << applied << " s, remaining " << remaining_seconds
                 << " s\n";
}

void credits_refund(Command& command)
{
    auto& db = command.database();
    const auto& arguments = command.arguments;
    const auto connection = rooms::find_connection(db, arguments.connection_id);
    if (!connection)
        throw base::Error(base::ErrorCode::not_found, "connection_not_found",
                          "there is no connection " + arguments.connection_id);
    rooms::Context context(db, command.rules, command.now);
    const auto account = context.transact([&] {
        rooms::settle_wallet(context, connection->wallet);
        credits::refund(db, connection->wallet, arguments.connection_id, arguments.seconds, arguments.reason,
                        command.now);
        return credits::account(db, connection->wallet);
    });
    command.json = render(account);
    command.json["wallet"] = connection->wallet;
    command.json["connection_id"] = arguments.connection_id;
    command.json["refunded_seconds"] = arguments.seconds;
    command.text << connection->wallet << " gets " << arguments.seconds << " s of connection "
                 << arguments.connection_id << " back, remaining " << account.remaining_seconds << " s\n";
}
