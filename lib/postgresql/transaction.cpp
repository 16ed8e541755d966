#include "base/error.h"
#include "postgresql/connection.h"

#include <algorithm>
#include <cassert>
#include <thread>

namespace postgresql {

namespace {

using base::Error;
using base::ErrorCode;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

} // namespace

bool Connection::pauses_to_retry(int attempt)
{
    const auto now = steady_clock::now();
    if (attempt == 0)
        first_attempt_at_ = now;
    constexpr int most_duplicates = 2;
    if (now - first_attempt_at_ >= milliseconds(options_.busy_timeout_ms) ||
        (was_duplicate_ && attempt >= most_duplicates))
        return false;
    ++retries_;
    constexpr int longest = 6;
    const auto most_ms = 1 << std::min(attempt, longest);
    std::this_thread::sleep_for(
        std::chrono::microseconds(std::uniform_int_distribution(0, 1000 * most_ms)(dice_)));
    return true;
}

// Nothing is waited for: it goes with the first question.
void Connection::begin(database::Durability durability)
{
    assert(!is_in_transaction_);
    receive(); // what went before is no part of it
    send("BEGIN ISOLATION LEVEL SERIALIZABLE");
    is_in_transaction_ = true;
    is_doomed_ = false;
    if (passes_fence_)
        return;
    try {
        std::string question =
            "SELECT set_config('lock_timeout', '" + std::to_string(options_.busy_timeout_ms) + "', true)";
        if (!options_.prepares)
            question += ", set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)";
        if (durability == database::Durability::relaxed)
            question += ", set_config('synchronous_commit', 'off', true)";
        // The server itself has to refuse, since COMMIT may be on its way already.
        if (expected_version_)
            question += ", 1 / (SELECT count(*) FROM schema_version WHERE id = 1 AND moved_to IS NULL AND "
                        "version = " +
                        std::to_string(*expected_version_) + ")";
        beginning_ = send(std::move(question));
    } catch (...) {
        roll_back();
        throw;
    }
}

// Why a transaction could not begin.
void Connection::refuse_to_begin()
{
    roll_back();
    const auto order = send("SELECT version, moved_to FROM schema_version");
    receive();
    auto* const row = order->result.get();
    if (libpq().row_count(row) == 1 && libpq().is_null(row, 0, 1) == 0)
        throw Error(ErrorCode::database_unavailable, "database_unavailable",
                    std::string("this database has moved to ") + libpq().value(row, 0, 1));
    const std::string version = libpq().row_count(row) == 1 ? libpq().value(row, 0, 0) : "0";
    throw Error(ErrorCode::database_newer, "database_unavailable",
                "the schema has moved on to version " + version + " while this program, of version " +
                    std::to_string(expected_version_.value_or(0)) + ", was at work");
}

void Connection::commit()
{
    assert(is_in_transaction_);
    if (is_doomed_) // which COMMIT would not say
        throw database::Contended("a part of the transaction could not be taken back");
    send("COMMIT");
    receive();
    is_in_transaction_ = false;
}

void Connection::roll_back() noexcept
{
    beginning_ = nullptr;
    if (std::exchange(is_in_transaction_, false) && !is_broken_) {
        try {
            send("ROLLBACK");
            receive();
        } catch (const std::exception&) { // the server rolls back what it has lost touch with
            is_broken_ = true;
        }
    }
}

void Connection::begin_part()
{
    send("SAVEPOINT part");
}

void Connection::commit_part()
{
    send("RELEASE SAVEPOINT part");
    receive(); // what is wrong with the part is its own affair
}

void Connection::roll_back_part() noexcept
{
    try {
        send("ROLLBACK TO SAVEPOINT part");
        send("RELEASE SAVEPOINT part");
        receive();
    } catch (const std::exception&) { // the part had not begun: then all of it is taken back
        is_doomed_ = true;
    }
}

void Connection::begin_reading()
{
    receive();
    send("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    is_in_transaction_ = true;
}

void Connection::end_reading() noexcept
{
    roll_back();
}

} // namespace postgresql
