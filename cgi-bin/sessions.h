// Booked sessions.
#pragma once

#include "call.h"

http::Response post_session_join(App& app, const Call& call);
http::Response post_session_leave(App& app, const Call& call);
http::Response post_session_attest(App& app, const Call& call);
