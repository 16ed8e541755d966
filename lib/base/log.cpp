#include "base/log.h"

#include "base/clock.h"
#include "base/hex.h"

#include <string>
#include <unistd.h>

namespace base {

void log(std::string_view message)
{
    std::string line = iso8601(system_now()) + " session-voice: ";
    for (const char c : message) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f)
            line += "\\x" + to_hex(&byte, 1);
        else
            line += c;
    }
    line += '\n';
    // One write, so that lines of several processes do not mix. A log that cannot be written stops nothing.
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

} // namespace base
