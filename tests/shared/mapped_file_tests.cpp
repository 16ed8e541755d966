#include "shared/mapped_file.h"

#include "fixture.h"
#include "logged_by.h"
#include "sqlite/child_process.h"
#include "temporary_folder.h"

#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/file.h>
#include <sys/resource.h>

namespace {

using shared::MappedFile;

constexpr std::uint64_t format = 7;
constexpr std::size_t size_bytes = 8192;

auto open(const std::string& path, std::uint64_t of_format = format, std::size_t of_size = size_bytes)
{
    return MappedFile::open(path, of_format, of_size, [](MappedFile& file) { ++file.extra()[0]; });
}

// Whoever makes the file has it.
class Lock
{
  public:
    explicit Lock(const std::string& path) : fd_(::open(path.c_str(), O_RDWR | O_CLOEXEC))
    {
        BOOST_REQUIRE(::flock(fd_, LOCK_EX) == 0);
    }
    ~Lock() { ::close(fd_); }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

    // "1: -> FLOCK  ADVISORY  WRITE 4711 fe:01:815 0 EOF"
    static bool is_awaited_by(pid_t pid)
    {
        std::ifstream locks("/proc/locks");
        for (std::string line; std::getline(locks, line);) {
            if (line.find("-> FLOCK") != std::string::npos &&
                line.find(" " + std::to_string(pid) + " ") != std::string::npos)
                return true;
        }
        return false;
    }

