// On which engine the tests of the domain and of the handlers run: SQLite in memory, or the PostgreSQL that
// SESSION_VOICE_TEST_URL names. What is only about SQLite's file has the label "sqlite" and is left out
// there.
#pragma once

#include "database/transaction.h"

#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>
#include <vector>

namespace base {
struct Config;
}

namespace engine {

bool is_postgresql();

// Settings that name it.
void choose_database(base::Config& config);

// The database of a fixture, empty and with the schema as it is to be, whatever the test before has made of
// it. Fixtures that live at the same time have one each, unless their settings name files: these have the
// first, as if they were processes, and who names the same file as the one before finds what is in it.
class Place
{
  public:
    explicit Place(base::Config& config);
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

  private:
    std::size_t number_ = 0;
};

// For tests that begin again and again with the same: what is in PostgreSQL's database of the first place. (A
// file of SQLite's can be copied.)
void keep_contents();
void put_back_contents();
// Every row, but for keys of requests that were begun and not ended, and for numbers that a transaction uses
// up although it is rolled back.
std::string contents();
// A connection to it beside those that are tested.
database::Connection& observer();
// Returns when nobody else is served any more.
void await_silence();

// Names of tables, in their order, and of columns.
std::vector<std::string> tables(database::Connection& db);
std::vector<std::string> columns(database::Connection& db, const std::string& table);

// Whether that is why the database has refused something: words of a trigger, or "CHECK constraint failed: a
// > 7" and "UNIQUE constraint failed: rooms.host_wallet" as SQLite says it, or the first word of it alone.
bool is_because(database::Connection& db, const base::Error& error, const std::string& reason);

// From now on the database takes what its schema refuses: CHECKs, foreign keys, triggers and unique indexes
// are gone, primary keys stay.
// Inside a transaction: until it is rolled back, and heed_checks() called.
void lift_rules(database::Connection& db);
void heed_checks(database::Connection& db);

// From now on a statement fails that does that, such as "UPDATE OF left_at ON connections", to a row for
// which `condition` holds. The condition may name OLD and NEW, and ask other tables.
void fail(database::Connection& db, const std::string& what, const std::string& condition = "1 = 1");
void stop_failing(database::Connection& db);

// What tables and indexes take.
std::int64_t bytes_stored(database::Connection& db);

// One that cannot be reached, in "/nonexistent/directory".
void choose_unreachable_database(base::Config& config);

// Another process that writes and does not end for as long as one of these lives: who wants to write has to
// wait for it.
class Writer
{
  public:
    explicit Writer(const base::Config& config);

  private:
    std::unique_ptr<database::Connection> db_;
    database::Transaction transaction_;
};
// Whether somebody waits for what `db` holds. Inside a transaction.
bool is_awaited(database::Connection& db);

} // namespace engine
