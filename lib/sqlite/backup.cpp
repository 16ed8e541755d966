#include "sqlite/backup.h"

#include "base/error.h"
#include "sqlite/migrate.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

namespace sqlite {

namespace {

using base::Error;
using base::ErrorCode;
namespace fs = std::filesystem;

Error file_exists(const std::string& path)
{
    return Error(ErrorCode::conflict, "file_exists", path + " exists already");
}

// Root's own files may be out of reach: an operator's command goes on as the database's owner.
std::string reason(int error)
{
    const auto* user = error == EACCES ? ::getpwuid(::geteuid()) : nullptr;
    return std::strerror(error) + (user != nullptr ? std::string(" for user ") + user->pw_name : "");
}

[[noreturn]] void not_a_backup(const std::string& path, const std::string& why)
{
    throw Error(ErrorCode::invalid_argument, "not_a_backup", path + ": " + why);
}

std::string refuse_existing(std::string path)
{
    std::error_code none; // of what cannot be seen: it cannot be written either
    if (fs::exists(fs::symlink_status(path, none)))
        throw file_exists(path);
    return path;
}

std::string first_problem(Connection& db)
{
    if (read_integer(db, "PRAGMA application_id") != application_id || db.schema_version() < 1)
        return "it is no database of session-voice";
    const auto problems = db.integrity_problems();
    return problems.empty() ? "" : problems.front();
}

// What every database of the newest schema has and this one lacks; empty if nothing. What it has besides,
// such as an index that an operator added, is not looked at.
std::string first_missing(Connection& db)
{
    Connection complete(":memory:");
    migrate(complete);
    auto wanted = complete.prepare("SELECT type, name, tbl_name FROM sqlite_schema");
    while (wanted.step()) {
        auto found = db.prepare(
            "SELECT 1 FROM sqlite_schema WHERE type = :type AND name = :name AND tbl_name = :tbl_name");
        found.bind(":type", wanted.text(0)).bind(":name", wanted.text(1)).bind(":tbl_name", wanted.text(2));
        if (!found.step())
            return "it lacks the " + wanted.text(0) + " " + wanted.text(1);
    }
    return "";
}

void sync_folder(const fs::path& folder) noexcept
{
    const int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    ::fsync(fd); // some file systems cannot, and have their own way
    ::close(fd);
}

} // namespace

// ---- ScratchFile ----

ScratchFile::ScratchFile(const std::string& prefix)
    : path_(prefix + "-XXXXXX"), beside_{path_ + "-journal", path_ + "-wal", path_ + "-shm", path_ + "-lock"}
{
    fd_ = ::mkostemp(path_.data(), O_CLOEXEC);
    if (fd_ < 0)
        throw Error(ErrorCode::invalid_argument, "cannot_write", prefix + ": " + reason(errno));
    for (auto& path : beside_)
        path.replace(0, path_.size(), path_);
}

ScratchFile::~ScratchFile()
{
    for (const auto& path : beside_)
        ::unlink(path.c_str());
    if (!kept_)
        ::unlink(path_.c_str());
    ::close(fd_);
}

void ScratchFile::keep_as(const std::string& name)
{
    const auto give_name = [&] {
        if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, name.c_str(), RENAME_NOREPLACE) == 0)
            return true;
        if (errno != EINVAL) // EINVAL: this file system cannot do it in one
            return false;
        return ::link(path_.c_str(), name.c_str()) == 0 && ::unlink(path_.c_str()) == 0;
    };
    const auto folder = fs::path(name).parent_path(); // once the file has its name, memory is not to fail
    if (::fsync(fd_) == 0 && give_name()) {
        kept_ = true;
        sync_folder(folder);
        return;
    }
    if (errno == EEXIST)
        throw file_exists(name);
    throw Error(ErrorCode::database_unavailable, "database_unavailable", name + ": " + std::strerror(errno));
}

// ---- Backup ----

Backup::Backup(Connection& db, std::string path, const Audit& audit)
    : path_(refuse_existing(std::move(path))), scratch_(path_ + ".partial")
{
    db.copy_into(scratch_.path());
    Options options;
    options.read_only = true;
    Connection copy(scratch_.path(), options);
    auto problem = first_problem(copy);
    if (problem.empty()) {
        if (const auto violations = audit(copy); !violations.empty())
            problem = violations.front();
    }
    if (!problem.empty())
        throw Error(ErrorCode::internal, "backup_is_damaged", problem);
    size_bytes_ = static_cast<std::int64_t>(fs::file_size(scratch_.path()));
}

// ---- Restoration ----

Restoration::Restoration(const std::string& backup_path, const std::string& database_path, const Audit& audit)
    : scratch_(database_path + "-restore")
{
    std::error_code none;
    if (::access(backup_path.c_str(), R_OK) != 0 && errno != ENOENT)
        not_a_backup(backup_path, reason(errno));
    if (!fs::is_regular_file(backup_path, none))
        not_a_backup(backup_path, "there is no such file");
    if (fs::equivalent(backup_path, database_path, none))
        not_a_backup(backup_path, "it is the database itself");
    if (fs::exists(backup_path + "-wal", none) && fs::file_size(backup_path + "-wal", none) > 0)
        not_a_backup(backup_path, "a write-ahead log is beside it, so it is a database in use");
    const auto newest = static_cast<std::int64_t>(schema_migrations.size());
    try {
        Options options;
        options.read_only = true;
        Connection backup(backup_path, options);
        backup_version_ = backup.schema_version();
        if (const auto problem = first_problem(backup); !problem.empty())
            not_a_backup(backup_path, problem);
        if (backup_version_ > newest)
            throw Error(ErrorCode::database_newer, "backup_is_newer",
                        backup_path + " has schema version " + std::to_string(backup_version_) +
                            ", this program knows only " + std::to_string(newest) +
                            "; install the newer program");
        backup.copy_into(scratch_.path());
        content_ = std::make_unique<Connection>(scratch_.path());
        migrate(*content_);
        if (const auto missing = first_missing(*content_); !missing.empty())
            not_a_backup(backup_path, missing);
        if (const auto violations = audit(*content_); !violations.empty())
            not_a_backup(backup_path, violations.front());
    } catch (const Error& error) {
        if (error.code() == ErrorCode::invalid_argument || error.code() == ErrorCode::database_newer)
            throw;
        // Any SQL may fail on a database that is not what it says it is.
        not_a_backup(backup_path, error.what());
    }
}

void Restoration::replace(Connection& db)
{
    const auto newest = static_cast<std::int64_t>(schema_migrations.size());
    if (db.schema_version() > newest)
        throw Error(ErrorCode::database_newer, "database_unavailable",
                    "the database is newer than this program");
    // SQLite puts no content into a database whose pages have another size.
    const auto its_page_bytes = read_integer(db, "PRAGMA page_size");
    if (its_page_bytes == read_integer(*content_, "PRAGMA page_size"))
        return db.replace_with(*content_);
    const ScratchFile fitting(scratch_.path());
    content_->copy_into(fitting.path(), its_page_bytes);
    Connection content(fitting.path());
    db.replace_with(content);
}

} // namespace sqlite
