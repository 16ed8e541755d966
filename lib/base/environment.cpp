#include "base/environment.h"

#include <cstdlib>
#include <pwd.h>
#include <unistd.h>
#include <vector>

namespace base {

namespace {

// Where a settings file is looked for that nobody named: in the home of the user whom the process runs as,
// for shared hosts, whose web servers pass no variables on, and then where the Debian package puts it.
std::optional<std::string> default_config_path()
{
    std::vector<std::string> candidates = {"/etc/session-voice/session-voice.env"};
    if (const auto* user = ::getpwuid(::geteuid()); user != nullptr && user->pw_dir != nullptr)
        candidates.insert(candidates.begin(), std::string(user->pw_dir) + "/session-voice.env");
    for (const auto& path : candidates) {
        if (::access(path.c_str(), F_OK) == 0)
            return path;
    }
    return std::nullopt;
}

} // namespace

Environment process_environment()
{
    return [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        // An empty variable is how a shell says "not set".
        if (value != nullptr && *value != '\0')
            return std::string(value);
        if (name == config_path_variable)
            return default_config_path();
        return std::nullopt;
    };
}

} // namespace base
