// What Agora's console says, and what Agora is told and tells.
#pragma once

#include <string>

namespace base {

struct AgoraSettings
{
    std::string agora_app_id;
    std::string agora_app_certificate;
    std::string agora_customer_id; // of Agora's REST API; empty: Agora is told nothing
    std::string agora_customer_secret;
    std::string agora_api_url = "https://api.agora.io";
    std::string agora_notification_secret; // empty: Agora tells us nothing
};

} // namespace base
