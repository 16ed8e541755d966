// Dumps of another service's database: whatever stands in one is read or refused. What is read is what SQLite
// itself makes of the text, as far as it takes it; and what comes of the accounts keeps to the limits.
#include "credits/ledger.h"
#include "fuzz.h"
#include "import/dump_reader.h"
#include "import/first_service.h"
#include "temporary_folder.h"

#include <sqlite3.h>
#include <sstream>

namespace {

using database::Value;

constexpr base::UnixSeconds now = 1767225600;

const std::string known =
    "PRAGMA defer_foreign_keys=TRUE;\nCREATE TABLE credit_accounts (\n wallet TEXT PRIMARY KEY, "
    "base_granted_seconds INTEGER, bonus_granted_seconds INTEGER DEFAULT (0), consumed_seconds INTEGER);\n"
    "INSERT INTO \"credit_accounts\" VALUES('0x9e07903b62319682f51003922b2e7474783b5043',1800,0,7);\n"
    "INSERT INTO \"credit_accounts\" VALUES('0x9E07903b62319682f51003922b2e7474783b5043',1800,1800,5000);\n"
    "INSERT INTO credit_accounts VALUES(replace('a\\nb','\\n',char(10)),-1,NULL,X'00');\n"
    "CREATE TABLE room_participants (left_at_epoch INTEGER);\n"
    "INSERT INTO room_participants VALUES(NULL),(7);\n"
    "CREATE TRIGGER t AFTER INSERT ON credit_accounts BEGIN SELECT 1; END;\n";

// The rows of a value or two, as SQLite reads them.
std::vector<Value> ask_sqlite(const std::string& values)
{
    std::vector<Value> row;
    sqlite3* db = nullptr;
    sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, nullptr);
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 100000);
    sqlite3_stmt* statement = nullptr;
    const auto sql = "SELECT " + values;
    const char* rest = nullptr;
    if (sqlite3_prepare_v2(db, sql.data(), static_cast<int>(sql.size()), &statement, &rest) == SQLITE_OK &&
        rest == sql.data() + sql.size() && sqlite3_step(statement) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(statement); ++i) {
            Value value;
            const int type = sqlite3_column_type(statement, i);
            value.kind = type == SQLITE_NULL      ? Value::Kind::null
                         : type == SQLITE_INTEGER ? Value::Kind::integer
                         : type == SQLITE_TEXT    ? Value::Kind::text
                                                  : Value::Kind::other;
            if (type == SQLITE_INTEGER)
                value.integer = sqlite3_column_int64(statement, i);
            else if (type == SQLITE_TEXT)
                value.text = {reinterpret_cast<const char*>(sqlite3_column_text(statement, i)),
                              static_cast<std::size_t>(sqlite3_column_bytes(statement, i))};
            row.push_back(value);
        }
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return row;
}

// What the reader takes for a literal is one for SQLite, with the same value.
void compare(const std::string& values)
{
    if (values.find('\0') != std::string::npos || values.size() > database::longest_text)
        return;
    static const std::vector<database::WantedTable> wanted = {{"t", {"a", "b"}}};
    std::istringstream dump("CREATE TABLE t(a,b);INSERT INTO t VALUES(" + values + ");");
    std::vector<std::vector<Value>> rows;
    const bool is_read = fuzz::accepts(base::ErrorCode::invalid_argument, [&] {
        importing::read_dump(dump, wanted, [&](std::size_t, const auto& row) { rows.push_back(row); });
    });
    if (!is_read || rows.size() != 1)
        return;
    const auto asked = ask_sqlite(values);
    if (asked.size() != 2)
        return;
    for (std::size_t i = 0; i < 2; ++i) {
        const auto& value = rows[0][i];
        fuzz::require(value.kind == Value::Kind::other ||
                          (value.kind == asked[i].kind && value.integer == asked[i].integer &&
                           value.text == asked[i].text),
                      "read as another value than SQLite's");
    }
}

void check(const TemporaryFolder& folder, const std::string& content)
{
    const auto path = folder.write("dump", content);
    importing::FirstService found;
    if (!fuzz::accepts(base::ErrorCode::invalid_argument,
                       [&] { found = importing::read_first_service(path, now); }))
        return;
    std::string last;
    for (const auto& account : found.accounts) {
        const auto granted = account.base_granted_seconds + account.bonus_granted_seconds;
        const auto wallet = account.wallet_text();
        fuzz::require(wallet > last, "wallets in no order");
        fuzz::require(account.base_granted_seconds >= 0 && account.bonus_granted_seconds >= 0 &&
                          granted > 0 && granted <= credits::max_balance_seconds,
                      "grants beyond the limits");
        fuzz::require(account.consumed_seconds >= 0 && account.consumed_seconds <= granted &&
                          account.consumed_seconds <= now,
                      "consumption beyond the limits");
        last = wallet;
    }
    fuzz::require(found.rows >= static_cast<std::int64_t>(found.accounts.size()), "more than there are");
}

} // namespace

FUZZ_TARGET(dump)
{
    static const TemporaryFolder folder;
    fuzz::Input input(bytes);
    const auto kind = input.byte() % 4;
    if (kind == 0)
        check(folder, std::string(input.rest()));
    else if (kind == 1)
        check(folder, fuzz::edited(known, input));
    else if (kind == 2)
        check(folder, known + std::string(input.rest()));
    else
        compare(std::string(input.rest()));
}
