// What a dump may look like, and what is none.
#include "import/dump_reader.h"

#include "base/error.h"

#include <boost/test/unit_test.hpp>
#include <sstream>

namespace {

using database::Value;

const std::vector<database::WantedTable> wanted = {{"people", {"name", "age"}}, {"pets", {"name"}}};

struct Read
{
    std::vector<bool> are_there;
    std::vector<std::string> rows; // "people: text Ann, integer 7"
};

std::string shown(const Value& value)
{
    switch (value.kind) {
    case Value::Kind::null:
        return "null";
    case Value::Kind::integer:
        return std::to_string(value.integer);
    case Value::Kind::text:
        return "'" + value.text + "'";
    case Value::Kind::other:
        break;
    }
    return "?" + value.text;
}

Read read(const std::string& text)
{
    std::istringstream dump(text);
    Read result;
    result.are_there =
        importing::read_dump(dump, wanted, [&](std::size_t table, const std::vector<Value>& row) {
            auto line = wanted[table].name + ":";
            for (const auto& value : row)
                line += " " + shown(value);
            result.rows.push_back(line);
        });
    return result;
}

std::vector<std::string> rows(const std::string& values)
{
    return read("CREATE TABLE people (name TEXT, age INTEGER);INSERT INTO people VALUES" + values + ";").rows;
}

void check_refused(const std::string& text, const std::string& name)
{
    BOOST_CHECK_EXCEPTION(read(text), base::Error, [&](const base::Error& error) {
        BOOST_TEST(error.name() == name, text << ": " << error.what());
        return error.code() == base::ErrorCode::invalid_argument;
    });
}

const std::string table = "CREATE TABLE people (name TEXT, age INTEGER);";

} // namespace

BOOST_AUTO_TEST_SUITE(dump_reader_tests)

