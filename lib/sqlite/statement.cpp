#include "sqlite/database.h"

#include "base/error.h"

#include <cassert>
#include <sqlite3.h>
#include <utility>

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

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_), handle_(std::exchange(other.handle_, nullptr)), in_use_(other.in_use_)
{
}

Statement::~Statement()
{
    if (handle_ == nullptr)
        return;
    if (in_use_ != nullptr) {
        sqlite3_reset(handle_);
        sqlite3_clear_bindings(handle_);
        *in_use_ = false;
    } else {
        sqlite3_finalize(handle_);
    }
}

int Statement::index_of(const char* parameter)
{
    const int index = sqlite3_bind_parameter_index(handle_, parameter);
    if (index == 0)
        throw Error(ErrorCode::internal, "internal_error", std::string("no parameter ") + parameter);
    return index;
}

void Statement::check(int code) const
{
    if (code != SQLITE_OK)
        database_.fail(code, sqlite3_sql(handle_));
}

Statement& Statement::bind(const char* parameter, std::int64_t value)
{
    check(sqlite3_bind_int64(handle_, index_of(parameter), value));
    return *this;
}

Statement& Statement::bind(const char* parameter, std::string_view value)
{
    check(sqlite3_bind_text64(handle_, index_of(parameter), value.data(), value.size(), SQLITE_TRANSIENT,
                              SQLITE_UTF8));
    return *this;
}

Statement& Statement::bind(const char* parameter, std::optional<std::int64_t> value)
{
    if (value)
        return bind(parameter, *value);
    check(sqlite3_bind_null(handle_, index_of(parameter)));
    return *this;
}

bool Statement::step()
{
    // A write outside a Transaction would be one that a checkpoint could meet.
    assert(database_.writing_ || is_reading(handle_));
    switch (const int code = sqlite3_step(handle_)) {
    case SQLITE_ROW:
        return true;
    case SQLITE_DONE:
        return false;
    default:
        database_.fail(code, sqlite3_sql(handle_));
    }
}

void Statement::run()
{
    while (step()) {
    }
}

std::int64_t Statement::integer(int column) const
{
    return sqlite3_column_int64(handle_, column);
}

std::optional<std::int64_t> Statement::optional_integer(int column) const
{
    if (sqlite3_column_type(handle_, column) == SQLITE_NULL)
        return std::nullopt;
    return integer(column);
}

std::string Statement::text(int column) const
{
    const bool is_null = sqlite3_column_type(handle_, column) == SQLITE_NULL;
    const auto* bytes = sqlite3_column_text(handle_, column);
    if (bytes == nullptr && !is_null)
        check(SQLITE_NOMEM);
    const auto count = static_cast<std::size_t>(sqlite3_column_bytes(handle_, column));
    return bytes == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(bytes), count);
}

} // namespace sqlite
