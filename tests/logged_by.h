#pragma once

#include "temporary_folder.h"

#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <string>
#include <unistd.h>

// What `work` puts on standard error, and so into the log.
template <class Work>
std::string logged_by(const Work& work)
{
    const TemporaryFolder folder;
    const int saved = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    const int file = ::open((folder / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ::dup2(file, STDERR_FILENO);
    work();
    ::dup2(saved, STDERR_FILENO);
    ::close(saved);
    ::close(file);
    std::ifstream text(folder / "log");
    return {std::istreambuf_iterator<char>(text), {}};
}
