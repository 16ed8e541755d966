// The seam between the domain and the database that holds all state: what every engine does, and nothing that
// only one knows. A driver stands behind it (lib/sqlite); lib/storage chooses one.
#pragma once

#include "database/statement.h"

#include <cstdint>
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

    // Throws Error(database_moved) if another database stands where this one did. Every Transaction asks
    // that; who only reads does it here.
    virtual void require_in_place() const = 0;
    virtual bool is_in_place() const noexcept = 0;
    // Whether what is wrong has not been told for a minute, by any process; then it counts as told.
    virtual bool is_problem_to_be_told() const = 0;

    // Returns when all that was committed so far, by whomever, is on the disk. For those who act on what they
    // have read, when a power cut must not take it back.
    virtual void sync() = 0;

    virtual bool in_transaction() const = 0;
    // Whether another process waits to write. Who has a long list to work through lets it go first: ends the
    // transaction, and begins the next one, which then comes behind it.
    virtual bool is_awaited() const = 0;

    // The rows that this connection has written so far, those that were rolled back among them.
    virtual std::int64_t rows_written() const = 0;
    // Take one before reading: what is read later belongs to this mark or to a newer one.
    virtual ChangeMark change_mark() = 0;

    virtual std::int64_t schema_version() = 0; // 0 for an empty database
    // What the engine itself finds wrong in the database; empty if that is nothing.
    virtual std::vector<std::string> integrity_problems() = 0;
    virtual std::int64_t free_bytes() = 0; // freed, and used again before the database grows
    // Gives free space back to the file system. Nobody else writes meanwhile. Not inside a Transaction.
    virtual void vacuum() = 0;

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
