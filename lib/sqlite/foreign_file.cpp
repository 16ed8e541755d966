#include "sqlite/foreign_file.h"

#include "base/error.h"
#include "sqlite/connection.h"

#include <array>
#include <filesystem>
#include <fstream>

namespace sqlite {

namespace {

using base::Error;
using base::ErrorCode;
using database::Value;
namespace fs = std::filesystem;

[[noreturn]] void refuse_table(const std::string& why)
{
    throw Error(ErrorCode::invalid_argument, "wrong_table", why);
}

// Its log or journal would have to be taken into account, and so written.
void require_closed(const std::string& path)
{
    for (const char* const suffix : {"-wal", "-journal"}) {
        std::error_code none;
        if (fs::exists(path + suffix, none) && fs::file_size(path + suffix, none) > 0)
            throw Error(ErrorCode::invalid_argument, "cannot_read",
                        path + suffix +
                            " is beside the file, so it is in use or was not closed: take a copy by "
                            "sqlite3's .backup");
    }
}

// False if there is nothing of that name.
bool check_table(Connection& db, const database::WantedTable& wanted)
{
    {
        auto row = db.prepare("SELECT type = 'table' AND rootpage > 0 AS is_real FROM sqlite_schema "
                              "WHERE lower(name) = :name AND type IN ('table', 'view')");
        if (!row.bind(":name", wanted.name).step())
            return false;
        if (!row.boolean("is_real"))
            refuse_table(wanted.name + " is no table of its own, but a view or virtual");
    }
    for (const auto& column : wanted.columns) {
        auto row = db.prepare("SELECT hidden FROM pragma_table_xinfo(:table) WHERE lower(name) = :column");
        if (!row.bind(":table", wanted.name).bind(":column", column).step())
            refuse_table(wanted.name + " has no column " + column);
        if (row.boolean("hidden"))
            refuse_table(wanted.name + " computes its column " + column);
    }
    return true;
}

// The names are ours, and no keywords.
void read_table(Connection& db, const database::WantedTable& wanted, std::size_t place,
                const database::RowHandler& on_row)
{
    std::string sql;
    for (std::size_t i = 0; i < wanted.columns.size(); ++i) {
        const auto& column = wanted.columns[i];
        const auto number = std::to_string(i);
        sql += (i == 0 ? "SELECT " : ", ") + std::string("CASE typeof(") + column +
               ") WHEN 'null' THEN 0 WHEN 'integer' THEN 1 WHEN 'text' THEN 2 ELSE 3 END AS kind" + number +
               ", CASE WHEN typeof(" + column + ") IN ('integer', 'real') THEN " + column + " ELSE substr(" +
               column + ", 1, " + std::to_string(database::longest_text) + ") END AS value" + number;
    }
    auto statement = db.prepare(sql + " FROM " + wanted.name + " NOT INDEXED");
    std::vector<Value> row(wanted.columns.size());
    while (statement.step()) {
        int column = 0;
        for (auto& value : row) {
            value.kind = static_cast<Value::Kind>(statement.integer(column++));
            const bool is_integer = value.kind == Value::Kind::integer;
            value.integer = is_integer ? statement.integer(column) : 0;
            value.text = is_integer ? std::string() : statement.text(column);
            ++column;
        }
        on_row(place, row);
    }
}

} // namespace

bool is_database_file(const std::string& path)
{
    constexpr std::string_view beginning("SQLite format 3\0", 16);
    std::array<char, beginning.size()> bytes = {};
    std::ifstream file(path, std::ios::binary);
    return file.read(bytes.data(), bytes.size()) && std::string_view(bytes.data(), bytes.size()) == beginning;
}

std::vector<bool> read_foreign_file(const std::string& path, const std::vector<database::WantedTable>& wanted,
                                    const database::RowHandler& on_row)
{
    require_closed(path);
    std::vector<bool> are_there;
    try {
        Options options;
        options.read_only = true;
        Connection db(path, options);
        for (const auto& table : wanted) {
            are_there.push_back(check_table(db, table));
            if (are_there.back())
                read_table(db, table, are_there.size() - 1, on_row);
        }
    } catch (const Error& error) {
        if (error.code() == ErrorCode::invalid_argument)
            throw;
        throw Error(ErrorCode::invalid_argument, "cannot_read", path + ": " + error.what());
    }
    return are_there;
}

} // namespace sqlite
