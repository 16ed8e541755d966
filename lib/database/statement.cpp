#include "database/statement.h"

#include <utility>

namespace database {

Statement::Statement(Statement&& other) noexcept : cursor_(std::exchange(other.cursor_, nullptr)) {}

Statement::~Statement()
{
    if (cursor_ != nullptr)
        cursor_->release();
}

Statement& Statement::bind(const char* parameter, std::int64_t value)
{
    cursor_->bind_integer(parameter, value);
    return *this;
}

Statement& Statement::bind(const char* parameter, std::string_view value)
{
    cursor_->bind_text(parameter, value);
    return *this;
}

Statement& Statement::bind(const char* parameter, std::optional<std::int64_t> value)
{
    if (value)
        return bind(parameter, *value);
    cursor_->bind_null(parameter);
    return *this;
}

Statement& Statement::bind(const char* parameter, const std::optional<std::string>& value)
{
    if (value)
        return bind(parameter, std::string_view(*value));
    cursor_->bind_null(parameter);
    return *this;
}

bool Statement::step()
{
    return cursor_->step();
}

void Statement::run()
{
    cursor_->run();
}

std::int64_t Statement::run_and_count()
{
    run();
    return cursor_->rows_changed();
}

std::optional<std::int64_t> Statement::optional_integer(std::string_view name) const
{
    return optional_integer(cursor_->column(name));
}

std::optional<std::int64_t> Statement::optional_integer(int column) const
{
    if (cursor_->is_null(column))
        return std::nullopt;
    return cursor_->integer(column);
}

std::optional<std::string> Statement::optional_text(std::string_view name) const
{
    const int column = cursor_->column(name);
    if (cursor_->is_null(column))
        return std::nullopt;
    return cursor_->text(column);
}

} // namespace database
