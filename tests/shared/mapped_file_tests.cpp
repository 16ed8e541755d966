#include "shared/mapped_file.h"

#include "fixture.h"
#include "sqlite/child_process.h"
#include "temporary_folder.h"

#include <cstring>
#include <filesystem>

namespace {

using shared::MappedFile;

constexpr std::uint64_t format = 7;
constexpr std::size_t size_bytes = 8192;

auto open(const std::string& path, std::uint64_t of_format = format, std::size_t of_size = size_bytes)
{
    return MappedFile::open(path, of_format, of_size, [](MappedFile& file) { ++file.extra()[0]; });
}

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

BOOST_AUTO_TEST_CASE(what_cannot_be_mapped_is_told_and_tried_again)
{
    const TemporaryFolder folder;
    BOOST_TEST(open(folder / "missing/file") == nullptr);
    BOOST_TEST(open(folder.path()) == nullptr); // a folder
    BOOST_TEST(open("/dev/null") == nullptr);   // no file

    shared::LazyMapping lazy(folder / "later/file", format, size_bytes);
    BOOST_TEST(lazy.get() == nullptr);
    std::filesystem::create_directory(folder / "later");
    BOOST_TEST(lazy.get() != nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
