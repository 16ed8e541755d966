#include "gateway.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace {

// Throws away what a client sends beyond the limit, as far as a web server would pass it on, so that the web
// server has sent everything before it reads the answer. Apache loses the answer to a body that nobody read.
void drain(Gateway& gateway)
{
    constexpr std::size_t most_bytes = 1024 * 1024;
    char scratch[8192];
    for (std::size_t got = 0, drained = 0; drained < most_bytes; drained += got) {
        got = gateway.read(scratch, sizeof scratch);
        if (got == 0)
            return;
    }
}

void read_body(Gateway& gateway, http::Request& request)
{
    const auto text = gateway.text("CONTENT_LENGTH"); // nginx sends an empty one where there is none
    if (text.empty()) {
        // Apache gives a chunked body without its length: nothing would tell whether all of it came.
        if (gateway.variable("HTTP_TRANSFER_ENCODING") != nullptr) {
            request.body_state = http::BodyState::cut_off;
            drain(gateway);
        }
        return;
    }
    std::uint64_t announced = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), announced);
    if (end != text.data() + text.size() || error == std::errc::invalid_argument) {
        request.body_state = http::BodyState::cut_off;
        return;
    }
    if (error == std::errc::result_out_of_range || announced > http::max_body_bytes) {
        request.body_state = http::BodyState::too_large;
        drain(gateway);
        return;
    }
    request.body.resize(announced);
    std::size_t got = 0;
    while (got < announced) {
        const auto more = gateway.read(request.body.data() + got, announced - got);
        if (more == 0)
            break;
        got += more;
    }
    request.body.resize(got);
    // The client hung up half way: what arrived may well parse, but is not what was meant.
    if (got < announced)
        request.body_state = http::BodyState::cut_off;
}

// The path behind the place that the program is mounted at. REQUEST_URI is what the client sent; the other
// variables are decoded and would let an encoded slash reach another route.
std::string request_path(const Gateway& gateway)
{
    auto path = gateway.text("REQUEST_URI");
    path.resize(std::min(path.find('?'), path.size()));
    const auto mounted_at = gateway.text("SCRIPT_NAME");
    const bool is_mounted = !gateway.text("PATH_INFO").empty() && !mounted_at.empty();
    if (is_mounted && path.compare(0, mounted_at.size(), mounted_at) == 0 && path[mounted_at.size()] == '/')
        path.erase(0, mounted_at.size());
    return path;
}

std::string request_query(const Gateway& gateway)
{
    const auto uri = gateway.text("REQUEST_URI");
    return uri.substr(std::min(uri.find('?'), uri.size() - 1) + 1);
}

const char* reason_phrase(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 204:
        return "No Content";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 413:
        return "Content Too Large";
    case 422:
        return "Unprocessable Content";
    case 429:
        return "Too Many Requests";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    default:
        return "Internal Server Error";
    }
}

} // namespace

http::Request read_request(Gateway& gateway)
{
    http::Request request;
    request.method = gateway.text("REQUEST_METHOD");
    request.path = request_path(gateway);
    request.query = request_query(gateway);
    request.authorization = gateway.text("HTTP_AUTHORIZATION");
    if (request.authorization.empty()) // Apache's name for it after an internal redirect
        request.authorization = gateway.text("REDIRECT_HTTP_AUTHORIZATION");
    request.service_token = gateway.text("HTTP_X_SERVICE_TOKEN");
    request.origin = gateway.text("HTTP_ORIGIN");
    request.if_none_match = gateway.text("HTTP_IF_NONE_MATCH");
    if (const char* key = gateway.variable("HTTP_IDEMPOTENCY_KEY"))
        request.idempotency_key = key;
    request.request_id = gateway.text("HTTP_X_REQUEST_ID");
    request.address = gateway.text("REMOTE_ADDR");
    request.access_control_request_headers = gateway.text("HTTP_ACCESS_CONTROL_REQUEST_HEADERS");
    read_body(gateway, request);
    return request;
}

void write_response(Gateway& gateway, const http::Response& response)
{
    std::string text =
        "Status: " + std::to_string(response.status) + " " + reason_phrase(response.status) + "\r\n";
    for (const auto& [name, value] : response.headers)
        text += name + ": " + value + "\r\n";
    if (response.status != 204 && response.status != 304)
        text += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
    text += "\r\n";
    if (!response.is_head)
        text += response.body;
    gateway.write(text);
}
