// What the tests of lib/sqlite say often.
#pragma once

#include "base/error.h"
#include "sqlite/connection.h"

#include <boost/test/unit_test.hpp>
#include <sqlite3.h>
#include <string>

inline bool is_database_unavailable(const base::Error& error)
{
    return error.code() == base::ErrorCode::database_unavailable;
}

// The first column of the first row.
inline std::int64_t integer(sqlite::Connection& db, const std::string& sql)
{
    auto row = db.prepare(sql);
    BOOST_REQUIRE(row.step());
    return row.integer(0);
}

// In a transaction.
inline void execute(sqlite::Connection& db, const std::string& script)
{
    database::Transaction tx(db);
    db.execute(script);
    tx.commit();
}

// By another connection than ours, as another program would.
inline void run_elsewhere(const std::string& path, const std::string& sql)
{
    sqlite3* other = nullptr;
    BOOST_REQUIRE(sqlite3_open(path.c_str(), &other) == SQLITE_OK);
    BOOST_REQUIRE_MESSAGE(sqlite3_exec(other, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK,
                          sqlite3_errmsg(other));
    sqlite3_close(other);
}
