#include "cors.h"

#include "base/origin.h"
#include "base/server_settings.h"
#include "base/settings.h"

#include <algorithm>
#include <string_view>

using http::Request;
using http::Response;

namespace {

constexpr const char* allowed_methods = "GET, HEAD, POST, PUT, DELETE, OPTIONS";
constexpr const char* preflight_lifetime_seconds = "86400";

bool is_allowed_origin(const base::Config& config, const std::string& origin)
{
    const auto& allowed = base::settings<base::ServerSettings>(config).cors_allowed_origins;
    return allowed.front() == "*" || std::any_of(allowed.begin(), allowed.end(), [&](const auto& entry) {
               return base::admits(entry, origin);
           });
}

} // namespace

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

void add_cors_headers(const base::Config& config, const Request& request, Response& response)
{
    const auto& allowed = base::settings<base::ServerSettings>(config).cors_allowed_origins;
    const bool is_list = allowed.front() != "*";
    // An origin that is not on the list gets another's name, and its browser keeps the answer from it.
    response.headers.emplace_back("Access-Control-Allow-Origin",
                                  is_list && is_allowed_origin(config, request.origin) ? request.origin
                                                                                       : allowed.front());
    response.headers.emplace_back("Access-Control-Expose-Headers",
                                  "ETag, Idempotency-Replayed, Retry-After, X-Request-Id");
    if (!is_list)
        return;
    const auto varies =
        std::find_if(response.headers.begin(), response.headers.end(),
                     [](const auto& header) { return std::string_view(header.first) == "Vary"; });
    if (varies == response.headers.end())
        response.headers.emplace_back("Vary", "Origin");
    else
        varies->second += ", Origin";
}
