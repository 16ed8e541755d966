#include "base/error.h"
#include "sqlite/connection.h"
#include "sqlite/cursor.h"

#include <cassert>

namespace sqlite {

namespace {

using base::Error;
using base::ErrorCode;

constexpr const char* rollback = "ROLLBACK";
constexpr const char* rollback_part = "ROLLBACK TO part";
constexpr const char* release_part = "RELEASE part";

} // namespace

// Takes the write lock, and then begins IMMEDIATE.
void Connection::begin(database::Durability durability)
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

// SQLite may have given up what was done so far.
void Connection::require_transaction() const
{
    if (!in_transaction())
        throw Error(ErrorCode::database_unavailable, "database_unavailable", "the transaction was lost");
}

void Connection::check_schema_version()
{
    is_schema_changed_ = false; // so that the question does not ask itself
    if (!expected_version_)
        return;
    const auto version = user_version();
    if (version == *expected_version_)
        return;
    try {
        check_moved();
    } catch (...) {
        is_schema_changed_ = true; // to be asked again
        throw;
    }
    is_schema_changed_ = version % moved != *expected_version_;
    if (is_schema_changed_)
        throw Error(ErrorCode::database_newer, "database_unavailable",
                    "the schema has moved on to version " + std::to_string(version) +
                        " while this program, of version " + std::to_string(*expected_version_) +
                        ", was at work");
}

// Lets go of the write lock, and then waits for the disk, unless that is put off.
void Connection::commit()
{
    require_transaction();
    wal_.commits();
    prepare("COMMIT").run();
    if (wal_.state() == Wal::State::to_be_checkpointed)
        checkpoint();
    end();
    if (durability_ == database::Durability::synced || wal_.state() == Wal::State::to_be_synced) {
        is_sync_due_ = true;
        if (!is_deferring_)
            sync();
    }
}

void Connection::roll_back() noexcept
{
    // After a full disk or an I/O error SQLite may have rolled back by itself already.
    if (in_transaction())
        run_kept(rollback);
    end();
}

void Connection::begin_part()
{
    require_transaction();
    for (const auto* sql : {rollback_part, release_part}) // kept for roll_back_part()
        prepare(sql);
    prepare("SAVEPOINT part").run();
}

void Connection::commit_part()
{
    prepare(release_part).run();
}

void Connection::roll_back_part() noexcept
{
    if (in_transaction() && !(run_kept(rollback_part) && run_kept(release_part)))
        run_kept(rollback); // what is left of the part must not be committed with the others
}

void Connection::begin_reading()
{
    prepare(rollback); // kept for end_reading()
    prepare("BEGIN").run();
}

void Connection::end_reading() noexcept
{
    if (in_transaction())
        run_kept(rollback);
}

bool Connection::run_kept(const char* sql) noexcept
{
    return statements_.find(std::string_view(sql))->second->run_to_end();
}

void Connection::end() noexcept
{
    writing_ = false;
    if (write_lock_)
        write_lock_->unlock();
}

} // namespace sqlite
