#include "postgresql/connection.h"

#include "base/error.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <poll.h>
#include <tuple>
#include <unistd.h>

namespace postgresql {

namespace {

using base::Error;
using base::ErrorCode;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A server that says nothing for so long beyond what locks may take has vanished, or might as well have.
constexpr milliseconds patience{30000};

std::string field(PGresult* result, int which)
{
    const char* const text = libpq().error_field(result, which);
    return text == nullptr ? "" : text;
}

bool is_any_of(const std::string& state, std::initializer_list<const char*> states)
{
    return std::any_of(states.begin(), states.end(),
                       [&](const char* each) { return state.compare(0, std::strlen(each), each) == 0; });
}

// What another attempt may well pass. (PostgreSQL's manual, 13.5)
bool is_contention(const std::string& state)
{
    return is_any_of(state, {"40001", "40P01"});
}

// Of two who make the same row at once, one may be told this.
constexpr const char* unique_violation = "23505";

// What a transaction is told that is not to begin.
constexpr const char* division_by_zero = "22012";

// Connection exceptions, resources, operator intervention, system errors, locks that were waited for too
// long, and a server that has become a standby.
bool is_unavailable(const std::string& state)
{
    return is_any_of(state, {"08", "53", "57", "58", "XX", "55P03", "25006"});
}

// The connection is of no more use: to a server that ends, that has become read-only, or that kept statements
// for another schema.
bool is_fatal(const std::string& state)
{
    return is_any_of(state, {"08", "57P", "25006", "0A000", "26000"});
}

// libpq's own words would quote parts of it, perhaps the password.
void require_uri(const std::string& url)
{
    const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> parsed(
        libpq().parse_uri(url.c_str(), nullptr),
        [](PQconninfoOption* options) { libpq().free_options(options); });
    if (!parsed)
        throw Error(
            ErrorCode::database_unavailable, "database_unavailable",
            "DATABASE_URL is no connection URI of PostgreSQL: postgresql://user:password@host/name; what is "
            "special in a URI, such as % and @ in a password, is written as %25 and %40");
}

} // namespace

Connection::Connection(const std::string& url, const Options& options)
    : options_(options),
      dice_(static_cast<std::uint_fast32_t>(::getpid()) ^
            static_cast<std::uint_fast32_t>(steady_clock::now().time_since_epoch().count()))
{
    require_uri(url);
    // libpq counts in seconds, for each host of the URL, at least 2. A machine that vanishes is noticed
    // within ten seconds.
    const auto connect_timeout = std::to_string(std::max<std::int64_t>(2, options.connect_timeout_ms / 1000));
    const std::array<std::pair<const char*, const char*>, 11> parameters = {{
        {"connect_timeout", connect_timeout.c_str()},
        {"target_session_attrs", "read-write"},
        {"application_name", "session-voice"},
        {"client_encoding", "UTF8"},
        {"keepalives_idle", "4"},
        {"keepalives_interval", "2"},
        {"keepalives_count", "3"},
        {"tcp_user_timeout", "10000"},
        {"gssencmode", "disable"},
        {"dbname", url.c_str()}, // what it says wins over those before it
        {nullptr, nullptr},
    }};
    std::array<const char*, parameters.size()> keywords = {};
    std::array<const char*, parameters.size()> values = {};
    for (std::size_t i = 0; i < parameters.size(); ++i)
        std::tie(keywords[i], values[i]) = parameters[i];
    handle_.reset(libpq().connect(keywords.data(), values.data(), 1));
    if (!handle_ || libpq().status(handle_.get()) != CONNECTION_OK)
        fail_to_connect(handle_ ? libpq().error_message(handle_.get()) : "no memory");
    libpq().set_notice_processor(
        handle_.get(), [](void*, const char*) {}, nullptr);
    if (libpq().set_nonblocking(handle_.get(), 1) != 0 || libpq().enter_pipeline_mode(handle_.get()) != 1)
        fail_to_connect("no pipeline mode");
    // A scan of a whole table would be in everybody's way, however small the table. Where one is needed all
    // the same, what it is then said to cost would have the server compile the statement, which takes 50 ms.
    if (options_.prepares)
        ask("SELECT set_config('enable_seqscan', 'off', false), set_config('jit', 'off', false)");
}

Connection::~Connection() = default;

void Connection::fail_to_connect(const std::string& why)
{
    is_broken_ = true;
    auto line = why.substr(0, why.find_last_not_of('\n') + 1);
    std::replace(line.begin(), line.end(), '\n', ' ');
    throw Error(ErrorCode::database_unavailable, "database_unavailable", "PostgreSQL: " + line);
}

bool Connection::has_ended() noexcept
{
    // With nothing on its way the server says nothing but farewell.
    struct pollfd socket = {libpq().socket(handle_.get()), POLLIN, 0};
    while (!is_broken_ && sent_.empty() && !is_in_transaction_ && ::poll(&socket, 1, 0) == 1)
        is_broken_ =
            libpq().consume_input(handle_.get()) != 1 || libpq().status(handle_.get()) != CONNECTION_OK;
    return is_broken_;
}

database::Statement Connection::prepare(std::string_view sql)
{
    auto kept = cursors_.find(sql);
    if (kept != cursors_.end() && kept->second->is_in_use()) { // further up the stack
        auto cursor = std::make_unique<Cursor>(*this, sql);
        cursor->use(false);
        return database::Statement(*cursor.release());
    }
    if (kept == cursors_.end())
        kept = cursors_.try_emplace(std::string(sql), std::make_unique<Cursor>(*this, sql)).first;
    kept->second->use(true);
    return database::Statement(*kept->second);
}

// ---- sending and receiving ----

void Connection::send(const std::shared_ptr<Order>& order)
{
    if (is_broken_)
        fail_to_connect("the connection is lost");
    // Unless this comes to its end: the answer to what was sent and not noted would be taken for another's.
    is_broken_ = true;
    const auto count = static_cast<int>(order->values.size());
    std::vector<const char*> values;
    for (const auto& value : order->values)
        values.push_back(value ? value->c_str() : nullptr);
    int is_sent = 0;
    if (options_.prepares && count > 0) {
        auto& prepared = prepared_[{order->sql, order->types}];
        if (prepared.name.empty())
            prepared.name = "s" + std::to_string(prepared_.size());
        const bool is_on_its_way = std::any_of(sent_.begin(), sent_.end(),
                                               [&](const Sent& sent) { return sent.prepared == &prepared; });
        if (!prepared.is_known && !is_on_its_way) {
            if (libpq().send_prepare(handle_.get(), prepared.name.c_str(), order->sql.c_str(), count,
                                     order->types.data()) != 1)
                fail_to_connect(libpq().error_message(handle_.get()));
            sent_.push_back({order, &prepared});
        }
        is_sent = libpq().send_prepared(handle_.get(), prepared.name.c_str(), count, values.data(), nullptr,
                                        nullptr, 0);
    } else {
        is_sent = libpq().send_query(handle_.get(), order->sql.c_str(), count, order->types.data(),
                                     values.data(), nullptr, nullptr, 0);
    }
    if (is_sent != 1)
        fail_to_connect(libpq().error_message(handle_.get()));
    sent_.push_back({order, nullptr});
    is_broken_ = false;
}

std::shared_ptr<Order> Connection::send(std::string sql)
{
    auto order = std::make_shared<Order>(Order{std::move(sql), {}, {}});
    send(order);
    return order;
}

void Connection::wait(bool for_writing)
{
    const auto limit = patience + milliseconds(options_.busy_timeout_ms);
    struct pollfd socket = {libpq().socket(handle_.get()),
                            static_cast<short>(POLLIN | (for_writing ? POLLOUT : 0)), 0};
    int ready = 0;
    do {
        ready = ::poll(&socket, 1, static_cast<int>(limit.count()));
    } while (ready < 0 && errno == EINTR);
    if (ready == 0)
        fail_to_connect("the server does not answer");
}

void Connection::flush()
{
    for (;;) {
        const int state = libpq().flush(handle_.get());
        if (state == 0)
            return;
        if (state < 0)
            fail_to_connect(libpq().error_message(handle_.get()));
        wait(true);
        if (libpq().consume_input(handle_.get()) != 1)
            fail_to_connect(libpq().error_message(handle_.get()));
    }
}

Result Connection::next_result()
{
    while (libpq().is_busy(handle_.get()) != 0) {
        wait(false);
        if (libpq().consume_input(handle_.get()) != 1)
            fail_to_connect(libpq().error_message(handle_.get()));
    }
    return {libpq().get_result(handle_.get()), [](PGresult* result) { libpq().clear(result); }};
}

void Connection::receive()
{
    if (is_broken_)
        fail_to_connect("the connection is lost");
    if (sent_.empty())
        return;
    ++round_trips_;
    is_broken_ = true; // unless all answers are read
    if (libpq().pipeline_sync(handle_.get()) != 1)
        fail_to_connect(libpq().error_message(handle_.get()));
    flush();
    Result failure;
    std::shared_ptr<Order> failed;
    const auto beginning = std::exchange(beginning_, nullptr);
    for (; !sent_.empty(); sent_.pop_front()) {
        const auto& sent = sent_.front();
        const auto result = next_result();
        const auto status = result ? libpq().result_status(result.get()) : PGRES_FATAL_ERROR;
        if (!result)
            fail_to_connect(libpq().error_message(handle_.get()));
        if (next_result()) // each result is followed by none
            fail_to_connect("an answer without a question");
        if (status == PGRES_PIPELINE_ABORTED)
            continue;
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            failure = result;
            failed = sent.order;
        } else if (sent.prepared != nullptr) {
            sent.prepared->is_known = true;
        } else {
            sent.order->result = result;
            if (sent.order->sql.compare(0, 6, "SELECT") != 0)
                rows_written_ += std::strtoll(libpq().changed_rows(result.get()), nullptr, 10);
        }
    }
    const auto end = next_result();
    if (!end || libpq().result_status(end.get()) != PGRES_PIPELINE_SYNC)
        fail_to_connect("the end of the answers is missing");
    is_broken_ = false;
    if (failure && failed == beginning && field(failure.get(), PG_DIAG_SQLSTATE) == division_by_zero)
        refuse_to_begin();
    if (failure)
        fail(failure.get(), failed->sql);
}

void Connection::fail(PGresult* result, const std::string& sql)
{
    const auto state = field(result, PG_DIAG_SQLSTATE);
    const auto detail = "PostgreSQL " + state + ": " + field(result, PG_DIAG_MESSAGE_PRIMARY) + " in " + sql;
    was_duplicate_ = state == unique_violation;
    is_broken_ = is_broken_ || is_fatal(state) || libpq().status(handle_.get()) != CONNECTION_OK;
    if (is_contention(state))
        throw database::Contended(detail);
    if (was_duplicate_)
        throw database::Duplicate(detail);
    if (is_unavailable(state) || is_broken_)
        throw Error(ErrorCode::database_unavailable, "database_unavailable", detail);
    throw Error(ErrorCode::internal, "internal_error", detail);
}

} // namespace postgresql
