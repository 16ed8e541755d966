// A wallet's seconds.
#pragma once

#include "call.h"

http::Response get_credits(App& app, const Call& call);
http::Response get_credits_history(App& app, const Call& call);
http::Response post_credits_verify_celo(App& app, const Call& call);
