#include "routes.h"

#include "auth/access_token.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/hmac.h"
#include "base/log.h"
#include "sqlite/migrate.h"

#include <algorithm>
#include <strings.h>

namespace {

using base::Error;
using base::ErrorCode;
using http::Request;
using http::Response;

enum class Access
{
    everybody,
    wallet, // by its access token
    service // the operator's own programs, by their token
};

struct Route
{
    const char* method;
    const char* path;
    Access access;
    Response (*handler)(App&, const Call&);
};

constexpr Route routes[] = {
    {"GET", "/health", Access::everybody, get_health},
    {"GET", "/openapi.json", Access::everybody, get_openapi},
    {"POST", "/auth/nonce", Access::everybody, post_auth_nonce},
    {"POST", "/auth/verify", Access::everybody, post_auth_verify},
    {"GET", "/credits", Access::wallet, get_credits},
    {"POST", "/credits/verify-celo", Access::wallet, post_credits_verify_celo},
    {"POST", "/rooms/create", Access::wallet, post_rooms_create},
    {"POST", "/rooms/join", Access::wallet, post_rooms_join},
    {"POST", "/rooms/heartbeat", Access::wallet, post_rooms_heartbeat},
    {"POST", "/rooms/token/renew", Access::wallet, post_rooms_token_renew},
    {"POST", "/rooms/leave", Access::wallet, post_rooms_leave},
    {"GET", "/rooms/active", Access::everybody, get_rooms_active},
    {"POST", "/session/join", Access::wallet, post_session_join},
    {"POST", "/session/:id/leave", Access::wallet, post_session_leave},
    {"POST", "/session/:id/attest", Access::service, post_session_attest},
};

// Whether the path is the route's, where ":id" stands for one segment that is not empty, which is then put
// into `id`.
bool matches(std::string_view path, std::string_view route, std::string& id)
{
    const auto colon = route.find(":id");
    if (colon == std::string_view::npos)
        return path == route;
    const auto rest = route.substr(colon + 3);
    if (path.size() <= colon + rest.size() || path.substr(0, colon) != route.substr(0, colon) ||
        path.substr(path.size() - rest.size()) != rest)
        return false;
    const auto segment = path.substr(colon, path.size() - colon - rest.size());
    if (segment.find('/') != std::string_view::npos)
        return false;
    id = segment;
    return true;
}

constexpr const char* allowed_methods = "GET, HEAD, POST, OPTIONS";
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
    case ErrorCode::payload_too_large:
        return 413;
    case ErrorCode::chain_refused:
        return 502;
    case ErrorCode::not_configured:
    case ErrorCode::chain_unavailable:
    case ErrorCode::database_unavailable:
    case ErrorCode::database_newer:
        return 503;
    case ErrorCode::internal:
        return 500;
    }
    return 500;
}

Response render(const Error& error)
{
    Response response;
    response.status = status_of(error.code());
    base::Json body{{"error", error.code() == ErrorCode::internal ? "internal_error" : error.name()}};
    for (const auto& [key, value] : error.fields())
        std::visit([&, &name = key](const auto& plain) { body[name] = plain; }, value);
    response.body = body.dump();
    if (response.status == 401)
        response.headers.emplace_back("WWW-Authenticate", "Bearer");
    if (error.code() == ErrorCode::chain_unavailable)
        response.headers.emplace_back("Retry-After", "5");
    if (error.code() == ErrorCode::database_unavailable || error.code() == ErrorCode::database_newer)
        response.headers.emplace_back("Retry-After", "1");
    return response;
}

