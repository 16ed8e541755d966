// Answers, as they are made of JSON and of errors.
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "http.h"

int status_of(base::ErrorCode code);

// The error's status, its name and fields as JSON, and the headers that belong to it.
http::Response render(const base::Error& error);

// 200 with a JSON body.
http::Response ok(const base::Json& body);

// The ETag of a body: quoted, and another one for every other body.
std::string etag_of(const std::string& body);
// With that ETag and Cache-Control: 304 for a client that has it already, or else 200, whose body is to come.
http::Response cacheable(const http::Request& request, const std::string& etag, const char* cache_control);
