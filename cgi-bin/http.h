// A request and its response as plain values, whichever gateway protocol they travel by.
#pragma once

#include "base/clock.h"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace http {

constexpr std::size_t max_body_bytes = 16 * 1024;

// The request's body as it arrived, or why there is none to look at.
enum class BodyState
{
    complete,
    too_large,
    cut_off
};

struct Request
{
    std::string method;
    std::string path; // raw, as in the request line: nothing is decoded, no dot segment resolved, no query
    std::string body;
    BodyState body_state = BodyState::complete;
    std::string query; // raw, without the question mark
    std::string authorization;
    std::string service_token;
    std::string origin;
    std::string if_none_match;
    std::optional<std::string> idempotency_key; // as it came, if it came
    std::string access_control_request_headers;
    base::UnixSeconds now = 0; // the one instant of this request
};

struct Response
{
    int status = 200;
    std::string body; // JSON, or empty
    std::vector<std::pair<std::string, std::string>> headers;
    bool is_head = false; // `body` is then only measured, not sent
};

} // namespace http
