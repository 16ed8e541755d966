// The accounts of the first service: what is brought along, in which form they come, whatever they hold.
#include "import/bringing.h"

#include "base/config.h"
#include "base/hex.h"
#include "base/log.h"
#include "credits/ledger.h"
#include "credits/pruning.h"
#include "ethereum/address.h"
#include "fixture.h"
#include "rooms/audit.h"
#include "rooms/pruning.h"
#include "sqlite/child_process.h"
#include "storage/open.h"
#include "temporary_folder.h"

#include <sqlite3.h>

namespace {

struct Expected
{
    std::int64_t base = 0;
    std::int64_t bonus = 0;
    std::int64_t consumed = 0;

    std::int64_t remaining() const { return base + bonus - consumed; }
};

std::string quoted(const std::string& text)
{
    std::string literal = "'";
    for (const char c : text)
        literal += c == '\'' ? std::string("''") : std::string(1, c);
    return literal + "'";
}

std::string in_capitals(const std::string& wallet)
{
    auto text = wallet;
    std::transform(text.begin() + 2, text.end(), text.begin() + 2,
                   [](char c) { return c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c; });
    return text;
}

// A database of the first service as a dump, and what is to come of it.
class OldDatabase
{
  public:
    explicit OldDatabase(std::size_t wallets)
    {
        sql = "PRAGMA defer_foreign_keys=TRUE;\n"
              "CREATE TABLE credit_accounts (\n  wallet TEXT PRIMARY KEY,\n"
              "  base_granted_seconds INTEGER DEFAULT 0,\n  bonus_granted_seconds INTEGER DEFAULT 0,\n"
              "  consumed_seconds INTEGER DEFAULT 0,\n  updated_at TEXT NOT NULL DEFAULT "
              "(datetime('now'))\n);\n"
              "CREATE TABLE verifications (wallet TEXT PRIMARY KEY, celo_verified INTEGER, bonus_granted_at "
              "TEXT);\n";
        for (std::size_t i = 0; i < wallets; ++i)
            add(i);
        sql +=
            "CREATE TABLE credit_events (id TEXT PRIMARY KEY, wallet TEXT, delta_seconds INTEGER, event_type "
            "TEXT, balance_after_seconds INTEGER, connection_id TEXT, metadata_json TEXT, created_at TEXT);\n"
            "INSERT INTO \"credit_events\" VALUES('1','0x1',1800,'grant_base',1800,NULL,"
            "replace('{\"a\":\"it''s;\\n\"}','\\n',char(10)),'2025-11-02');\n"
            "CREATE TABLE room_participants (connection_id TEXT, room_id TEXT, wallet TEXT, agora_uid "
            "INTEGER, "
            "joined_at_epoch INTEGER, last_metered_at_epoch INTEGER, left_at_epoch INTEGER, warned_low "
            "INTEGER, "
            "exhausted INTEGER, debited_seconds INTEGER);\n"
            "INSERT INTO \"room_participants\" VALUES('c','r','0x1',7,100,130,NULL,0,0,30);\n"
            "INSERT INTO \"room_participants\" VALUES('d','r','0x2',8,100,130,131,0,0,30);\n"
            "CREATE TABLE auth_nonces (wallet TEXT, nonce TEXT);\n"
            "CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY, name TEXT);\n"
            "CREATE INDEX accounts_by_time ON credit_accounts (updated_at);\n";
    }

    std::string sql;
    std::map<std::string, Expected> expected; // by wallet
    std::int64_t rows = 0;
    std::int64_t empty = 0;
    std::size_t refused = 0;
    std::size_t noted = 0;

  private:
    void account(const std::string& wallet, const std::string& base, const std::string& bonus,
                 const std::string& consumed)
    {
        ++rows;
        sql += "INSERT INTO \"credit_accounts\" VALUES(" + wallet + "," + base + "," + bonus + "," +
               consumed + ",'2025-11-02 10:00:00');\n";
    }
    void verification(const std::string& wallet)
    {
        sql += "INSERT INTO \"verifications\" VALUES(" + wallet + ",1,'2025-11-02 10:00:00');\n";
    }

