// Whether the files that a connection has open are those that their names lead to. Somebody may remove the
// database or what is beside it, or put another in its place, while processes have it open: what is written
// then goes nowhere, or two files go their own ways.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>

namespace sqlite {

// The lock file holds a mark of the database file: which it is, and how its last checkpoint left it; nothing
// else changes it. Locks on single bytes of the lock file tell that a process opens the database, and that it
// has it open.
class DatabaseFiles
{
  public:
    // Throws Error(database_moved) if the database is not there, but something beside it is: then it has been
    // taken away. To be asked before anything is created.
    static void require_database(const std::string& path);

    // `lock_fd` is of the open lock file. Throws Error(database_moved) if other processes have another file
    // open, or have it open by another lock file; if something has written over it; or if the log beside the
    // file belongs to another.
    DatabaseFiles(const std::string& path, int lock_fd);

    // Call it once, when SQLite has opened all of them, and under the write lock if `needs_mark()`.
    void opened();
    bool needs_mark() const;

    // Throws Error(database_moved). Before opened() everything is in place.
    void require_in_place() const;
    bool is_in_place() const noexcept;

    // Whether what is wrong has not been told for a minute, by any process; then it counts as told.
    bool is_to_be_told() const;
    // The same where the database cannot be opened.
    static bool is_to_be_told(const std::string& path);

    // Around whatever writes to the database file itself, under the write lock. If it cannot begin, nothing
    // may be written: nobody would know whose it was.
    bool begin_writing() noexcept;
    void end_writing() noexcept;

  private:
    struct Identity
    {
        dev_t device = 0;
        ino_t inode = 0; // 0: there is none
        bool operator==(const Identity&) const = default;
    };
    // As the names in it were last changed.
    struct Folder
    {
        Identity identity;
        std::int64_t changed_ns = 0; // ctime
        bool operator==(const Folder&) const = default;
    };
    static Identity identity_of(const std::string& path);
    const char* problem() const noexcept;          // null if there is none
    const char* problem_of_names() const noexcept; // that they lead elsewhere
    bool is_content_ours() const noexcept;

    enum Which
    {
        database,
        log,
        index,
        lock,
        count
    };
    std::array<std::string, count> paths_;
    std::array<Identity, count> identities_;
    std::string folder_path_;
    // In which all names were right when they were last looked at.
    mutable std::optional<Folder> checked_folder_;
    bool is_linked_ = false; // one of the names is a symbolic link
    int lock_fd_;
    bool is_opened_ = false;
};

} // namespace sqlite
