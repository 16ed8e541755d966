// A file of KEY=VALUE lines, as shells and systemd read them, too: quotes around a value are taken off, blank
// lines and those that begin with # are nothing.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace base {

struct SettingsFile
{
    std::map<std::string, std::string> values;
    std::vector<std::string> problems; // a sentence each; no value is in any of them
};

// Reads a regular file of at most 1 MiB: nothing that never ends or waits for somebody, such as a device, a
// pipe or a terminal. What `is_setting` does not know is a problem.
SettingsFile read_settings_file(const std::string& path,
                                const std::function<bool(const std::string&)>& is_setting);

// Without blanks around it.
std::string trim(const std::string& text);

} // namespace base
