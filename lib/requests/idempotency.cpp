#include "requests/idempotency.h"

#include "base/hex.h"
#include "base/hmac.h"
#include "database/transaction.h"

#include <algorithm>
#include <optional>

namespace requests {

const std::string backend = "0x0000000000000000000000000000000000000000";

namespace {

constexpr std::size_t longest_key = 255;

// The clock may step back: an instant that lies this far ahead is as good as one that lies this far back.
bool is_within(std::int64_t seconds, base::UnixSeconds instant, base::UnixSeconds now)
{
    return now < instant + seconds && instant < now + seconds;
}

// Nothing if the request is to be carried out.
std::optional<Start> find_obstacle(database::Connection& db, const KeyedRequest& request)
{
    auto row = db.prepare("SELECT fingerprint, started_at, status, body FROM idempotent_requests "
                          "WHERE wallet = :wallet AND idempotency_key = :idempotency_key");
    row.bind(":wallet", request.wallet).bind(":idempotency_key", request.idempotency_key);
    if (!row.step())
        return std::nullopt;
    const auto started_at = row.integer("started_at");
    if (!is_within(answer_ttl_seconds, started_at, request.now)) // the sweep will get to it
        return std::nullopt;
    if (row.text("fingerprint") != request.fingerprint)
        return Start{Turn::key_reused, {}, 0};
    if (const auto status = row.optional_integer("status"))
        return Start{Turn::answered, {static_cast<int>(*status), row.text("body")}, 0};
    if (is_within(lease_seconds, started_at, request.now))
        return Start{Turn::in_progress, {}, 0};
    return std::nullopt;
}

std::optional<Start> refuse_too_many(database::Connection& db, const KeyedRequest& request)
{
    if (request.wallet == backend)
        return std::nullopt;
    auto row = db.prepare("SELECT count(*) AS keys, min(started_at) AS oldest_at FROM idempotent_requests "
                          "WHERE wallet = :wallet");
    row.bind(":wallet", request.wallet).step();
    if (row.integer("keys") < most_keys)
        return std::nullopt;
    const auto wait_seconds = row.integer("oldest_at") + answer_ttl_seconds - request.now;
    return Start{Turn::too_many, {}, std::clamp(wait_seconds, std::int64_t{1}, answer_ttl_seconds)};
}

void forget(database::Connection& db, const KeyedRequest& request)
{
    db.prepare(
          "DELETE FROM idempotent_requests WHERE wallet = :wallet AND idempotency_key = :idempotency_key")
        .bind(":wallet", request.wallet)
        .bind(":idempotency_key", request.idempotency_key)
        .run();
}

// Nothing if the key is the request's now.
std::optional<Start> take_key(database::Connection& db, const KeyedRequest& request)
{
    auto obstacle = find_obstacle(db, request); // another process may have been first
    if (!obstacle)
        obstacle = refuse_too_many(db, request);
    if (obstacle)
        return obstacle;
    forget(db, request); // what is old, or was given up
    db.prepare("INSERT INTO idempotent_requests (wallet, idempotency_key, fingerprint, started_at) "
               "VALUES (:wallet, :idempotency_key, :fingerprint, :started_at)")
        .bind(":wallet", request.wallet)
        .bind(":idempotency_key", request.idempotency_key)
        .bind(":fingerprint", request.fingerprint)
        .bind(":started_at", request.now)
        .run();
    return std::nullopt;
}

} // namespace

bool is_idempotency_key(std::string_view text)
{
    return !text.empty() && text.size() <= longest_key &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

std::string fingerprint_of(std::string_view method, std::string_view path, std::string_view body)
{
    std::string message; // neither a method nor a path has a line break in it
    message.append(method).append("\n").append(path).append("\n").append(body);
    return base::to_hex(base::sha256(message));
}

Start start(database::Connection& db, const KeyedRequest& request)
{
    auto obstacle = find_obstacle(db, request); // without waiting for anybody who writes
    if (!obstacle)
        // Should a power cut take it back, it has taken the attempt as well.
        obstacle =
            database::transact(db, database::Durability::relaxed, [&] { return take_key(db, request); });
    if (!obstacle)
        return {};
    if (obstacle->turn == Turn::answered)
        db.sync(); // who stored the answer may still wait for the disk, and is not to be overtaken
    return *std::move(obstacle);
}

bool keep_answer(database::Connection& db, const KeyedRequest& request, const Answer& answer)
{
    return database::transact(db, [&] {
        auto update = db.prepare("UPDATE idempotent_requests SET status = :status, body = :body "
                                 "WHERE wallet = :wallet AND idempotency_key = :idempotency_key "
                                 "AND fingerprint = :fingerprint AND status IS NULL");
        return update.bind(":status", std::int64_t{answer.status})
                   .bind(":body", answer.body)
                   .bind(":wallet", request.wallet)
                   .bind(":idempotency_key", request.idempotency_key)
                   .bind(":fingerprint", request.fingerprint)
                   .run_and_count() == 1;
    });
}

bool give_up(database::Connection& db, const KeyedRequest& request)
{
    return database::transact(db, database::Durability::relaxed, [&] {
        // Unless a later attempt has taken over meanwhile.
        auto deletion = db.prepare(
            "DELETE FROM idempotent_requests WHERE wallet = :wallet AND idempotency_key = :idempotency_key "
            "AND started_at = :started_at AND status IS NULL");
        return deletion.bind(":wallet", request.wallet)
                   .bind(":idempotency_key", request.idempotency_key)
                   .bind(":started_at", request.now)
                   .run_and_count() == 1;
    });
}

std::int64_t purge(database::Connection& db, base::UnixSeconds now, std::int64_t limit)
{
    constexpr std::string_view due = "SELECT wallet, idempotency_key FROM idempotent_requests "
                                     "WHERE started_at <= :oldest OR started_at >= :newest LIMIT :limit";
    const auto bind = [&](database::Statement&& statement, std::int64_t count) {
        statement.bind(":oldest", now - answer_ttl_seconds)
            .bind(":newest", now + answer_ttl_seconds)
            .bind(":limit", count);
        return std::move(statement);
    };
    if (!bind(db.prepare(due), limit).step())
        return 0;
    return database::transact(db, [&] {
        return bind(db.prepare("DELETE FROM idempotent_requests WHERE (wallet, idempotency_key) IN (" +
                               std::string(due) + ")"),
                    limit)
            .run_and_count();
    });
}

} // namespace requests
