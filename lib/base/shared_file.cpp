#include "base/shared_file.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace base {

int open_shared_file(const std::string& path)
{
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660);
    if (fd < 0)
        return fd;
    struct stat file = {};
    const bool is_known = ::fstat(fd, &file) == 0;
    // Who may write to a folder of root's can put another name of root's own files there.
    const bool is_ours = ::geteuid() != 0 || file.st_nlink <= 1;
    if (is_known && S_ISREG(file.st_mode) && is_ours)
        return fd;
    ::close(fd);
    errno = EINVAL;
    return -1;
}

} // namespace base
