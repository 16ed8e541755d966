#include "base/settings_file.h"

#include <fcntl.h>
#include <optional>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

namespace base {

namespace {

// The server's and cron's files are also read by shells and systemd, where quotes are customary.
std::string unquote(const std::string& text)
{
    const bool quoted =
        text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front();
    return quoted ? text.substr(1, text.size() - 2) : text;
}

std::optional<std::string> read_regular_file(const std::string& path)
{
    constexpr std::size_t most_bytes = 1024 * 1024;
    const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat file = {};
    const bool is_regular = ::fstat(fd, &file) == 0 && S_ISREG(file.st_mode);
    std::string content(most_bytes + 1, '\0');
    std::size_t got = 0;
    ssize_t count = 0;
    while (is_regular && (count = ::read(fd, content.data() + got, content.size() - got)) > 0)
        got += static_cast<std::size_t>(count);
    ::close(fd);
    const bool is_whole = is_regular && count == 0 && got < content.size();
    content.resize(got);
    return is_whole ? std::optional(std::move(content)) : std::nullopt;
}

} // namespace

std::string trim(const std::string& text)
{
    const auto first = text.find_first_not_of(" \t\r");
    if (first == std::string::npos)
        return {};
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

SettingsFile read_settings_file(const std::string& path,
                                const std::function<bool(const std::string&)>& is_setting)
{
    SettingsFile file;
    const auto content = read_regular_file(path);
    if (!content) {
        file.problems.push_back("the settings file " + path +
                                " cannot be read; it must be a regular file of at most 1 MiB");
        return file;
    }
    std::istringstream lines(*content);
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
        const std::string text = trim(line);
        if (text.empty() || text.front() == '#')
            continue;
        const auto where = path + " line " + std::to_string(number) + ": ";
        const auto equals = text.find('=');
        // The line itself is not repeated: it may hold a secret.
        if (equals == std::string::npos) {
            file.problems.push_back(where + "is not KEY=VALUE");
            continue;
        }
        const auto name = trim(text.substr(0, equals));
        if (!is_setting(name)) {
            const bool looks_like_a_name =
                name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == std::string::npos;
            file.problems.push_back(where + (looks_like_a_name
                                                 ? name + " is no setting of this program"
                                                 : std::string("is no setting of this program")));
        } else if (!file.values.emplace(name, unquote(trim(text.substr(equals + 1)))).second) {
            file.problems.push_back(where + name + " is set twice");
        }
    }
    return file;
}

} // namespace base
