// A prepared statement of SQLite, behind the seam.
#pragma once

#include "database/statement.h"

struct sqlite3_stmt;

namespace sqlite {

class Connection;

class Cursor : public database::Cursor
{
  public:
    Cursor(Connection& connection, sqlite3_stmt* handle) : connection_(connection), handle_(handle) {}
    ~Cursor() override;
    Cursor(const Cursor&) = delete;
    Cursor& operator=(const Cursor&) = delete;

    void bind_integer(const char* parameter, std::int64_t value) override;
    void bind_text(const char* parameter, std::string_view value) override;
    void bind_null(const char* parameter) override;

    bool step() override;
    void run() override;
    std::int64_t rows_changed() const override;

    int column(std::string_view name) const override;
    bool is_null(int column) const override;
    std::int64_t integer(int column) const override;
    std::string text(int column) const override;

    void release() noexcept override;

    bool is_in_use() const { return is_in_use_; }
    // `is_kept`: stays with the connection when it is released; else it is gone then.
    void use(bool is_kept);
    bool run_to_end() noexcept; // for those who can take no error

  private:
    int index_of(const char* parameter) const;
    void check(int code) const;

    Connection& connection_;
    sqlite3_stmt* handle_;
    bool is_in_use_ = false;
    bool is_kept_ = true;
    mutable int next_column_ = 0; // rows are mostly read from the first column to the last
};

} // namespace sqlite
