// Every setting of every program, read once at start from the environment and from a KEY=VALUE file.
#pragma once

#include "base/agora_settings.h"
#include "base/chain_settings.h"
#include "base/database_settings.h"
#include "base/environment.h"
#include "base/oracle_settings.h"
#include "base/program.h"
#include "base/rate_limit_settings.h"
#include "base/rules.h"
#include "base/server_settings.h"
#include "base/session_settings.h"
#include "base/sign_in_settings.h"
#include "base/webhook_settings.h"

#include <string>

namespace base {

// Who reads only some of them goes by base/settings.h.
struct Config : DatabaseSettings,
                ServerSettings,
                SignInSettings,
                AgoraSettings,
                WebhookSettings,
                ChainSettings,
                SessionSettings,
                OracleSettings,
                RateLimitSettings
{
    Rules rules;
};

// Settings in the environment win over the file's. `file_path` may be empty: then SESSION_VOICE_CONFIG
// names the file, if it is set. Throws Error(invalid_argument, "invalid_settings") whose what() has one line
// for each wrong setting; no line quotes a secret.
Config load_config(const std::string& file_path, const Environment& environment, Program program);

} // namespace base
