#include "storage/move.h"

#include "base/error.h"
#include "database/transaction.h"
#include "sqlite/migrate.h"

#include <optional>

namespace storage {

namespace {

using base::Error;
using base::ErrorCode;

// What a database says that was filled and is not in service yet.
constexpr const char* unfinished = "(a move into it was not finished)";

struct Column
{
    std::string name;
    bool is_integer = false;
};

struct Table
{
    std::string name;
    std::vector<std::string> key;
    std::vector<Column> columns = {};
};

// In an order in which each row finds those that it refers to. Without `pruning`, which is empty between
// transactions.
std::vector<Table> all_tables()
{
    std::vector<Table> tables = {
        {"spent_nonces", {"nonce"}},
        {"credit_accounts", {"wallet"}},
        {"credit_events", {"wallet", "event_id"}},
        {"granted_names", {"wallet"}},
        {"rooms", {"room_id"}},
        {"connections", {"connection_id"}},
        {"agora_presence", {"connection_id"}},
        {"sweeps", {"id"}},
        {"sessions", {"booking_id"}},
        {"attestations", {"booking_id"}},
        {"attestation_transactions", {"transaction_id"}},
        {"bans", {"ban_id"}},
        {"idempotent_requests", {"wallet", "idempotency_key"}},
        {"outbox", {"message_id"}},
        {"outbox_pauses", {"destination"}},
        {"usage_days", {"begins_at"}},
    };
    sqlite::Connection schema(":memory:");
    sqlite::migrate(schema);
    for (auto& table : tables) {
        auto row = schema.prepare("SELECT name, type FROM pragma_table_info(:name)");
        row.bind(":name", table.name);
        while (row.step())
            table.columns.push_back({row.text("name"), row.text("type") == "INTEGER"});
    }
    return tables;
}

std::string joined(const std::vector<std::string>& parts, const std::string& before = {})
{
    std::string text;
    for (const auto& part : parts)
        text += (text.empty() ? "" : ", ") + before + part;
    return text;
}

std::vector<std::string> names_of(const Table& table)
{
    std::vector<std::string> names;
    for (const auto& column : table.columns)
        names.push_back(column.name);
    return names;
}

std::vector<std::string> names_of(const std::vector<Table>& tables)
{
    std::vector<std::string> names;
    for (const auto& table : tables)
        names.push_back(table.name);
    return names;
}

// The values of a row, to be bound to the parameters of the same names.
void bind_row(const Table& table, const database::Statement& row, database::Statement& insertion)
{
    for (const auto& column : table.columns) {
        const auto parameter = ":" + column.name;
        if (column.is_integer)
            insertion.bind(parameter.c_str(), row.optional_integer(column.name));
        else
            insertion.bind(parameter.c_str(), row.optional_text(column.name));
    }
}

void copy(const Table& table, database::Connection& from, database::Connection& to)
{
    constexpr std::int64_t at_a_time = 1000;
    const auto columns = joined(names_of(table));
    const auto key = joined(table.key);
    const auto all = "SELECT " + columns + " FROM " + table.name;
    const auto order = " ORDER BY " + key + " LIMIT :at_a_time";
    const auto first = all + order;
    const auto next = all + " WHERE (" + key + ") > (" + joined(table.key, ":last_") + ")" + order;
    const auto insert =
        "INSERT INTO " + table.name + " (" + columns + ") VALUES (" + joined(names_of(table), ":") + ")";
    std::vector<std::pair<std::optional<std::int64_t>, std::string>> last; // of the key's columns
    for (std::int64_t count = at_a_time; count == at_a_time;) {
        auto row = from.prepare(last.empty() ? first : next);
        row.bind(":at_a_time", at_a_time);
        for (std::size_t i = 0; i < last.size(); ++i) {
            const auto parameter = ":last_" + table.key[i];
            if (last[i].first)
                row.bind(parameter.c_str(), *last[i].first);
            else
                row.bind(parameter.c_str(), last[i].second);
        }
        for (count = 0; row.step(); ++count) {
            auto insertion = to.prepare(insert);
            bind_row(table, row, insertion);
            insertion.run();
            last.clear();
            for (const auto& name : table.key) {
                const bool is_integer =
                    name == "event_id" || name == "id" || name == "transaction_id" || name == "ban_id";
                last.emplace_back(is_integer ? row.optional_integer(name) : std::nullopt, row.text(name));
            }
        }
    }
}

// How much a table holds: rows, the sum of each number, the length of each text.
std::vector<std::int64_t> measure(const Table& table, database::Connection& db)
{
    std::string sql = "SELECT count(*)";
    for (const auto& column : table.columns)
        sql +=
            ", coalesce(sum(" + (column.is_integer ? column.name : "length(" + column.name + ")") + "), 0)";
    auto row = db.prepare(sql + " FROM " + table.name);
    row.step();
    std::vector<std::int64_t> measures;
    for (int i = 0; i <= static_cast<int>(table.columns.size()); ++i)
        measures.push_back(row.integer(i));
    return measures;
}

void expect_nothing_wrong(database::Connection& db, const char* which, const Audit& audit)
{
    if (const auto violations = audit(db); !violations.empty())
        throw Error(ErrorCode::internal, "move_failed",
                    std::string("in the ") + which + ": " + violations.front());
}

void fill(const std::vector<Table>& tables, database::Connection& from, database::Connection& to,
          const Audit& audit)
{
    database::Transaction filling(to);
    to.begin_filling();
    if (to.moved_to()) { // of an attempt before
        for (auto table = tables.rbegin(); table != tables.rend(); ++table)
            to.prepare("DELETE FROM " + table->name).run();
    }
    for (const auto& table : tables) {
        if (measure(table, to).front() > 0)
            throw Error(ErrorCode::conflict, "not_empty", "there is something in " + table.name + " already");
        copy(table, from, to);
        if (measure(table, from) != measure(table, to))
            throw Error(ErrorCode::internal, "move_failed", table.name + " does not hold the same");
    }
    to.end_filling();
    expect_nothing_wrong(to, "new database", audit);
    to.set_moved_to(unfinished);
    filling.commit();
}

void open_for_all(database::Connection& to)
{
    database::Transaction opening(to);
    to.set_moved_to(std::nullopt);
    opening.commit();
}

} // namespace

std::vector<MovedTable> list_tables(database::Connection& db)
{
    std::vector<MovedTable> list;
    for (const auto& table : all_tables())
        list.push_back({table.name, measure(table, db).front()});
    return list;
}

std::vector<MovedTable> move(database::Connection& from, database::Connection& to,
                             const std::string& destination, const Audit& audit)
{
    from.pass_fence();
    to.pass_fence();
    from.bring_up_to_date();
    to.bring_up_to_date();
    const auto moved_to = from.moved_to();
    if (moved_to && (*moved_to != destination || to.moved_to().value_or(unfinished) != unfinished))
        throw Error(ErrorCode::conflict, "moved_elsewhere", "this database has moved to " + *moved_to);
    if (!moved_to) {
        if (const auto other = to.moved_to(); other && *other != unfinished)
            throw Error(ErrorCode::conflict, "moved_elsewhere", "the new database has moved to " + *other);
        const auto tables = all_tables();
        database::Transaction closing(from);
        from.keep_others_out(names_of(tables));
        expect_nothing_wrong(from, "old database", audit);
        fill(tables, from, to, audit);
        from.set_moved_to(destination);
        closing.commit();
    }
    open_for_all(to);
    return list_tables(to);
}

std::string without_password(const std::string& url)
{
    auto told = url;
    constexpr std::string_view parameter = "password=";
    for (auto at = told.find(parameter); at != std::string::npos; at = told.find(parameter, at + 1))
        told.erase(at + parameter.size(), told.find('&', at) - at - parameter.size());
    const auto user = told.find("://") + 3;
    const auto at = told.rfind('@', told.find_first_of("/?", user));
    const auto colon = told.find(':', user);
    if (at == std::string::npos || at < user || colon >= at)
        return told;
    return told.erase(colon, at - colon);
}

} // namespace storage
