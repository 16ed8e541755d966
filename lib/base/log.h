// One line a message on standard error, which the web server or cron collects.
#pragma once

#include <string>
#include <string_view>

namespace base {

// Control characters are written as \xNN, so that no input can forge a second line.
// Callers never pass a token, signature or secret.
void log(std::string_view message);

// While it lives, log() ends each message with "(request ID)": the id that the client was told. One at a
// time.
class LogScope
{
  public:
    explicit LogScope(std::string request_id);
    ~LogScope();
    LogScope(const LogScope&) = delete;
    LogScope& operator=(const LogScope&) = delete;

  private:
    std::string before_;
};

// A line as it stands, with its line break; no control characters. One write, so that lines of several
// processes do not mix.
void write_log_line(std::string_view line);

} // namespace base
