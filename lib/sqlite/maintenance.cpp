#include "base/error.h"
#include "sqlite/connection.h"

#include <cassert>
#include <sqlite3.h>

namespace sqlite {

using base::Error;

// SQLite's user_version.
std::int64_t Connection::schema_version()
{
    auto row = prepare("PRAGMA user_version");
    row.step();
    return row.integer(0);
}

std::int64_t Connection::free_bytes()
{
    auto pages = prepare("PRAGMA freelist_count");
    auto page_size = prepare("PRAGMA page_size");
    pages.step();
    page_size.step();
    return pages.integer(0) * page_size.integer(0);
}

std::vector<std::string> Connection::integrity_problems()
{
    std::vector<std::string> problems;
    try {
        auto integrity = prepare("PRAGMA integrity_check");
        while (integrity.step()) {
            if (integrity.text(0) != "ok")
                problems.push_back("integrity_check: " + integrity.text(0));
        }
        auto foreign_keys = prepare("PRAGMA foreign_key_check");
        while (foreign_keys.step())
            problems.push_back("foreign_key_check: a row of " + foreign_keys.text(0) +
                               " refers to a missing row of " + foreign_keys.text(2));
    } catch (const Error& error) { // a file can be too damaged to be checked to the end
        problems.emplace_back(error.what());
    }
    return problems;
}

template <class Work>
void Connection::run_under_write_lock(Work&& work)
{
    assert(!writing_ && write_lock_);
    write_lock_->lock(options_.busy_timeout_ms);
    try {
        require_in_place();
        work();
        checkpoint(); // the log now holds the whole database
    } catch (...) {
        write_lock_->unlock();
        throw;
    }
    write_lock_->unlock();
    sync();
}

void Connection::copy_into(const std::string& path)
{
    assert(!writing_);
    sqlite3_stmt* handle = nullptr;
    constexpr const char* sql = "VACUUM INTO ?";
    if (const int code = sqlite3_prepare_v2(handle_.get(), sql, -1, &handle, nullptr); code != SQLITE_OK)
        fail(code, sql);
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(handle, sqlite3_finalize);
    int code = sqlite3_bind_text(handle, 1, path.data(), static_cast<int>(path.size()), SQLITE_TRANSIENT);
    if (code == SQLITE_OK)
        code = sqlite3_step(handle);
    // SQLite takes a file whose size it cannot read for one that is not empty: no error of ours, but the
    // disk's.
    if (code == SQLITE_ERROR)
        code = SQLITE_IOERR;
    if (code != SQLITE_DONE)
        fail(code, sql);
}

void Connection::replace_with(Connection& source)
{
    run_under_write_lock([&] {
        sqlite3_backup* copy = sqlite3_backup_init(handle_.get(), "main", source.handle_.get(), "main");
        if (copy == nullptr)
            fail(sqlite3_errcode(handle_.get()), "backup");
        sqlite3_backup_step(copy, -1);
        if (const int code = sqlite3_backup_finish(copy); code != SQLITE_OK)
            fail(code, "backup");
    });
}

void Connection::vacuum()
{
    run_under_write_lock([&] { run_script("VACUUM"); });
}

} // namespace sqlite
