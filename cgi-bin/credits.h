// A wallet's seconds.
#pragma once

#include "call.h"

http::Response get_credits(App& app, const Call& call);
http::Response get_credits_history(App& app, const Call& call);
// What became of any wallet's seconds: the page that the query asks for.
http::Response statement_of(App& app, const Call& call, const std::string& wallet);
http::Response post_credits_verify_celo(App& app, const Call& call);
