#include "access.h"

#include "auth/access_token.h"
#include "base/error.h"
#include "base/hmac.h"

#include <strings.h>

using base::Error;
using base::ErrorCode;
using http::Request;

namespace {

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

} // namespace

std::string authorize(const App& app, const Route& route, const Request& request)
{
    switch (route.access) {
    case Access::everybody:
        return {};
    case Access::wallet:
        return authenticate(app, request);
    case Access::service:
        authenticate_service(app, request);
        return {};
    case Access::monitor:
        authenticate_monitor(app, request);
        return {};
    }
    return {};
}
