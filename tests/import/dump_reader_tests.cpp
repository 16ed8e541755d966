// What a dump may look like, and what is none.
#include "import/dump_reader.h"

#include "base/error.h"
#include "database/foreign_rows.h"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>

namespace {

using database::Value;

const std::vector<database::WantedTable> wanted = {
    {"people", {"name", "age"}}, {"pets", {"name"}}, {"zoo", {"size"}}};

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
    BOOST_TEST((wrangler.are_there == std::vector<bool>{true, false, false}));

    const auto shell = read("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
                            "CREATE TABLE pets([Name] TEXT, x BLOB);\n"
                            "INSERT INTO pets VALUES(replace('a\\nb','\\n',char(10)),X'00ff');\n"
                            "CREATE TRIGGER t AFTER INSERT ON pets BEGIN INSERT INTO people VALUES(1,2); "
                            "SELECT CASE 1 WHEN 1 THEN 2 END; END;\n"
                            "/* people: ' */ insert into \"PETS\" values ('c',NULL),('d',x'');\nCOMMIT;\n");
    BOOST_TEST(shell.rows == (std::vector<std::string>{"pets: 'a\nb'", "pets: 'c'", "pets: 'd'"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(white_space_comments_and_a_mark_of_utf_8_say_nothing)
{
    const auto found =
        read("\xef\xbb\xbf/*/ a comment * with / all in it; INSERT INTO people VALUES('a',1); **/"
             "BEGIN IMMEDIATE TRANSACTION;\tCREATE\vTABLE\f'people'(name TEXT,\r\nage INTEGER)"
             " WITHOUT ROWID, STRICT;\r\n-- INSERT INTO people VALUES('a',1);\n"
             "INSERT INTO people VALUES('b',2);analyze sqlite_schema;create table ZOO (size);"
             "PRAGMA optimize;COMMIT TRANSACTION;-- the end");
    BOOST_TEST(found.rows == std::vector<std::string>{"people: 'b' 2"}, boost::test_tools::per_element());
    BOOST_TEST((found.are_there == std::vector<bool>{true, false, true}));
    BOOST_TEST(read("\xef\xbb\xbf" + table).are_there[0]);
    check_refused("\xef\xbb" + table, "not_a_dump");
}

// More of the text than is read at once.
BOOST_AUTO_TEST_CASE(a_long_dump_is_read_to_its_last_byte)
{
    constexpr std::size_t read_at_once = 65536;
    const std::string end = "INSERT INTO people VALUES('a',1);";
    const auto filled_up = [&](std::size_t size) {
        return table + "/*" + std::string(size - table.size() - end.size() - 4, 'x') + "*/" + end;
    };
    for (const auto size : {read_at_once - 1, read_at_once, read_at_once + 1, 2 * read_at_once + 1})
        BOOST_TEST(read(filled_up(size)).rows.size() == 1U, size);
    const auto before = filled_up(2 * read_at_once + 100) + "(";
    BOOST_CHECK_EXCEPTION(read(before + ";"), base::Error, [&](const base::Error& error) {
        return std::string(error.what()).find("before byte " + std::to_string(before.size()) + " ") !=
               std::string::npos;
    });
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_no_end)
{
    std::ifstream file("/proc/self/mem"); // nothing is mapped at its beginning
    BOOST_CHECK_EXCEPTION(importing::read_dump(file, wanted, [](std::size_t, const std::vector<Value>&) {}),
                          base::Error,
                          [](const base::Error& error) { return error.name() == "cannot_read"; });
}

BOOST_AUTO_TEST_CASE(a_table_has_at_most_as_many_columns_as_sqlites)
{
    const auto with_columns = [](int count) {
        auto text = std::string("CREATE TABLE people (name, age");
        for (int i = 2; i < count; ++i)
            text += ",c" + std::to_string(i);
        return text + ");";
    };
    BOOST_TEST(read(with_columns(2000)).are_there[0]);
    check_refused(with_columns(2001), "not_a_dump");
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
             {"replace('a.b.c','.','--')", "'a--b--c'"},
             {"replace('a','b','c','d')", "?a"},
             {"replace('a','b','c','d','e')", "?a"},
             {"replace('a1',1,'b')", "?a1"},
             {"char(0)", "?"},
             {"char(1)", "'\x01'"},
             {"char(127)", "'\x7f'"},
             {"char(128)", "?"},
             {"char(-1)", "?"},
             {"char(65,66)", "?"},
             {"char('A')", "?A"},
             {"abs(65)", "?"},
             {"-char(65)", "?-char"},
             {"-'5'", "?-5"},
             {"1+1", "?"},
             {"age-1", "?age"},
             {"1E+3", "?1E+3"},
             {".5e+3", "?.5e+3"},
             {"a$b", "?a$b"},
             {"_\xc3\x80", "?_\xc3\x80"},
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
    const auto nested = [](int depth) {
        std::string text = "'a'";
        for (int i = 0; i < depth; ++i)
            text = "replace(" + text + ",'a','a')";
        return rows("(" + text + ",1)")[0];
    };
    BOOST_TEST(nested(8) == "people: 'a' 1");
    BOOST_TEST(nested(9) != "people: 'a' 1");
    // What is as long as a text is kept may have been longer.
    const auto replaced = [](std::size_t length, const std::string& other) {
        return rows("(replace('" + std::string(length - 1, 'x') + "a','a','" + other + "'),1)")[0];
    };
    const std::string longest(database::longest_text, 'x');
    BOOST_TEST(replaced(longest.size() - 1, "xx") == "people: '" + longest + "' 1");
    BOOST_TEST(replaced(longest.size() - 1, "xxx") == "people: ?" + longest + " 1");
    BOOST_TEST(replaced(longest.size(), "x") == "people: ?" + longest.substr(1) + "a 1");
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
    check_refused("CREATE TABLE people (name)", "incomplete_dump");
    check_refused("CREATE TRIGGER t BEGIN SELECT 1; END", "incomplete_dump");
    check_refused("CREATE TRIGGER END; SELECT 1;", "incomplete_dump");
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
    check_refused("CREATE TABLE (name, age);", "not_a_dump");
    check_refused("CREATE TABLE IF EXISTS people (name, age);", "not_a_dump");
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
    BOOST_CHECK_EXCEPTION(
        read(table + "INSERT INTO people VALUES('a',1,2);"), base::Error, [](const base::Error& error) {
            return std::string(error.what()).ends_with("a row of people has 3 values in the place of 2");
        });
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
