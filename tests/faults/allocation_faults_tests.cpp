// Every allocation fails once, SQLite's and our own.
//
//   FAULT_STRIDE=1 run_tests --run_test=allocation_faults_tests     each of them, not every so many
#include "base/config.h"
#include "faults/trials.h"
#include "postgresql/migrate.h"
#include "postgresql/with_server.h"
#include "sqlite/shorthand.h"

#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <new>
#include <optional>
#include <sqlite3.h>

namespace faults {

namespace {

// Which of the allocations that are counted fails.
struct Counter
{
    std::int64_t calls = 0;
    std::int64_t hits = 0;
    std::int64_t fails_at = 0; // 0: none
    bool for_good = false;

    bool fails()
    {
        if (!is_serving)
            return false;
        const auto now = ++calls;
        const bool is_hit = fails_at > 0 && (now == fails_at || (for_good && now > fails_at));
        hits += is_hit ? 1 : 0;
        return is_hit;
    }
    Sort sort(const std::string& name)
    {
        Sort made;
        made.name = name;
        made.calls = [this] { return calls; };
        made.arm = [this](std::int64_t nth, bool lasts) {
            fails_at = calls + nth;
            for_good = lasts;
            hits = 0;
        };
        made.disarm = [this] { fails_at = 0; };
        made.hits = [this] { return hits; };
        return made;
    }
};

Counter of_sqlite;
Counter of_ours;
sqlite3_mem_methods below = {};

void* allocate(int bytes)
{
    return of_sqlite.fails() ? nullptr : below.xMalloc(bytes);
}

void* reallocate(void* memory, int bytes)
{
    return of_sqlite.fails() ? nullptr : below.xRealloc(memory, bytes);
}

// Before anybody in this program opens a database: SQLite takes it only then.
const bool is_installed = [] {
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &below) != SQLITE_OK)
        return false;
    auto methods = below;
    methods.xMalloc = allocate;
    methods.xRealloc = reallocate;
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK;
}();

} // namespace

// Null if it is to fail.
void* allocate_or_fail(std::size_t bytes) noexcept
{
    return of_ours.fails() ? nullptr : std::malloc(bytes == 0 ? 1 : bytes);
}

void* allocate_or_throw(std::size_t bytes)
{
    if (void* memory = allocate_or_fail(bytes))
        return memory;
    throw std::bad_alloc();
}

namespace {

const boost::unit_test::label of_sqlite_alone("sqlite");

std::int64_t stride()
{
    return static_cast<std::int64_t>(setting("FAULT_STRIDE", 40));
}

} // namespace

BOOST_AUTO_TEST_SUITE(allocation_faults_tests)

BOOST_AUTO_TEST_CASE(an_allocation_of_sqlites_that_fails_leaves_everything_or_nothing, *of_sqlite_alone)
{
    BOOST_REQUIRE(is_installed);
    const Town town;
    const Silence silence;
    const FaultyVfs vfs;
    Trials trials(town, {of_sqlite.sort("SQLite's allocation")});
    for (const auto& operation : town.operations()) {
        trials.run(operation, false, 50 * stride());
        trials.run(operation, true, 4 * stride());
    }
    trials.report("the allocations of SQLite");
}

// What a handler does after its transaction is small, but it can fail: the answer is lost then, as if the
// process had been killed. Who cannot bear that sends an Idempotency-Key. And within the JSON library, whose
// destructors take memory, it ends the process, and another one takes its place.
BOOST_AUTO_TEST_CASE(a_new_that_fails_leaves_everything_or_nothing, *of_sqlite_alone)
{
    const Town town;
    const Silence silence;
    const FaultyVfs vfs;
    auto sort = of_ours.sort("new");
    sort.other_refusal = no_memory;
    sort.may_end_process = true;
    sort.may_be_done = true;
    Trials trials(town, {sort});
    for (const auto& operation : town.operations()) {
        trials.run(operation, false, stride());
        trials.run(operation, true, stride());
    }
    trials.report("our own allocations");
}

// ---- what was found by them ----

struct LedgerOfNumbers
{
    LedgerOfNumbers() { execute(db, "CREATE TABLE numbers (number INTEGER)"); }
    void insert(int number) { db.execute("INSERT INTO numbers VALUES (" + std::to_string(number) + ")"); }
    std::int64_t sum() { return integer(db, "SELECT ifnull(sum(number), 0) FROM numbers"); }
    // SQLite finds no memory as long as this lives.
    struct Famine
    {
        Famine()
        {
            is_serving = true;
            of_sqlite.sort("").arm(1, true);
        }
        ~Famine()
        {
            of_sqlite.sort("").disarm();
            is_serving = false;
        }
    };

    sqlite::Connection db{":memory:"};
};

BOOST_FIXTURE_TEST_CASE(a_rollback_takes_no_memory, LedgerOfNumbers, *of_sqlite_alone)
{
    {
        std::optional<database::Transaction> tx(db);
        insert(1);
        const Famine famine;
        tx.reset();
    }
    BOOST_TEST(!db.in_transaction());
    execute(db, "INSERT INTO numbers VALUES (2)");
    BOOST_TEST(sum() == 2);
}

