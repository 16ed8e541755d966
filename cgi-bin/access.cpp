#include "access.h"

#include "base/agora_settings.h"
#include "base/chain_settings.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/hmac.h"
#include "base/oracle_settings.h"
#include "base/server_settings.h"
#include "base/settings.h"
#include "base/sign_in_settings.h"

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

auth::AccessToken authenticate(const App& app, const Route& route, const Request& request)
{
    const auto token = bearer_token(request);
    if (!token.empty()) {
        const auto& settings = app.settings<base::SignInSettings>();
        if (auto known = auth::verify_access_token(settings.jwt_secret, token, request.now,
                                                   settings.jwt_secret_previous, route.token_overdue_seconds))
            return *std::move(known);
    }
    throw Error(ErrorCode::unauthenticated, "unauthorized");
}

void authenticate_monitor(const App& app, const Request& request)
{
    if (!base::equal_in_constant_time(bearer_token(request),
                                      app.settings<base::ServerSettings>().metrics_token))
        throw Error(ErrorCode::unauthenticated, "unauthorized");
}

void authenticate_service(const App& app, const Request& request)
{
    const auto& expected = app.settings<base::OracleSettings>().oracle_service_token;
    if (expected.empty())
        throw Error(ErrorCode::not_configured, "oracle not configured");
    if (!base::equal_in_constant_time(request.service_token, expected))
        throw Error(ErrorCode::permission_denied, "forbidden");
}

// Of the body as it was sent. (Agora, "Receive notifications": Agora-Signature-V2.)
void authenticate_agora(const App& app, const Request& request)
{
    const auto expected = base::to_hex(
        base::hmac_sha256(app.settings<base::AgoraSettings>().agora_notification_secret, request.body));
    if (!base::equal_in_constant_time(request.agora_signature, expected))
        throw Error(ErrorCode::unauthenticated, "unauthorized");
}

void authenticate_backend(const App& app, const Request& request)
{
    if (!base::equal_in_constant_time(request.service_token,
                                      app.settings<base::ServerSettings>().service_token))
        throw Error(ErrorCode::permission_denied, "forbidden");
}

} // namespace

bool has_demo(const base::Config& config)
{
    return !base::settings<base::ServerSettings>(config).production &&
           base::settings<base::ChainSettings>(config).chain_mode == base::ChainMode::mock;
}

bool exists(const App& app, const Route& route)
{
    switch (route.access) {
    case Access::monitor:
        return !app.settings<base::ServerSettings>().metrics_token.empty();
    case Access::backend:
        return !app.settings<base::ServerSettings>().service_token.empty();
    case Access::agora:
        return !app.settings<base::AgoraSettings>().agora_notification_secret.empty();
    case Access::visitor:
        return app.settings<base::ServerSettings>().has_page;
    case Access::tester:
        return has_demo(app.config);
    default:
        return true;
    }
}

auth::AccessToken authorize(const App& app, const Route& route, const Request& request)
{
    switch (route.access) {
    case Access::everybody:
    case Access::visitor:
    case Access::tester:
        return {};
    case Access::wallet:
        return authenticate(app, route, request);
    case Access::service:
        authenticate_service(app, request);
        return {};
    case Access::backend:
        authenticate_backend(app, request);
        return {};
    case Access::monitor:
        authenticate_monitor(app, request);
        return {};
    case Access::agora:
        authenticate_agora(app, request);
        return {};
    }
    return {};
}
