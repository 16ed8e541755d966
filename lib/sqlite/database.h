// A thin layer over SQLite, the only place that knows it: connections, prepared statements, transactions,
// migrations. Made so that on the SQLite of Debian 12 and 13 (3.40.1, 3.46.1) no checkpoint can run while
// anybody writes.
#pragma once

#include "sqlite/database_files.h"
#include "sqlite/write_lock.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace sqlite {

// What a power cut may take back. After a crash of the program or a kill -9 nothing is lost either way.
enum class Durability
{
    // On the disk before commit() returns, with all that the transaction can have read. Others see it a
    // little earlier. If the disk fails then, commit() throws, and what was written may count all the same.
    synced,
    // On the disk with the next synced commit or checkpoint. Only for changes whose loss alters no total, and
    // that nobody was promised: heartbeats and sweeps, which charge the same seconds again; pruning, which
    // merges the same rows again; the taking and freeing of idempotency keys, whose answers are synced; and
    // what was last read of a booking, which can be read again.
    relaxed,
};

// A prepared statement in use. Goes back to its Database's cache at the end of the scope.
class Statement
{
  public:
    ~Statement();
    Statement(Statement&& other) noexcept;
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;
    Statement& operator=(Statement&&) = delete;

    // `parameter` is ":name". An unknown name is a bug (Error(internal)).
    Statement& bind(const char* parameter, std::int64_t value);
    Statement& bind(const char* parameter, std::string_view value);
    Statement& bind(const char* parameter, std::optional<std::int64_t> value);
    Statement& bind(const char* parameter, const char*) = delete; // would bind as bool or integer by accident

    bool step(); // true while there is a row
    void run();  // steps to the end

    std::int64_t integer(int column) const;
    std::optional<std::int64_t> optional_integer(int column) const;
    std::string text(int column) const;

  private:
    friend class Database;
    Statement(class Database& database, sqlite3_stmt* handle, bool* in_use)
        : database_(database), handle_(handle), in_use_(in_use)
    {
    }
    int index_of(const char* parameter);
    void check(int code) const;

    class Database& database_;
    sqlite3_stmt* handle_;
    bool* in_use_; // of its place in the cache; null: nobody's but this one's
};

// Marks our files among SQLite's: "SVOC".
constexpr std::int64_t application_id = 0x53564f43;

struct DatabaseOptions
{
    int busy_timeout_ms = 5000;
    int checkpoint_after_pages = 1000; // of the write-ahead log, 4 KiB each
    // For a file that nobody writes any more: nothing is created beside it, and nothing locked.
    bool read_only = false;
    // Make the file even if there are traces beside it of one that was taken away.
    bool make_anew = false;
};

// Equal marks of one connection mean that nothing has been committed between them, by whomever.
struct ChangeMark
{
    std::int64_t by_others = 0;
    std::int64_t by_this_connection = 0;

    bool operator==(const ChangeMark&) const = default;
};

// One connection. Not to be shared by threads, nor carried across fork().
class Database
{
  public:
    // Opens or creates the file (":memory:" for a private one), sets WAL, foreign keys and the time to wait
    // for others. Throws Error(database_unavailable) if that cannot be done right now, Error(database_moved)
    // if the file was taken away or another is in its place.
    explicit Database(const std::string& path, const DatabaseOptions& options = {});
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    // `sql` is one statement. Kept prepared for the next call with the same text.
    Statement prepare(std::string_view sql);
    // Runs a script of several statements. Call inside a Transaction.
    void execute(const std::string& script);

    // From now on a Transaction throws Error(database_newer) if another program has brought the schema to
    // another version than this.
    void expect_schema_version(std::int64_t version) { expected_version_ = version; }

    // Throws Error(database_moved) if the file that is open, or what is beside it, is no longer what stands
    // at its place. Every Transaction asks that; who only reads does it here.
    void require_in_place() const;
    bool is_in_place() const noexcept { return !files_ || files_->is_in_place(); }

    // See DatabaseFiles. For a file alone.
    bool is_problem_to_be_told() const { return files_->is_to_be_told(); }

    // Returns when all that was committed so far, by whomever, is on the disk. For those who act on what they
    // have read, when a power cut must not take it back. Throws Error(database_unavailable) if the disk
    // fails.
    void sync();

    std::int64_t changes() const; // rows changed by the last statement
    bool in_transaction() const;

    // A sum that callers keep of what they write: an amount counts when the Transaction in which it was added
    // is committed, and is forgotten with one that is not. take_tally() gives what counted since its last
    // call.
    void add_to_tally(std::int64_t amount) { tally_pending_ += amount; }
    std::int64_t take_tally() { return std::exchange(tally_, 0); }