BOOST_FIXTURE_TEST_CASE(a_part_that_is_rolled_back_without_memory_is_not_committed_with_the_others,
                        LedgerOfNumbers, *of_sqlite_alone)
{
    database::TransactionGroup group(db);
    {
        database::Transaction part(db);
        insert(1);
        part.commit();
    }
    {
        std::optional<database::Transaction> part(db);
        insert(2);
        const Famine famine;
        part.reset();
    }
    try {
        group.commit();
        BOOST_TEST(sum() == 1);
    } catch (const base::Error& error) { // it was given up with the part
        BOOST_TEST(is_database_unavailable(error));
        BOOST_TEST(sum() == 0);
    }
}

// It was an empty text once.
BOOST_FIXTURE_TEST_CASE(a_text_that_finds_no_memory_is_not_another_text, LedgerOfNumbers, *of_sqlite_alone)
{
    auto row = db.prepare("SELECT zeroblob(100000)"); // to be made one, it needs memory in every SQLite
    BOOST_REQUIRE(row.step());
    const Famine famine;
    BOOST_CHECK_EXCEPTION(row.text(0), base::Error, is_database_unavailable);
}

BOOST_AUTO_TEST_CASE(a_statement_that_finds_no_place_does_not_keep_its_connection_open, *of_sqlite_alone)
{
    const TemporaryFolder folder("/dev/shm");
    const auto open_files = [] {
        return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
    };
    const auto before = open_files();
    auto sort = of_ours.sort("new");
    int failed = 0;
    for (std::int64_t nth = 1;; ++nth) {
        sqlite::Connection db(folder / "test.db");
        const auto sql = "SELECT " + std::string(100, '7');
        sort.arm(nth, false);
        is_serving = true;
        try {
            db.prepare(sql);
        } catch (const std::bad_alloc&) {
            ++failed;
        }
        is_serving = false;
        sort.disarm();
        if (sort.hits() == 0)
            break;
    }
    BOOST_TEST(failed > 0);
    BOOST_TEST(open_files() == before);
}

// What was sent and not noted would be answered to whoever asks next.
BOOST_AUTO_TEST_CASE(a_question_to_a_server_that_finds_no_memory_leaves_no_answer_behind,
                     *boost::unit_test::precondition(with_server))
{
    auto config = test_config();
    const engine::Place place{config};
    auto sort = of_ours.sort("new");
    int failed = 0;
    for (std::int64_t nth = 1;; ++nth) {
        const auto db = postgresql::open_migrated(config.database_url, {});
        const auto double_of = [&](std::int64_t number) {
            auto row = db->prepare("SELECT 2 * CAST(:number AS bigint)");
            return row.bind(":number", number).step() ? row.integer(0) : -1;
        };
        sort.arm(nth, false);
        is_serving = true;
        try {
            double_of(3);
        } catch (const std::bad_alloc&) {
            ++failed;
        }
        is_serving = false;
        sort.disarm();
        BOOST_TEST((db->has_ended() || double_of(4) == 8), "allocation " << nth);
        if (sort.hits() == 0)
            break;
    }
    BOOST_TEST(failed > 0);
}

// In this process: it goes on, whichever allocation it was.
BOOST_AUTO_TEST_CASE(a_backup_that_finds_no_memory_anywhere_is_made_by_the_next_attempt, *of_sqlite_alone)
{
    const Town town;
    const Silence silence;
    const FaultyVfs vfs;
    auto sort = of_ours.sort("new");
    sort.other_refusal = no_memory;
    Trials trials(town, {sort});
    trials.run(town.operation("backup"), false, 1);
    trials.run(town.operation("restore"), false, stride());
    trials.report("every allocation of a backup, and those of a restoration");
}

BOOST_AUTO_TEST_CASE(a_request_that_finds_no_memory_anywhere_is_answered, *of_sqlite_alone)
{
    const Town town;
    const Silence silence;
    auto sort = of_ours.sort("new");
    sort.other_refusal = no_memory;
    sort.may_end_process = true;
    Trials trials(town, {sort});
    trials.run(town.operation("GET /health"), true, std::max<std::int64_t>(1, stride() / 40));
    trials.report("every allocation of a small request");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace faults

// All that allocate and all that free, so that a sanitizer sees malloc() and free() in pairs.
void* operator new(std::size_t bytes)
{
    return faults::allocate_or_throw(bytes);
}
void* operator new[](std::size_t bytes)
{
    return faults::allocate_or_throw(bytes);
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept
{
    return faults::allocate_or_fail(bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept
{
    return faults::allocate_or_fail(bytes);
}
void operator delete(void* memory) noexcept
{
    std::free(memory);
}
void operator delete[](void* memory) noexcept
{
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept
{
    std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept
{
    std::free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept
{
    std::free(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept
{
    std::free(memory);
}
