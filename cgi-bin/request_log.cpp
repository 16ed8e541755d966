#include "request_log.h"

#include "base/log.h"
#include "base/server_settings.h"
#include "base/settings.h"
#include "metrics/report.h"

namespace {

// "0x1234…abcd": enough to find a wallet by, for who knows it.
std::string shortened(const std::string& wallet)
{
    return wallet.substr(0, 6) + "\u2026" + wallet.substr(wallet.size() - 4);
}

std::string time_of(const http::Request& request)
{
    auto text = base::iso8601(request.now_ms / 1000);
    const auto thousand_and_more = std::to_string(1000 + request.now_ms % 1000);
    return text.replace(text.size() - 4, 3, thousand_and_more, 1, 3);
}

} // namespace

// Of a client's choosing, so only what is known is repeated.
const char* method_of(const http::Request& request)
{
    for (const char* known : {"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"}) {
        if (request.method == known)
            return known;
    }
    return "other";
}

void record(App& app, const http::Request& request, const http::Response& response, std::int64_t microseconds)
{
    app.count_traffic();
    metrics::count_request(app.counters, response.route, response.status, microseconds);
    if (response.signed_in_by != nullptr)
        metrics::count_sign_in(app.counters, response.signed_in_by);
    if (!app.settings<base::ServerSettings>().log_requests)
        return;
    // Nothing here needs escaping: no text is the client's but the id, whose letters are few.
    constexpr std::size_t usual_bytes = 256;
    std::string line;
    line.reserve(usual_bytes);
    line.append("{\"time\":\"").append(time_of(request));
    line.append("\",\"id\":\"").append(response.request_id);
    line.append("\",\"method\":\"").append(method_of(request));
    line.append("\",\"route\":\"").append(response.route);
    line.append("\",\"status\":").append(std::to_string(response.status));
    line.append(",\"ms\":").append(std::to_string(microseconds / 1000));
    line.append(".").append(std::to_string(1000 + microseconds % 1000), 1, 3);
    if (!response.wallet.empty())
        line.append(",\"wallet\":\"").append(shortened(response.wallet)).append("\"");
    if (response.signed_in_by != nullptr)
        line.append(",\"signed_in_by\":\"").append(response.signed_in_by).append("\"");
    if (response.debited_seconds != 0)
        line.append(",\"debited_seconds\":").append(std::to_string(response.debited_seconds));
    base::write_log_line(line.append("}\n"));
}
