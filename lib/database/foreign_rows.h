// Rows of a database that is not ours, as whoever reads one hands them on: from its file or from a dump.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace database {

struct Value
{
    enum class Kind
    {
        null,
        integer,
        text,
        other // a real number, a blob, or nothing that can be read
    };

    Kind kind = Kind::null;
    std::int64_t integer = 0;
    std::string text; // at most longest_text bytes of it

    bool operator==(const Value&) const = default;
};

constexpr std::size_t longest_text = 256;

// Names in lowercase; those of a database that is not ours may be in either case.
struct WantedTable
{
    std::string name;
    std::vector<std::string> columns;
};

// Is called with the place of a wanted table, and a value for each of its wanted columns, in their order.
using RowHandler = std::function<void(std::size_t table, const std::vector<Value>& row)>;

} // namespace database
