// The variables by which a process is told its settings.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace base {

// Names the settings file.
constexpr const char* config_path_variable = "SESSION_VOICE_CONFIG";

// Looks up one environment variable.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
// The process's own. Where it names no settings file, SESSION_VOICE_CONFIG is ~/session-voice.env (of the
// user that the process runs as) or /etc/session-voice/session-voice.env, the first that exists.
Environment process_environment();

} // namespace base
