#include "sqlite/database.h"

#include "base/error.h"

#include <cassert>
#include <sqlite3.h>
#include <utility>

namespace sqlite {

namespace {

using base::Error;
using base::ErrorCode;

constexpr const char* rollback = "ROLLBACK";
constexpr const char* rollback_part = "ROLLBACK TO part";
constexpr const char* release_part = "RELEASE part";

} // namespace

void Database::begin(Durability durability)
{
    assert(!writing_);
    if (write_lock_)
        write_lock_->lock(options_.busy_timeout_ms);
    writing_ = true;
    durability_ = durability;
    try {
        require_in_place();
        prepare(rollback); // kept for roll_back()
        prepare("BEGIN IMMEDIATE").run();
        check_schema_version();
    } catch (...) {
        roll_back();
        throw;
    }
}

void Database::begin_part()
{
    assert(!in_part_);
    if (!writing_)
        begin(Durability::synced);
    require_transaction();
    for (const auto* sql : {rollback_part, release_part}) // kept for roll_back_part()
        prepare(sql);
    prepare("SAVEPOINT part").run();
    in_part_ = true;
    tally_pending_before_ = tally_pending_;
}

// SQLite may have given up what earlier parts did.
void Database::require_transaction() const
{
    if (!in_transaction())
        throw Error(ErrorCode::database_unavailable, "database_unavailable", "the transaction was lost");
}

void Database::check_schema_version()
{
    if (!expected_version_)
        return;
    auto row = prepare("PRAGMA user_version");
    row.step();
    if (row.integer(0) != *expected_version_)
        throw Error(ErrorCode::database_newer, "database_unavailable",
                    "the schema has moved on to version " + std::to_string(row.integer(0)) +
                        " while this program, of version " + std::to_string(*expected_version_) +
                        ", was at work");
}

void Database::commit()
{
    require_transaction();
    wal_pages_ = 0;
    prepare("COMMIT").run();
    tally_ += std::exchange(tally_pending_, 0);
    if (is_checkpoint_due() && is_synced_for_checkpoint_)
        checkpoint();
    end();
}

void Database::after_commit()
{
    // A checkpoint begins with a sync of the log. What is synced before, while others write, they need not
    // wait for then; the checkpoint itself comes with the next commit.
    const bool is_checkpoint_near = is_checkpoint_due() && !is_synced_for_checkpoint_;
    if (is_checkpoint_near || durability_ == Durability::synced)
        sync();
    is_synced_for_checkpoint_ = is_synced_for_checkpoint_ || is_checkpoint_near;
}

void Database::roll_back() noexcept
{
    // After a full disk or an I/O error SQLite may have rolled back by itself already.
    if (in_transaction())
        run_kept(rollback);
    end();
}

void Database::roll_back_part() noexcept
{
    if (in_transaction() && !(run_kept(rollback_part) && run_kept(release_part)))
        run_kept(rollback); // what is left of the part must not be committed with the others
    in_part_ = false;
    tally_pending_ = tally_pending_before_;
}

bool Database::run_kept(const char* sql) noexcept
{
    auto* handle = statements_.find(std::string_view(sql))->second.handle.get();
    const bool is_done = sqlite3_step(handle) == SQLITE_DONE;
    sqlite3_reset(handle);
    return is_done;
}

void Database::end() noexcept
{
    writing_ = false;
    tally_pending_ = 0;
    if (write_lock_)
        write_lock_->unlock();
}

Transaction::Transaction(Database& database, Durability durability)
    : database_(database), is_part_(database.grouped_)
{
    if (is_part_)
        database_.begin_part();
    else
        database_.begin(durability);
}

Transaction::~Transaction()
{
    if (!is_open_)
        return;
    if (is_part_)
        database_.roll_back_part();
    else
        database_.roll_back();
}

void Transaction::commit()
{
    assert(is_open_);
    if (is_part_) {
        database_.prepare(release_part).run();
        database_.in_part_ = false;
        is_open_ = false;
    } else {
        database_.commit();
        is_open_ = false;
        database_.after_commit();
    }
}

bool Transaction::is_awaited() const
{
    return database_.write_lock_ && database_.write_lock_->is_awaited();
}

TransactionGroup::TransactionGroup(Database& database) : database_(database)
{
    assert(!database_.writing_ && !database_.grouped_);
    database_.grouped_ = true;
}

TransactionGroup::~TransactionGroup()
{
    if (!database_.grouped_) // committed
        return;
    assert(!database_.in_part_);
    if (database_.writing_)
        database_.roll_back();
    database_.grouped_ = false;
}

void TransactionGroup::commit()
{
    assert(database_.grouped_ && !database_.in_part_);
    const bool is_writing = database_.writing_;
    if (is_writing)
        database_.commit();
    database_.grouped_ = false;
    if (is_writing)
        database_.after_commit();
}

} // namespace sqlite