BOOST_AUTO_TEST_CASE(both_programs_dumps_are_read)
{
    const auto wrangler = read(
        "PRAGMA defer_foreign_keys=TRUE;\n"
        "CREATE TABLE IF NOT EXISTS \"people\" (\n  name TEXT PRIMARY KEY, -- a ) comment;\n  age INTEGER "
        "NOT NULL DEFAULT (1 + (2)),\n  CHECK (age > 0));\n"
        "INSERT INTO \"people\" VALUES('Ann',7);\n"
        "INSERT INTO \"people\" (\"age\",\"name\") VALUES(8,'O''Neill');\n"
        "CREATE TABLE d1_migrations(id INTEGER, name TEXT);\n"
        "INSERT INTO \"d1_migrations\" VALUES(1,'0001; INSERT INTO people VALUES(1,2)');\n"
        "DELETE FROM sqlite_sequence;\nINSERT INTO \"sqlite_sequence\" VALUES('d1_migrations',1);\n"
        "CREATE UNIQUE INDEX i ON people (age);\nCREATE VIEW old AS SELECT * FROM people;\n");
    BOOST_TEST(wrangler.rows == (std::vector<std::string>{"people: 'Ann' 7", "people: 'O'Neill' 8"}),
               boost::test_tools::per_element());
    BOOST_TEST((wrangler.are_there == std::vector<bool>{true, false}));

    const auto shell = read("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
                            "CREATE TABLE pets([Name] TEXT, x BLOB);\n"
                            "INSERT INTO pets VALUES(replace('a\\nb','\\n',char(10)),X'00ff');\n"
                            "CREATE TRIGGER t AFTER INSERT ON pets BEGIN INSERT INTO people VALUES(1,2); "
                            "SELECT CASE 1 WHEN 1 THEN 2 END; END;\n"
                            "/* people: ' */ insert into \"PETS\" values ('c',NULL),('d',x'');\nCOMMIT;\n");
    BOOST_TEST(shell.rows == (std::vector<std::string>{"pets: 'a\nb'", "pets: 'c'", "pets: 'd'"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(columns_are_read_by_their_names)
{
    const auto other =
        read("CREATE TABLE people (x, AGE INT CHECK (age IN (1,2)), y, `name` TEXT, "
             "CONSTRAINT c UNIQUE (x, y), PRIMARY KEY (name), FOREIGN KEY (x) REFERENCES z (q));"
             "INSERT INTO people VALUES(1,2,3,'Ann');INSERT INTO people(name) VALUES('Bo');");
    BOOST_TEST(other.rows == (std::vector<std::string>{"people: 'Ann' 2", "people: 'Bo' null"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(values_are_what_sqlite_would_make_of_them)
{
    for (const auto& [written, read_as] : std::vector<std::pair<std::string, std::string>>{
             {"0", "0"},
             {"-1", "-1"},
             {"- 1", "-1"},
             {"9223372036854775807", "9223372036854775807"},
             {"-9223372036854775808", "-9223372036854775808"},
             {"9223372036854775808", "?9223372036854775808"}, // a real number there, too
             {"1.5", "?1.5"},
             {"1e3", "?1e3"},
             {"9.0e+999", "?9.0e+999"},
             {"-1e-3", "?-1e-3"},
             {"0x10", "?0x10"},
             {"null", "null"},
             {"''", "''"},
             {"'a''b'", "'a'b'"},
             {"'a;)--/*'", "'a;)--/*'"},
             {"x'41'", "?41"},
             {"X''", "?"},
             {"replace(replace('a\\nb\\rc','\\n',char(10)),'\\r',char(13))", "'a\nb\rc'"},
             {"replace('aaa','aa','b')", "'ba'"},
             {"replace('aaa','','b')", "'aaa'"},
             {"char(65)", "'A'"},
             {"unistr('\\u000a')", "?\\u000a"},
             {"replace('a','b','c','d')", "?a"},
             {"f(1,(2,3),'x')", "?"},      // what it is does not matter
             {"1 + 1", "?"},               // what it is does not matter
             {"twelve apples", "?twelve"}, // wrangler quotes no text of a column that is INTEGER
             {"'a' || 'b'", "?a"},
             {"(SELECT 1)", "?("},
             {"+1", "?+"},
             {"\"name\"", "?name"},
         }) {
        const auto found = rows("('n'," + written + ")");
        BOOST_TEST_REQUIRE(found.size() == 1U, written);
        BOOST_TEST(found[0] == "people: 'n' " + read_as, written);
    }
    BOOST_TEST(rows("('" + std::string(100000, 'x') + "',1)")[0] ==
               "people: '" + std::string(database::longest_text, 'x') + "' 1");
}

BOOST_AUTO_TEST_CASE(a_dump_of_which_a_part_is_missing_is_refused)
{
    const auto whole = "BEGIN;" + table + "INSERT INTO people VALUES(replace('a','b',char(1)),-7);COMMIT;";
    BOOST_TEST(read(whole).rows.size() == 1U);
    for (std::size_t size = 1; size < whole.size(); ++size)
        check_refused(whole.substr(0, size), "incomplete_dump");
    check_refused("BEGIN;" + table + "ROLLBACK; -- due to errors", "incomplete_dump");
    check_refused(table + "ROLLBACK;", "incomplete_dump");
    check_refused(table + "/* ", "incomplete_dump");
}

BOOST_AUTO_TEST_CASE(what_would_change_what_is_read_is_refused)
{
    for (const char* statement :
         {"UPDATE people SET age = 1;", "DELETE FROM people;", "DROP TABLE people;",
          "ALTER TABLE people ADD x;", "INSERT OR REPLACE INTO people VALUES('a',1);",
          "REPLACE INTO people VALUES('a',1);", "INSERT INTO people SELECT 'a', 1;",
          "INSERT INTO people DEFAULT VALUES;", "WITH x AS (SELECT 1) INSERT INTO people SELECT 1, 2;",
          "ATTACH 'x' AS y;", "VACUUM INTO 'x';", "SELECT load_extension('x');",
          "CREATE TEMP TABLE people (name, age);", "JWT_SECRET=sesame;",
          "INSERT INTO people VALUES('a',1) ON CONFLICT DO NOTHING;", "(", "INSERT INTO people VALUES('a',1;",
          "INSERT INTO people VALUES 1;", ".open x"})
        check_refused(table + statement, "not_a_dump");
    check_refused(std::string("\x1f\x8b\x08\0\0\0", 6), "not_a_dump");
    check_refused("CREATE TABLE people AS SELECT 1;", "not_a_dump");
}

BOOST_AUTO_TEST_CASE(tables_that_are_none_are_refused)
{
    check_refused("CREATE VIEW people AS SELECT 'a' AS name, 1 AS age;", "wrong_table");
    check_refused("CREATE VIRTUAL TABLE IF NOT EXISTS people USING fts5(name, age);", "wrong_table");
    check_refused(table + table, "wrong_table");
    check_refused("CREATE TABLE people (name);", "wrong_table");
    check_refused("CREATE TABLE people (name, age, Age);", "wrong_table");
    check_refused("INSERT INTO people VALUES('a',1);" + table, "wrong_table");
    check_refused(table + "INSERT INTO people VALUES('a');", "wrong_table");
    check_refused(table + "INSERT INTO people VALUES('a',1,2);", "wrong_table");
}

BOOST_AUTO_TEST_CASE(nothing_of_the_text_is_in_an_error)
{
    try {
        read("JWT_SECRET=sesame\nORACLE_PRIVATE_KEY=open");
        BOOST_TEST(false, "it was read");
    } catch (const base::Error& error) {
        BOOST_TEST(std::string(error.what()).find("sesame") == std::string::npos);
        BOOST_TEST(std::string(error.what()).find("JWT") == std::string::npos);
    }
}

BOOST_AUTO_TEST_SUITE_END()
