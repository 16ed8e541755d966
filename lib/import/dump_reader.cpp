#include "import/dump_reader.h"

#include "base/error.h"
#include "import/sql_tokens.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

namespace importing {

namespace {

using base::Error;
using base::ErrorCode;
using database::Value;
using Kind = Token::Kind;

// Of the functions that are known.
constexpr std::size_t most_arguments = 3;

// A value's functions are at most so deep in each other; a dump's are two.
constexpr int deepest = 8;

std::string lowercase(std::string text)
{
    for (auto& c : text)
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return text;
}

// As SQLite's replace().
std::string replaced(const std::string& text, const std::string& pattern, const std::string& other)
{
    if (pattern.empty())
        return text;
    std::string result;
    std::size_t at = 0;
    for (auto found = text.find(pattern); found != std::string::npos; found = text.find(pattern, at)) {
        result += text.substr(at, found - at) + other;
        at = found + pattern.size();
    }
    return result + text.substr(at);
}

class DumpReader
{
  public:
    DumpReader(std::istream& dump, const std::vector<database::WantedTable>& wanted,
               const database::RowHandler& on_row)
        : tokens_(dump), wanted_(wanted), on_row_(on_row), tables_(wanted.size())
    {
    }

    std::vector<bool> read()
    {
        next();
        if (token_.text.starts_with("\xef\xbb\xbf")) { // a mark of UTF-8
            token_.text.erase(0, 3);
            if (token_.text.empty())
                next();
        }
        for (; token_.kind != Kind::end; next()) {
            if (!token_.is_symbol(';'))
                read_statement();
        }
        if (is_in_transaction_)
            refuse("incomplete_dump", "the dump ends before its COMMIT, so a part of it is missing");
        std::vector<bool> are_there;
        for (const auto& table : tables_)
            are_there.push_back(table.has_value());
        return are_there;
    }

  private:
    using Columns = std::vector<std::string>;

    void next() { tokens_.next(token_); }

    [[noreturn]] static void refuse(const char* name, const std::string& why)
    {
        throw Error(ErrorCode::invalid_argument, name, why);
    }

    // Says where, and not what, since somebody may name any file.
    [[noreturn]] void refuse_statement()
    {
        if (token_.kind == Kind::word) // which may have been cut
            next();
        expect_more();
        refuse("not_a_dump", "before byte " + std::to_string(tokens_.position()) +
                                 " there is something that no dump of SQLite has");
    }

    void expect_more() const
    {
        if (token_.kind == Kind::end)
            refuse("incomplete_dump", "the dump ends within a statement, so a part of it is missing");
    }

    // All of these leave token_ at the `;` that ends the statement, and refuse what has none.
    void read_statement()
    {
        if (take("CREATE")) {
            read_creation();
        } else if (take("INSERT")) {
            read_insertion();
        } else if (take("BEGIN")) {
            is_in_transaction_ = true;
            skip_statement();
        } else if (take("COMMIT")) {
            is_in_transaction_ = false;
            skip_statement();
        } else if (take("ROLLBACK")) {
            refuse("incomplete_dump", "the dump says of itself, by ROLLBACK, that it is not whole");
        } else if (take("PRAGMA") || take("ANALYZE") ||
                   (take("DELETE") && take("FROM") && lowercase(token_.text) == "sqlite_sequence")) {
            skip_statement();
        } else {
            refuse_statement();
        }
    }

    bool take(const char* keyword)
    {
        if (!token_.is_word(keyword))
            return false;
        next();
        return true;
    }

    void take_symbol(char symbol)
    {
        if (!token_.is_symbol(symbol))
            refuse_statement();
        next();
    }

    // In lowercase.
    std::string take_name()
    {
        if (token_.kind != Kind::word && token_.kind != Kind::name && token_.kind != Kind::text)
            refuse_statement();
        auto name = lowercase(token_.text);
        next();
        return name;
    }

