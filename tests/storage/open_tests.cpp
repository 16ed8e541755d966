#include "storage/open.h"

#include "base/config.h"
#include "fixture.h"
#include "temporary_folder.h"

#include <filesystem>

namespace {

struct OpenFixture
{
    OpenFixture()
    {
        config.database_url = "";
        config.database_path = folder / "test.db";
    }

    const TemporaryFolder folder;
    base::Config config = test_config();
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(open_tests, OpenFixture)

BOOST_AUTO_TEST_CASE(a_database_is_as_large_as_its_files)
{
    const auto sizes = [&] {
        const auto size = storage::size_of(config, nullptr);
        return std::pair(size.database_bytes, size.log_bytes);
    };
    BOOST_TEST((sizes() == std::pair<std::int64_t, std::int64_t>(0, 0)));
    folder.write("test.db", "1234567");
    BOOST_TEST((sizes() == std::pair<std::int64_t, std::int64_t>(7, 0)));
    folder.write("test.db-wal", "123");
    BOOST_TEST((sizes() == std::pair<std::int64_t, std::int64_t>(7, 3)));
    config.database_url = "postgresql:///voice"; // which is not reached
    BOOST_TEST((sizes() == std::pair<std::int64_t, std::int64_t>(0, 0)));
}

BOOST_AUTO_TEST_CASE(a_problem_with_a_file_is_told_once)
{
    folder.write("test.db-lock", std::string(32, '\0'));
    BOOST_TEST(storage::is_problem_to_be_told(config));
    BOOST_TEST(!storage::is_problem_to_be_told(config));
    config.database_url = "postgresql:///voice";
    config.database_path = folder / "none.db";
    BOOST_TEST(!storage::is_problem_to_be_told(config));
}

BOOST_AUTO_TEST_SUITE_END()
