// PostgreSQL behind the seam of lib/database: one connection to a server, by way of libpq.
//
// Every transaction is SERIALIZABLE, which is what one writer at a time means for SQLite: the domain may
// think that it is alone. What is written is sent with the next question or with COMMIT, so that a
// transaction takes as many round trips as it has questions whose answers it needs.
#pragma once

#include "database/connection.h"
#include "postgresql/cursor.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace postgresql {

struct Options
{
    std::int64_t busy_timeout_ms = 5000; // for locks, and for running a transaction again
    std::int64_t connect_timeout_ms = 5000;
    bool prepares = true; // false where connections are shared in between, as by PgBouncer
};

class Connection : public database::Connection
{
  public:
    // `url` is what libpq calls a connection URI. Throws Error(database_unavailable) if no server of it can
    // be reached and written to.
    explicit Connection(const std::string& url, const Options& options = {});
    ~Connection() override;

    database::Statement prepare(std::string_view sql) override;
    void execute(const std::string& script) override;
    // The same, where it may also begin or end a transaction, or is a statement that wants none. What it
    // begins it ends by the same means.
    void run_alone(const std::string& script);

    // From now on a Transaction throws Error(database_newer) if another program has brought the schema to
    // another version than this.
    void expect_schema_version(std::int64_t version) { expected_version_ = version; }

    // Another database behind the same name would be the server's affair.
    void require_in_place() const override {}
    bool is_in_place() const noexcept override { return true; }
    bool is_problem_to_be_told() const override { return false; }
    bool has_ended() noexcept override;

    void sync() override;
    void defer_syncs(bool) override {}
    bool is_sync_due() const override { return false; }
    bool in_transaction() const override { return is_in_transaction_; }
    bool is_awaited() const override { return false; }
    bool pauses_to_retry(int attempt) override;
    std::int64_t rows_written() override;
    database::ChangeMark change_mark() override;

    std::int64_t schema_version() override;
    int bring_up_to_date() override;
    std::vector<std::string> integrity_problems() override { return {}; }
    std::optional<std::string> moved_to() override;
    void pass_fence() override { passes_fence_ = true; }
    void set_moved_to(const std::optional<std::string>& destination) override;
    void keep_others_out(const std::vector<std::string>& tables) override;
    void begin_filling() override;
    void end_filling() override;

    std::optional<std::int64_t> server_now_ms() override;
    std::int64_t size_bytes() override;
    std::int64_t free_bytes() override;
    void vacuum() override;

    // How often it has waited for the server, and run a transaction again.
    database::Traffic traffic() const override { return {round_trips_, retries_}; }

  private:
    friend class Cursor;

    struct Closer
    {
        void operator()(PGconn* handle) const noexcept { libpq().finish(handle); }
    };
    struct Prepared
    {
        std::string name;
        bool is_known = false; // to the server
    };
    // What was sent and not answered.
    struct Sent
    {
        std::shared_ptr<Order> order; // null for a PREPARE
        Prepared* prepared = nullptr; // of a PREPARE
    };

    void begin(database::Durability durability) override;
    void commit() override;
    void roll_back() noexcept override;
    void begin_part() override;
    void commit_part() override;
    void roll_back_part() noexcept override;
    void begin_reading() override;
    void end_reading() noexcept override;

    // Orders are carried out one after the other; one that fails takes with it those that were sent with it.
    void send(const std::shared_ptr<Order>& order);
    std::shared_ptr<Order> send(std::string sql);
    // Waits until all that was sent is answered. Throws the first error.
    void receive();
    void send_prepared(Order& order);
    void flush();
    Result next_result();
    void wait(bool for_writing);
    [[noreturn]] void refuse_to_begin();
    std::int64_t ask(const std::string& sql); // the first column of the first row
    void alter_tables(const char* how);
    [[noreturn]] void fail(PGresult* result, const std::string& sql);
    [[noreturn]] void fail_to_connect(const std::string& why);

    Options options_;
    std::unique_ptr<PGconn, Closer> handle_;
    bool is_broken_ = false;
    bool is_doomed_ = false;                                              // the transaction
    std::map<std::string, std::unique_ptr<Cursor>, std::less<>> cursors_; // by their SQL
    std::map<std::pair<std::string, std::vector<Oid>>, Prepared> prepared_;
    std::deque<Sent> sent_;
    std::optional<std::int64_t> expected_version_;
    bool passes_fence_ = false;
    std::shared_ptr<Order> beginning_; // what a transaction asks at its begin
    bool is_in_transaction_ = false;
    std::int64_t rows_written_ = 0;
    std::int64_t round_trips_ = 0;
    std::int64_t retries_ = 0;
    bool was_duplicate_ = false; // the last failure
    std::minstd_rand dice_;
    std::chrono::steady_clock::time_point first_attempt_at_ = {};
};

} // namespace postgresql
