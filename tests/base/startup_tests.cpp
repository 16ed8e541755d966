#include "base/startup.h"

#include "base/config.h"
#include "fixture.h"
#include "sqlite/child_process.h"
#include "temporary_folder.h"

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;

constexpr uid_t stranger = 4711; // has no entry anywhere
constexpr gid_t strangers = 4712;

bool runs_as_root(boost::unit_test::test_unit_id)
{
    return ::geteuid() == 0;
}

std::string place_of(const std::string& path)
{
    return base::find_place(path).path;
}

void give(const std::string& path)
{
    BOOST_REQUIRE(::lchown(path.c_str(), stranger, strangers) == 0);
}

// The user that a process is once it has gone to the database.
int user_at(const std::string& database_path)
{
    ChildProcess child([&] {
        base::Config config;
        config.database_path = database_path;
        base::enter_database_folder(config);
        const bool is_for_good = ::getuid() == ::geteuid() && (::getuid() == 0 || ::setuid(0) != 0);
        const bool has_groups_of_root = ::getuid() != 0 && (::getgroups(0, nullptr) != 0 || ::getegid() == 0);
        if (!is_for_good || has_groups_of_root)
            return 1;
        return ::geteuid() == 0 ? 2 : ::geteuid() == stranger && ::getegid() == strangers ? 3 : 4;
    });
    return child.wait();
}

constexpr int root_still = 2;
constexpr int the_stranger = 3;

} // namespace

BOOST_AUTO_TEST_SUITE(startup_tests)

BOOST_AUTO_TEST_CASE(every_name_of_a_file_leads_to_one_place)
{
    const TemporaryFolder folder;
    fs::create_directories(folder / "data/deep");
    folder.write("data/test.db", "");
    const auto real = fs::canonical(folder / "data/test.db").string();
    fs::create_symlink(folder / "data/test.db", folder / "whole.db");
    fs::create_symlink("data/test.db", folder / "relative.db");
    fs::create_symlink("../test.db", folder / "data/deep/up.db");
    fs::create_symlink("data", folder / "linked");
    fs::create_symlink("linked/deep/up.db", folder / "twice.db");
    for (const char* name : {"data/test.db", "whole.db", "relative.db", "data/deep/up.db", "linked/test.db",
                             "twice.db", "data/../data//./test.db", "linked/deep/../test.db"})
        BOOST_TEST(place_of(folder / name) == real, name);
    const auto before = fs::current_path();
    fs::current_path(folder / "data/deep");
    BOOST_TEST(place_of("../test.db") == real);
    fs::current_path(before);
}

BOOST_AUTO_TEST_CASE(what_is_yet_to_be_made_has_a_place)
{
    const TemporaryFolder folder;
    const auto real = fs::canonical(folder.path()).string();
    fs::create_symlink("later.db", folder / "link.db");
    fs::create_symlink("missing", folder / "folder");
    BOOST_TEST(place_of(folder / "later.db") == real + "/later.db");
    BOOST_TEST(place_of(folder / "link.db") == real + "/later.db");
    BOOST_TEST(place_of(folder / "folder/later.db") == real + "/missing/later.db");
    fs::create_symlink("b", folder / "a");
    fs::create_symlink("a", folder / "b");
    BOOST_TEST(place_of(folder / "a").rfind(real + "/", 0) == 0u); // and comes to an end
}

BOOST_AUTO_TEST_CASE(forty_links_are_followed_and_no_more)
{
    const TemporaryFolder folder;
    const auto real = fs::canonical(folder.path()).string();
    fs::create_symlink("test.db", folder / "link1");
    for (int i = 2; i <= 41; ++i)
        fs::create_symlink("link" + std::to_string(i - 1), folder / ("link" + std::to_string(i)));
    BOOST_TEST(place_of(folder / "link40") == real + "/test.db");
    BOOST_TEST(place_of(folder / "link41") == real + "/link1");
}

BOOST_AUTO_TEST_CASE(the_database_has_one_name_from_then_on)
{
    const TemporaryFolder folder;
    const auto real = fs::canonical(folder.path()).string();
    fs::create_symlink("test.db", folder / "link.db");
    base::Config config;
    config.database_path = folder / "link.db";
    base::enter_database_folder(config);
    BOOST_TEST(config.database_path == real + "/test.db");
    base::Config of_postgresql;
    of_postgresql.database_url = "postgresql://db/voice";
    of_postgresql.state_directory = folder.path();
    base::enter_database_folder(of_postgresql);
    BOOST_TEST(of_postgresql.database_path == "");
}

