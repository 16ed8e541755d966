// A statement of PostgreSQL, behind the seam.
#pragma once

#include "database/statement.h"
#include "postgresql/libpq.h"
#include "postgresql/parameters.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postgresql {

class Connection;

using Result = std::shared_ptr<PGresult>;

// What is to be carried out. It has a life of its own, since the Statement may be over before it is sent.
struct Order
{
    std::string sql;
    std::vector<Oid> types;
    std::vector<std::optional<std::string>> values;
    Result result = nullptr; // once it was received
};

class Cursor : public database::Cursor
{
  public:
    Cursor(Connection& connection, std::string_view sql);
    Cursor(const Cursor&) = delete;
    Cursor& operator=(const Cursor&) = delete;
    ~Cursor() override = default;

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

  private:
    void bind(const char* parameter, Oid type, std::optional<std::string> value);
    void send();

    Connection& connection_;
    NumberedSql sql_;
    std::vector<Oid> types_;
    std::vector<std::optional<std::string>> values_;
    std::shared_ptr<Order> order_; // of the last run; null before the first
    bool is_done_ = true;          // the next step begins a run
    int row_ = -1;
    bool is_in_use_ = false;
    bool is_kept_ = true;
    mutable int next_column_ = 0; // rows are mostly read from the first column to the last
};

} // namespace postgresql
