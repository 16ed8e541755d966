#include "base/error.h"
#include "sqlite/connection.h"
#include "sqlite/migrate.h"

#include <cassert>
#include <sqlite3.h>

namespace sqlite {

using base::Error;

std::int64_t Connection::user_version()
{
    auto row = prepare("PRAGMA user_version");
    row.step();
    return row.integer(0);
}

std::int64_t Connection::schema_version()
{
    return user_version() % moved;
}

std::optional<std::string> Connection::moved_to()
{
    if (user_version() < moved)
        return std::nullopt;
    auto row = prepare("SELECT destination FROM moved");
    return row.step() ? row.text("destination") : "another database";
}

void Connection::check_moved()
{
    if (passes_fence_)
        return;
    if (const auto destination = moved_to())
        throw Error(base::ErrorCode::database_unavailable, "database_unavailable",
                    "this database has moved to " + *destination);
}

void Connection::set_moved_to(const std::optional<std::string>& destination)
{
    execute("CREATE TABLE IF NOT EXISTS moved (destination TEXT NOT NULL) STRICT; DELETE FROM moved;");
    if (destination)
        prepare("INSERT INTO moved (destination) VALUES (:destination)")
            .bind(":destination", *destination)
            .run();
    else
        execute("DROP TABLE moved");
    execute("PRAGMA user_version = " + std::to_string(schema_version() + (destination ? moved : 0)));
}

void Connection::begin_filling()
{
    std::string drops;
    put_aside_.clear(); // those of an attempt that was rolled back are there
    {
        auto row = prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY rowid");
        while (row.step()) {
            put_aside_.push_back(row.text("sql"));
            drops += "DROP TRIGGER " + row.text("name") + ";";
        }
    }
    execute(drops);
}

void Connection::end_filling()
{
    // A new room's number is its rowid.
    execute("UPDATE rooms SET rowid = -ordinal; UPDATE rooms SET rowid = ordinal;");
    for (const auto& sql : put_aside_)
        execute(sql);
}

std::int64_t Connection::size_bytes()
{
    return read_integer(*this, "PRAGMA page_count") * read_integer(*this, "PRAGMA page_size");
}

std::int64_t Connection::free_bytes()
{
    return read_integer(*this, "PRAGMA freelist_count") * read_integer(*this, "PRAGMA page_size");
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

void Connection::copy_into(const std::string& path, std::optional<std::int64_t> new_page_bytes)
{
    assert(!writing_);
    if (new_page_bytes) // of what VACUUM makes
        run_script(("PRAGMA page_size = " + std::to_string(*new_page_bytes)).c_str());
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
