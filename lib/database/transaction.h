// Transactions: whole or not at all.
#pragma once

#include "base/error.h"
#include "database/connection.h"

#include <type_traits>
#include <utility>

namespace database {

// What is done to the database while it lives, rolled back unless committed. In a TransactionGroup it is a
// part of that. transact() is what a use case wants; this is for those who step through one.
class Transaction
{
  public:
    explicit Transaction(Connection& connection, Durability durability = Durability::synced);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    void commit();

  private:
    Connection& connection_;
    const bool is_part_;
    bool is_open_ = true;
};

// What is read while it lives is of one moment. Nothing is written meanwhile, nor a Transaction begun.
class Snapshot
{
  public:
    explicit Snapshot(Connection& connection);
    ~Snapshot();
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;

  private:
    Connection& connection_;
};

// Makes one transaction, synced, of all that are begun while it lives, one after the other: what they commit
// counts with commit() here, or not at all. One that rolls back takes back only what it did itself. The first
// of them begins it, and others who write wait from then on: do what is slow before. One that is never
// committed is a rehearsal: this connection sees what was done until the end takes it all back.
class TransactionGroup
{
  public:
    explicit TransactionGroup(Connection& connection);
    ~TransactionGroup();
    TransactionGroup(const TransactionGroup&) = delete;
    TransactionGroup& operator=(const TransactionGroup&) = delete;

    void commit(); // ends the group

  private:
    Connection& connection_;
};

// Runs `body` again as long as it is Contended and the connection finds another attempt worth while. The body
// has no effect but on the database, and on what it sets anew each time.
template <class Body>
auto retry_while_contended(Connection& connection, Body&& body)
{
    for (int attempt = 0;; ++attempt) {
        try {
            return body();
        } catch (const Contended&) {
            if (connection.is_grouped() || !connection.pauses_to_retry(attempt))
                throw;
        }
    }
}

// Runs `body` as one transaction and gives back what it gives. A refusal that it throws (base::is_refusal)
// commits what was settled on the way to it; anything else rolls back. The body may be run again.
template <class Body>
auto transact(Connection& connection, Durability durability, Body&& body)
{
    return retry_while_contended(connection, [&] {
        const auto before = connection.rows_written();
        Transaction transaction(connection, durability);
        try {
            if constexpr (std::is_void_v<decltype(body())>) {
                body();
                transaction.commit();
            } else {
                auto result = body();
                transaction.commit();
                return result;
            }
        } catch (const base::Error& error) {
            if (base::is_refusal(error.code()) && connection.rows_written() != before)
                transaction.commit();
            throw;
        }
    });
}

template <class Body>
auto transact(Connection& connection, Body&& body)
{
    return transact(connection, Durability::synced, std::forward<Body>(body));
}

// As transact(), but nothing is committed.
template <class Body>
auto rehearse(Connection& connection, Body&& body)
{
    return retry_while_contended(connection, [&] {
        const Transaction transaction(connection, Durability::relaxed);
        return body();
    });
}

} // namespace database