    // Its place among the wanted tables, or their number.
    std::size_t find(const std::string& table) const
    {
        const auto found = std::find_if(wanted_.begin(), wanted_.end(),
                                        [&](const auto& wanted) { return wanted.name == table; });
        return static_cast<std::size_t>(found - wanted_.begin());
    }

    void skip_statement()
    {
        for (; !token_.is_symbol(';'); next())
            expect_more();
    }

    // There are statements in it.
    void skip_trigger()
    {
        for (int seen = 0;; next()) {
            expect_more();
            if (token_.is_symbol(';'))
                seen = seen == 2 ? 3 : 1;
            else
                seen = seen == 1 && token_.is_word("END") ? 2 : 0;
            if (seen == 3)
                return;
        }
    }

    void read_creation()
    {
        if (take("TRIGGER"))
            return skip_trigger();
        const bool is_table = take("TABLE");
        const bool is_other = !is_table && (take("VIEW") || (take("VIRTUAL") && take("TABLE")));
        if (!is_table && !is_other) {
            if (!token_.is_word("INDEX") && !token_.is_word("UNIQUE"))
                refuse_statement();
            return skip_statement();
        }
        if (take("IF") && !(take("NOT") && take("EXISTS")))
            refuse_statement();
        const auto name = take_name();
        const auto place = find(name);
        if (place == wanted_.size())
            return skip_statement();
        if (is_other)
            refuse("wrong_table", name + " is no table of its own, but a view or virtual");
        if (tables_[place])
            refuse("wrong_table", name + " is defined twice; are there two dumps in this file?");
        tables_[place] = read_columns();
        for (const auto& column : wanted_[place].columns) {
            if (std::count(tables_[place]->begin(), tables_[place]->end(), column) != 1)
                refuse("wrong_table", name + " has no column " + column);
        }
        skip_statement();
    }

    // Of a table's definition, behind its name.
    Columns read_columns()
    {
        take_symbol('(');
        Columns columns;
        for (bool is_last = false; !is_last;) {
            const bool is_constraint = token_.is_word("CONSTRAINT") || token_.is_word("PRIMARY") ||
                                       token_.is_word("UNIQUE") || token_.is_word("CHECK") ||
                                       token_.is_word("FOREIGN");
            if (!is_constraint)
                columns.push_back(take_name());
            if (columns.size() > most_columns)
                refuse_statement();
            skip_to_end_of_item();
            is_last = token_.is_symbol(')');
            next();
            expect_more();
        }
        return columns;
    }

    // To the comma or parenthesis that ends one of several things between parentheses.
    void skip_to_end_of_item()
    {
        for (std::int64_t depth = 0;; next()) {
            expect_more();
            if (token_.is_symbol(';'))
                refuse_statement();
            if (depth == 0 && (token_.is_symbol(',') || token_.is_symbol(')')))
                return;
            depth += token_.is_symbol('(') ? 1 : token_.is_symbol(')') ? -1 : 0;
        }
    }

    void read_insertion()
    {
        if (!take("INTO"))
            refuse_statement();
        const auto name = take_name();
        const auto place = find(name);
        if (place == wanted_.size())
            return skip_statement();
        if (!tables_[place])
            refuse("wrong_table", "there is a row of " + name + " before its CREATE TABLE");
        const auto columns = token_.is_symbol('(') ? read_columns() : *tables_[place];
        // Where each wanted value stands.
        std::vector<std::size_t> places;
        for (const auto& column : wanted_[place].columns)
            places.push_back(static_cast<std::size_t>(std::find(columns.begin(), columns.end(), column) -
                                                      columns.begin()));
        if (!take("VALUES"))
            refuse_statement();
        for (;;) {
            read_row(name, columns.size());
            std::vector<Value> row;
            for (const auto at : places)
                row.push_back(at < columns.size() ? values_[at] : Value());
            on_row_(place, row);
            next();
            if (token_.is_symbol(';'))
                return;
            take_symbol(',');
        }
    }

