// What Agora's notification service tells.
#pragma once

#include "call.h"

http::Response post_agora_events(App& app, const Call& call);
