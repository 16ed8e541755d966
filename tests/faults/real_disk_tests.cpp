// Disks and files as they go wrong in life: full, read-only, locked by somebody, a log held back by a reader.
#include "base/config.h"
#include "faults/town.h"
#include "sqlite/child_process.h"
#include "sqlite/shorthand.h"

#include <chrono>
#include <filesystem>
#include <grp.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>

namespace faults {

namespace {

namespace fs = std::filesystem;

constexpr uid_t nobody = 65534;

// A file system of its own, which nobody but this process sees.
class SmallDisk
{
  public:
    explicit SmallDisk(const char* options)
    {
        const bool is_mounted = ::unshare(CLONE_NEWNS) == 0 &&
                                ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                                ::mount("tmpfs", path().c_str(), "tmpfs", 0, options) == 0;
        BOOST_REQUIRE_MESSAGE(is_mounted, "to mount a small disk wants root: " << std::strerror(errno));
    }
    ~SmallDisk() { ::umount2(path().c_str(), MNT_DETACH); }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;

    const std::string& path() const { return folder_.path(); }
    void fill() const
    {
        const int fd = ::open(ballast().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        const std::string page(4096, 'x');
        while (::write(fd, page.data(), page.size()) > 0) {
        }
        ::close(fd);
    }
    void free() const { fs::remove(ballast()); }

  private:
    std::string ballast() const { return folder_ / "ballast"; }
    TemporaryFolder folder_;
};

std::string renew(const Town& town, World& world)
{
    return town.operation("POST /rooms/token/renew").run(world);
}

bool is_served(const std::string& answer)
{
    return answer.substr(0, 3) == "200";
}

} // namespace

BOOST_AUTO_TEST_SUITE(real_disk_tests, *boost::unit_test::label("sqlite"))

BOOST_AUTO_TEST_CASE(a_full_disk_refuses_what_it_cannot_keep_and_nothing_once_there_is_space)
{
    const Town town;
    const Silence silence;
    const SmallDisk disk("size=2m");
    town.found(disk.path());
    const auto world = town.open(disk.path());
    BOOST_TEST(is_served(renew(town, *world)));
    disk.fill();
    int refused = 0;
    auto promised = contents(world->path);
    for (const auto& operation : town.operations()) {
        if (operation.name == "restore") // the backup lies elsewhere, and the copy of it here
            continue;
        BOOST_TEST_CONTEXT(operation.name)
        {
            const auto answer = operation.run(*world);
            const auto state = contents(world->path);
            if (answer == unavailable) {
                ++refused;
                BOOST_TEST((!operation.is_single || state == promised));
            } else {
                BOOST_TEST(answer.substr(0, 2) != "50");
            }
            promised = state;
            BOOST_TEST(violations(world->path) == "");
        }
    }
    BOOST_TEST(refused >= 10);
    BOOST_TEST((town.operation("restore").run(*world) == unavailable));
    BOOST_TEST((contents(world->path) == promised));

    const auto second = town.open(disk.path()); // started on the full disk
    second->now += 1;
    BOOST_TEST(renew(town, *second) == unavailable);
    disk.free();
    for (auto* worker : {world.get(), second.get()}) {
        worker->now += 2;
        BOOST_TEST((contents(world->path) == promised));
        BOOST_TEST(is_served(renew(town, *worker)));
        promised = contents(world->path);
    }
    world->now += 31; // the key may have been taken while nothing could free it
    const auto keyed = town.operation("POST /rooms/create with a key").run(*world);
    BOOST_TEST(is_served(keyed), keyed);
    BOOST_TEST(violations(world->path) == "");
}

// Root may write what it likes, so this is asked as somebody else.
BOOST_AUTO_TEST_CASE(what_is_read_only_refuses_writers_until_it_is_not)
{
    BOOST_REQUIRE_MESSAGE(::geteuid() == 0, "to become somebody else wants root");
    const Town town;
    const TemporaryFolder folder;
    town.found(folder.path());
    for (const auto& path : {folder.path(), folder / "town.db", folder / "town.db-wal"})
        BOOST_REQUIRE(::chown(path.c_str(), nobody, nobody) == 0);
    ChildProcess somebody([&] {
        const Silence silence;
        if (::setgroups(0, nullptr) != 0 || ::setgid(nobody) != 0 || ::setuid(nobody) != 0)
            return 1;
        const auto world = town.open(folder.path());
        ::chmod(world->path.c_str(), 0444);
        if (renew(town, *world) != unavailable)
            return 2;
        ::chmod(world->path.c_str(), 0644);
        if (!is_served(renew(town, *world)))
            return 3;
        world->app.close_database();
        for (const char* suffix : {"-shm", "-lock"})
            ::unlink((world->path + suffix).c_str());
        ::chmod(folder.path().c_str(), 0555);
        world->now += 1;
        if (renew(town, *world) != unavailable)
            return 4;
        ::chmod(folder.path().c_str(), 0755);
        if (!is_served(renew(town, *world)))
            return 5;
        return violations(world->path).empty() ? 0 : 6;
    });
    BOOST_TEST(somebody.wait() == 0);
}

// By one of us, and by another program that knows nothing of our lock file.
BOOST_AUTO_TEST_CASE(a_locked_database_is_waited_for_and_no_longer_than_told)
{
    const Town town;
    const Silence silence;
    const TemporaryFolder folder;
    town.found(folder.path());
    const auto world = town.open(folder.path());
    world->config.database_busy_timeout_ms = 100;
    BOOST_TEST(is_served(renew(town, *world)));
    world->now += 1;
    const auto check_refused_in_time = [&] {
        const auto begun = std::chrono::steady_clock::now();
        BOOST_TEST(renew(town, *world) == unavailable);
        BOOST_TEST((std::chrono::steady_clock::now() - begun < std::chrono::seconds(5)));
        BOOST_TEST(is_served(town.operation("GET /rooms/active").run(*world))); // who reads does not wait
    };
    {
        sqlite::Connection other(world->path);
        const database::Transaction held(other);
        check_refused_in_time();
    }
    BOOST_TEST(is_served(renew(town, *world)));
    world->now += 1;

    sqlite3* shell = nullptr;
    BOOST_REQUIRE(sqlite3_open(world->path.c_str(), &shell) == SQLITE_OK);
    sqlite3_db_config(shell, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    BOOST_REQUIRE(sqlite3_exec(shell, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK);
    check_refused_in_time();
    sqlite3_close(shell);
    BOOST_TEST(is_served(renew(town, *world)));
}

BOOST_AUTO_TEST_CASE(a_log_that_a_reader_let_grow_shrinks_when_it_is_gone)
{
    constexpr std::uintmax_t limit_bytes = 16777216;
    const TemporaryFolder folder("/dev/shm");
    sqlite::Options options;
    options.checkpoint_after_pages = 100;
    sqlite::Connection db(folder / "test.db", options);
    execute(db, "CREATE TABLE t (content BLOB); INSERT INTO t VALUES (NULL)");
    const auto write = [&](int times) {
        for (int i = 0; i < times; ++i)
            execute(db, "UPDATE t SET content = randomblob(400000)");
    };
    const auto log_bytes = [&] { return fs::file_size(folder / "test.db-wal"); };
    write(60);
    BOOST_TEST(log_bytes() < 2000000u); // about two transactions, whatever is written
    {
        sqlite::Connection reader(folder / "test.db");
        auto row = reader.prepare("SELECT content FROM t UNION ALL SELECT 1");
        BOOST_REQUIRE(row.step());
        write(60);
        BOOST_TEST(log_bytes() > limit_bytes); // nothing of it may be written over
    }
    write(3);
    BOOST_TEST(log_bytes() <= limit_bytes);
    const auto size_bytes = log_bytes();
    write(60);
    BOOST_TEST(log_bytes() == size_bytes);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace faults
