#include "unit.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

namespace fs = std::filesystem;

namespace {

// A file in an earlier folder hides its namesakes in the later ones.
std::vector<fs::path> unit_folders(const base::Environment& environment)
{
    std::istringstream listed(environment("SYSTEMD_UNIT_PATH")
                                  .value_or("/etc/systemd/system:/run/systemd/system:/usr/local/lib/systemd/"
                                            "system:/usr/lib/systemd/system:/lib/systemd/system"));
    std::vector<fs::path> folders;
    for (std::string folder; std::getline(listed, folder, ':');)
        folders.emplace_back(folder);
    return folders;
}

// An empty list begins anew. A path may have marks before it: "-/srv", "+/srv".
void read_list(std::istringstream& values, const std::string& above, std::vector<fs::path>& list)
{
    std::string value;
    if (!(values >> value))
        list.clear();
    for (; values; values >> value)
        list.push_back(above + value.substr(std::min(value.find_first_not_of("-+"), value.size())));
}

void read_lines(const fs::path& file, Unit& unit)
{
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);) {
        const auto equals = std::min(line.find('='), line.size());
        const auto setting = line.substr(0, equals);
        std::istringstream values(line.substr(std::min(equals + 1, line.size())));
        if (setting == "ProtectSystem")
            unit.is_confined = values.str() == "strict";
        else if (setting == "StateDirectory")
            read_list(values, "/var/lib/", unit.state_directories);
        else if (setting == "ReadWritePaths")
            read_list(values, "", unit.read_write_paths);
    }
}

} // namespace

Unit read_unit(const std::string& name, const base::Environment& environment)
{
    const auto folders = unit_folders(environment);
    Unit unit;
    const auto has_it = [&](const fs::path& folder) { return fs::exists(folder / name); };
    const auto first = std::find_if(folders.begin(), folders.end(), has_it);
    if (first == folders.end())
        return unit;
    read_lines(*first / name, unit);
    std::map<std::string, fs::path> drop_ins; // in the order in which systemd reads them
    for (const auto& folder : folders) {
        std::error_code unreadable;
        for (const auto& entry : fs::directory_iterator(folder / (name + ".d"), unreadable)) {
            if (entry.path().extension() == ".conf")
                drop_ins.emplace(entry.path().filename(), entry.path());
        }
    }
    for (const auto& drop_in : drop_ins)
        read_lines(drop_in.second, unit);
    return unit;
}

bool may_write(const Unit& unit, const fs::path& file)
{
    const auto real = [](const fs::path& path) {
        std::error_code unreadable;
        const auto found = fs::weakly_canonical(path, unreadable);
        return unreadable ? path.lexically_normal() : found;
    };
    const auto folder = real(file.parent_path());
    const auto holds_it = [&](const fs::path& writable) {
        const auto below = folder.lexically_relative(real(writable));
        return !below.empty() && *below.begin() != "..";
    };
    const auto hold_it = [&](const std::vector<fs::path>& list) {
        return std::any_of(list.begin(), list.end(), holds_it);
    };
    return !unit.is_confined || hold_it(unit.state_directories) || hold_it(unit.read_write_paths);
}
