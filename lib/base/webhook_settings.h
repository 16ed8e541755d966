// The settings of whom the service tells of what happens, the application (WEBHOOK_*) and Agora's REST API,
// and of what Agora tells.
#pragma once

#include "base/config.h"
#include "base/network.h"

namespace base {

// As they are written.
struct WrittenWebhookSettings
{
    std::string secrets;
    std::int64_t allow_private = 0;
    std::int64_t require_audio = 0;
    std::string agora_api_url;
};

// Checks their form, and fills in what the Config has of them. Whatever is wrong is appended to `problems`,
// none of which quotes a secret or an address.
void read_webhook_settings(const WrittenWebhookSettings& written, Config& config,
                           std::vector<std::string>& problems);

// Whether the URL's host is written as this machine itself: "localhost", "127.0.0.1", "[::1]".
bool names_loopback(const std::string& url);

} // namespace base