    std::string new_wallet()
    {
        unsigned char bytes[20];
        random_.fill(bytes, sizeof bytes);
        return "0xa" + base::to_hex(bytes, sizeof bytes).substr(1); // with a letter
    }

    // Each fourth wallet is odd, in one of twenty ways.
    void add(std::size_t number)
    {
        const auto wallet = new_wallet();
        if (number % 4 == 0)
            return add_odd(wallet, number / 4);
        const Expected account_of_it = {1800, number % 3 == 0 ? 1800 : 0,
                                        number % 2 == 0 ? static_cast<std::int64_t>(number % 1800) : 0};
        expect(number % 5 == 0 ? in_capitals(wallet) : wallet, account_of_it);
        if (account_of_it.bonus > 0)
            verification(quoted(wallet));
    }

    void expect(const std::string& spelling, const Expected& as_it_is)
    {
        account(quoted(spelling), std::to_string(as_it_is.base), std::to_string(as_it_is.bonus),
                std::to_string(as_it_is.consumed));
        auto& sum = expected[*ethereum::parse_address(spelling)];
        sum = {sum.base + as_it_is.base, sum.bonus + as_it_is.bonus, sum.consumed + as_it_is.consumed};
    }

    void add_odd(const std::string& wallet, std::size_t number)
    {
        struct Bad
        {
            const char* base;
            const char* bonus;
            const char* consumed;
            std::size_t findings = 1;
        };
        static const Bad bad[] = {
            {"-1", "0", "0"},
            {"1800", "1000000000001", "0"},
            {"1800", "0", "1.5"},
            {"NULL", "0", "0"},
            {"'many'", "0", "0"},
            {"X'1800'", "0", "0"},
            {"1000000000000", "1", "0"},           // together too much
            {"0", "0", "7"},                       // was granted nothing
            {"900000000000", "0", "800000000000"}, // since before 1970
            {"9223372036854775807", "9223372036854775807", "-9223372036854775808", 3},
        };
        const auto kind = number % 20;
        if (kind < std::size(bad)) {
            account(quoted(wallet), bad[kind].base, bad[kind].bonus, bad[kind].consumed);
            refused += bad[kind].findings;
            return;
        }
        const auto unique = std::to_string(number);
        switch (kind) {
        case 10:
            account(quoted("alice's \x1b[31m;\n" + unique), "1800", "0", "0");
            ++refused;
            break;
        case 11:
            account("X'" + base::to_hex(unique) + "'", "1800", "0", "0");
            ++refused;
            break;
        case 12:
            account("NULL", "1800", "0", "0");
            ++refused;
            break;
        case 13:
            account(unique, "1800", "0", "0");
            ++refused;
            break;
        case 14: // one wallet in two spellings
            expect(wallet, {1800, 0, 100});
            expect(in_capitals(wallet), {1800, 1800, 4000});
            ++noted;
            break;
        case 15: // of which one is bad
            account(quoted(wallet), "1800", "0", "0");
            account(quoted(in_capitals(wallet)), "1800", "-1", "0");
            refused += 2;
            break;
        case 16: // more consumed than granted
            expect(wallet, {1800, 0, 1800});
            sql.replace(sql.rfind(",1800,"), 6, ",5000,");
            ++noted;
            break;
        case 17:
            account(quoted(wallet), "0", "0", "0");
            ++empty;
            break;
        case 18: // a bonus alone, and no event of it
            expect(wallet, {0, 1800, 1800});
            break;
        default: // a bonus of which only the verifications know
            expect(wallet, {1800, 0, 90});
            verification(quoted(in_capitals(wallet)));
            ++noted;
            break;
        }
    }

