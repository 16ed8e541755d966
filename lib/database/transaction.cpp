#include "database/transaction.h"

#include <cassert>

namespace database {

Snapshot::Snapshot(Connection& connection) : connection_(connection)
{
    assert(!connection_.in_transaction());
    connection_.begin_reading();
}

Snapshot::~Snapshot()
{
    connection_.end_reading();
}

Transaction::Transaction(Connection& connection, Durability durability)
    : connection_(connection), is_part_(connection.is_grouped_)
{
    if (!is_part_) {
        connection_.begin(durability);
        return;
    }
    assert(!connection_.is_in_part_);
    if (!connection_.is_begun_)
        connection_.begin(Durability::synced);
    connection_.is_begun_ = true;
    connection_.begin_part();
    connection_.is_in_part_ = true;
}

Transaction::~Transaction()
{
    if (!is_open_)
        return;
    if (is_part_) {
        connection_.roll_back_part();
        connection_.is_in_part_ = false;
    } else {
        connection_.roll_back();
    }
}

void Transaction::commit()
{
    assert(is_open_);
    if (is_part_) {
        connection_.commit_part();
        connection_.is_in_part_ = false;
        is_open_ = false;
        return;
    }
    connection_.commit();
    is_open_ = false;
}

TransactionGroup::TransactionGroup(Connection& connection) : connection_(connection)
{
    assert(!connection_.in_transaction() && !connection_.is_grouped_);
    connection_.is_grouped_ = true;
}

TransactionGroup::~TransactionGroup()
{
    assert(!connection_.is_in_part_);
    if (connection_.is_begun_) // and not committed
        connection_.roll_back();
    connection_.is_begun_ = false;
    connection_.is_grouped_ = false;
}

void TransactionGroup::commit()
{
    assert(connection_.is_grouped_ && !connection_.is_in_part_);
    if (connection_.is_begun_)
        connection_.commit();
    connection_.is_begun_ = false;
    connection_.is_grouped_ = false;
}

} // namespace database
