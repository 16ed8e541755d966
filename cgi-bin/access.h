// Who asks, and whether they may.
#pragma once

#include "routes.h"

// The wallet of the request's access token on a wallet's route; empty on others. Throws
// Error(unauthenticated), and for the operator's programs Error(permission_denied) or Error(not_configured).
std::string authorize(const App& app, const Route& route, const http::Request& request);