std::string authenticate(const App& app, const Request& request)
{
    constexpr std::string_view scheme = "Bearer ";
    const auto& header = request.authorization;
    if (header.size() > scheme.size() && strncasecmp(header.c_str(), scheme.data(), scheme.size()) == 0) {
        const auto token = std::string_view(header).substr(scheme.size());
        if (auto wallet = auth::verify_access_token(app.config.jwt_secret, token, request.now))
            return *std::move(wallet);
    }
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

// The checks that every endpoint shares, in the order of the contract: route, method, size, auth, JSON.
Response route(App& app, const Request& request)
{
    std::string_view path = request.path;
    if (path.size() > 1 && path.back() == '/')
        path.remove_suffix(1);
    std::string id;
    const auto* known = std::find_if(std::begin(routes), std::end(routes), [&](const Route& candidate) {
        return matches(path, candidate.path, id);
    });
    if (known == std::end(routes))
        throw Error(ErrorCode::not_found, "not_found");
    const bool is_get = std::string_view(known->method) == "GET";
    const bool is_allowed = request.method == known->method || (is_get && request.method == "HEAD");
    if (!is_allowed) {
        auto response = render(Error(ErrorCode::method_not_allowed, "method_not_allowed"));
        response.headers.emplace_back("Allow", is_get ? "GET, HEAD, OPTIONS" : "POST, OPTIONS");
        return response;
    }
    if (request.body_state == http::BodyState::too_large)
        throw Error(ErrorCode::payload_too_large, "payload_too_large");

    Call call{request, {}, base::Json::object(), std::move(id)};
    if (known->access == Access::wallet)
        call.wallet = authenticate(app, request);
    if (known->access == Access::service)
        authenticate_service(app, request);
    if (!is_get)
        call.body = parse_body(request);
    return known->handler(app, call);
}

Response preflight(const Request& request)
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
    return response;
}

// The one catch: whatever is thrown below ends here.
Response answer(App& app, const Request& request)
{
    try {
        return request.method == "OPTIONS" ? preflight(request) : route(app, request);
    } catch (const Error& error) {
        const bool is_ours =
            error.code() == ErrorCode::internal || error.code() == ErrorCode::database_unavailable ||
            error.code() == ErrorCode::database_newer || error.code() == ErrorCode::chain_unavailable ||
            error.code() == ErrorCode::chain_refused;
        if (is_ours)
            base::log(request.method + " " + request.path + ": " + error.what());
        if (error.code() == ErrorCode::database_unavailable)
            app.close_database(); // the file may be another, or healthy again, the next time
        if (error.code() == ErrorCode::database_newer)
            app.mark_outdated();
        return render(error);
    } catch (const std::exception& error) {
        base::log(request.method + " " + request.path + ": " + error.what());
        return render(Error(ErrorCode::internal, "internal_error"));
    }
}

void add_cors_headers(const base::Config& config, const Request& request, Response& response)
{
    const auto& allowed = config.cors_allowed_origins;
    const bool is_list = allowed.front() != "*";
    const bool is_listed = std::find(allowed.begin(), allowed.end(), request.origin) != allowed.end();
    // An origin that is not on the list gets another's name, and its browser keeps the answer from it.
    response.headers.emplace_back("Access-Control-Allow-Origin",
                                  is_listed ? request.origin : allowed.front());
    response.headers.emplace_back("Access-Control-Expose-Headers", "ETag, Retry-After, X-Request-Id");
    if (is_list)
        response.headers.emplace_back("Vary", "Origin");
}

bool has_header(const Response& response, std::string_view name)
{
    return std::any_of(response.headers.begin(), response.headers.end(),
                       [&](const auto& h) { return h.first == name; });
}

} // namespace

sqlite::Database& App::database()
{
    if (!database_)
        database_ = sqlite::open_migrated(config.database_path, config.database_busy_timeout_ms);
    return *database_;
}

Response ok(const base::Json& body)
{
    Response response;
    response.body = body.dump();
    return response;
}

Response cacheable(const Request& request, std::string body, const char* cache_control)
{
    Response response;
    const auto etag = "\"" + base::to_hex(base::sha256(body).substr(0, 16)) + "\"";
    response.headers.emplace_back("ETag", etag);
    response.headers.emplace_back("Cache-Control", cache_control);
    // RFC 9110, 13.1.2: a list of tags, compared weakly, or "*".
    const auto& known = request.if_none_match;
    if (known == "*" || known.find(etag) != std::string::npos)
        response.status = 304;
    else
        response.body = std::move(body);
    return response;
}

Response dispatch(App& app, const Request& request)
{
    auto response = answer(app, request);
    response.is_head = request.method == "HEAD";
    add_cors_headers(app.config, request, response);
    if (!response.body.empty())
        response.headers.emplace_back("Content-Type", "application/json");
    if (!has_header(response, "Cache-Control"))
        response.headers.emplace_back("Cache-Control", "no-store");
    return response;
}
