#include "idempotency.h"

#include "base/error.h"
#include "base/log.h"
#include "database/transaction.h"
#include "requests/idempotency.h"
#include "responses.h"

#include <optional>

using base::Error;
using base::ErrorCode;
using http::Response;

namespace {

Error in_progress()
{
    return Error(ErrorCode::conflict, "request_in_progress").retry_after(1);
}

// Whether an answer is the last word on its request. After any other the same request may fare better.
bool is_final(int status)
{
    return status < 500 && status != 401 && status != 429;
}

// Refusals become answers here, since what was settled on the way to them is to stand.
Response call_handler(App& app, const Route& route, const Call& call)
{
    try {
        return route.handler(app, call);
    } catch (const Error& error) {
        if (!is_final(status_of(error.code())))
            throw;
        return render(error);
    }
}

Response attempt(App& app, const Route& route, const Call& call, const requests::KeyedRequest& keyed)
{
    auto& db = app.database();
    app.debited_seconds = 0;
    std::optional<database::TransactionGroup> group(db);
    const auto before = db.rows_written();
    auto response = call_handler(app, route, call);
    if (response.status >= 400 && db.rows_written() == before) {
        group.reset();
        return requests::give_up(db, keyed) ? response : render(in_progress());
    }
    if (!requests::keep_answer(db, keyed, {response.status, response.body})) {
        app.debited_seconds = 0; // this one was so slow that another took its place
        return render(in_progress());
    }
    group->commit();
    return response;
}

// With what stands in it for ids, and without a slash at its end.
std::string path_of(const Route& route, const Call& call)
{
    std::string path = route.path;
    for (const auto* id : {&call.path_id, &call.second_path_id})
        path += id->empty() ? "" : " " + *id;
    return path;
}

} // namespace

Response answer_once(App& app, const Route& route, const Call& call)
{
    auto& db = app.database();
    const auto& owner = route.access == Access::backend ? requests::backend : call.wallet;
    const requests::KeyedRequest keyed{
        owner, *call.request.idempotency_key,
        requests::fingerprint_of(route.method, path_of(route, call), call.request.body), call.request.now};
    const auto start = requests::start(db, keyed);
    switch (start.turn) {
    case requests::Turn::answered: {
        Response response;
        response.status = start.answer.status;
        response.body = start.answer.body;
        response.headers.emplace_back("Idempotency-Replayed", "true");
        return response;
    }
    case requests::Turn::in_progress:
        throw in_progress();
    case requests::Turn::too_many:
        throw Error(ErrorCode::rate_limited, "rate_limited").retry_after(start.retry_after_seconds);
    case requests::Turn::key_reused:
        throw Error(ErrorCode::key_reused, "idempotency_key_reused");
    case requests::Turn::ours:
        break;
    }
    try {
        return database::retry_while_contended(db, [&] { return attempt(app, route, call, keyed); });
    } catch (...) {
        app.debited_seconds = 0;
        try {
            requests::give_up(db, keyed);
        } catch (const Error& error) { // the lease frees the key then
            base::log("an idempotency key stays taken: " + std::string(error.what()));
        }
        throw;
    }
}