    SeededRandom random_{7};
};

// The same as an SQLite file, which SQLite itself makes of the dump.
std::string make_file(const std::string& path, const std::string& sql)
{
    sqlite3* db = nullptr;
    sqlite3_open(path.c_str(), &db);
    char* problem = nullptr;
    sqlite3_exec(db, ("BEGIN;" + sql + "COMMIT;").c_str(), nullptr, nullptr, &problem);
    BOOST_TEST_REQUIRE(problem == nullptr, problem);
    sqlite3_close(db);
    return path;
}

std::vector<std::string> audit_all(database::Connection& db)
{
    auto violations = credits::audit(db);
    const auto more = rooms::audit(db);
    violations.insert(violations.end(), more.begin(), more.end());
    return violations;
}

// Whether exactly these accounts are there, each with its seconds.
void check_accounts(database::Connection& db, const std::map<std::string, Expected>& expected)
{
    BOOST_TEST(audit_all(db).empty());
    std::size_t right = 0;
    auto row = db.prepare("SELECT wallet, base_granted_seconds, bonus_granted_seconds, adjusted_seconds, "
                          "consumed_seconds, remaining_seconds FROM credit_accounts");
    while (row.step()) {
        const auto found = expected.find(row.text("wallet"));
        BOOST_TEST_REQUIRE((found != expected.end()), row.text("wallet"));
        const auto& account = found->second;
        const bool is_right = row.integer("base_granted_seconds") == account.base &&
                              row.integer("bonus_granted_seconds") == account.bonus &&
                              row.integer("consumed_seconds") == account.consumed &&
                              row.integer("adjusted_seconds") == 0 &&
                              row.integer("remaining_seconds") == account.remaining();
        BOOST_TEST(is_right, row.text("wallet"));
        right += is_right ? 1 : 0;
    }
    BOOST_TEST(right == expected.size());
}

class ImportFixture : public AppFixture
{
  public:
    using AppFixture::AppFixture;

    importing::FirstService read(const std::string& content)
    {
        return importing::read_first_service(folder.write("old", content), now);
    }
    importing::Brought bring(const std::vector<importing::OldAccount>& accounts, bool is_rehearsal = false)
    {
        return importing::bring_along(db(), accounts, random, now, is_rehearsal);
    }
    void check_refused(const std::string& content, const std::string& name)
    {
        BOOST_CHECK_EXCEPTION(read(content), base::Error, [&](const base::Error& error) {
            BOOST_TEST(error.name() == name, error.what());
            return error.code() == base::ErrorCode::invalid_argument;
        });
    }

