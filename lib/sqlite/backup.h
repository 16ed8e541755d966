// Copies of a database that is in use, and their return into it. Neither can be seen half done: a kill at any
// moment leaves at most a file with a name of its own behind, which nobody else takes for anything.
#pragma once

#include "sqlite/connection.h"

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sqlite {

// What the domain knows to look for in a database: a sentence per violation.
using Audit = std::function<std::vector<std::string>(database::Connection&)>;

// A database file that one process makes for itself; gone with what SQLite puts beside it at the end of the
// scope. A killed process leaves it behind: no other removes what it did not make.
class ScratchFile
{
  public:
    // Makes it, empty, for its owner alone. Its name is `prefix`, a "-" and six letters that nobody can
    // guess. Throws Error(invalid_argument, "cannot_write") if it cannot be made.
    explicit ScratchFile(const std::string& prefix);
    ~ScratchFile();
    ScratchFile(const ScratchFile&) = delete;
    ScratchFile& operator=(const ScratchFile&) = delete;

    const std::string& path() const { return path_; }
    // Brings it to the disk and gives it that name. Throws Error(conflict, "file_exists").
    void keep_as(const std::string& name);

  private:
    std::string path_;
    std::array<std::string, 4> beside_; // named at once: the end of the scope may find no memory
    int fd_ = -1;
    bool kept_ = false;
};

// A copy of the newest committed state, written while others go on writing, and looked at: SQLite's
// integrity_check, whose file it is, its schema's version, the audit.
class Backup
{
  public:
    // Throws Error(conflict, "file_exists") if there is a file of that name, Error(database_unavailable) if
    // the disk is full, Error(internal, "backup_is_damaged") with what was found.
    Backup(Connection& database, std::string path, const Audit& audit);

    std::int64_t size_bytes() const { return size_bytes_; }
    // Until then there is only a file PATH.partial-XXXXXX, which goes with this.
    void keep() { scratch_.keep_as(path_); }

  private:
    std::string path_;
    ScratchFile scratch_;
    std::int64_t size_bytes_ = 0;
};

// A backup that was looked at and brought to this program's schema, as a copy beside the database that it is
// to replace. The backup itself is only read.
class Restoration
{
  public:
    // Throws Error(invalid_argument, "not_a_backup") with the reason if the file is missing, damaged, another
    // program's, in use (a log is beside it), the database itself, lacks what its schema has, or fails the
    // audit; Error(database_newer) if it is of a newer schema.
    Restoration(const std::string& backup_path, const std::string& database_path, const Audit& audit);

    std::int64_t backup_version() const { return backup_version_; } // of the schema, before it was migrated
    Connection& content() { return *content_; }

    // Makes the database's content that of the backup, in one transaction and under the write lock: running
    // programs find the one or the other. What was written since the backup is gone then. Throws
    // Error(database_newer) if the database's own schema is newer than this program's.
    void replace(Connection& database);

  private:
    ScratchFile scratch_;
    std::int64_t backup_version_ = 0;
    std::unique_ptr<Connection> content_;
};

} // namespace sqlite
