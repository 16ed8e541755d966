// One line a message on standard error, which the web server or cron collects.
#pragma once

#include <string_view>

namespace base {

// Control characters are written as \xNN, so that no input can forge a second line.
// Callers never pass a token, signature or secret.
void log(std::string_view message);

} // namespace base
