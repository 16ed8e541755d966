// What systemd lets a service write, as its unit and the drop-ins say.
#pragma once

#include "base/environment.h"

#include <filesystem>
#include <string>
#include <vector>

struct Unit
{
    bool is_confined = false; // by ProtectSystem=strict, to these folders and what is below them
    std::vector<std::filesystem::path> state_directories;
    std::vector<std::filesystem::path> read_write_paths;
};

// Looks where systemd does, or in SYSTEMD_UNIT_PATH. Without a unit of that name nothing is confined.
Unit read_unit(const std::string& name, const base::Environment& environment);

// `file` may not be there yet.
bool may_write(const Unit& unit, const std::filesystem::path& file);
