// From a request to its answer.
#pragma once

#include "app.h"
#include "base/error.h"
#include "http.h"

// Answers any request. What goes wrong becomes a status and an error in JSON; throws std::bad_alloc, and
// nothing else, if there is no memory to say even that.
http::Response dispatch(App& app, const http::Request& request);

// What a client is told instead of `answered`, if what that speaks of could not be brought to the disk.
http::Response withdraw(App& app, const http::Request& request, const http::Response& answered,
                        const base::Error& error);
