// Whether the service works.
#pragma once

#include "call.h"

http::Response get_health(App& app, const Call& call);
