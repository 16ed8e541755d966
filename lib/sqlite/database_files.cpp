#include "sqlite/database_files.h"

#include "base/error.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sqlite {

namespace {

constexpr const char* suffixes[] = {"", "-wal", "-shm", "-lock"};

// At the beginning of the lock file.
struct Mark
{
    static constexpr std::uint64_t known_format = 0x53564c4f434b0001; // "SVLOCK", version 1
    static constexpr std::int64_t changing = -1;

    std::uint64_t format = 0;
    std::uint64_t inode = 0;
    std::int64_t size_bytes = 0; // or `changing`
    std::int64_t modified_ns = 0;

    bool operator==(const Mark&) const = default;
    bool is_known() const { return format == known_format; }
};

constexpr off_t told_at_offset = sizeof(Mark);
constexpr off_t presence_byte = 1;
constexpr off_t telling_byte = 2;
constexpr off_t opening_byte = 3;
// Of the -shm. Each connection of SQLite's holds a lock on it, as long as it lives.
constexpr off_t sqlite_presence_byte = 128;

Mark read_mark(int fd) noexcept
{
    Mark mark;
    return ::pread(fd, &mark, sizeof mark, 0) == sizeof mark ? mark : Mark();
}

bool write_mark(int fd, const Mark& mark) noexcept
{
    return ::pwrite(fd, &mark, sizeof mark, 0) == sizeof mark;
}

std::int64_t in_ns(const struct timespec& instant) noexcept
{
    return std::int64_t{instant.tv_sec} * 1000000000 + instant.tv_nsec;
}

Mark mark_of(const struct stat& file) noexcept
{
    return {Mark::known_format, file.st_ino, file.st_size, in_ns(file.st_mtim)};
}

bool is_link(const std::string& path)
{
    struct stat file = {};
    return ::lstat(path.c_str(), &file) == 0 && S_ISLNK(file.st_mode);
}

int ask(int fd, int command, short& type, off_t byte = presence_byte) noexcept
{
    struct flock wanted = {};
    wanted.l_type = type;
    wanted.l_whence = SEEK_SET;
    wanted.l_start = byte;
    wanted.l_len = 1;
    const int result = ::fcntl(fd, command, &wanted);
    type = wanted.l_type;
    return result;
}

bool is_locked_elsewhere(int fd, off_t byte) noexcept
{
    short type = F_WRLCK;
    return ask(fd, F_OFD_GETLK, type, byte) == 0 && type != F_UNLCK;
}

bool is_open_elsewhere(int fd) noexcept
{
    return is_locked_elsewhere(fd, presence_byte);
}

// Only for who has no connection to this database: closing the file drops the locks of the whole process.
bool is_index_in_use(const std::string& path) noexcept
{
    const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return false;
    const bool is_in_use = is_locked_elsewhere(fd, sqlite_presence_byte);
    ::close(fd);
    return is_in_use;
}

[[noreturn]] void refuse(const std::string& path, const char* what)
{
    throw base::Error(base::ErrorCode::database_moved, "database_unavailable", path + what);
}

bool is_due(int fd)
{
    constexpr std::int64_t interval_seconds = 60;
    // The same for all processes, and it never steps.
    const std::int64_t now =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch())
            .count();
    short type = F_WRLCK;
    if (ask(fd, F_OFD_SETLK, type, telling_byte) != 0)
        return false; // another process is about to tell it
    std::int64_t told_at = 0;
    const bool is_told = ::pread(fd, &told_at, sizeof told_at, told_at_offset) == sizeof told_at &&
                         told_at <= now && now - told_at < interval_seconds;
    if (!is_told) [[maybe_unused]]
        const auto written = ::pwrite(fd, &now, sizeof now, told_at_offset);
    type = F_UNLCK;
    ask(fd, F_OFD_SETLK, type, telling_byte);
    return !is_told;
}

constexpr const char* taken_away = " has been taken away. Put it back as it was; or, to begin with an empty "
                                   "one, stop the service, remove what "
                                   "is beside it, and run session-voice-admin migrate";
constexpr const char* replaced =
    " is another file than the service has open. Nothing is written to either. Put the first one back; or "
    "stop "
    "the service, remove the -wal and -shm beside the new one, and start it. To go back to a backup, use "
    "session-voice-admin restore";
constexpr const char* written_over =
    " was written over by something else while it was open. Nothing more is written to it. Stop the service, "
    "move the file, its -wal and its -shm away, and restore a backup by session-voice-admin restore";
constexpr const char* log_gone =
    "-wal is not the log that the service has open. Nothing more is written. If it "
    "was moved, put it back; or stop the service and start it";
constexpr const char* index_gone = "-shm is not the file that the service has open. Nothing more is written. "
                                   "Stop the service and start it";
constexpr const char* lock_gone = "-lock is not the file that the service has open. Nothing more is written. "
                                  "Stop the service and start it";
constexpr const char* lock_missing =
    "-lock is missing, while another program has the database open. Nothing is "
    "written. Stop whatever has it open, and start the service";
constexpr const char* foreign_log = "-wal belongs to another database file than stands there now. Put that "
                                    "one back; or move the -wal and -shm "
                                    "away. If all of them were copied together, remove the -lock beside them";

bool exists(const std::string& path)
{
    return ::access(path.c_str(), F_OK) == 0;
}

} // namespace

void DatabaseFiles::require_database(const std::string& path)
{
    // What is beside it is made after it.
    const bool has_traces = exists(path + "-lock") || exists(path + "-wal") || exists(path + "-shm");
    if (has_traces && !exists(path) && errno == ENOENT)
        refuse(path, taken_away);
}