  private:
    int fd_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(mapped_file_tests)

BOOST_AUTO_TEST_CASE(what_one_writes_another_reads)
{
    const TemporaryFolder folder;
    const auto first = open(folder / "file");
    BOOST_REQUIRE(first);
    BOOST_TEST(std::filesystem::file_size(folder / "file") == size_bytes);
    std::memcpy(first->content(), "hello", 6);
    const auto second = open(folder / "file");
    BOOST_REQUIRE(second);
    BOOST_TEST(std::string(reinterpret_cast<const char*>(second->content())) == "hello");
    BOOST_TEST(int{second->extra()[0]} == 1); // filled once
}

BOOST_AUTO_TEST_CASE(it_survives_its_processes)
{
    const TemporaryFolder folder;
    ChildProcess child([&] {
        const auto file = open(folder / "file");
        std::memcpy(file->content(), "hello", 6);
        ::raise(SIGKILL);
        return 0;
    });
    BOOST_TEST(child.wait() == 128 + SIGKILL);
    BOOST_TEST(std::string(reinterpret_cast<const char*>(open(folder / "file")->content())) == "hello");
}

BOOST_AUTO_TEST_CASE(a_foreign_file_is_made_anew_and_those_that_map_it_live_on)
{
    const TemporaryFolder folder;
    const auto path = folder / "file";
    for (const auto& content : {std::string("not ours"), std::string(size_bytes, 'x'),
                                std::string(size_bytes, '\0'), std::string(2 * size_bytes, 'x')}) {
        folder.write("file", content);
        const auto made = open(path);
        BOOST_REQUIRE(made);
        BOOST_TEST(std::filesystem::file_size(path) == size_bytes);
        BOOST_TEST(int{made->content()[0]} == 0);
        BOOST_TEST(int{made->extra()[0]} == 1);
    }
    const auto old = open(path);
    old->content()[0] = 1;
    const auto newer = open(path, format + 1, size_bytes / 2);
    BOOST_REQUIRE(newer);
    BOOST_TEST(int{newer->content()[0]} == 0);
    old->content()[size_bytes - MappedFile::header_bytes - 1] = 1; // would die if the file had shrunk
}

// Who made it goes on with what it has, and keeps nobody waiting.
BOOST_AUTO_TEST_CASE(one_that_was_cut_short_is_made_anew_while_its_maker_lives)
{
    const TemporaryFolder folder;
    const auto path = folder / "file";
    const auto maker = open(path);
    BOOST_REQUIRE(maker);
    std::filesystem::resize_file(path, 100);
    ChildProcess other([&] {
        ::alarm(20); // it would wait for ever
        return open(path) ? 0 : 1;
    });
    BOOST_TEST(other.wait() == 0);
    BOOST_TEST(std::filesystem::file_size(path) == size_bytes);
}

BOOST_AUTO_TEST_CASE(many_processes_make_one_file)
{
    const TemporaryFolder folder;
    const auto path = folder / "file";
    for (int round = 0; round < 20; ++round) {
        folder.write("file", round % 2 == 0 ? "" : "not ours");
        {
            std::vector<std::unique_ptr<ChildProcess>> children;
            for (int i = 0; i < 6; ++i)
                children.push_back(std::make_unique<ChildProcess>([&, i] {
                    const auto file = open(path);
                    if (!file)
                        return 1;
                    file->content()[i] = 1;
                    return 0;
                }));
            for (const auto& child : children)
                BOOST_TEST(child->wait() == 0);
        }
        const auto file = open(path);
        for (int i = 0; i < 6; ++i)
            BOOST_TEST(int{file->content()[i]} == 1);
        BOOST_TEST(int{file->extra()[0]} == 1);
    }
}

BOOST_AUTO_TEST_CASE(a_finished_file_is_opened_without_waiting_for_anybody)
{
    const TemporaryFolder folder;
    const auto path = folder / "file";
    BOOST_REQUIRE(open(path));
    const Lock lock(path);
    ChildProcess other([&] {
        ::alarm(20); // it would wait for ever
        return open(path) ? 0 : 1;
    });
    BOOST_TEST(other.wait() == 0);
}

// The one who waited has to look again.
BOOST_AUTO_TEST_CASE(a_file_that_was_finished_or_taken_away_meanwhile_is_left_as_it_is)
{
    for (const bool is_taken_away : {false, true}) {
        const TemporaryFolder folder;
        const auto path = folder.write("file", is_taken_away ? "not ours" : "");
        Signal is_locked;
        ChildProcess other([&] { // begun without the lock, which a fork would share
            ::alarm(20);
            is_locked.await();
            const auto file = open(path);
            return file && file->content()[0] == 5 && file->extra()[0] == 0 ? 0 : 1;
        });
        auto lock = std::make_unique<Lock>(path);
        is_locked.give();
        BOOST_TEST_REQUIRE(comes_true([&] { return Lock::is_awaited_by(other.pid()); }));
        if (is_taken_away)
            std::filesystem::remove(path);
        std::string content(size_bytes, '\0');
        std::memcpy(content.data(), &format, sizeof format);
        content[MappedFile::header_bytes] = 5;
        folder.write("file", content);
        lock.reset();
        BOOST_TEST(other.wait() == 0);
        BOOST_TEST(int{open(path)->content()[0]} == 5);
    }
}

BOOST_AUTO_TEST_CASE(a_process_without_standard_input_has_its_file_as_well)
{
    const TemporaryFolder folder;
    const auto path = folder / "file";
    ChildProcess child([&] {
        ::close(STDIN_FILENO);
        const auto file = open(path);
        if (!file || ::fcntl(STDIN_FILENO, F_GETFD) >= 0) // it is mapped and needs no descriptor
            return 1;
        file->content()[0] = 5;
        return 0;
    });
    BOOST_TEST(child.wait() == 0);
    BOOST_TEST(int{open(path)->content()[0]} == 5);
}

BOOST_AUTO_TEST_CASE(what_has_no_room_on_the_disk_leaves_nothing_behind)
{
    const TemporaryFolder folder;
    const auto path = folder / "file";
    ChildProcess child([&] {
        std::signal(SIGXFSZ, SIG_IGN);
        const rlimit small = {100, 100};
        if (::setrlimit(RLIMIT_FSIZE, &small) != 0)
            return 1;
        return !open(path) && errno == EFBIG ? 0 : 2;
    });
    BOOST_TEST(child.wait() == 0);
    BOOST_TEST(!std::filesystem::exists(path));
}

BOOST_AUTO_TEST_CASE(what_has_no_file_is_filled_as_well)
{
    const auto made = MappedFile::anonymous(size_bytes, [](MappedFile& file) { ++file.extra()[0]; });
    BOOST_REQUIRE(made);
    BOOST_TEST(int{made->extra()[0]} == 1);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_mapped_is_told_once_and_tried_again)
{
    const TemporaryFolder folder;
    BOOST_TEST(open(folder / "missing/file") == nullptr);
    BOOST_TEST(errno == ENOENT);
    BOOST_TEST(open(folder.path()) == nullptr); // a folder
    BOOST_TEST(errno == EISDIR);
    BOOST_TEST(open("/dev/null") == nullptr); // no file
    BOOST_TEST(errno == EINVAL);

    shared::LazyMapping lazy(folder / "later/file", format, size_bytes);
    bool is_there = true;
    const MappedFile* mapped = nullptr;
    const auto text = logged_by([&] {
        is_there = lazy.get() != nullptr || lazy.get() != nullptr;
        std::filesystem::create_directory(folder / "later");
        mapped = lazy.get();
    });
    BOOST_TEST(!is_there);
    BOOST_TEST(mapped != nullptr);
    BOOST_TEST(lazy.get() == mapped);
    BOOST_TEST(std::count(text.begin(), text.end(), '\n') == 1);
    BOOST_TEST(text.find("later/file, which cannot be mapped: No such file") != std::string::npos, text);
}

BOOST_AUTO_TEST_SUITE_END()
