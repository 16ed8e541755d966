// Whom the service tells of what happens: the application (WEBHOOK_*), and Agora's REST API.
#pragma once

#include "base/agora_settings.h"

#include <cstdint>
#include <string>
#include <vector>

namespace base {

struct WebhookSettings
{
    std::string webhook_url;                  // empty: there are no webhooks
    std::vector<std::string> webhook_secrets; // raw bytes, one or two; each signs
    bool webhook_allow_private = false;
};

// As they are written.
struct WrittenWebhookSettings
{
    std::string secrets;
    std::int64_t allow_private = 0;
    std::string agora_api_url;
};

// Checks their form and that of the texts which stand in `webhooks` and `agora` already, and fills in the
// rest of the two. Whatever is wrong is appended to `problems`, none of which quotes a secret or an address.
void read_webhook_settings(const WrittenWebhookSettings& written, WebhookSettings& webhooks,
                           AgoraSettings& agora, std::vector<std::string>& problems);

// Whether the URL's host is written as this machine itself: "localhost", "127.0.0.1", "[::1]".
bool names_loopback(const std::string& url);

} // namespace base
