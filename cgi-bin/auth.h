// Signing in.
#pragma once

#include "call.h"

http::Response post_auth_nonce(App& app, const Call& call);
http::Response post_auth_verify(App& app, const Call& call);
// For a wallet made on the spot.
http::Response post_auth_demo(App& app, const Call& call);
http::Response post_auth_refresh(App& app, const Call& call);
