// How every program begins: with its settings, at the database's real place, and not as root where root has
// no business.
#pragma once

#include "base/program.h"

#include <string>
#include <sys/types.h>

namespace base {

struct Config;

struct Place
{
    std::string path; // absolute, without symbolic links
    // Who decides what is found there: whose the folder is in which the file stands or would stand; or, if
    // one that is not root's led there, whose the symbolic link is.
    uid_t owner = 0;
    gid_t group = 0;
};

// What does not exist is taken for a file or folder that is yet to be made.
Place find_place(const std::string& path);

// Makes the path that of the file itself, so that all who name it in another way share its locks and counts.
// If root runs this, and the database's folder belongs to another user, the process becomes that user, for
// good: what that user may have put into the folder must not be done as root. Call it before anything in the
// folder is touched. Throws Error(internal) if the process cannot become that user.
void enter_database_folder(Config& config);

// The process's settings, with enter_database_folder(). A process that dies of a mapped file that was cut
// short says so from now on.
Config start(const std::string& settings_path, Program program);

} // namespace base
