#include "base/error.h"
#include "postgresql/connection.h"

#include <cassert>

namespace postgresql {

void Connection::execute(const std::string& script)
{
    assert(is_in_transaction_);
    run_alone(script);
}

// The other way of asking, which takes several statements.
void Connection::run_alone(const std::string& script)
{
    receive();
    if (libpq().exit_pipeline_mode(handle_.get()) != 1 ||
        libpq().send_script(handle_.get(), script.c_str()) != 1)
        fail_to_connect(libpq().error_message(handle_.get()));
    ++round_trips_;
    flush();
    Result failure;
    while (const auto result = next_result()) {
        const auto status = libpq().result_status(result.get());
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
            failure = result;
        rows_written_ += std::strtoll(libpq().changed_rows(result.get()), nullptr, 10);
    }
    if (libpq().enter_pipeline_mode(handle_.get()) != 1)
        fail_to_connect("no pipeline mode");
    if (failure)
        fail(failure.get(), script.substr(0, 60));
}

std::int64_t Connection::ask(const std::string& sql)
{
    const auto order = send(sql);
    receive();
    auto* const result = order->result.get();
    return libpq().row_count(result) == 0 ? 0 : std::strtoll(libpq().value(result, 0, 0), nullptr, 10);
}

std::int64_t Connection::schema_version()
{
    const bool is_there = ask("SELECT count(*) FROM pg_catalog.pg_class WHERE relname = 'schema_version' "
                              "AND pg_catalog.pg_table_is_visible(oid)") == 1;
    return is_there ? ask("SELECT version FROM schema_version") : 0;
}

// Wherever something was committed, the log has grown.
database::ChangeMark Connection::change_mark()
{
    return {ask("SELECT (pg_catalog.pg_current_wal_insert_lsn() - '0/0')::bigint"), 0};
}

// A commit that is on the disk has brought all before it there.
void Connection::sync()
{
    send("SELECT pg_catalog.pg_logical_emit_message(true, 'session-voice', '')");
    receive();
}

std::optional<std::string> Connection::moved_to()
{
    auto row = prepare("SELECT moved_to FROM schema_version");
    return row.step() ? row.optional_text("moved_to") : std::nullopt;
}

void Connection::set_moved_to(const std::optional<std::string>& destination)
{
    prepare("UPDATE schema_version SET moved_to = :moved_to").bind(":moved_to", destination).run();
}

// Whoever comes to write waits, and finds out at the end. Readers go on. What is read later is of the moment
// at which the last lock was had, since nothing was read before.
void Connection::keep_others_out(const std::vector<std::string>& tables)
{
    std::string names;
    for (const auto& table : tables)
        names += (names.empty() ? "" : ", ") + table;
    send("LOCK TABLE " + names + " IN SHARE ROW EXCLUSIVE MODE");
    receive();
}

void Connection::begin_filling()
{
    alter_tables("DISABLE TRIGGER USER");
}

void Connection::end_filling()
{
    alter_tables("ENABLE TRIGGER USER");
    for (const auto& [table, column] : {std::pair("rooms", "ordinal"), std::pair("bans", "ban_id"),
                                        std::pair("attestation_transactions", "transaction_id")})
        send(std::string("SELECT setval(pg_get_serial_sequence('") + table + "', '" + column +
             "'), coalesce(max(" + column + "), 0) + 1, false) FROM " + table);
}

void Connection::alter_tables(const char* how)
{
    auto row = prepare("SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema() "
                       "AND tablename <> 'schema_version' ORDER BY tablename");
    while (row.step())
        send("ALTER TABLE " + row.text("tablename") + " " + how);
}

std::int64_t Connection::rows_written()
{
    receive();
    return rows_written_;
}

std::optional<std::int64_t> Connection::server_now_ms()
{
    return ask("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)");
}

std::int64_t Connection::size_bytes()
{
    return ask("SELECT pg_catalog.pg_database_size(pg_catalog.current_database())");
}

std::int64_t Connection::free_bytes()
{
    return 0; // PostgreSQL's own workers see to it
}

void Connection::vacuum()
{
    run_alone("VACUUM");
}

} // namespace postgresql
