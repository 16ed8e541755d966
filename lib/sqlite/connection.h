// SQLite behind the seam of lib/database: one connection to a file. Made so that on the SQLite of Debian 12
// and 13 (3.40.1, 3.46.1) no checkpoint can run while anybody writes.
#pragma once

#include "database/connection.h"
#include "sqlite/database_files.h"
#include "sqlite/wal.h"
#include "sqlite/write_lock.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;

namespace sqlite {

class Cursor;

// Marks our files among SQLite's: "SVOC".
constexpr std::int64_t application_id = 0x53564f43;

// Of a new database. One of an older program keeps its 4,096. The log has a page for each row that a commit
// changes, or nearly so; with half of the bytes half as many are written.
constexpr std::int64_t page_bytes = 2048;

// Added to the version of a schema whose database has moved: whatever program finds it, of this version or an
// older one, refuses to write.
constexpr std::int64_t moved = 1000000;

struct Options
{
    int busy_timeout_ms = 5000;
    int checkpoint_after_pages = 2000; // of the write-ahead log, page_bytes each
    // For a file that nobody writes any more: nothing is created beside it, and nothing locked.
    bool read_only = false;
    // Make the file even if there are traces beside it of one that was taken away.
    bool make_anew = false;
};

class Connection : public database::Connection
{
  public:
    // Opens or creates the file (":memory:" for a private one), sets WAL, foreign keys and the time to wait
    // for others. Throws Error(database_unavailable) if that cannot be done right now, Error(database_moved)
    // if the file was taken away or another is in its place.
    explicit Connection(const std::string& path, const Options& options = {});
    ~Connection() override;

    database::Statement prepare(std::string_view sql) override;
    void execute(const std::string& script) override;

    // From now on a Transaction, and a statement that was prepared before, throws Error(database_newer) if
    // another program has brought the schema to another version than this.
    void expect_schema_version(std::int64_t version) { expected_version_ = version; }

    // The file, and what is beside it. See DatabaseFiles.
    void require_in_place() const override;
    bool is_in_place() const noexcept override { return !files_ || files_->is_in_place(); }
    bool is_problem_to_be_told() const override { return files_ && files_->is_to_be_told(); }

    void sync() override;
    void defer_syncs(bool is_deferring) override { is_deferring_ = is_deferring; }
    bool is_sync_due() const override { return is_sync_due_; }
    bool in_transaction() const override;
    bool is_awaited() const override { return write_lock_ && write_lock_->is_awaited(); }
    bool pauses_to_retry(int) override { return false; } // nobody gives way: they wait for the lock
    std::int64_t rows_written() override;
    database::Traffic traffic() const override { return {}; }
    database::ChangeMark change_mark() override;

    std::int64_t schema_version() override;
    int bring_up_to_date() override;
    std::vector<std::string> integrity_problems() override;
    std::optional<std::string> moved_to() override;
    void pass_fence() override { passes_fence_ = true; }
    // Throws Error(database_unavailable) if it has moved, and nobody may write to it.
    void check_moved();
    void set_moved_to(const std::optional<std::string>& destination) override;
    void keep_others_out(const std::vector<std::string>&) override {} // its Transaction has the lock
    void begin_filling() override;
    void end_filling() override;

    std::optional<std::int64_t> server_now_ms() override { return std::nullopt; }
    std::int64_t size_bytes() override;
    std::int64_t free_bytes() override;
    void vacuum() override;

    // The following want to be called outside a Transaction.

    // Writes a copy of the newest committed state to `path`, which must be empty or not exist. Takes no write
    // lock: others go on writing, and the log grows meanwhile. Its pages are as large as this database's, or
    // have `new_page_bytes`.
    void copy_into(const std::string& path, std::optional<std::int64_t> new_page_bytes = std::nullopt);
    // Makes the content of this database that of `source`, in one transaction: other connections see the
    // whole of the one or of the other. Waits for the write lock, and holds it meanwhile. Both have pages of
    // one size.
    void replace_with(Connection& source);

  private:
    friend class Cursor;

    struct Closer
    {
        void operator()(sqlite3* handle) const noexcept;
    };

    void begin(database::Durability durability) override;
    void commit() override;
    void roll_back() noexcept override;
    void begin_part() override;
    void commit_part() override;
    void roll_back_part() noexcept override;
    void begin_reading() override;
    void end_reading() noexcept override;

    void configure();
    void use_wal();
    void remember_files();
    void run_script(const char* script);
    std::unique_ptr<Cursor> compile(std::string_view sql);
    void require_transaction() const;
    void check_schema_version();
    std::int64_t user_version();
    // Runs a statement that prepare() has kept: it takes no memory then, of which there may be none left.
    bool run_kept(const char* sql) noexcept;
    void end() noexcept;
    void checkpoint() noexcept; // call under the write lock
    void sync_log();
    template <class Work>
    void run_under_write_lock(Work&& work);
    [[noreturn]] void fail(int code, std::string_view what) const;

    Options options_;
    std::optional<WriteLockFile> write_lock_; // none for ":memory:", which nobody else can open
    std::unique_ptr<sqlite3, Closer> handle_;
    std::map<std::string, std::unique_ptr<Cursor>, std::less<>> statements_; // by their SQL
    std::optional<std::int64_t> expected_version_;
    bool passes_fence_ = false;
    std::vector<std::string> put_aside_; // triggers
    bool is_schema_changed_ = false;     // and perhaps to another version
    bool writing_ = false;               // between begin() and the end of the transaction
    bool is_deferring_ = false;
    bool is_sync_due_ = false;
    database::Durability durability_ = database::Durability::synced; // of that one
    Wal wal_;
    std::optional<DatabaseFiles> files_; // none for ":memory:"
};

// Of the write-ahead log.
std::string log_path(const std::string& database_path);

// "3.40.1"
std::string library_version();
// Whether this SQLite is one whose checkpoints must never meet a writer (fixed upstream in 3.51.3).
bool library_has_wal_reset_defect();

} // namespace sqlite
