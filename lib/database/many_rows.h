// Many rows by few statements: each one costs, and more so if a server is far away.
#pragma once

#include "database/connection.h"

#include <string>
#include <string_view>

namespace database {

// One text of SQL for a single row and one for several.
class ManyRows
{
  public:
    // The statement is `before`, then `row` once for each row, with commas, then `after`. In `row` a # stands
    // for the number of the row: ":wallet#" is the parameter ":wallet0" of the first one.
    ManyRows(std::string_view before, std::string_view row, std::string_view after = {})
        : one_(text(before, row, after, 1)), several_(text(before, row, after, at_once))
    {
    }

    // `bind` is called with the statement, the row's number in it as text, and the item.
    template <class Items, class Bind>
    void run(Connection& db, const Items& items, Bind&& bind) const
    {
        for (std::size_t next = 0; next < items.size();) {
            const auto count = items.size() - next >= at_once ? at_once : 1;
            auto statement = db.prepare(count == 1 ? one_ : several_);
            for (std::size_t i = 0; i < count; ++i)
                bind(statement, std::to_string(i), items[next++]);
            statement.run();
        }
    }

  private:
    static constexpr std::size_t at_once = 8;

    static std::string text(std::string_view before, std::string_view row, std::string_view after,
                            std::size_t count)
    {
        std::string sql(before);
        for (std::size_t i = 0; i < count; ++i) {
            sql += i == 0 ? "" : ", ";
            for (const char c : row)
                sql += c == '#' ? std::to_string(i) : std::string(1, c);
        }
        return sql.append(after);
    }

    std::string one_;
    std::string several_;
};

} // namespace database