    // Into values_, up to the parenthesis that ends it.
    void read_row(const std::string& table, std::size_t width)
    {
        take_symbol('(');
        values_.clear();
        for (std::size_t at = 0;; ++at) {
            auto value = read_value(0);
            if (!token_.is_symbol(',') && !token_.is_symbol(')')) { // it goes on, and we do not know how
                value.kind = Value::Kind::other;
                skip_to_end_of_item();
            }
            if (at < width)
                values_.push_back(std::move(value));
            if (token_.is_symbol(')')) {
                if (at + 1 != width)
                    refuse("wrong_table", "a row of " + table + " has " + std::to_string(at + 1) +
                                              " values in the place of " + std::to_string(width));
                return;
            }
            next();
        }
    }

    // Leaves token_ at what comes behind it.
    Value read_value(int depth)
    {
        Value value;
        value.kind = Value::Kind::other;
        value.text = token_.text;
        if (token_.kind == Kind::text) {
            value.kind = Value::Kind::text;
            next();
        } else if (token_.kind == Kind::blob) {
            next();
        } else if (token_.is_word("NULL")) {
            value = Value();
            next();
        } else if (token_.kind == Kind::word || token_.is_symbol('-')) {
            const auto is_negative = token_.is_symbol('-');
            if (is_negative) {
                next();
                value.text += token_.text;
            }
            const auto function = lowercase(token_.text);
            const auto is_word = token_.kind == Kind::word;
            const auto is_number = is_word && read_integer(value);
            if (is_word)
                next();
            if (is_word && !is_number && !is_negative && token_.is_symbol('(') && depth < deepest)
                value = read_call(function, depth);
        }
        return value;
    }

    static bool read_integer(Value& value)
    {
        const auto* const end = value.text.data() + value.text.size();
        const auto read = std::from_chars(value.text.data(), end, value.integer);
        if (read.ec != std::errc() || read.ptr != end)
            return false;
        value.kind = Value::Kind::integer;
        value.text.clear();
        return true;
    }

    // What sqlite3's .dump and wrangler make of line breaks: replace('a\nb','\n',char(10)).
    Value read_call(const std::string& function, int depth)
    {
        std::vector<Value> arguments;
        do {
            next();
            arguments.push_back(read_value(depth + 1));
        } while (token_.is_symbol(',') && arguments.size() <= most_arguments);
        for (skip_to_end_of_item(); token_.is_symbol(','); skip_to_end_of_item())
            next();
        next();
        auto value = arguments.front();
        const auto are_all = [&](Value::Kind kind) {
            return std::all_of(arguments.begin(), arguments.end(),
                               [&](const Value& argument) { return argument.kind == kind; });
        };
        const bool is_cut = std::any_of(arguments.begin(), arguments.end(), [](const Value& argument) {
            return argument.text.size() >= database::longest_text;
        });
        if (function == "replace" && arguments.size() == 3 && are_all(Value::Kind::text) && !is_cut) {
            value.text = replaced(value.text, arguments[1].text, arguments[2].text);
            if (value.text.size() > database::longest_text) {
                value.kind = Value::Kind::other;
                value.text.resize(database::longest_text);
            }
        } else if (function == "char" && arguments.size() == 1 && are_all(Value::Kind::integer) &&
                   value.integer > 0 && value.integer < 0x80) {
            value.kind = Value::Kind::text;
            value.text = static_cast<char>(value.integer);
        } else {
            value.kind = Value::Kind::other;
        }
        return value;
    }

    static constexpr std::size_t most_columns = 2000; // as SQLite's

    SqlTokens tokens_;
    const std::vector<database::WantedTable>& wanted_;
    const database::RowHandler& on_row_;
    Token token_;
    std::vector<std::optional<Columns>> tables_; // those of the wanted that were defined
    std::vector<Value> values_;
    bool is_in_transaction_ = false;
};

} // namespace

std::vector<bool> read_dump(std::istream& dump, const std::vector<database::WantedTable>& wanted,
                            const database::RowHandler& on_row)
{
    return DumpReader(dump, wanted, on_row).read();
}

} // namespace importing
