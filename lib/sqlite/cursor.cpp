#include "sqlite/cursor.h"

#include "base/error.h"
#include "sqlite/connection.h"

#include <cassert>
#include <memory>
#include <sqlite3.h>

namespace sqlite {

namespace {

using base::Error;
using base::ErrorCode;

// SQLite counts some PRAGMAs that only ask as writes.
bool is_reading(sqlite3_stmt* handle)
{
    const std::string_view sql = sqlite3_sql(handle);
    return sqlite3_stmt_readonly(handle) != 0 || (sqlite3_strnicmp(sql.data(), "PRAGMA", 6) == 0 &&
                                                  sql.find_first_of("=(") == std::string_view::npos);
}

} // namespace

Cursor::~Cursor()
{
    sqlite3_finalize(handle_);
}

void Cursor::use(bool is_kept)
{
    is_in_use_ = true;
    is_kept_ = is_kept;
}

void Cursor::release() noexcept
{
    if (!is_kept_) {
        const std::unique_ptr<Cursor> gone(this);
        return;
    }
    sqlite3_reset(handle_);
    sqlite3_clear_bindings(handle_);
    is_in_use_ = false;
}

int Cursor::index_of(const char* parameter) const
{
    const int index = sqlite3_bind_parameter_index(handle_, parameter);
    if (index == 0)
        throw Error(ErrorCode::internal, "internal_error", std::string("no parameter ") + parameter);
    return index;
}

void Cursor::check(int code) const
{
    if (code != SQLITE_OK)
        connection_.fail(code, sqlite3_sql(handle_));
}

void Cursor::bind_integer(const char* parameter, std::int64_t value)
{
    check(sqlite3_bind_int64(handle_, index_of(parameter), value));
}

void Cursor::bind_text(const char* parameter, std::string_view value)
{
    check(sqlite3_bind_text64(handle_, index_of(parameter), value.data(), value.size(), SQLITE_TRANSIENT,
                              SQLITE_UTF8));
}

void Cursor::bind_null(const char* parameter)
{
    check(sqlite3_bind_null(handle_, index_of(parameter)));
}

bool Cursor::step()
{
    // A write outside a Transaction would be one that a checkpoint could meet.
    assert(connection_.writing_ || is_reading(handle_));
    const int code = sqlite3_step(handle_);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        connection_.fail(code, sqlite3_sql(handle_));
    // SQLite compiles it anew when the schema has changed.
    if (sqlite3_stmt_status(handle_, SQLITE_STMTSTATUS_REPREPARE, 1) > 0)
        connection_.is_schema_changed_ = true;
    if (connection_.is_schema_changed_)
        connection_.check_schema_version();
    return code == SQLITE_ROW;
}

void Cursor::run()
{
    while (step()) {
    }
}

std::int64_t Cursor::rows_changed() const
{
    return sqlite3_changes64(sqlite3_db_handle(handle_));
}

bool Cursor::run_to_end() noexcept
{
    const bool is_done = sqlite3_step(handle_) == SQLITE_DONE;
    sqlite3_reset(handle_);
    return is_done;
}

int Cursor::column(std::string_view name) const
{
    const int count = sqlite3_column_count(handle_);
    for (int i = 0; i < count; ++i) {
        const int column = (next_column_ + i) % count;
        const char* const its_name = sqlite3_column_name(handle_, column);
        if (its_name == nullptr)
            check(SQLITE_NOMEM);
        if (name == its_name) {
            next_column_ = column + 1;
            return column;
        }
    }
    throw Error(ErrorCode::internal, "internal_error",
                "no column " + std::string(name) + " in " + sqlite3_sql(handle_));
}

bool Cursor::is_null(int column) const
{
    return sqlite3_column_type(handle_, column) == SQLITE_NULL;
}

std::int64_t Cursor::integer(int column) const
{
    return sqlite3_column_int64(handle_, column);
}

std::string Cursor::text(int column) const
{
    const bool is_none = is_null(column);
    const auto* bytes = sqlite3_column_text(handle_, column);
    if (bytes == nullptr && !is_none)
        check(SQLITE_NOMEM);
    const auto count = static_cast<std::size_t>(sqlite3_column_bytes(handle_, column));
    return bytes == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(bytes), count);
}

} // namespace sqlite
