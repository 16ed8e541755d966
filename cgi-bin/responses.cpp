#include "responses.h"

#include "base/hex.h"
#include "base/hmac.h"

#include <variant>

using base::Error;
using base::ErrorCode;
using http::Request;
using http::Response;

namespace {

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

Response cacheable(const Request& request, const std::string& etag, const char* cache_control)
{
    Response response;
    response.headers.emplace_back("ETag", etag);
    response.headers.emplace_back("Cache-Control", cache_control);
    if (has_already(request.if_none_match, etag))
        response.status = 304;
    return response;
}
