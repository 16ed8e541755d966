#include "sqlite/connection.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/shared_file.h"
#include "sqlite/cursor.h"

#include <cassert>
#include <cstring>
#include <sqlite3.h>
#include <unistd.h>
#include <utility>

namespace sqlite {

namespace {

using base::Error;
using base::ErrorCode;

// The log never shrinks by itself below its greatest size; this cuts it back at the next restart.
constexpr const char* wal_size_limit = "PRAGMA journal_size_limit = 16777216";

// No statement may do what only this layer does under the write lock.
int authorize(void*, int action, const char* subject, const char* argument, const char*, const char*)
{
    if (action != SQLITE_PRAGMA || subject == nullptr)
        return SQLITE_OK;
    const bool checkpoints = sqlite3_stricmp(subject, "wal_checkpoint") == 0 ||
                             sqlite3_stricmp(subject, "wal_autocheckpoint") == 0;
    const bool leaves_wal = sqlite3_stricmp(subject, "journal_mode") == 0 && argument != nullptr;
    return checkpoints || leaves_wal ? SQLITE_DENY : SQLITE_OK;
}

// SQLite would let everybody read a new file. An existing one must not be opened by other means: closing it
// would drop the locks of this process.
void create_file(const std::string& path)
{
    if (::access(path.c_str(), F_OK) == 0)
        return;
    if (const int fd = base::open_shared_file(path); fd >= 0)
        ::close(fd);
}

// SQLite then neither locks it nor makes files beside it.
std::string immutable_uri(const std::string& path)
{
    std::string uri = "file:";
    for (const char c : path)
        uri += std::strchr("?#%", c) == nullptr ? std::string(1, c)
                                                : "%" + base::to_hex(std::string_view(&c, 1));
    return uri + "?immutable=1";
}

} // namespace

void Connection::Closer::operator()(sqlite3* handle) const noexcept
{
    sqlite3_close(handle);
}

Connection::Connection(const std::string& path, const Options& options)
    : options_(options), wal_(options.checkpoint_after_pages)
{
    // Nobody asks how much memory SQLite has, and counting it takes a mutex each time.
    static const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    static_cast<void>(uncounted);
    if (path != ":memory:" && !options.read_only) {
        if (!options.make_anew)
            DatabaseFiles::require_database(path);
        create_file(path);
        write_lock_.emplace(path + "-lock");
        files_.emplace(path, write_lock_->fd());
    }
    sqlite3* handle = nullptr;
    const int flags = options.read_only ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
                                        : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    const int code = sqlite3_open_v2((options.read_only ? immutable_uri(path) : path).c_str(), &handle,
                                     flags | SQLITE_OPEN_NOMUTEX, nullptr);
    handle_.reset(handle);
    if (code != SQLITE_OK)
        fail(code, "open");
    // SQLite makes do with a file that may only be read, and would make its log and index as read-only as
    // that, for good.
    if (!options.read_only && sqlite3_db_readonly(handle, "main") == 1)
        fail(SQLITE_READONLY, "open");
    configure();
}

Connection::~Connection()
{
    // Whoever opens the file next while nobody else has it open reads all of the log first. Where each
    // request has a process of its own, that is every one.
    constexpr int long_log_pages = 64;
    if (wal_.pages() < long_log_pages) // always, of one in memory or only read
        return;
    try {
        write_lock_->lock(0);
    } catch (const Error&) { // others are at work
        return;
    }
    if (files_->is_in_place() && files_->begin_writing()) {
        sqlite3_busy_timeout(handle_.get(), 0);
        sqlite3_wal_checkpoint_v2(handle_.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
        files_->end_writing();
    }
    write_lock_->unlock();
}

void Connection::configure()
{
    sqlite3_extended_result_codes(handle_.get(), 1);
    sqlite3_busy_timeout(handle_.get(), options_.busy_timeout_ms); // before anything that may meet a lock

    // Checkpoints happen under the write lock and nowhere else: not when the last one closes, and not by
    // SQLite's own hook, whose place this one takes.
    sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    sqlite3_wal_hook(
        handle_.get(),
        [](void* self, sqlite3*, const char*, int pages) {
            static_cast<Connection*>(self)->wal_.committed(pages);
            return SQLITE_OK;
        },
        this);

    // Who only reads takes the file as it is, whoever made it.
    if (options_.read_only) {
        sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
        sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
        sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
    }
    run_script("PRAGMA trusted_schema = OFF");
    run_script("PRAGMA foreign_keys = ON");
    // A commit leaves the log to sync(), which needs no lock: others write while the disk is waited for. What
    // SQLite needs for itself, around checkpoints, it syncs all the same.
    run_script("PRAGMA synchronous = NORMAL");
    if (write_lock_) {
        use_wal();
        run_script(wal_size_limit);
        remember_files();
    }
    sqlite3_set_authorizer(handle_.get(), authorize, nullptr);
}

void Connection::use_wal()
{
    const auto read = [&](std::string_view pragma) {
        auto row = prepare(pragma);
        row.step();
        return row.text(0);
    };
    if (read("PRAGMA journal_mode") == "wal")
        return;
    // A new file, or a copy of ours without its log. Another program's stays as it is; migrate() refuses it.
    const bool is_new = read("PRAGMA page_count") == "0";
    if (!is_new && read("PRAGMA application_id") != std::to_string(application_id))
        return;
    if (is_new)
        run_script(("PRAGMA page_size = " + std::to_string(page_bytes)).c_str());
    write_lock_->lock(options_.busy_timeout_ms); // two first starts must not convert it at once
    files_->begin_writing();
    run_script("PRAGMA journal_mode = WAL"); // if it throws, the lock goes with this object
    files_->end_writing();
    write_lock_->unlock();
    if (read("PRAGMA journal_mode") != "wal")
        throw Error(ErrorCode::database_unavailable, "database_unavailable",
                    "the file system cannot hold a write-ahead log");
}

void Connection::remember_files()
{
    prepare("PRAGMA user_version").run(); // SQLite opens the log and its index when it first reads
    const bool is_locked = files_->needs_mark();
    if (is_locked)
        write_lock_->lock(options_.busy_timeout_ms);
    files_->opened();
    if (is_locked)
        write_lock_->unlock();
}

void Connection::require_in_place() const
{
    if (files_)
        files_->require_in_place();
}

std::unique_ptr<Cursor> Connection::compile(std::string_view sql)
{
    sqlite3_stmt* handle = nullptr;
    const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
    if (code != SQLITE_OK)
        fail(code, sql);
    std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> owned(handle, sqlite3_finalize);
    auto cursor = std::make_unique<Cursor>(*this, handle); // which may find no memory
    static_cast<void>(owned.release());
    return cursor;
}

database::Statement Connection::prepare(std::string_view sql)
{
    auto kept = statements_.find(sql);
    const bool is_in_use = kept != statements_.end() && kept->second->is_in_use(); // further up the stack
    if (is_in_use) {
        auto cursor = compile(sql);
        cursor->use(false);
        return database::Statement(*cursor.release());
    }
    if (kept == statements_.end())
        kept = statements_.try_emplace(std::string(sql), compile(sql)).first;
    kept->second->use(true);
    return database::Statement(*kept->second);
}

void Connection::execute(const std::string& script)
{
    assert(writing_);
    run_script(script.c_str());
}

void Connection::run_script(const char* script)
{
    const int code = sqlite3_exec(handle_.get(), script, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK)
        fail(code, std::string_view(script).substr(0, 60));
}

std::int64_t Connection::rows_written()
{
    return sqlite3_total_changes64(handle_.get());
}

bool Connection::in_transaction() const
{
    return sqlite3_get_autocommit(handle_.get()) == 0;
}

database::ChangeMark Connection::change_mark()
{
    auto version = prepare("PRAGMA data_version"); // which this connection's own commits do not change
    version.step();
    return {version.integer(0), rows_written()};
}

void Connection::sync()
{
    if (write_lock_) // else it is in memory
        sync_log();
    if (std::exchange(is_sync_due_, false))
        wal_.synced();
}

void Connection::sync_log()
{
    sqlite3_file* log = nullptr;
    sqlite3_file_control(handle_.get(), "main", SQLITE_FCNTL_JOURNAL_POINTER, static_cast<void*>(&log));
    if (log == nullptr || log->pMethods == nullptr) // nothing read or written yet
        return;
    if (const int code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL); code != SQLITE_OK)
        throw Error(ErrorCode::database_unavailable, "database_unavailable",
                    "SQLite " + std::to_string(code) + ": the log cannot be synced");
}

void Connection::checkpoint() noexcept
{
    assert(!write_lock_ || write_lock_->held());
    int log_pages = 0;
    int moved_pages = 0;
    int code = SQLITE_BUSY;
    if (!files_ || (files_->is_in_place() && files_->begin_writing())) {
        code = sqlite3_wal_checkpoint_v2(handle_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &log_pages,
                                         &moved_pages);
        if (files_)
            files_->end_writing();
    }
    wal_.checkpointed(code == SQLITE_OK && log_pages == moved_pages);
}

void Connection::fail(int code, std::string_view what) const
{
    const std::string detail = std::string("SQLite ") + std::to_string(code) + ": " +
                               (handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code)) + " in " +
                               std::string(what);
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_READONLY:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_PROTOCOL:
    case SQLITE_NOMEM:
    case SQLITE_PERM:
        throw Error(ErrorCode::database_unavailable, "database_unavailable", detail);
    default:
        throw Error(ErrorCode::internal, "internal_error", detail);
    }
}

std::string log_path(const std::string& database_path)
{
    return database_path + "-wal";
}

std::string library_version()
{
    return sqlite3_libversion();
}

bool library_has_wal_reset_defect()
{
    // 3.7.0 brought the write-ahead log.
    return sqlite3_libversion_number() < 3051003;
}

} // namespace sqlite
