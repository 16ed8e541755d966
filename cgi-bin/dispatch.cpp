#include "dispatch.h"

#include "access.h"
#include "base/log.h"
#include "cors.h"
#include "idempotency.h"
#include "rate_limits.h"
#include "request_log.h"
#include "requests/idempotency.h"
#include "responses.h"
#include "routes.h"

#include <algorithm>
#include <new>

namespace {

using base::Error;
using base::ErrorCode;
using http::Request;
using http::Response;

const Route& find(const Match& found, const Request& request)
{
    if (found.meant == nullptr)
        throw Error(ErrorCode::not_found, "not_found");
    const auto* route = found.with_method(request.method);
    if (route == nullptr)
        throw Error(ErrorCode::method_not_allowed, "method_not_allowed");
    if (request.body_state == http::BodyState::too_large ||
        std::max(request.body.size(), request.announced_body_bytes) > route->most_body_bytes)
        throw Error(ErrorCode::payload_too_large, "payload_too_large");
    return *route;
}

bool is_keyed(const Route& route, const Request& request)
{
    return route.takes_idempotency_key && request.idempotency_key.has_value();
}

base::Json parse_body(const Request& request)
{
    if (request.body_state == http::BodyState::cut_off)
        throw Error(ErrorCode::invalid_argument, "invalid_json", "the body is shorter than announced");
    if (request.body.empty())
        return base::Json::object();
    auto body = base::parse_json(request.body);
    if (!body.is_object())
        throw Error(ErrorCode::invalid_argument, "invalid_json", "not an object");
    return body;
}

void read(const Route& route, const Match& found, Call& call)
{
    const auto& request = call.request;
    if (is_keyed(route, request) && !requests::is_idempotency_key(*request.idempotency_key))
        throw Error(ErrorCode::invalid_argument, "invalid idempotency_key");
    if (!found.ids.empty())
        call.path_id = found.ids[0];
    if (found.ids.size() > 1)
        call.second_path_id = found.ids[1];
    const std::string_view method = route.method;
    if (method == "POST" || method == "PUT")
        call.body = parse_body(request);
}

// What every endpoint shares, in the order of the contract.
Response serve(App& app, const Match& found, Call& call)
{
    const auto& request = call.request;
    const auto& route = find(found, request);
    limit_address(app, request, route.limits);
    auto token = authorize(app, route, request);
    call.wallet = std::move(token.wallet);
    call.signed_in_at = token.signed_in_at;
    limit_wallet(app, request, call.wallet, route.limits | (is_keyed(route, request) ? keyed : unlimited));
    read(route, found, call);
    // Which act on what they commit by nothing but the answer; attesting sends it to the chain.
    if (route.pool == Pool::disk || (route.pool == Pool::chain && route.access != Access::service))
        app.defer_syncs();
    return is_keyed(route, request) ? answer_once(app, route, call) : route.handler(app, call);
}

void log_failure(const Match& found, const Request& request, const std::exception& error)
{
    base::log(std::string(method_of(request)) + " " + found.pattern() + ": " + error.what());
}

// Those that are the operator's to know.
bool is_failure(ErrorCode code)
{
    return code == ErrorCode::internal || code == ErrorCode::database_unavailable ||
           code == ErrorCode::database_newer || code == ErrorCode::chain_unavailable ||
           code == ErrorCode::chain_refused;
}

Response refuse(App& app, const Match& found, const Request& request, const Error& error)
{
    if (is_failure(error.code()))
        log_failure(found, request, error);
    if (error.code() == ErrorCode::database_unavailable)
        app.close_database(); // the file may be another, or healthy again, the next time
    if (error.code() == ErrorCode::database_newer)
        app.mark_outdated();
    if (error.code() == ErrorCode::database_moved && app.is_problem_to_be_told())
        base::log(error.what());
    auto response = render(error);
    if (error.code() == ErrorCode::method_not_allowed)
        response.headers.emplace_back("Allow", found.allowed_methods());
    return response;
}

// The one catch: whatever is thrown below ends here.
Response answer(App& app, const Match& found, Call& call)
{
    const auto& request = call.request;
    try {
        return request.method == "OPTIONS" ? preflight(app.config, request) : serve(app, found, call);
    } catch (const Error& error) {
        return refuse(app, found, request, error);
    } catch (const std::exception& error) {
        log_failure(found, request, error);
        return render(Error(ErrorCode::internal, "internal_error"));
    }
}

// Nothing that could mean more than itself in a header or a log.
bool is_request_id(const std::string& text)
{
    constexpr std::size_t max_characters = 128;
    constexpr const char* allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    return !text.empty() && text.size() <= max_characters &&
           text.find_first_not_of(allowed) == std::string::npos;
}

std::string choose_request_id(App& app, const Request& request)
{
    if (is_request_id(request.request_id))
        return request.request_id;
    try {
        return app.random.uuid_v4();
    } catch (const Error&) { // no reason to serve nobody
        return "unknown";
    }
}

bool has_header(const Response& response, std::string_view name)
{
    return std::any_of(response.headers.begin(), response.headers.end(),
                       [&](const auto& h) { return h.first == name; });
}

// What every answer bears, and what is said of it to those who watch.
void decorate(App& app, const Match& found, Call& call, std::string request_id, Response& response)
{
    response.route = found.pattern();
    if (response.wallet.empty())
        response.wallet = std::move(call.wallet);
    response.debited_seconds = app.debited_seconds;
    response.headers.emplace_back("X-Request-Id", request_id);
    response.request_id = std::move(request_id);
    response.is_head = call.request.method == "HEAD";
    add_cors_headers(app.config, call.request, response);
    if (!response.body.empty() && !has_header(response, "Content-Type"))
        response.headers.emplace_back("Content-Type", "application/json");
    if (!has_header(response, "Cache-Control"))
        response.headers.emplace_back("Cache-Control", "no-store");
}

} // namespace

Response dispatch(App& app, const Request& request)
{
    try {
        app.begin_request();
        auto request_id = choose_request_id(app, request);
        const base::LogScope scope(request_id);
        auto found = match(request.path);
        if (found.meant != nullptr && !exists(app, *found.meant))
            found = {};
        Call call{request};
        auto response = answer(app, found, call);
        decorate(app, found, call, std::move(request_id), response);
        return response;
    } catch (const std::bad_alloc&) { // on the way into a handler or out of it
        auto response = render(Error(ErrorCode::internal, "internal_error"));
        response.headers.emplace_back("Content-Type", "application/json");
        return response;
    }
}

Response withdraw(App& app, const Request& request, const Response& answered, const Error& error)
{
    app.begin_request(); // nothing counts as debited
    const base::LogScope scope(answered.request_id);
    const auto found = match(request.path);
    Call call{request};
    call.wallet = answered.wallet;
    auto response = refuse(app, found, request, error);
    decorate(app, found, call, answered.request_id, response);
    return response;
}
