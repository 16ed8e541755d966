#include "gateway.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>

namespace {

// What is wanted of the variables, of which a web server sends some thirty: found in one pass.
enum Name : std::size_t
{
    request_method,
    request_uri,
    script_name,
    path_info,
    content_length,
    remote_addr,
    host,
    authorization,
    redirected_authorization,
    service_token,
    agora_signature,
    origin,
    if_none_match,
    accept_encoding,
    idempotency_key,
    request_id,
    access_control_request_headers,
    access_control_request_private_network,
    transfer_encoding,
};
constexpr std::array<std::string_view, 19> names = {
    "REQUEST_METHOD",
    "REQUEST_URI",
    "SCRIPT_NAME",
    "PATH_INFO",
    "CONTENT_LENGTH",
    "REMOTE_ADDR",
    "HTTP_HOST",
    "HTTP_AUTHORIZATION",
    "REDIRECT_HTTP_AUTHORIZATION", // Apache's name for it after an internal redirect
    "HTTP_X_SERVICE_TOKEN",
    "HTTP_AGORA_SIGNATURE_V2",
    "HTTP_ORIGIN",
    "HTTP_IF_NONE_MATCH",
    "HTTP_ACCEPT_ENCODING",
    "HTTP_IDEMPOTENCY_KEY",
    "HTTP_X_REQUEST_ID",
    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS",
    "HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK",
    "HTTP_TRANSFER_ENCODING",
};

class Variables
{
  public:
    explicit Variables(const char* const* all)
    {
        for (; *all != nullptr; ++all) {
            const std::string_view variable = *all;
            const auto end = std::min(variable.find('='), variable.size());
            const auto name = std::find(names.begin(), names.end(), variable.substr(0, end));
            if (name == names.end() || end == variable.size())
                continue;
            auto& value = values_[static_cast<std::size_t>(name - names.begin())];
            if (value.data() == nullptr) // of two of a name the first counts
                value = variable.substr(end + 1);
        }
    }

    bool has(Name name) const { return values_[name].data() != nullptr; }
    std::string_view operator[](Name name) const { return values_[name]; } // empty if there is none

  private:
    std::array<std::string_view, names.size()> values_;
};

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

void read_body(Gateway& gateway, const Variables& variables, http::Request& request)
{
    const auto text = variables[content_length]; // nginx sends an empty one where there is none
    if (text.empty()) {
        // Apache gives a chunked body without its length: nothing would tell whether all of it came.
        if (variables.has(transfer_encoding)) {
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
    if (error == std::errc::result_out_of_range || announced > http::max_sign_in_body_bytes) {
        request.body_state = http::BodyState::too_large;
        drain(gateway);
        return;
    }
    request.announced_body_bytes = announced;
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
std::string_view request_path(const Variables& variables)
{
    auto path = variables[request_uri];
    path = path.substr(0, path.find('?'));
    const auto mounted_at = variables[script_name];
    const bool is_mounted = !variables[path_info].empty() && !mounted_at.empty();
    if (is_mounted && path.size() > mounted_at.size() && path.substr(0, mounted_at.size()) == mounted_at &&
        path[mounted_at.size()] == '/')
        path.remove_prefix(mounted_at.size());
    return path;
}

std::string_view request_query(const Variables& variables)
{
    const auto uri = variables[request_uri];
    const auto mark = uri.find('?');
    return mark == std::string_view::npos ? std::string_view() : uri.substr(mark + 1);
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
    case 308:
        return "Permanent Redirect";
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
    const Variables variables(gateway.variables());
    http::Request request;
    request.method = variables[request_method];
    request.path = request_path(variables);
    request.query = request_query(variables);
    request.host = variables[host];
    request.authorization =
        variables[variables[authorization].empty() ? redirected_authorization : authorization];
    request.service_token = variables[service_token];
    request.agora_signature = variables[agora_signature];
    request.origin = variables[origin];
    request.if_none_match = variables[if_none_match];
    request.accept_encoding = variables[accept_encoding];
    if (variables.has(idempotency_key))
        request.idempotency_key = variables[idempotency_key];
    request.request_id = variables[request_id];
    request.address = variables[remote_addr];
    request.access_control_request_headers = variables[access_control_request_headers];
    request.access_control_request_private_network =
        variables[access_control_request_private_network] == "true";
    read_body(gateway, variables, request);
    return request;
}

void write_response(Gateway& gateway, const http::Response& response)
{
    constexpr std::size_t usual_head_bytes = 512;
    std::string text;
    text.reserve(usual_head_bytes + response.body.size());
    text.append("Status: ").append(std::to_string(response.status));
    text.append(" ").append(reason_phrase(response.status)).append("\r\n");
    for (const auto& [name, value] : response.headers)
        text.append(name).append(": ").append(value).append("\r\n");
    if (response.status != 204 && response.status != 304)
        text.append("Content-Length: ").append(std::to_string(response.body.size())).append("\r\n");
    text += "\r\n";
    if (!response.is_head)
        text += response.body;
    gateway.write(text);
}
