#include "sqlite/foreign_file.h"

#include "base/error.h"
#include "temporary_folder.h"

#include <boost/test/unit_test.hpp>
#include <sqlite3.h>

namespace fs = std::filesystem;

namespace {

using database::Value;

struct ForeignFileFixture
{
    void run(const std::string& sql) const
    {
        sqlite3* theirs = nullptr;
        BOOST_REQUIRE(sqlite3_open(path.c_str(), &theirs) == SQLITE_OK);
        BOOST_REQUIRE_MESSAGE(sqlite3_exec(theirs, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK,
                              sqlite3_errmsg(theirs));
        sqlite3_close(theirs);
    }
    // "0: i7 t'a' ": the table's place, and each value of a row.
    std::string read(const std::vector<database::WantedTable>& wanted)
    {
        std::string rows;
        are_there = sqlite::read_foreign_file(path, wanted, [&](std::size_t table, const auto& row) {
            rows += std::to_string(table) + ":";
            for (const Value& value : row) {
                const char* const kinds = "nito";
                rows += std::string(" ") + kinds[static_cast<int>(value.kind)];
                if (value.kind == Value::Kind::integer || value.integer != 0)
                    rows += std::to_string(value.integer);
                if (!value.text.empty())
                    rows += "'" + value.text + "'";
            }
            rows += "; ";
        });
        return rows;
    }
    // The name and the message of the refusal.
    std::string refusal(const std::vector<database::WantedTable>& wanted)
    {
        try {
            read(wanted);
        } catch (const base::Error& error) {
            BOOST_TEST((error.code() == base::ErrorCode::invalid_argument));
            return error.what();
        }
        return "none";
    }

    const TemporaryFolder folder;
    const std::string path = folder / "theirs.db";
    std::vector<bool> are_there;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(foreign_file_tests, ForeignFileFixture, *boost::unit_test::label("sqlite"))

BOOST_AUTO_TEST_CASE(rows_of_the_wanted_tables_are_handed_on_in_their_order)
{
    run("CREATE TABLE first (a, b, c); INSERT INTO first VALUES (7, 'x', 'unwanted'), (-1, NULL, 0);"
        "CREATE TABLE Second (A TEXT); INSERT INTO Second VALUES ('y')");
    BOOST_TEST(read({{"second", {"a"}}, {"third", {"a"}}, {"first", {"b", "a"}}}) ==
               "0: t'y'; 2: t'x' i7; 2: n i-1; ");
    BOOST_TEST((are_there == std::vector<bool>{true, false, true}));
}

BOOST_AUTO_TEST_CASE(a_value_has_the_kind_that_it_is_stored_as)
{
    run("CREATE TABLE things (a); INSERT INTO things VALUES (NULL), (0), (9223372036854775807), (''), ('7'), "
        "(1.5), (x'61'), ('" +
        std::string(257, 'x') + "')");
    BOOST_TEST(read({{"things", {"a"}}}) == "0: n; 0: i0; 0: i9223372036854775807; 0: t; 0: t'7'; 0: o'1.5'; "
                                            "0: o'a'; 0: t'" +
                                                std::string(256, 'x') + "'; ");
}

BOOST_AUTO_TEST_CASE(what_would_have_to_be_run_is_no_table)
{
    run("CREATE TABLE plain (a, b AS (a + 1), c AS (a + 2) STORED); INSERT INTO plain VALUES (1);"
        "CREATE VIEW seen AS SELECT a FROM plain; CREATE VIRTUAL TABLE searched USING fts5 (a)");
    BOOST_TEST(refusal({{"seen", {"a"}}}) ==
               "wrong_table: seen is no table of its own, but a view or virtual");
    BOOST_TEST(refusal({{"searched", {"a"}}}) ==
               "wrong_table: searched is no table of its own, but a view or virtual");
    BOOST_TEST(refusal({{"plain", {"a", "b"}}}) == "wrong_table: plain computes its column b");
    BOOST_TEST(refusal({{"plain", {"c"}}}) == "wrong_table: plain computes its column c");
    BOOST_TEST(refusal({{"plain", {"a", "d"}}}) == "wrong_table: plain has no column d");
    BOOST_TEST(read({{"plain", {"a"}}}) == "0: i1; ");
}

BOOST_AUTO_TEST_CASE(a_file_in_use_is_not_read)
{
    run("CREATE TABLE things (a); INSERT INTO things VALUES (7)");
    for (const char* const suffix : {"-wal", "-journal"}) {
        folder.write("theirs.db" + std::string(suffix), "x");
        BOOST_TEST(refusal({{"things", {"a"}}}).rfind("cannot_read: " + path + suffix + " is beside", 0) ==
                   0u);
        fs::resize_file(path + suffix, 0);
        BOOST_TEST(read({{"things", {"a"}}}) == "0: i7; ");
        fs::remove(path + suffix);
    }
    BOOST_TEST(std::distance(fs::directory_iterator(folder.path()), {}) == 1); // nothing is made beside it
}

BOOST_AUTO_TEST_CASE(a_file_that_is_damaged_or_none_is_not_read)
{
    BOOST_TEST(refusal({{"things", {"a"}}}).rfind("cannot_read: " + path + ": ", 0) == 0u);
    folder.write("theirs.db", std::string(8192, 'x'));
    BOOST_TEST(refusal({{"things", {"a"}}}).rfind("cannot_read: " + path + ": ", 0) == 0u);
}

BOOST_AUTO_TEST_CASE(a_file_is_sqlites_by_its_first_16_bytes)
{
    run("CREATE TABLE things (a)");
    BOOST_TEST(sqlite::is_database_file(path));
    const std::string beginning("SQLite format 3\0", 16);
    for (const auto& [content, is_one] : {std::pair(beginning, true),
                                          {beginning + "more", true},
                                          {beginning.substr(0, 15), false},
                                          {beginning.substr(0, 15) + "x", false},
                                          {"x" + beginning, false},
                                          {std::string(), false}})
        BOOST_TEST(sqlite::is_database_file(folder.write("file", content)) == is_one, content);
    BOOST_TEST(!sqlite::is_database_file(folder / "none"));
}

BOOST_AUTO_TEST_SUITE_END()
