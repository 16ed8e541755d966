#include "postgresql/cursor.h"

#include "base/error.h"
#include "postgresql/connection.h"
#include "postgresql/text.h"

#include <algorithm>
#include <cstdlib>

namespace postgresql {

namespace {

using base::Error;
using base::ErrorCode;

// Of pg_type; they never change.
constexpr Oid int8 = 20;
constexpr Oid text_type = 25;
constexpr Oid unknown = 0;

} // namespace

Cursor::Cursor(Connection& connection, std::string_view sql)
    : connection_(connection), sql_(number_parameters(sql)), types_(sql_.names.size(), unknown),
      values_(sql_.names.size())
{
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
    order_ = nullptr;
    is_done_ = true;
    std::fill(types_.begin(), types_.end(), unknown);
    std::fill(values_.begin(), values_.end(), std::nullopt);
    is_in_use_ = false;
}

void Cursor::bind(const char* parameter, Oid type, std::optional<std::string> value)
{
    const auto found = std::find(sql_.names.begin(), sql_.names.end(), parameter);
    if (found == sql_.names.end())
        throw Error(ErrorCode::internal, "internal_error", std::string("no parameter ") + parameter);
    const auto at = static_cast<std::size_t>(found - sql_.names.begin());
    types_[at] = type;
    values_[at] = std::move(value);
}

void Cursor::bind_integer(const char* parameter, std::int64_t value)
{
    bind(parameter, int8, std::to_string(value));
}

void Cursor::bind_text(const char* parameter, std::string_view value)
{
    bind(parameter, text_type, storable(value));
}

void Cursor::bind_null(const char* parameter)
{
    bind(parameter, unknown, std::nullopt);
}

void Cursor::send()
{
    order_ = std::make_shared<Order>(Order{sql_.text, types_, values_});
    row_ = -1;
    is_done_ = false;
    connection_.send(order_);
}

bool Cursor::step()
{
    if (is_done_)
        send();
    if (!order_->result)
        connection_.receive();
    is_done_ = ++row_ >= libpq().row_count(order_->result.get());
    return !is_done_;
}

void Cursor::run()
{
    if (is_done_)
        send();
    is_done_ = true; // what is left to be read is of no use
}

std::int64_t Cursor::rows_changed() const
{
    if (!order_)
        return 0;
    if (!order_->result)
        connection_.receive();
    return std::strtoll(libpq().changed_rows(order_->result.get()), nullptr, 10);
}

int Cursor::column(std::string_view name) const
{
    const int count = libpq().column_count(order_->result.get());
    for (int i = 0; i < count; ++i) {
        const int column = (next_column_ + i) % count;
        if (name == libpq().column_name(order_->result.get(), column)) {
            next_column_ = column + 1;
            return column;
        }
    }
    throw Error(ErrorCode::internal, "internal_error", "no column " + std::string(name) + " in " + sql_.text);
}

bool Cursor::is_null(int column) const
{
    return libpq().is_null(order_->result.get(), row_, column) != 0;
}

std::int64_t Cursor::integer(int column) const
{
    const char* const value = libpq().value(order_->result.get(), row_, column);
    return value[0] == 't' ? 1 : std::strtoll(value, nullptr, 10); // "f" is 0, and so is NULL, as in SQLite
}

std::string Cursor::text(int column) const
{
    const auto count = libpq().length(order_->result.get(), row_, column);
    return {libpq().value(order_->result.get(), row_, column), static_cast<std::size_t>(count)};
}

} // namespace postgresql