    TemporaryFolder folder;
};

const std::string small_table =
    "CREATE TABLE credit_accounts (wallet TEXT, base_granted_seconds INTEGER, bonus_granted_seconds INTEGER, "
    "consumed_seconds INTEGER);";

std::string row_of(const std::string& wallet, int base, int bonus, int consumed)
{
    return "INSERT INTO credit_accounts VALUES(" + quoted(wallet) + "," + std::to_string(base) + "," +
           std::to_string(bonus) + "," + std::to_string(consumed) + ");";
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(import_tests, ImportFixture)

BOOST_AUTO_TEST_CASE(ten_thousand_accounts_with_every_oddity_come_along_from_either_form)
{
    const OldDatabase old(10000);
    const auto from_dump = read(old.sql);
    const auto from_file = importing::read_first_service(make_file(folder / "old.sqlite", old.sql), now);
    BOOST_TEST(from_dump.accounts.size() == old.expected.size());
    for (const auto* found : {&from_dump, &from_file}) {
        BOOST_TEST(found->rows == old.rows);
        BOOST_TEST(found->empty_accounts == old.empty);
        BOOST_TEST(found->open_stays == 1);
        BOOST_TEST(found->refused.size() == old.refused);
        BOOST_TEST(found->noted.size() == old.noted);
        BOOST_TEST_REQUIRE(found->accounts.size() == from_dump.accounts.size());
        for (std::size_t i = 0; i < found->accounts.size(); ++i) {
            const auto& account = found->accounts[i];
            const auto& expected = old.expected.at(account.wallet_text());
            BOOST_REQUIRE(account.base_granted_seconds == expected.base &&
                          account.bonus_granted_seconds == expected.bonus &&
                          account.consumed_seconds == expected.consumed);
        }
    }

    const auto rehearsed = bring(from_dump.accounts, true);
    BOOST_TEST(query("SELECT count(*) FROM credit_accounts") == 0);
    BOOST_TEST(query("SELECT count(*) FROM rooms") == 0);
    const auto brought = bring(from_dump.accounts);
    BOOST_TEST(rehearsed.wallets == brought.wallets);
    BOOST_TEST(rehearsed.consumed_seconds == brought.consumed_seconds);
    BOOST_TEST(brought.wallets == static_cast<std::int64_t>(old.expected.size()));
    check_accounts(db(), old.expected);

    // Once more: no double, whatever the form.
    const auto stays = query("SELECT count(*) FROM connections");
    const auto again = bring(from_file.accounts);
    BOOST_TEST(again.wallets == 0);
    BOOST_TEST(again.already_here == brought.wallets);
    BOOST_TEST(again.in_use.empty());
    check_accounts(db(), old.expected);
    BOOST_TEST(query("SELECT count(*) FROM connections") == stays);

    // A year later it is still the same.
    now += 366 * credits::seconds_per_day;
    sweep();
    credits::prune(db(), credits::day_of(now));
    rooms::prune(db(), credits::day_of(now));
    check_accounts(db(), old.expected);
    BOOST_TEST(query("SELECT count(*) FROM connections") == stays);
    BOOST_TEST(query("SELECT count(*) FROM rooms WHERE closed_at IS NULL") == 0);
}

BOOST_AUTO_TEST_CASE(who_came_along_is_served_and_gets_no_grant_again)
{
    const auto host = address(1);
    const auto poor = address(2);
    chain.names.insert(host);
    const auto found =
        read(small_table + row_of(in_capitals(host), 1800, 1800, 1000) + row_of(poor, 1800, 0, 1750));
    bring(found.accounts);
    BOOST_TEST(remaining(host) == 2600);
    const auto room_id = create_room(host, 1);
    BOOST_TEST(remaining(host) == 2601);
    join(host, room_id);
    BOOST_TEST(
        post("/credits/verify-celo", base::Json::object(), host).body.dump().find("\"granted\":true") ==
        std::string::npos);
    BOOST_TEST(post("/rooms/create", base::Json::object(), poor).body["error"] == "insufficient_credits");

    const auto reply = get("/credits/history", poor);
    BOOST_TEST_REQUIRE(reply.status == 200);
    const auto& events = reply.body["events"];
    BOOST_TEST_REQUIRE(events.size() == 2U);
    BOOST_TEST(events[0]["delta_seconds"] == -1750);
    BOOST_TEST(events[1]["kind"] == "grant_base", events.dump());
    BOOST_TEST(events[1]["reason"] == "imported");

    // The room of the stays that stand for what was used is nobody's to see.
    auto rooms_of_stays =
        db().prepare("SELECT count(*), min(visibility) FROM rooms WHERE title = 'imported'");
    BOOST_TEST_REQUIRE(rooms_of_stays.step());
    BOOST_TEST(rooms_of_stays.integer(0) == 1);
    BOOST_TEST(rooms_of_stays.text(1) == "private");

    // Used since, and here already all the same.
    now += 50;
    sweep();
    const auto again = bring(found.accounts);
    BOOST_TEST(again.already_here == 2);
    BOOST_TEST(again.in_use.empty());
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(who_has_credit_here_is_left_alone_and_named)
{
    give(address(1), 50);
    const auto found = read(small_table + row_of(address(1), 1800, 0, 0) + row_of(address(2), 1800, 0, 0));
    for (const bool is_rehearsal : {true, false}) {
        const auto brought = bring(found.accounts, is_rehearsal);
        BOOST_TEST(brought.wallets == 1);
        BOOST_TEST(brought.in_use == std::vector<std::string>{address(1)}, boost::test_tools::per_element());
    }
    BOOST_TEST(remaining(address(1)) == 50);
    BOOST_TEST(remaining(address(2)) == 1800);
}

BOOST_AUTO_TEST_CASE(a_wallet_twice_in_one_spelling_is_no_account)
{
    const auto found = read(small_table + row_of(address(1), 1800, 0, 0) + row_of(address(1), 1800, 0, 0));
    BOOST_TEST(found.accounts.empty());
    BOOST_TEST_REQUIRE(found.refused.size() == 1U);
    BOOST_TEST(found.refused[0].wallet == address(1));
}

BOOST_AUTO_TEST_CASE(one_capital_makes_another_spelling)
{
    for (const char letter : {'a', 'f'}) {
        const auto wallet = "0x" + std::string(40, letter);
        auto other = wallet;
        other.back() = static_cast<char>(letter - 'a' + 'A');
        const auto found = read(small_table + row_of(wallet, 1800, 0, 0) + row_of(other, 7, 0, 0));
        BOOST_TEST(found.refused.empty());
        BOOST_TEST_REQUIRE(found.accounts.size() == 1U);
        BOOST_TEST(found.accounts[0].base_granted_seconds == 1807);
    }
}

BOOST_AUTO_TEST_CASE(an_account_holds_what_it_may_hold_and_no_second_more)
{
    const auto most = credits::max_balance_seconds;
    const auto row = [](const std::string& wallet, std::int64_t base, std::int64_t bonus,
                        std::int64_t consumed) {
        return "INSERT INTO credit_accounts VALUES(" + quoted(wallet) + "," + std::to_string(base) + "," +
               std::to_string(bonus) + "," + std::to_string(consumed) + ");";
    };
    const std::string wallet = "0x" + std::string(40, 'a');
    for (const auto& [rows, base] : std::vector<std::pair<std::string, std::int64_t>>{
             {row(wallet, most, 0, 0), most},
             {row(wallet, most - 1, 1, 0), most - 1},
             {row(wallet, most, 0, now), most},
             {row(wallet, 1, 0, 0), 1},
             {row(wallet, most - 1, 0, 0) + row(in_capitals(wallet), 1, 0, 0), most}}) {
        const auto found = read(small_table + rows);
        BOOST_TEST_REQUIRE(found.accounts.size() == 1U, rows);
        BOOST_TEST(found.accounts[0].base_granted_seconds == base);
    }
    const auto spent = read(small_table + row(wallet, 1800, 0, now + 1));
    BOOST_TEST_REQUIRE(spent.accounts.size() == 1U);
    BOOST_TEST(spent.accounts[0].consumed_seconds == 1800);
    const auto third = "0x" + std::string(20, 'a') + std::string(20, 'A');
    for (const auto& [rows, why] : std::vector<std::pair<std::string, std::string>>{
             {row(wallet, most + 1, 0, 0),
              "base_granted_seconds is beyond what an account may hold: 1000000000001"},
             {row(wallet, 1800, -1, 0), "bonus_granted_seconds is negative: -1"},
             {row(wallet, most, 1, 0), "was granted more than an account may hold: 1000000000001"},
             {row(wallet, most, 0, 0) + row(in_capitals(wallet), most, 0, 0) + row(third, most, 0, 0),
              "was granted more than an account may hold: 2000000000000"},
             {row(wallet, 0, 0, 1), "has consumed 1 s and was granted nothing"},
             {row(wallet, most, 0, now + 1),
              "has consumed more seconds than there were since 1970: " + std::to_string(now + 1)},
             {row("alice", 1800, 0, 0), "is no wallet: 0x and 40 hex digits"}}) {
        const auto found = read(small_table + rows);
        BOOST_TEST(found.accounts.empty());
        BOOST_TEST_REQUIRE(found.refused.size() == 1U, rows);
        BOOST_TEST(found.refused[0].wallet == (rows.find("alice") == std::string::npos ? wallet : "alice"));
        BOOST_TEST(found.refused[0].what == why);
    }
}

BOOST_AUTO_TEST_CASE(a_bonus_that_was_verified_and_stands_in_no_account_is_noted)
{
    const auto table = small_table + "CREATE TABLE verifications (wallet TEXT, bonus_granted_at TEXT);";
    const std::string wallet = "0x" + std::string(40, 'a');
    const auto noted = [&](const std::string& rows) { return read(table + rows).noted.size(); };
    const auto verified = "INSERT INTO verifications VALUES(" + quoted(wallet) + ",'2025-11-02');";
    BOOST_TEST(noted(verified) == 1U);
    BOOST_TEST(read(table + verified).empty_accounts == 0);
    BOOST_TEST(noted(verified + row_of(wallet, 1800, 0, 0)) == 1U);
    BOOST_TEST(noted(verified + row_of(wallet, 1800, 1800, 0)) == 0U);
    BOOST_TEST(noted("INSERT INTO verifications VALUES(" + quoted(wallet) + ",NULL);") == 0U);
    BOOST_TEST(noted("INSERT INTO verifications VALUES('alice','2025-11-02');") == 0U);
    BOOST_TEST(noted("INSERT INTO verifications VALUES(" + wallet + ",'2025-11-02');") == 0U); // no text
}

// Who is in whose way of two transactions, and when, is a database's to say: here it is whoever asks for the
// room of the stays.
BOOST_AUTO_TEST_CASE(batches_that_are_contended_get_smaller_and_grow_again,
                     *boost::unit_test::label("sqlite"))
{
    class Contended : public SeededRandom
    {
      public:
        explicit Contended(std::string script) : SeededRandom(3), script_(std::move(script)) {}
        void fill(unsigned char* bytes, std::size_t count) override
        {
            if (at_ < script_.size() && script_[at_++] == '-')
                throw database::Contended("as it was written");
            SeededRandom::fill(bytes, count);
        }
        bool is_at_end() const { return at_ == script_.size(); }

      private:
        std::string script_;
        std::size_t at_ = 0;
    };
    std::string rows = small_table;
    for (unsigned i = 1; i <= 1000; ++i)
        rows += row_of(address(i), 1800, 0, 7);
    const auto found = read(rows);
    BOOST_TEST_REQUIRE(found.accounts.size() == 1000U);
    const auto comes_to_an_end = [&](const std::string& script) {
        AppFixture service;
        Contended dice(script);
        try {
            importing::bring_along(service.db(), found.accounts, dice, now, false);
        } catch (const database::Contended&) {
            BOOST_TEST(dice.is_at_end());
            return false;
        }
        auto row = service.db().prepare("SELECT count(*) FROM credit_accounts");
        row.step();
        BOOST_TEST(row.integer(0) == 1000);
        return true;
    };
    BOOST_TEST(comes_to_an_end("----"));             // 200, 100, 50, 25
    BOOST_TEST(!comes_to_an_end("------"));          // and 12, 6
    BOOST_TEST(!comes_to_an_end("----++++++++--"));  // 12 to 19, 20, 10
    BOOST_TEST(comes_to_an_end("----++++++++++--")); // 12 to 21, 22, 11
}

// 200 accounts at once, and 100 stays in a room.
BOOST_AUTO_TEST_CASE(stays_are_put_into_rooms_of_a_hundred)
{
    std::string rows = small_table;
    std::vector<std::string> wallets;
    for (unsigned i = 1; i <= 450; ++i)
        wallets.push_back(address(i));
    std::sort(wallets.begin(), wallets.end());
    for (std::size_t i = 0; i < wallets.size(); ++i)
        rows += row_of(wallets[i], 1800, 60, i < 80 ? 0 : 1);
    const auto brought = bring(read(rows).accounts);
    BOOST_TEST(brought.wallets == 450);
    BOOST_TEST(brought.base_granted_seconds == 450 * 1800);
    BOOST_TEST(brought.bonus_granted_seconds == 450 * 60);
    BOOST_TEST(brought.consumed_seconds == 370);
    std::multiset<std::int64_t> sizes;
    auto room = db().prepare("SELECT count(*) AS stays FROM connections GROUP BY room_id");
    while (room.step())
        sizes.insert(room.integer("stays"));
    BOOST_TEST(sizes == (std::multiset<std::int64_t>{20, 50, 100, 100, 100}),
               boost::test_tools::per_element());
    auto stay = db().prepare("SELECT connections.connection_id, connections.room_id, agora_uid, host_wallet, "
                             "capacity FROM connections JOIN rooms ON rooms.room_id = connections.room_id");
    while (stay.step()) {
        BOOST_TEST(base::is_uuid(stay.text("connection_id")));
        BOOST_TEST(stay.text("connection_id").substr(0, 24) == stay.text("room_id").substr(0, 24));
        BOOST_TEST(stay.integer("agora_uid") == 1);
        BOOST_TEST(stay.text("host_wallet") == "0x0000000000000000000000000000000000000000");
        BOOST_TEST(stay.integer("capacity") == 2);
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_database_of_the_first_service_is_refused)
{
    check_refused("", "wrong_table");
    check_refused("CREATE TABLE credit_events (id TEXT);", "wrong_table");
    check_refused("JWT_SECRET=sesame\n", "not_a_dump");
    check_refused(std::string("SQLite format 3\0 and more", 25), "cannot_read");
    check_refused(small_table + "INSERT INTO credit_accounts VALUES(", "incomplete_dump");
    for (const auto& path : {folder / "none", folder.path(), std::string("/dev/null")})
        BOOST_CHECK_EXCEPTION(importing::read_first_service(path, now), base::Error,
                              [](const base::Error& error) { return error.name() == "cannot_read"; });
}

// What stands in a file in the place of a table could run when it is asked.
BOOST_AUTO_TEST_CASE(only_tables_of_a_file_are_read)
{
    const auto refused = [&](const std::string& sql, const std::string& name) {
        const auto path = make_file(folder / "made.sqlite", sql);
        BOOST_CHECK_EXCEPTION(importing::read_first_service(path, now), base::Error,
                              [&](const base::Error& error) {
                                  BOOST_TEST(error.name() == name, error.what());
                                  return error.code() == base::ErrorCode::invalid_argument;
                              });
        std::filesystem::remove(path);
    };
    const std::string columns = "wallet, base_granted_seconds, bonus_granted_seconds, consumed_seconds";
    refused("CREATE VIEW Credit_Accounts AS SELECT 1 AS wallet, 1 AS base_granted_seconds, 1 AS "
            "bonus_granted_seconds, 1 AS consumed_seconds;",
            "wrong_table");
    refused("CREATE VIRTUAL TABLE credit_accounts USING fts5(" + columns + ");", "wrong_table");
    refused("CREATE TABLE credit_accounts (wallet TEXT, base_granted_seconds INTEGER, bonus_granted_seconds "
            "INTEGER, consumed_seconds INTEGER AS (length(wallet)));",
            "wrong_table");
    refused("CREATE TABLE credit_accounts (wallet TEXT, base_granted_seconds INTEGER);", "wrong_table");
    refused("CREATE TABLE other (x);", "wrong_table");

    // A trigger and an index with an expression are there, and nobody asks them.
    const auto path =
        make_file(folder / "with.sqlite", small_table +
                                              "CREATE INDEX i ON credit_accounts (length(wallet));"
                                              "CREATE TRIGGER t AFTER INSERT ON credit_accounts BEGIN "
                                              "UPDATE credit_accounts SET consumed_seconds = 5; END;" +
                                              row_of(address(1), 1800, 0, 0));
    BOOST_TEST(importing::read_first_service(path, now).accounts.at(0).consumed_seconds == 5);
    std::ofstream(path + "-wal") << "something";
    BOOST_CHECK_EXCEPTION(importing::read_first_service(path, now), base::Error,
                          [](const base::Error& error) { return error.name() == "cannot_read"; });
}

BOOST_AUTO_TEST_CASE(killed_anywhere_and_called_again_nothing_is_twice_and_nothing_lost)
{
    const TemporaryFolder place;
    auto settings = test_config();
    settings.database_path = place / "test.db";
    const ImportFixture service(settings);
    const OldDatabase old(10000);
    const auto found = importing::read_first_service(folder.write("old.sql", old.sql), now);
    const auto count = [](database::Connection& db) {
        auto row = db.prepare("SELECT count(*) FROM credit_accounts");
        row.step();
        return row.integer(0);
    };
    std::mt19937_64 dice(7);
    int killed_midway = 0;
    for (std::int64_t before = -1; before < static_cast<std::int64_t>(old.expected.size());) {
        ChildProcess child([&] {
            const auto db = storage::open(settings);
            base::SystemRandom ids;
            importing::bring_along(*db, found.accounts, ids, now);
            return 0;
        });
        const auto db = storage::open(settings);
        comes_true([&] { return count(*db) > before || child.has_ended(); });
        ::usleep(static_cast<useconds_t>(dice() % 20000));
        child.kill();
        killed_midway += child.wait() == 128 + SIGKILL ? 1 : 0;
        before = count(*db);
        BOOST_TEST(audit_all(*db).empty());
        auto row = db->prepare("SELECT count(*) FROM rooms WHERE closed_at IS NULL");
        row.step();
        BOOST_TEST(row.integer(0) == 0);
    }
    BOOST_TEST(killed_midway > 1);
    const auto db = storage::open(settings);
    check_accounts(*db, old.expected);
    base::SystemRandom ids;
    const auto again = importing::bring_along(*db, found.accounts, ids, now);
    BOOST_TEST(again.wallets == 0);
    BOOST_TEST(again.already_here == static_cast<std::int64_t>(old.expected.size()));
}

// Two operators at once, and people who talk meanwhile.
BOOST_AUTO_TEST_CASE(others_write_meanwhile)
{
    const TemporaryFolder place;
    auto settings = test_config();
    settings.database_path = place / "test.db";
    const OldDatabase old(4000);
    const auto found = importing::read_first_service(folder.write("old.sql", old.sql), now);
    const ImportFixture service(settings);
    const auto import = [&] {
        const auto db = storage::open(settings);
        base::SystemRandom ids;
        try {
            importing::bring_along(*db, found.accounts, ids, now);
        } catch (const base::Error& error) {
            base::log(error.what());
            return 1;
        }
        return 0;
    };
    ChildProcess one(import);
    ChildProcess other(import);
    const auto db = storage::open(settings);
    const auto writer = address(1);
    std::int64_t given = 0;
    while (!one.has_ended() || !other.has_ended()) {
        database::transact(*db, [&] { credits::adjust(*db, writer, 1, "meanwhile", now); });
        ++given;
    }
    BOOST_TEST(one.wait() == 0);
    BOOST_TEST(other.wait() == 0);
    BOOST_TEST(given > 1);
    BOOST_TEST(credits::account(*db, writer).remaining_seconds == given);
    BOOST_TEST(audit_all(*db).empty());
    auto row = db->prepare("SELECT count(*) FROM credit_accounts");
    row.step();
    BOOST_TEST(row.integer(0) == static_cast<std::int64_t>(old.expected.size()) + 1);
}

BOOST_AUTO_TEST_SUITE_END()
