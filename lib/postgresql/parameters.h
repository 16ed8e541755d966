// The parameters of a statement: ":name" in the one text of SQL, $1 for PostgreSQL.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postgresql {

struct NumberedSql
{
    std::string text;
    std::vector<std::string> names; // ":name" of $1, of $2 ...
};

// A name that stands there twice is one parameter. What stands between quotes is text, and "::" no parameter.
NumberedSql number_parameters(std::string_view sql);

} // namespace postgresql