    // Take one before reading: what is read later belongs to this mark or to a newer one.
    ChangeMark change_mark();
    std::int64_t free_bytes(); // of the file: freed, and used again before it grows

    // Problems that SQLite itself finds in the file; empty if there are none.
    std::vector<std::string> integrity_problems();

    // The following want to be called outside a Transaction.

    // Writes a copy of the newest committed state to `path`, which must be empty or not exist. Takes no write
    // lock: others go on writing, and the log grows meanwhile.
    void copy_into(const std::string& path);
    // Makes the content of this database that of `source`, in one transaction: other connections see the
    // whole of the one or of the other. Waits for the write lock, and holds it meanwhile.
    void replace_with(Database& source);
    // Gives the free pages of the file back to the file system. Waits for the write lock and holds it while
    // what is left is written anew.
    void vacuum();

  private:
    friend class Statement;
    friend class Transaction;
    friend class TransactionGroup;

    struct Closer
    {
        void operator()(sqlite3* handle) const noexcept;
        void operator()(sqlite3_stmt* handle) const noexcept;
    };

    struct CachedStatement
    {
        std::unique_ptr<sqlite3_stmt, Closer> handle;
        bool in_use = false;
    };

    void configure();
    void use_wal();
    void remember_files();
    void run_script(const char* script);
    void begin(Durability durability);
    void begin_part();
    void require_transaction() const;
    void check_schema_version();
    void commit();
    void after_commit(); // what can be done without the write lock
    void roll_back() noexcept;
    void roll_back_part() noexcept;
    // Runs a statement that prepare() has kept: it takes no memory then, of which there may be none left.
    bool run_kept(const char* sql) noexcept;
    void end() noexcept;
    bool is_checkpoint_due() const { return wal_pages_ >= checkpoint_at_pages_; }
    void checkpoint() noexcept; // call under the write lock
    template <class Work>
    void run_under_write_lock(Work&& work);
    [[noreturn]] void fail(int code, std::string_view what) const;

    DatabaseOptions options_;
    std::optional<WriteLockFile> write_lock_; // none for ":memory:", which nobody else can open
    std::unique_ptr<sqlite3, Closer> handle_;
    std::map<std::string, CachedStatement, std::less<>> statements_; // by their SQL
    Durability durability_ = Durability::synced;                     // of the transaction under way
    std::optional<std::int64_t> expected_version_;
    bool writing_ = false; // inside a Transaction
    bool grouped_ = false; // inside a TransactionGroup
    bool in_part_ = false; // inside a Transaction inside a TransactionGroup
    std::int64_t tally_ = 0;
    std::int64_t tally_pending_ = 0;        // of the Transaction or TransactionGroup under way
    std::int64_t tally_pending_before_ = 0; // the part under way
    int wal_pages_ = 0;
    bool is_synced_for_checkpoint_ = false;
    int checkpoint_at_pages_ = 0;
    std::optional<DatabaseFiles> files_; // none for ":memory:"
};

// A write transaction: takes the write lock, begins IMMEDIATE, rolls back unless committed. In a
// TransactionGroup it is a part of that.
class Transaction
{
  public:
    explicit Transaction(Database& database, Durability durability = Durability::synced);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    void commit(); // lets go of the write lock, and then waits for the disk

    // Whether another process waits to write. Who has a long list to work through lets it go first: commits,
    // and begins the next Transaction, which then comes behind it.
    bool is_awaited() const;

  private:
    Database& database_;
    const bool is_part_; // of a TransactionGroup
    bool is_open_ = true;
};

// Makes one transaction, synced, of all that are begun while it lives, one after the other: what they commit
// counts with commit() here, or not at all. One that rolls back takes back only what it did itself. The first
// of them takes the write lock, and everybody else waits from then on: do what is slow before. One that is
// never committed is a rehearsal: this connection sees what was done until the end takes it all back.
class TransactionGroup
{
  public:
    explicit TransactionGroup(Database& database);
    ~TransactionGroup();
    TransactionGroup(const TransactionGroup&) = delete;
    TransactionGroup& operator=(const TransactionGroup&) = delete;

    void commit(); // ends the group

  private:
    Database& database_;
};

// "3.40.1"
std::string library_version();
// Whether this SQLite is one whose checkpoints must never meet a writer (fixed upstream in 3.51.3).
bool library_has_wal_reset_defect();

} // namespace sqlite
