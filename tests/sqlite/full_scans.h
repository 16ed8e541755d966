// Counts statements, and what they walk through row by row without the help of an index, as they are run:
// over all connections that are opened while one of these lives.
#pragma once

#include <cstdint>
#include <set>
#include <sqlite3.h>
#include <string>

class FullScans
{
  public:
    FullScans()
    {
        present() = this;
        sqlite3_auto_extension(reinterpret_cast<void (*)()>(watch));
    }
    ~FullScans()
    {
        sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(watch));
        present() = nullptr;
    }
    FullScans(const FullScans&) = delete;
    FullScans& operator=(const FullScans&) = delete;

    void forget()
    {
        statements_ = rows_ = sorts_ = 0;
        texts_.clear();
    }
    std::int64_t statements() const { return statements_; }
    std::int64_t rows() const { return rows_; }
    std::int64_t sorts() const { return sorts_; }
    const std::set<std::string>& texts() const { return texts_; } // of the statements

  private:
    static FullScans*& present()
    {
        static FullScans* one = nullptr;
        return one;
    }
    static int watch(sqlite3* db, const char**, const sqlite3_api_routines*)
    {
        return sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE, ended, nullptr);
    }
    static int ended(unsigned, void*, void* handle, void*)
    {
        if (present() == nullptr)
            return 0;
        auto* statement = static_cast<sqlite3_stmt*>(handle);
        ++present()->statements_;
        present()->texts_.insert(sqlite3_sql(statement));
        present()->rows_ += sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_FULLSCAN_STEP, 1);
        present()->sorts_ += sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_SORT, 1);
        return 0;
    }

    std::int64_t statements_ = 0;
    std::int64_t rows_ = 0;
    std::int64_t sorts_ = 0;
    std::set<std::string> texts_;
};
