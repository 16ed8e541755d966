// A prepared statement in use.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace database {

// What a driver does for a Statement. It says what it throws: see Connection.
class Cursor
{
  public:
    virtual ~Cursor() = default;

    virtual void bind_integer(const char* parameter, std::int64_t value) = 0;
    virtual void bind_text(const char* parameter, std::string_view value) = 0;
    virtual void bind_null(const char* parameter) = 0;

    virtual bool step() = 0;
    virtual void run() = 0;
    virtual std::int64_t rows_changed() const = 0; // by the last run

    virtual int column(std::string_view name) const = 0; // in the result; an unknown one is a bug
    virtual bool is_null(int column) const = 0;
    virtual std::int64_t integer(int column) const = 0;
    virtual std::string text(int column) const = 0;

    // The Statement is over. What is left of its result is forgotten.
    virtual void release() noexcept = 0;
};

// Its Connection takes it back at the end of the scope, so it must not outlive that.
class Statement
{
  public:
    explicit Statement(Cursor& cursor) : cursor_(&cursor) {}
    ~Statement();
    Statement(Statement&& other) noexcept;
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;
    Statement& operator=(Statement&&) = delete;

    // `parameter` is ":name". An unknown name is a bug (Error(internal)).
    Statement& bind(const char* parameter, std::int64_t value);
    Statement& bind(const char* parameter, std::string_view value);
    Statement& bind(const char* parameter, const std::string& value)
    {
        return bind(parameter, std::string_view(value));
    }
    Statement& bind(const char* parameter, std::optional<std::int64_t> value);
    Statement& bind(const char* parameter, const std::optional<std::string>& value);
    Statement& bind(const char* parameter, const char*) = delete; // would bind as bool or integer by accident

    bool step(); // true while there is a row
    // To the end. It may be sent with the next statement or with the commit only, which throws then what is
    // wrong with it.
    void run();
    std::int64_t run_and_count(); // how many rows it inserted, updated or deleted

    // Of the row, by the name of a column.
    std::int64_t integer(std::string_view name) const { return integer(cursor_->column(name)); }
    bool boolean(std::string_view name) const { return integer(name) != 0; }
    std::optional<std::int64_t> optional_integer(std::string_view name) const;
    std::string text(std::string_view name) const { return text(cursor_->column(name)); } // NULL is empty
    std::optional<std::string> optional_text(std::string_view name) const;
    bool is_null(std::string_view name) const { return cursor_->is_null(cursor_->column(name)); }
    // By its place, for a result of one column.
    std::int64_t integer(int column) const { return cursor_->integer(column); }
    std::optional<std::int64_t> optional_integer(int column) const;
    std::string text(int column) const { return cursor_->text(column); }

  private:
    Cursor* cursor_; // null: moved from
};

} // namespace database