DatabaseFiles::DatabaseFiles(const std::string& path, int lock_fd) : lock_fd_(lock_fd)
{
    for (std::size_t i = 0; i < count; ++i)
        paths_[i] = path + suffixes[i];
    const auto slash = path.rfind('/');
    folder_path_ = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const auto mark = read_mark(lock_fd_);
    // Who has the database open by another lock file does not hold the opening byte of this one. It is asked
    // last: whoever takes it does so before SQLite locks the index.
    if (!mark.is_known() && is_index_in_use(paths_[index]) && !is_locked_elsewhere(lock_fd_, opening_byte))
        refuse(path, lock_missing);
    short type = F_RDLCK;
    ask(lock_fd_, F_OFD_SETLK, type, opening_byte); // until the lock file is closed
    struct stat file = {};
    if (!mark.is_known() || ::stat(path.c_str(), &file) != 0)
        return;
    const bool is_same = mark.inode == file.st_ino;
    if (is_open_elsewhere(lock_fd_)) {
        if (!is_same)
            refuse(path, replaced);
        if (!is_content_ours())
            refuse(path, written_over);
        if (!exists(paths_[log]))
            refuse(path, log_gone);
        if (!exists(paths_[index]))
            refuse(path, index_gone);
        return;
    }
    // Copied with its time and size it may have another number.
    constexpr std::int64_t second_ns = 1000000000;
    const auto now = mark_of(file);
    const bool is_copy =
        mark.size_bytes == now.size_bytes && mark.modified_ns / second_ns == now.modified_ns / second_ns;
    struct stat wal = {};
    if (!is_same && !is_copy && ::stat(paths_[log].c_str(), &wal) == 0 && wal.st_size > 0)
        refuse(path, foreign_log);
}

bool DatabaseFiles::needs_mark() const
{
    struct stat file = {};
    return ::stat(paths_[database].c_str(), &file) == 0 && !is_open_elsewhere(lock_fd_) &&
           read_mark(lock_fd_) != mark_of(file);
}

void DatabaseFiles::opened()
{
    if (needs_mark())
        end_writing();
    for (std::size_t i = 0; i < lock; ++i)
        identities_[i] = identity_of(paths_[i]);
    is_linked_ = std::any_of(paths_.begin(), paths_.end(), is_link);
    struct stat file = {};
    if (::fstat(lock_fd_, &file) == 0)
        identities_[lock] = {file.st_dev, file.st_ino};
    short type = F_RDLCK;
    ask(lock_fd_, F_OFD_SETLK, type); // until the lock file is closed
    is_opened_ = true;
}

DatabaseFiles::Identity DatabaseFiles::identity_of(const std::string& path)
{
    struct stat file = {};
    return ::stat(path.c_str(), &file) == 0 ? Identity{file.st_dev, file.st_ino} : Identity{};
}

bool DatabaseFiles::is_content_ours() const noexcept
{
    for (;;) {
        const auto mark = read_mark(lock_fd_);
        struct stat file = {};
        if (!mark.is_known() || mark.size_bytes == Mark::changing ||
            ::stat(paths_[database].c_str(), &file) != 0)
            return true;
        const auto now = mark_of(file);
        if (now.size_bytes == mark.size_bytes && now.modified_ns == mark.modified_ns)
            return true;
        if (read_mark(lock_fd_) == mark) // else a checkpoint came between
            return false;
    }
}

const char* DatabaseFiles::problem() const noexcept
{
    if (!is_opened_)
        return nullptr;
    // Whoever makes, removes or renames a file changes the folder. To look at that alone is cheaper by more
    // than the calls: after somebody has asked for the times of the log, the next write to it must write them
    // down, too.
    struct stat folder = {};
    const bool is_known = !is_linked_ && ::stat(folder_path_.c_str(), &folder) == 0;
    const Folder seen{{folder.st_dev, folder.st_ino}, in_ns(folder.st_ctim)};
    if (!is_known || checked_folder_ != seen) {
        if (const auto* what = problem_of_names())
            return what;
        // One that has just changed may change once more within the grain of its time.
        constexpr std::int64_t grain_seconds = 2;
        if (is_known && folder.st_ctim.tv_sec + grain_seconds < ::time(nullptr))
            checked_folder_ = seen;
    }
    return is_content_ours() ? nullptr : written_over;
}

const char* DatabaseFiles::problem_of_names() const noexcept
{
    const auto is_moved = [&](Which which) { return identity_of(paths_[which]) != identities_[which]; };
    if (is_moved(database))
        return exists(paths_[database]) ? replaced : taken_away;
    if (is_moved(log))
        return log_gone;
    if (is_moved(index))
        return index_gone;
    if (is_moved(lock))
        return lock_gone;
    return nullptr;
}

void DatabaseFiles::require_in_place() const
{
    if (const auto* what = problem())
        refuse(paths_[database], what);
}

bool DatabaseFiles::is_in_place() const noexcept
{
    return problem() == nullptr;
}

bool DatabaseFiles::begin_writing() noexcept
{
    auto mark = read_mark(lock_fd_);
    mark.format = Mark::known_format;
    mark.size_bytes = Mark::changing;
    return write_mark(lock_fd_, mark);
}

void DatabaseFiles::end_writing() noexcept
{
    struct stat file = {};
    if (::stat(paths_[database].c_str(), &file) == 0)
        write_mark(lock_fd_, mark_of(file));
}

bool DatabaseFiles::is_to_be_told() const
{
    return is_due(lock_fd_);
}

bool DatabaseFiles::is_to_be_told(const std::string& path)
{
    const int fd = ::open((path + "-lock").c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return true;
    const bool is_told = is_due(fd);
    ::close(fd);
    return is_told;
}

} // namespace sqlite