// What is written to standard error, and how it ends.
BOOST_AUTO_TEST_CASE(a_process_that_has_started_tells_of_a_lost_page_and_ends)
{
    const TemporaryFolder folder;
    const auto real = fs::canonical(folder.path()).string();
    fs::create_symlink("test.db", folder / "link.db");
    const auto settings = folder.write("settings", "DATABASE_PATH=" + (folder / "link.db") + "\n");
    const auto said = folder.write("said", "");
    ChildProcess child([&] {
        const int log = ::open(said.c_str(), O_WRONLY | O_APPEND);
        ::dup2(log, STDERR_FILENO);
        ::unsetenv("DATABASE_PATH");
        if (base::start(settings, base::Program::tool).database_path != real + "/test.db")
            return 1;
        ::raise(SIGBUS);
        return 2;
    });
    BOOST_TEST(child.wait() == 128 + SIGBUS);
    std::ifstream file(said);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    BOOST_TEST(text.find("was cut short while it was mapped") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(root_takes_over_the_groups_of_a_user_that_has_some,
                     *boost::unit_test::precondition(runs_as_root))
{
    const auto* const nobody = ::getpwnam("nobody");
    BOOST_TEST_REQUIRE(nobody != nullptr);
    const auto user = nobody->pw_uid;
    const auto group = nobody->pw_gid;
    const TemporaryFolder folder;
    fs::create_directory(folder / "data");
    BOOST_REQUIRE(::lchown((folder / "data").c_str(), user, strangers) == 0);
    ChildProcess child([&] {
        base::Config config;
        config.database_path = folder / "data/test.db";
        base::enter_database_folder(config);
        gid_t groups[64];
        const int count = ::getgroups(64, groups);
        const bool has_its_own = std::find(groups, groups + std::max(count, 0), group) != groups + count;
        return ::getuid() == user && ::getegid() == group && has_its_own ? 0 : 1;
    });
    BOOST_TEST(child.wait() == 0);
}

BOOST_AUTO_TEST_CASE(who_cannot_become_the_owner_does_not_go_on,
                     *boost::unit_test::precondition(runs_as_root))
{
    const TemporaryFolder folder;
    fs::create_directory(folder / "data");
    give(folder / "data");
    ChildProcess child([&] {
        __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
        const __user_cap_data_struct none[2] = {};
        if (::syscall(SYS_capset, &header, none) != 0)
            return 1;
        base::Config config;
        config.database_path = folder / "data/test.db";
        try {
            base::enter_database_folder(config);
        } catch (const base::Error& error) {
            return error.code() == base::ErrorCode::internal ? 0 : 2;
        }
        return 3;
    });
    BOOST_TEST(child.wait() == 0);
}

// The process sees nothing but the folder, whose /etc/passwd says where root's home is.
BOOST_AUTO_TEST_CASE(settings_that_nobody_names_are_looked_for_at_home_and_then_where_the_package_has_them,
                     *boost::unit_test::precondition(runs_as_root))
{
    const TemporaryFolder folder;
    for (const char* name : {"etc/session-voice", "home"})
        fs::create_directories(folder / name);
    folder.write("etc/passwd", "root:x:0:0::/home:/bin/sh\n");
    const auto found = [&](const std::string& path) {
        ChildProcess child([&] {
            ::unsetenv(base::config_path_variable);
            if (::chroot(folder.path().c_str()) != 0)
                return 2;
            const auto environment = base::process_environment();
            return environment(base::config_path_variable).value_or("") == path &&
                           !environment("SESSION_VOICE_TEST_VARIABLE")
                       ? 0
                       : 1;
        });
        return child.wait() == 0;
    };
    BOOST_TEST(found(""));
    folder.write("etc/session-voice/session-voice.env", "");
    BOOST_TEST(found("/etc/session-voice/session-voice.env"));
    folder.write("home/session-voice.env", "");
    BOOST_TEST(found("/home/session-voice.env"));
    folder.write("etc/passwd", "");
    BOOST_TEST(found("/etc/session-voice/session-voice.env"));
}

BOOST_AUTO_TEST_CASE(a_database_in_memory_has_no_place)
{
    base::Config config;
    config.database_path = ":memory:";
    base::enter_database_folder(config);
    BOOST_TEST(config.database_path == ":memory:");
}

BOOST_AUTO_TEST_CASE(root_stays_root_in_a_folder_of_its_own, *boost::unit_test::precondition(runs_as_root))
{
    const TemporaryFolder folder;
    BOOST_TEST(user_at(folder / "test.db") == root_still);
    folder.write("test.db", "");
    give(folder / "test.db");
    BOOST_TEST(user_at(folder / "test.db") == root_still);
}

BOOST_AUTO_TEST_CASE(root_becomes_the_owner_of_the_folder_for_good,
                     *boost::unit_test::precondition(runs_as_root))
{
    const TemporaryFolder folder;
    fs::create_directory(folder / "data");
    give(folder / "data");
    BOOST_TEST(user_at(folder / "data/test.db") == the_stranger);
    BOOST_TEST(user_at(folder / "data/missing/test.db") == the_stranger);
    fs::create_symlink("data/test.db", folder / "link.db");
    BOOST_TEST(user_at(folder / "link.db") == the_stranger);
    folder.write("data/test.db", ""); // root's own file
    BOOST_TEST(user_at(folder / "data/test.db") == the_stranger);
}

// They lead to folders of root's.
BOOST_AUTO_TEST_CASE(root_follows_no_link_of_another_user_as_root,
                     *boost::unit_test::precondition(runs_as_root))
{
    const TemporaryFolder folder;
    for (const char* name : {"data", "roots"})
        fs::create_directory(folder / name);
    folder.write("roots/test.db", "");
    fs::create_symlink("../roots/test.db", folder / "data/test.db");
    fs::create_symlink("../roots", folder / "data/deep");
    fs::create_symlink("data/test.db", folder / "twice.db");
    for (const char* name : {"data", "data/test.db", "data/deep"})
        give(folder / name);
    for (const char* name : {"data/test.db", "data/deep/test.db", "twice.db"})
        BOOST_TEST(user_at(folder / name) == the_stranger, name);
}

BOOST_AUTO_TEST_SUITE_END()
