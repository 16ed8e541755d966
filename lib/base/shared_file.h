// The database and the files beside it.
#pragma once

#include <string>

namespace base {

// Opens or creates the file, for its owner and, as far as the umask allows, the group: the web server and
// cron may share one. Follows no symbolic link, opens nothing but regular files, and as root none that has
// another name as well. Gives back a descriptor, or -1 and errno.
int open_shared_file(const std::string& path);

} // namespace base
