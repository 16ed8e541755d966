#include "doctor_files.h"

#include "base/database_settings.h"
#include "base/server_settings.h"
#include "base/settings.h"
#include "unit.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <grp.h>
#include <optional>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/vfs.h>

namespace fs = std::filesystem;

namespace {

struct User
{
    std::string name;
    uid_t uid = 0;
    std::vector<gid_t> groups;
};

std::optional<User> read_user(const struct passwd* entry)
{
    if (entry == nullptr)
        return std::nullopt;
    int count = 0;
    getgrouplist(entry->pw_name, entry->pw_gid, nullptr, &count); // says how many there are
    User user{entry->pw_name, entry->pw_uid, std::vector<gid_t>(static_cast<std::size_t>(count))};
    getgrouplist(entry->pw_name, entry->pw_gid, user.groups.data(), &count);
    return user;
}

// As the kernel would decide; access control lists are not looked at.
bool may(const User& user, const struct stat& file, unsigned permissions)
{
    if (user.uid == 0)
        return true;
    const bool in_group = std::find(user.groups.begin(), user.groups.end(), file.st_gid) != user.groups.end();
    const unsigned shift = user.uid == file.st_uid ? 6 : in_group ? 3 : 0;
    return ((file.st_mode >> shift) & permissions) == permissions;
}

constexpr const char* suffixes_beside[] = {"-wal", "-shm", "-lock", "-metrics", "-limits", "-rpc-slots"};

constexpr unsigned may_read_and_write = 6;
constexpr unsigned may_write_and_enter = 3;

void examine_scratch_files(Findings& findings, const fs::path& database)
{
    std::error_code none; // the folder may be closed to us
    for (const auto& entry : fs::directory_iterator(database.parent_path(), none)) {
        const auto path = entry.path().string();
        for (const char* kind : {"-restore-", "-rehearsal-"}) {
            if (path.starts_with(database.string() + kind))
                findings.warn("there is " + path + ", as a command leaves it that was killed",
                              "if neither restore nor attest retry is under way: rm " + path);
        }
    }
}

void examine_access(Findings& findings, const User& user, const std::string& folder,
                    const struct stat& folder_stat, const std::string& database_path)
{
    bool fits = may(user, folder_stat, may_write_and_enter);
    std::string what = folder;
    const auto look_at = [&](const std::string& path) {
        struct stat file = {};
        if (fits && ::stat(path.c_str(), &file) == 0) {
            fits = may(user, file, may_read_and_write);
            what = path;
        }
    };
    look_at(database_path);
    for (const char* suffix : suffixes_beside)
        look_at(database_path + suffix);
    if (fits)
        findings.ok("user " + user.name +
                    " can use the database; the web server's workers and cron must be that user");
    else
        findings.fail("user " + user.name + " cannot write " + what,
                      "chown it to the user whom both the web server's workers and cron run as");
}

} // namespace

void examine_files(Findings& findings, const std::string& database_path,
                   const std::vector<std::string>& names)
{
    const fs::path database = database_path;
    const auto folder = database.has_parent_path() ? database.parent_path().string() : std::string(".");
    struct stat folder_stat = {};
    if (::stat(folder.c_str(), &folder_stat) != 0) {
        findings.fail("the database's folder " + folder + ": " + std::strerror(errno),
                      "create it for the user whom the web server runs the program as");
        return;
    }
    struct statfs system = {};
    constexpr long network[] = {0x6969, 0x517b, 0xfe534d42, 0xff534d42}; // NFS, SMB, SMB2, CIFS
    constexpr long fuse = 0x65735546;
    if (::statfs(folder.c_str(), &system) == 0 &&
        std::find(std::begin(network), std::end(network), system.f_type) != std::end(network))
        findings.fail("the database is on a network file system, whose locks cannot be trusted",
                      "move it to a local disk");
    else if (system.f_type == fuse)
        findings.warn("the database is on a FUSE file system", "make sure that it is a local disk");

    std::vector<User> users;
    struct stat file = {};
    const bool exists = ::stat(database_path.c_str(), &file) == 0;
    if (const auto owner = read_user(::getpwuid(exists ? file.st_uid : folder_stat.st_uid)))
        users.push_back(*owner);
    for (const auto& name : names) {
        if (const auto user = read_user(::getpwnam(name.c_str())))
            users.push_back(*user);
        else
            findings.fail("there is no user " + name,
                          "name the users of the web server's workers and of cron");
    }
    for (const auto& user : users)
        examine_access(findings, user, folder, folder_stat, database_path);
    for (const char* suffix : suffixes_beside) {
        struct stat beside = {};
        if (exists && ::lstat((database_path + suffix).c_str(), &beside) == 0 && beside.st_uid != file.st_uid)
            findings.warn(database_path + suffix + " belongs to another user than the database",
                          "run the web server's workers, cron and this program as one user");
    }
    if (exists && (file.st_mode & (S_IROTH | S_IWOTH)) != 0)
        findings.warn("everybody on this machine can read " + database_path, "chmod o-rw " + database_path);
    examine_scratch_files(findings, database);
}

void examine_textfile(Findings& findings, const base::Config& config)
{
    const auto& textfile = base::settings<base::ServerSettings>(config).metrics_textfile;
    if (textfile.empty())
        return;
    const auto folder = fs::path(textfile).parent_path().string();
    const std::string unit = "session-voice-meter.service";
    struct stat folder_stat = {}, database = {};
    const auto owner =
        ::stat(base::settings<base::DatabaseSettings>(config).database_path.c_str(), &database) == 0
            ? read_user(::getpwuid(database.st_uid))
            : std::nullopt;
    if (::stat(folder.c_str(), &folder_stat) != 0)
        findings.warn("METRICS_TEXTFILE: " + folder + ": " + std::strerror(errno),
                      "create it, for the user who runs the sweep");
    else if (owner && !may(*owner, folder_stat, may_write_and_enter))
        findings.warn("METRICS_TEXTFILE: user " + owner->name + " cannot write in " + folder,
                      "let the user who runs the sweep write there, or name another folder");
    else if (!may_write(read_unit(unit, base::process_environment()), textfile))
        findings.warn("METRICS_TEXTFILE: " + unit + " may not write in " + folder,
                      "systemctl edit " + unit +
                          ", and add the lines [Service] and ReadWritePaths=" + folder);
    else
        findings.ok("the sweep can write METRICS_TEXTFILE");
}
