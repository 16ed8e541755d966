#include "base/shared_file.h"

#include "fixture.h"
#include "sqlite/child_process.h"
#include "temporary_folder.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;

// Whether it was opened; errno tells why not.
bool opens(const std::string& path)
{
    const int fd = base::open_shared_file(path);
    if (fd >= 0)
        ::close(fd);
    return fd >= 0;
}

bool is_root(boost::unit_test::test_unit_id)
{
    return ::geteuid() == 0;
}

} // namespace

BOOST_AUTO_TEST_SUITE(shared_file_tests)

BOOST_AUTO_TEST_CASE(it_is_made_once_and_belongs_to_the_process)
{
    const TemporaryFolder folder;
    BOOST_TEST(opens(folder / "file"));
    struct stat file = {};
    BOOST_REQUIRE(::stat((folder / "file").c_str(), &file) == 0);
    BOOST_TEST(file.st_uid == ::geteuid());
    BOOST_TEST((file.st_mode & 0007) == 0u);
    std::ofstream(folder / "file") << "kept";
    BOOST_TEST(opens(folder / "file"));
    BOOST_TEST(fs::file_size(folder / "file") == 4u);
}

BOOST_AUTO_TEST_CASE(a_process_without_standard_input_opens_it_as_well)
{
    const TemporaryFolder folder;
    ChildProcess child([&] {
        ::close(STDIN_FILENO);
        return base::open_shared_file(folder / "file") == STDIN_FILENO ? 0 : 1;
    });
    BOOST_TEST(child.wait() == 0);
}

BOOST_AUTO_TEST_CASE(no_link_is_followed)
{
    const TemporaryFolder folder;
    folder.write("victim", "theirs");
    fs::create_symlink("victim", folder / "link");
    fs::create_symlink("nowhere", folder / "dangling");
    BOOST_TEST(!opens(folder / "link"));
    BOOST_TEST(errno == ELOOP);
    BOOST_TEST(!opens(folder / "dangling"));
    BOOST_TEST(!fs::exists(folder / "nowhere"));
}

BOOST_AUTO_TEST_CASE(nothing_but_regular_files_is_opened)
{
    const TemporaryFolder folder;
    BOOST_REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
    BOOST_TEST(!opens(folder / "pipe"));
    BOOST_TEST(errno == EINVAL);
    BOOST_TEST(!opens("/dev/null"));
}

BOOST_AUTO_TEST_CASE(root_opens_no_file_of_two_names, *boost::unit_test::precondition(is_root))
{
    const TemporaryFolder folder;
    folder.write("victim", "theirs");
    fs::create_hard_link(folder / "victim", folder / "link");
    BOOST_TEST(!opens(folder / "link"));
    BOOST_TEST(errno == EINVAL);
    fs::remove(folder / "victim");
    BOOST_TEST(opens(folder / "link"));
}

BOOST_AUTO_TEST_SUITE_END()
