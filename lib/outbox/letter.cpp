#include "outbox/letter.h"

#include "base/agora_settings.h"
#include "base/base64.h"
#include "base/error.h"
#include "base/hmac.h"
#include "base/settings.h"
#include "base/version.h"
#include "base/webhook_settings.h"
#include "outbox/retry.h"

#include <algorithm>

namespace outbox {

namespace {

// What Agora takes for `time_in_seconds`.
constexpr std::int64_t shortest_ban_seconds = 10;
constexpr std::int64_t longest_ban_seconds = 86430;

struct TurnAway
{
    std::string channel;
    std::int64_t uid = 0;
    base::UnixSeconds until = 0;
};

TurnAway read_turn_away(const Attempt& attempt)
{
    try {
        const auto data = base::Json::parse(attempt.data);
        if (attempt.type == "turn_away")
            return {data.at("channel"), data.at("uid"), data.at("until")};
    } catch (const base::Json::exception&) {
    }
    throw base::Error(base::ErrorCode::internal, "internal_error",
                      "message " + std::to_string(attempt.message_id) + " to Agora cannot be read");
}

std::vector<std::string> common_headers()
{
    return {"Content-Type: application/json", std::string("User-Agent: session-voice/") + base::version};
}

http_client::Request compose_webhook(const base::WebhookSettings& settings, const Attempt& attempt,
                                     base::UnixSeconds now)
{
    http_client::Request request;
    request.url = settings.webhook_url;
    request.reach = base::names_loopback(settings.webhook_url) ? http_client::Reach::loopback
                    : settings.webhook_allow_private           ? http_client::Reach::anywhere
                                                               : http_client::Reach::global;
    request.body = R"({"type":)" + base::Json(attempt.type).dump() + R"(,"timestamp":")" +
                   base::iso8601(attempt.happened_at) + R"(","data":)" + attempt.data + "}";
    const auto id = "msg_" + attempt.delivery_id;
    const auto timestamp = std::to_string(now);
    std::string signatures;
    for (const auto& secret : settings.webhook_secrets)
        signatures += (signatures.empty() ? "v1," : " v1,") +
                      base::base64(base::hmac_sha256(secret, id + "." + timestamp + "." + request.body));
    request.headers = common_headers();
    request.headers.push_back("webhook-id: " + id);
    request.headers.push_back("webhook-timestamp: " + timestamp);
    request.headers.push_back("webhook-signature: " + signatures);
    return request;
}

http_client::Request compose_agora(const base::AgoraSettings& settings, const Attempt& attempt,
                                   base::UnixSeconds now)
{
    const auto turn_away = read_turn_away(attempt);
    http_client::Request request;
    request.url = settings.agora_api_url + "/dev/v1/kicking-rule";
    request.reach = http_client::Reach::anywhere; // nobody but the operator names it
    request.headers = common_headers();
    request.headers.push_back("Authorization: Basic " + base::base64(settings.agora_customer_id + ":" +
                                                                     settings.agora_customer_secret));
    request.body = base::Json{{"appid", settings.agora_app_id},
                              {"cname", turn_away.channel},
                              {"uid", turn_away.uid},
                              {"ip", ""},
                              {"time_in_seconds",
                               std::clamp(turn_away.until - now, shortest_ban_seconds, longest_ban_seconds)},
                              {"privileges", {"join_channel"}}}
                       .dump();
    return request;
}

bool is_success_of_agora(const std::string& body)
{
    try {
        const auto answer = base::parse_json(body);
        return answer.is_object() && answer.value("status", base::Json()) == "success";
    } catch (const base::Error&) {
        return false;
    }
}

} // namespace

http_client::Request compose(const base::Config& config, const Attempt& attempt, base::UnixSeconds now)
{
    return attempt.destination == Destination::agora
               ? compose_agora(base::settings<base::AgoraSettings>(config), attempt, now)
               : compose_webhook(base::settings<base::WebhookSettings>(config), attempt, now);
}

base::UnixSeconds good_until(const Attempt& attempt)
{
    return read_turn_away(attempt).until;
}

Result judge(const Attempt& attempt, const http_client::Answer& answer, base::UnixSeconds now)
{
    constexpr int gone = 410;
    Result result{attempt, Verdict::failed, answer.failure, std::nullopt};
    const bool is_webhook = attempt.destination == Destination::webhook;
    if (is_webhook ? answer.status / 100 == 2 : answer.status == 200 && is_success_of_agora(answer.body)) {
        result.verdict = Verdict::delivered;
        return result;
    }
    if (answer.status == 0)
        return result;
    result.failure = "HTTP status " + std::to_string(answer.status);
    if (answer.status == 200)
        result.failure += R"( without "status":"success")";
    if (is_webhook && answer.status == gone)
        result.verdict = Verdict::unwanted;
    result.retry_after_seconds = parse_retry_after(answer.retry_after, now);
    return result;
}

} // namespace outbox
