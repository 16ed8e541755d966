#include "routes.h"

#include "auth/access_token.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/hmac.h"
#include "base/log.h"
#include "base/origin.h"
#include "rate_limits.h"
#include "requests/idempotency.h"
#include "sqlite/migrate.h"

#include <algorithm>
#include <new>
#include <optional>
#include <strings.h>
#include <vector>

namespace {

using base::Error;
using base::ErrorCode;
using http::Request;
using http::Response;

enum class Access
{
    everybody,
    wallet,  // by its access token
    service, // the operator's own programs, by their token
    monitor  // whoever watches, by a token; without one in the settings there is no such route
};

struct Route
{
    const char* method;
    const char* path;
    Access access;
    Response (*handler)(App&, const Call&);
    unsigned limits = unlimited;
    bool takes_idempotency_key = false; // which belongs to a wallet, so `access` is the wallet's
};

// A path may stand here once for each method. The first path that matches is the one that was meant.
constexpr Route routes[] = {
    {"GET", "/health", Access::everybody, get_health},
    {"GET", "/metrics", Access::monitor, get_metrics},
    {"GET", "/openapi.json", Access::everybody, get_openapi},
    {"POST", "/auth/nonce", Access::everybody, post_auth_nonce, sign_in},
    {"POST", "/auth/verify", Access::everybody, post_auth_verify, sign_in},
    {"GET", "/credits", Access::wallet, get_credits},
    {"GET", "/credits/history", Access::wallet, get_credits_history},
    {"POST", "/credits/verify-celo", Access::wallet, post_credits_verify_celo, chain, true},
    {"POST", "/rooms/create", Access::wallet, post_rooms_create, create | chain, true},
    {"POST", "/rooms/join", Access::wallet, post_rooms_join, join | chain, true},
    {"POST", "/rooms/heartbeat", Access::wallet, post_rooms_heartbeat},
    {"POST", "/rooms/token/renew", Access::wallet, post_rooms_token_renew},
    {"POST", "/rooms/leave", Access::wallet, post_rooms_leave, unlimited, true},
    {"GET", "/rooms/active", Access::everybody, get_rooms_active},
    {"GET", "/rooms/:room_id", Access::wallet, get_room},
    {"DELETE", "/rooms/:room_id", Access::wallet, delete_room},
    {"DELETE", "/rooms/:room_id/participants/:connection_id", Access::wallet, delete_room_participant},
    {"POST", "/session/join", Access::wallet, post_session_join, join | chain},
    {"POST", "/session/:id/leave", Access::wallet, post_session_leave},
    {"POST", "/session/:id/attest", Access::service, post_session_attest, attest},
};

// Takes the first segment, with the slash before it, off the path.
std::string_view take_segment(std::string_view& path)
{
    const auto segment = path.substr(0, path.find('/', 1));
    path.remove_prefix(segment.size());
    return segment;
}

// Whether the path is the route's, where ":..." stands for one segment that is not empty; those are put into
// `ids`.
bool matches(std::string_view path, std::string_view route, std::vector<std::string>& ids)
{
    ids.clear();
    while (!path.empty() && !route.empty()) {
        const auto segment = take_segment(path);
        const auto expected = take_segment(route);
        if (expected.substr(0, 2) == "/:" && segment.size() > 1 && segment.front() == '/')
            ids.emplace_back(segment.substr(1));
        else if (segment != expected)
            return false;
    }
    return path.empty() && route.empty();
}

// What the Allow of a path says.
std::string allowed_methods_of(std::string_view path)
{
    std::string allowed;
    for (const std::string_view method : {"GET", "POST", "DELETE"}) {
        const bool is_known = std::any_of(std::begin(routes), std::end(routes), [&](const Route& route) {
            return route.path == path && route.method == method;
        });
        if (is_known)
            allowed += (method == "GET" ? std::string("GET, HEAD") : std::string(method)) + ", ";
    }
    return allowed + "OPTIONS";
}

constexpr const char* allowed_methods = "GET, HEAD, POST, DELETE, OPTIONS";
constexpr const char* preflight_lifetime_seconds = "86400";

int status_of(ErrorCode code)
{
    switch (code) { // no default: a forgotten code is a compiler warning
    case ErrorCode::invalid_argument:
        return 400;
    case ErrorCode::unauthenticated:
        return 401;
    case ErrorCode::permission_denied:
        return 403;
    case ErrorCode::not_found:
        return 404;
    case ErrorCode::method_not_allowed:
        return 405;
    case ErrorCode::conflict:
        return 409;
    case ErrorCode::key_reused:
        return 422;
    case ErrorCode::payload_too_large:
        return 413;
    case ErrorCode::rate_limited:
        return 429;
    case ErrorCode::chain_refused:
        return 502;
    case ErrorCode::not_configured:
    case ErrorCode::chain_unavailable:
    case ErrorCode::database_unavailable:
    case ErrorCode::database_newer:
    case ErrorCode::database_moved:
        return 503;
    case ErrorCode::internal:
        return 500;
    }
    return 500;
}

// An operator's words may come in another encoding than UTF-8.
std::string write(const base::Json& body)
{
    return body.dump(-1, ' ', false, base::Json::error_handler_t::replace);
}

// 0: nobody knows, or it would not help.
std::int64_t retry_after_seconds(const Error& error)
{
    if (error.retry_after_seconds() > 0)
        return error.retry_after_seconds();
    if (error.code() == ErrorCode::chain_unavailable)
        return 5;
    const bool is_database = error.code() == ErrorCode::database_unavailable ||
                             error.code() == ErrorCode::database_newer ||
                             error.code() == ErrorCode::database_moved;
    return is_database ? 1 : 0;
}

Response render(const Error& error)
{
    Response response;
    response.status = status_of(error.code());
    base::Json body{{"error", error.code() == ErrorCode::internal ? "internal_error" : error.name()}};
    for (const auto& [key, value] : error.fields())
        std::visit([&, &name = key](const auto& plain) { body[name] = plain; }, value);
    response.body = write(body);
    if (response.status == 401)
        response.headers.emplace_back("WWW-Authenticate", "Bearer");
    if (const auto seconds = retry_after_seconds(error); seconds > 0)
        response.headers.emplace_back("Retry-After", std::to_string(seconds));
    return response;
}

// Empty if there is none.
std::string_view bearer_token(const Request& request)
{
    constexpr std::string_view scheme = "Bearer ";
    const auto& header = request.authorization;
    if (header.size() <= scheme.size() || strncasecmp(header.c_str(), scheme.data(), scheme.size()) != 0)
        return {};
    return std::string_view(header).substr(scheme.size());
}

std::string authenticate(const App& app, const Request& request)
{
    const auto token = bearer_token(request);
    if (!token.empty()) {
        if (auto wallet = auth::verify_access_token(app.config.jwt_secret, token, request.now,
                                                    app.config.jwt_secret_previous))
            return *std::move(wallet);
    }
    throw Error(ErrorCode::unauthenticated, "unauthorized");
}

void authenticate_monitor(const App& app, const Request& request)
{
    if (!base::equal_in_constant_time(bearer_token(request), app.config.metrics_token))
        throw Error(ErrorCode::unauthenticated, "unauthorized");
}

void authenticate_service(const App& app, const Request& request)
{
    const auto& expected = app.config.oracle_service_token;
    if (expected.empty())
        throw Error(ErrorCode::not_configured, "oracle not configured");
    if (!base::equal_in_constant_time(request.service_token, expected))
        throw Error(ErrorCode::permission_denied, "forbidden");
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
Response call_handler(App& app, const Route& known, const Call& call)
{
    try {
        return known.handler(app, call);
    } catch (const Error& error) {
        if (!is_final(status_of(error.code())))
            throw;
        return render(error);
    }
}

// Carries out a request that bears an idempotency key, or repeats the answer that it got before. The effect
// and the answer are one transaction: a worker that is killed between the two leaves neither, and the next
// attempt finds nothing done. After an answer that is not final it finds nothing done either; a stay that was
// settled on the way to it is settled again, to the same second. A refusal that changed nothing is not kept:
// it says the same again, and nobody can fill the disk with refusals.
Response answer_once(App& app, const Route& known, const Call& call)
{
    auto& db = app.database();
    const requests::KeyedRequest keyed{call.wallet, *call.request.idempotency_key,
                                       requests::fingerprint_of(known.method, known.path, call.request.body),
                                       call.request.now};
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
        std::optional<sqlite::TransactionGroup> group(db);
        const auto before = db.change_mark().by_this_connection;
        const auto response = call_handler(app, known, call);
        if (response.status >= 400 && db.change_mark().by_this_connection == before) {
            group.reset();
            return requests::give_up(db, keyed) ? response : render(in_progress());
        }
        if (!requests::keep_answer(db, keyed, {response.status, response.body}))
            return render(in_progress()); // this one was so slow that another took its place
        group->commit();
        return response;
    } catch (...) {
        try {
            requests::give_up(db, keyed);
        } catch (const Error& error) { // the lease frees the key then
            base::log("an idempotency key stays taken: " + std::string(error.what()));
        }
        throw;
    }
}

// The first route of the path that is asked for, whatever its method; null if there is none. What stands for
// the names behind colons is put into `ids`.
const Route* find_route(const App& app, const Request& request, std::vector<std::string>& ids)
{
    std::string_view path = request.path;
    if (path.size() > 1 && path.back() == '/')
        path.remove_suffix(1);
    const auto* meant = std::find_if(std::begin(routes), std::end(routes), [&](const Route& candidate) {
        return matches(path, candidate.path, ids);
    });
    if (meant == std::end(routes) || (meant->access == Access::monitor && app.config.metrics_token.empty()))
        return nullptr;
    return meant;
}

// What logs and metrics say of a path; the path itself may hold what is not for them, such as the id of a
// private room.
const char* pattern_of(const Route* meant)
{
    return meant == nullptr ? "none" : meant->path;
}

void log_failure(const Request& request, const Route* meant, const std::exception& error)
{
    base::log(std::string(method_of(request)) + " " + pattern_of(meant) + ": " + error.what());
}

// The checks that every endpoint shares, in the order of the contract: route, method, size, limits per
// address, auth, limits per wallet, key, JSON. `wallet` is whose token it was, whatever comes of it.
Response serve(App& app, const Request& request, const Route* meant, std::vector<std::string> ids,
               std::string& wallet)
{
    if (meant == nullptr)
        throw Error(ErrorCode::not_found, "not_found");
    const std::string method = request.method == "HEAD" ? "GET" : request.method;
    const auto* known = std::find_if(meant, std::end(routes), [&](const Route& candidate) {
        return std::string_view(candidate.path) == meant->path && candidate.method == method;
    });
    if (known == std::end(routes)) {
        auto response = render(Error(ErrorCode::method_not_allowed, "method_not_allowed"));
        response.headers.emplace_back("Allow", allowed_methods_of(meant->path));
        return response;
    }
    if (request.body_state == http::BodyState::too_large)
        throw Error(ErrorCode::payload_too_large, "payload_too_large");

    limit_address(app, request, known->limits);
    ids.resize(2);
    Call call{request, {}, base::Json::object(), std::move(ids[0]), std::move(ids[1])};
    if (known->access == Access::wallet)
        wallet = call.wallet = authenticate(app, request);
    if (known->access == Access::service)
        authenticate_service(app, request);
    if (known->access == Access::monitor)
        authenticate_monitor(app, request);
    const bool is_keyed = known->takes_idempotency_key && request.idempotency_key;
    limit_wallet(app, request, wallet, known->limits | (is_keyed ? keyed : unlimited));
    if (is_keyed && !requests::is_idempotency_key(*request.idempotency_key))
        throw Error(ErrorCode::invalid_argument, "invalid idempotency_key");
    if (method == "POST")
        call.body = parse_body(request);
    return is_keyed ? answer_once(app, *known, call) : known->handler(app, call);
}

bool is_allowed_origin(const base::Config& config, const std::string& origin)
{
    const auto& allowed = config.cors_allowed_origins;
    return allowed.front() == "*" || std::any_of(allowed.begin(), allowed.end(), [&](const auto& entry) {
               return base::admits(entry, origin);
           });
}

Response preflight(const base::Config& config, const Request& request)
{
    Response response;
    response.status = 204;
    const auto& asked = request.access_control_request_headers;
    const bool is_printable =
        std::all_of(asked.begin(), asked.end(), [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
    response.headers.emplace_back("Access-Control-Allow-Methods", allowed_methods);
    response.headers.emplace_back("Access-Control-Allow-Headers",
                                  asked.empty() || !is_printable ? "Authorization, Content-Type" : asked);
    response.headers.emplace_back("Access-Control-Max-Age", preflight_lifetime_seconds);
    // A page of the internet may ask a service in the browser's own network.
    if (request.access_control_request_private_network && is_allowed_origin(config, request.origin))
        response.headers.emplace_back("Access-Control-Allow-Private-Network", "true");
    return response;
}

// The one catch: whatever is thrown below ends here.
Response answer(App& app, const Request& request, const Route* meant, std::vector<std::string> ids,
                std::string& wallet)
{
    try {
        return request.method == "OPTIONS" ? preflight(app.config, request)
                                           : serve(app, request, meant, std::move(ids), wallet);
    } catch (const Error& error) {
        const bool is_ours =
            error.code() == ErrorCode::internal || error.code() == ErrorCode::database_unavailable ||
            error.code() == ErrorCode::database_newer || error.code() == ErrorCode::chain_unavailable ||
            error.code() == ErrorCode::chain_refused;
        if (is_ours)
            log_failure(request, meant, error);
        if (error.code() == ErrorCode::database_unavailable)
            app.close_database(); // the file may be another, or healthy again, the next time
        if (error.code() == ErrorCode::database_newer)
            app.mark_outdated();
        if (error.code() == ErrorCode::database_moved && app.is_problem_to_be_told())
            base::log(error.what());
        return render(error);
    } catch (const std::exception& error) {
        log_failure(request, meant, error);
        return render(Error(ErrorCode::internal, "internal_error"));
    }
}

void add_cors_headers(const base::Config& config, const Request& request, Response& response)
{
    const auto& allowed = config.cors_allowed_origins;
    const bool is_list = allowed.front() != "*";
    // An origin that is not on the list gets another's name, and its browser keeps the answer from it.
    response.headers.emplace_back("Access-Control-Allow-Origin",
                                  is_list && is_allowed_origin(config, request.origin) ? request.origin
                                                                                       : allowed.front());
    response.headers.emplace_back("Access-Control-Expose-Headers",
                                  "ETag, Idempotency-Replayed, Retry-After, X-Request-Id");
    if (is_list)
        response.headers.emplace_back("Vary", "Origin");
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

Response answer_with_headers(App& app, const Request& request)
{
    app.begin_request();
    auto request_id = choose_request_id(app, request);
    const base::LogScope scope(request_id);
    std::vector<std::string> ids;
    std::string wallet;
    const auto* meant = find_route(app, request, ids);
    auto response = answer(app, request, meant, std::move(ids), wallet);
    response.route = pattern_of(meant);
    response.wallet = std::move(wallet);
    response.debited_seconds = app.take_debited_seconds();
    response.headers.emplace_back("X-Request-Id", request_id);
    response.request_id = std::move(request_id);
    response.is_head = request.method == "HEAD";
    add_cors_headers(app.config, request, response);
    if (!response.body.empty() && !has_header(response, "Content-Type"))
        response.headers.emplace_back("Content-Type", "application/json");
    if (!has_header(response, "Cache-Control"))
        response.headers.emplace_back("Cache-Control", "no-store");
    return response;
}

// Whether a client has the body of that ETag. RFC 9110, 13.1.2: a list of tags, compared weakly, or "*". A
// web server that compresses puts the coding into the tag: "...-gzip" (Apache's mod_deflate), "...-br".
bool has_already(const std::string& known, const std::string& etag)
{
    if (known == "*")
        return true;
    const auto opened = etag.substr(0, etag.size() - 1);
    for (auto at = known.find(opened); at != std::string::npos; at = known.find(opened, at + 1)) {
        auto end = at + opened.size();
        if (end < known.size() && known[end] == '-')
            end = known.find_first_not_of("abcdefghijklmnopqrstuvwxyz", end + 1);
        if (end < known.size() && known[end] == '"')
            return true;
    }
    return false;
}

} // namespace

sqlite::Database& App::database()
{
    if (!database_)
        database_ = sqlite::open_migrated(config.database_path, config.database_busy_timeout_ms);
    if (!is_in_place_)
        database_->require_in_place();
    is_in_place_ = true;
    return *database_;
}

Response ok(const base::Json& body)
{
    Response response;
    response.body = write(body);
    return response;
}

std::string etag_of(const std::string& body)
{
    return "\"" + base::to_hex(base::sha256(body).substr(0, 16)) + "\"";
}

Response cacheable(const Request& request, const std::string& body, const std::string& etag,
                   const char* cache_control)
{
    Response response;
    response.headers.emplace_back("ETag", etag);
    response.headers.emplace_back("Cache-Control", cache_control);
    if (has_already(request.if_none_match, etag))
        response.status = 304;
    else
        response.body = body;
    return response;
}

Response dispatch(App& app, const Request& request)
{
    try {
        return answer_with_headers(app, request);
    } catch (const std::bad_alloc&) { // on the way into a handler or out of it
        auto response = render(Error(ErrorCode::internal, "internal_error"));
        response.headers.emplace_back("Content-Type", "application/json");
        return response;
    }
}
