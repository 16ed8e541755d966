// The seam between the domain and the database that holds all state: what every engine does, and nothing that
// only one knows. A driver stands behind it (lib/sqlite, lib/postgresql); lib/storage chooses one.
#pragma once

#include "base/error.h"
#include "database/statement.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace database {

// What a power cut may take back. After a crash of the program or a kill -9 nothing is lost either way.
enum class Durability
{
    // On the disk before the commit returns, with all that the transaction can have read. Others see it a
    // little earlier. If the disk fails then, the commit throws, and what was written may count all the same.
    synced,
    // On the disk with the next synced commit. Only for changes whose loss alters no total, and that nobody
    // was promised: heartbeats and sweeps, which charge the same seconds again; pruning, which merges the
    // same rows again; the taking and freeing of idempotency keys, whose answers are synced; and what was
    // last read of a booking, which can be read again.
    relaxed,
};

// Equal marks of one connection mean that nothing has been committed between them, by whomever.
struct ChangeMark
{
    std::int64_t by_others = 0;
    std::int64_t by_this_connection = 0;

    bool operator==(const ChangeMark&) const = default;
};

// Somebody else was at the same rows at the same time, and one of the two had to give way: the transaction
// did nothing, and may well pass if it is run again.
class Contended : public base::Error
{
  public:
    explicit Contended(const std::string& detail)
        : Error(base::ErrorCode::database_unavailable, "database_unavailable", detail)
    {
    }

  protected:
    using Error::Error;
};

// A row was there already. Somebody else may just have made it; if it is met again, it is a mistake of ours.
class Duplicate : public Contended
{
  public:
    explicit Duplicate(const std::string& detail)
        : Contended(base::ErrorCode::internal, "internal_error", detail)
    {
    }
};

// From so much on, the clock of this machine and a server's are said to differ.
constexpr std::int64_t tolerated_clock_difference_ms = 1000;

// What a connection has done so far, for those who watch.
struct Traffic
{
    std::int64_t round_trips = 0; // to a server
    std::int64_t retries = 0;     // of transactions
};

// One connection. Not to be shared by threads, nor carried across fork(). Whatever it does throws
// Error(database_unavailable) if that cannot be done right now, and Error(internal) for a statement that no
// database could carry out.
class Connection
{
  public:
    virtual ~Connection() = default;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // `sql` is one statement, of what SQLite and PostgreSQL share, with parameters as ":name". Kept prepared
    // for the next call with the same text. What writes wants to be run inside a Transaction.
    virtual Statement prepare(std::string_view sql) = 0;
    // Runs a script of several statements. Call inside a Transaction.
    virtual void execute(const std::string& script) = 0;

    // Throws Error(database_moved) if another database stands where this one did. Every Transaction asks
    // that; who only reads does it here.
    virtual void require_in_place() const = 0;
    virtual bool is_in_place() const noexcept = 0;
    // Whether what is wrong has not been told for a minute, by any process; then it counts as told.
    virtual bool is_problem_to_be_told() const = 0;
    // Whether the other side has ended it while nothing was asked of it: then it is of no more use.
    virtual bool has_ended() noexcept { return false; }

    // Returns when all that was committed so far, by whomever, is on the disk. For those who act on what they
    // have read, when a power cut must not take it back.
    virtual void sync() = 0;
    // For those who answer several requests at once. While it defers, a synced commit may return before it is
    // on the disk; then a sync is due, and nobody may be told of the commit before it. A database that brings
    // each commit to the disk by itself defers nothing.
    virtual void defer_syncs(bool is_deferring) = 0;
    virtual bool is_sync_due() const = 0;

    virtual bool in_transaction() const = 0;
    // After a Contended of the `attempt`th run (from 0): waits for a moment, and says whether to run it
    // again.
    virtual bool pauses_to_retry(int attempt) = 0;
    // Whether a TransactionGroup lives: what is contended is run again as a whole.
    bool is_grouped() const { return is_grouped_; }
    // Whether another process waits to write. Who has a long list to work through lets it go first: ends the
    // transaction, and begins the next one, which then comes behind it.
    virtual bool is_awaited() const = 0;

    // The rows that this connection has written so far, those that were rolled back among them.
    virtual std::int64_t rows_written() = 0;
    virtual Traffic traffic() const = 0;
    // Take one before reading: what is read later belongs to this mark or to a newer one.
    virtual ChangeMark change_mark() = 0;

    virtual std::int64_t schema_version() = 0; // 0 for an empty database
    // Brings the schema to this program's version; gives back how many steps that took. Throws
    // Error(database_newer) if the database is newer than this program. From then on a Transaction throws it
    // if another program has moved the schema on.
    virtual int bring_up_to_date() = 0;
    // What the engine itself finds wrong in the database; empty if that is nothing.
    virtual std::vector<std::string> integrity_problems() = 0;
    // What a server's own clock says, in milliseconds of Unix time; nothing where there is no server.
    virtual std::optional<std::int64_t> server_now_ms() = 0;
    virtual std::int64_t size_bytes() = 0;
    virtual std::int64_t free_bytes() = 0; // freed, and used again before the database grows
    // Gives free space back to the file system. Nobody else writes meanwhile. Not inside a Transaction.
    virtual void vacuum() = 0;

    // ---- for moving all that is in it to another database, see lib/storage ----

    // Where it went. Nobody writes to it any more, but those who have called pass_fence().
    virtual std::optional<std::string> moved_to() = 0;
    virtual void pass_fence() = 0;
    // The following inside a Transaction.
    virtual void set_moved_to(const std::optional<std::string>& destination) = 0;
    // Until its end nobody else writes to these tables, which are all. Before anything is read.
    virtual void keep_others_out(const std::vector<std::string>& tables) = 0;
    // Between the two, rows can be put in as they stood elsewhere: no trigger looks at them. What the
    // database numbers by itself goes on behind them.
    virtual void begin_filling() = 0;
    virtual void end_filling() = 0;

  protected:
    Connection() = default;

  private:
    friend class Snapshot;
    friend class Transaction;
    friend class TransactionGroup;

    // What a driver does for the two. A part is what one Transaction does inside a TransactionGroup.
    virtual void begin(Durability durability) = 0;
    virtual void commit() = 0; // and waits for the disk, if the transaction is synced
    virtual void roll_back() noexcept = 0;
    virtual void begin_part() = 0;
    virtual void commit_part() = 0;
    virtual void roll_back_part() noexcept = 0;
    virtual void begin_reading() = 0;
    virtual void end_reading() noexcept = 0;

    bool is_grouped_ = false;
    bool is_begun_ = false; // of a group: the transaction that all its parts share
    bool is_in_part_ = false;
};

} // namespace database
