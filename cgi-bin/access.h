// Who asks, and whether they may.
#pragma once

#include "auth/access_token.h"
#include "routes.h"

// Whether there is such a route with these settings.
bool exists(const App& app, const Route& route);

// Whether anybody may sign in without a wallet: development with the mock chain.
bool has_demo(const base::Config& config);

// What the request's access token says on a wallet's route; nothing on others. Throws Error(unauthenticated),
// and for programs Error(permission_denied) or Error(not_configured).
auth::AccessToken authorize(const App& app, const Route& route, const http::Request& request);
