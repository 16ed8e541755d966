#include "base/shared_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace base {

int open_shared_file(const std::string& path)
{
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660);
    struct stat folder = {};
    const auto slash = path.rfind('/');
    if (fd >= 0 && ::geteuid() == 0 && slash != std::string::npos &&
        ::stat(path.substr(0, slash + 1).c_str(), &folder) == 0) {
        // Should that fail it stays root's.
        [[maybe_unused]] const int done = ::fchown(fd, folder.st_uid, folder.st_gid);
    }
    return fd;
}

} // namespace base
