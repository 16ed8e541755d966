#include "base/log.h"

#include "base/clock.h"
#include "base/hex.h"

#include <string>
#include <unistd.h>
#include <utility>

namespace base {

namespace {

std::string served_request_id; // empty: none is being served

}

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
    if (!served_request_id.empty())
        line += " (request " + served_request_id + ")";
    line += '\n';
    write_log_line(line);
}

LogScope::LogScope(std::string request_id) : before_(std::exchange(served_request_id, std::move(request_id)))
{
}

LogScope::~LogScope()
{
    served_request_id = std::move(before_);
}

void write_log_line(std::string_view line)
{
    // A log that cannot be written stops nothing.
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

} // namespace base
