// The description of the HTTP interface.
#pragma once

#include "call.h"

http::Response get_openapi(App& app, const Call& call);
