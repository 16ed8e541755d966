#include "base/webhook_settings.h"

#include "base/base64.h"
#include "base/network.h"
#include "base/text.h"
#include "base/uri.h"

namespace base {

namespace {

constexpr std::string_view secret_prefix = "whsec_";
constexpr std::size_t least_secret_bytes = 24;
constexpr std::size_t most_secret_bytes = 64;
constexpr std::size_t most_secrets = 2;

std::optional<AddressKind> kind_of(const Uri& uri)
{
    return uri.host ? kind_of_host(std::string(*uri.host)) : std::nullopt;
}

// https, or http to this machine.
bool is_sendable(const std::string& url)
{
    const auto uri = parse_uri(url);
    if (!uri || !uri->host || uri->host->empty())
        return false;
    return uri->scheme == "https" || (uri->scheme == "http" && kind_of(*uri) == AddressKind::loopback);
}

// Nothing unless all of them have their form.
std::vector<std::string> decode_secrets(const std::string& written)
{
    std::vector<std::string> secrets;
    for (const auto& part : split(written, " \t")) {
        if (!part.starts_with(secret_prefix))
            return {};
        const auto bytes = from_base64(part.substr(secret_prefix.size()));
        if (!bytes || bytes->size() < least_secret_bytes || bytes->size() > most_secret_bytes)
            return {};
        secrets.push_back(*bytes);
    }
    return secrets.size() > most_secrets ? std::vector<std::string>() : secrets;
}

} // namespace

bool names_loopback(const std::string& url)
{
    const auto uri = parse_uri(url);
    return uri && kind_of(*uri) == AddressKind::loopback;
}

void read_webhook_settings(const WrittenWebhookSettings& written, WebhookSettings& webhooks,
                           AgoraSettings& agora, std::vector<std::string>& problems)
{
    const auto require = [&](bool holds, const char* otherwise) {
        if (!holds)
            problems.emplace_back(otherwise);
    };
    const auto& url = webhooks.webhook_url;
    webhooks.webhook_allow_private = written.allow_private == 1;
    webhooks.webhook_secrets = decode_secrets(written.secrets);
    require(
        written.secrets.empty() || !webhooks.webhook_secrets.empty(),
        "WEBHOOK_SECRET must be whsec_ and the base64 of 24 to 64 bytes; two, parted by a blank, while it "
        "is being changed");
    if (!url.empty()) {
        require(is_sendable(url),
                "WEBHOOK_URL must be an https:// address, or an http:// one of this machine "
                "such as http://127.0.0.1:8080/");
        const auto uri = parse_uri(url);
        require(!uri || kind_of(*uri) != AddressKind::internal || webhooks.webhook_allow_private,
                "WEBHOOK_URL names an address of a private network; WEBHOOK_ALLOW_PRIVATE=1 would allow it");
        require(!written.secrets.empty(),
                "WEBHOOK_SECRET is not set; WEBHOOK_URL needs it, to sign what is sent there");
    }
    require(agora.agora_customer_id.empty() == agora.agora_customer_secret.empty(),
            "AGORA_CUSTOMER_ID and AGORA_CUSTOMER_SECRET must be set both, or neither");
    require(agora.agora_customer_id.find(':') == std::string::npos,
            "AGORA_CUSTOMER_ID must have no colon, as in Agora's console");
    if (!written.agora_api_url.empty()) {
        agora.agora_api_url =
            written.agora_api_url.substr(0, written.agora_api_url.find_last_not_of('/') + 1);
        require(is_sendable(agora.agora_api_url), "AGORA_API_URL must be an https:// address, or an http:// "
                                                  "one of this machine");
    }
}

} // namespace base
