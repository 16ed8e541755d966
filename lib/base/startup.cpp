#include "base/startup.h"

#include "base/config.h"
#include "base/error.h"
#include "base/log.h"

#include <csignal>
#include <filesystem>
#include <grp.h>
#include <openssl/crypto.h>
#include <optional>
#include <pwd.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace base {

namespace {

namespace fs = std::filesystem;

constexpr int max_links = 40; // as the kernel has it

struct stat nearest_that_exists(fs::path folder)
{
    struct stat found = {};
    while (::stat(folder.c_str(), &found) != 0 && folder != "/")
        folder = folder.parent_path();
    return found;
}

void become_owner_of(const Place& place)
{
    const auto* user = ::getpwuid(place.owner);
    const auto group = user != nullptr ? user->pw_gid : place.group;
    const bool has_groups =
        user != nullptr ? ::initgroups(user->pw_name, group) == 0 : ::setgroups(0, nullptr) == 0;
    const bool is_done = has_groups && ::setresgid(group, group, group) == 0 &&
                         ::setresuid(place.owner, place.owner, place.owner) == 0;
    if (!is_done || ::setuid(0) == 0)
        throw Error(ErrorCode::internal, "internal_error",
                    "this process cannot become user " + std::to_string(place.owner) +
                        ", who owns the folder of " + place.path + "; run it as that user");
}

// A page of a mapped file is gone: whoever reads it ends. Calls only what a signal handler may.
void tell_of_lost_page(int)
{
    constexpr std::string_view line =
        "session-voice: a file beside the database (-metrics, -limits or -shm) was cut short while it was "
        "mapped; "
        "this process ends. They may be removed while the service is stopped, but never cut\n";
    write_log_line(line);
    ::raise(SIGBUS); // the default, once this returns
}

void tell_of_lost_pages()
{
    struct sigaction action = {};
    action.sa_handler = tell_of_lost_page;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(SIGBUS, &action, nullptr);
}

// OpenSSL's configuration file, its texts and its clearing up take a plain CGI process longer than all that
// it does with OpenSSL, and nothing here depends on them. It must be free to learn the names of digests and
// ciphers, which it does when it needs them: libpq could verify no certificate otherwise.
void prepare_openssl()
{
    OPENSSL_init_crypto(
        OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_NO_ATEXIT, nullptr);
}

} // namespace

Place find_place(const std::string& path)
{
    fs::path here = "/";
    std::vector<fs::path> names; // that are left to go, the next one last
    const auto go = [&](const fs::path& way) {
        const std::vector<fs::path> parts(way.begin(), way.end());
        names.insert(names.end(), parts.rbegin(), parts.rend());
    };
    go(fs::absolute(path));
    std::optional<struct stat> foreign_link;
    for (int links = 0; !names.empty();) {
        const auto name = names.back();
        names.pop_back();
        const auto next = (name == ".." ? here.parent_path() : here / name).lexically_normal();
        struct stat found = {};
        if (::lstat(next.c_str(), &found) == 0 && S_ISLNK(found.st_mode) && links < max_links) {
            ++links;
            if (!foreign_link && found.st_uid != 0)
                foreign_link = found;
            go(fs::read_symlink(next));
        } else {
            here = next;
        }
    }
    const auto decides = foreign_link ? *foreign_link : nearest_that_exists(here.parent_path());
    return {here, decides.st_uid, decides.st_gid};
}

void enter_database_folder(Config& config)
{
    if (config.is_in_memory())
        return;
    const auto place =
        find_place(config.database_url.empty() ? config.database_path : config.shared_path("metrics"));
    if (config.database_url.empty())
        config.database_path = place.path;
    if (::geteuid() == 0 && place.owner != 0)
        become_owner_of(place);
}

Config start(const std::string& settings_path, Program program)
{
    tell_of_lost_pages();
    prepare_openssl();
    auto config = load_config(settings_path, process_environment(), program);
    enter_database_folder(config);
    return config;
}

} // namespace base
