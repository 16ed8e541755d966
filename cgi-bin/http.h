// A request and its response as plain values, whichever gateway protocol they travel by.
#pragma once

#include "base/clock.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace http {

constexpr std::size_t max_body_bytes = 16 * 1024;
// A signature of 8 KiB as hex fills the above; a message and JSON stand beside it.
constexpr std::size_t max_sign_in_body_bytes = 24 * 1024;

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
    std::size_t announced_body_bytes = 0; // whether or not so many came
    std::string query;                    // raw, without the question mark
    std::string host;                     // as the web server passes it on
    std::string authorization;
    std::string service_token;
    std::string agora_signature;
    std::string origin;
    std::string if_none_match;
    std::string accept_encoding;
    std::optional<std::string> idempotency_key; // as it came, if it came
    std::string access_control_request_headers;
    bool access_control_request_private_network = false;
    std::string request_id;    // as the client sent it
    std::string address;       // the client's, as the web server saw it
    base::UnixSeconds now = 0; // the one instant of this request,
    std::int64_t now_ms = 0;   // and the same in milliseconds
};

struct Response
{
    int status = 200;
    std::string body; // JSON unless a header says otherwise, or empty
    std::vector<std::pair<const char*, std::string>> headers;
    bool is_head = false; // `body` is then only measured, not sent

    // Not sent; for those who watch.
    const char* route = "none";         // the pattern
    std::string wallet;                 // of the access token, or who signed in; empty if nobody is known
    std::string request_id;             // the client's, or one made
    const char* signed_in_by = nullptr; // how a wallet signed in: "nonce", "siwe" or "contract"
    std::int64_t debited_seconds = 0;   // of everybody whose presence was metered on the way
};

} // namespace http
