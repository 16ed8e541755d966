// A temporary folder in memory, where there is such a place.
#pragma once

#include "fixture.h"
#include "temporary_folder.h"

namespace simulation {

struct QuickFolder
{
    TemporaryFolder folder{std::filesystem::is_directory("/dev/shm")
                               ? std::filesystem::path("/dev/shm")
                               : std::filesystem::temp_directory_path()};
};

} // namespace simulation
