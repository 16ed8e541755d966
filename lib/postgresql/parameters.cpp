#include "postgresql/parameters.h"

#include <algorithm>

namespace postgresql {

namespace {

bool is_of_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

std::size_t end_of_name(std::string_view sql, std::size_t at)
{
    while (at < sql.size() && is_of_name(sql[at]))
        ++at;
    return at;
}

} // namespace

NumberedSql number_parameters(std::string_view sql)
{
    NumberedSql numbered;
    for (std::size_t at = 0; at < sql.size();) {
        auto end = at + 1;
        if (sql[at] == '\'' || sql[at] == '"') {
            end = std::min(sql.find(sql[at], end), sql.size() - 1) + 1;
        } else if (sql.substr(at, 2) == "::") {
            end = at + 2;
        } else if (sql[at] == ':' && end_of_name(sql, end) > end) {
            end = end_of_name(sql, end);
            const auto name = sql.substr(at, end - at);
            auto& names = numbered.names;
            const auto known = std::find(names.begin(), names.end(), name);
            numbered.text += "$" + std::to_string(known - names.begin() + 1);
            if (known == names.end())
                names.emplace_back(name);
            at = end;
            continue;
        }
        numbered.text += sql.substr(at, end - at);
        at = end;
    }
    return numbered;
}

} // namespace postgresql
