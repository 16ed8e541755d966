// What is counted and written down of each request.
#pragma once

#include "app.h"
#include "http.h"

// The request's method as it may be logged: "other" for one that no client of ours sends.
const char* method_of(const http::Request& request);

// Counts the answer and writes the request's line of the log.
void record(App& app, const http::Request& request, const http::Response& response,
            std::int64_t microseconds);
