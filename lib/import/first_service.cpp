#include "import/first_service.h"

#include "base/error.h"
#include "credits/ledger.h"
#include "ethereum/address.h"
#include "import/dump_reader.h"
#include "sqlite/foreign_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <tuple>

namespace importing {

namespace {

using base::Error;
using base::ErrorCode;
using database::Value;

enum Table : std::size_t
{
    accounts,
    verifications,
    participants
};

const std::vector<database::WantedTable>& wanted_tables()
{
    static const std::vector<database::WantedTable> tables = {
        {"credit_accounts", {"wallet", "base_granted_seconds", "bonus_granted_seconds", "consumed_seconds"}},
        {"verifications", {"wallet", "bonus_granted_at"}},
        {"room_participants", {"left_at_epoch"}},
    };
    return tables;
}

// A row of credit_accounts whose wallet is one, or of verifications. There may be millions.
struct Row
{
    OldAccount account;
    std::uint64_t capitals = 0;   // a bit for each digit
    bool is_verification = false; // with a bonus
    bool is_refused = false;

    auto order() const { return std::tie(account.wallet, is_verification, capitals); }
};

std::array<char, 42> fixed(const std::string& wallet)
{
    std::array<char, 42> text = {};
    std::copy_n(wallet.begin(), text.size(), text.begin());
    return text;
}

// In which spelling a wallet stands there.
std::uint64_t capitals_of(const std::string& wallet)
{
    std::uint64_t capitals = 0;
    for (const char c : wallet)
        capitals = capitals << 1U | (c >= 'A' && c <= 'F' ? 1U : 0U);
    return capitals;
}

std::string shown(const Value& value)
{
    switch (value.kind) {
    case Value::Kind::null:
        return "NULL";
    case Value::Kind::integer:
        return std::to_string(value.integer);
    case Value::Kind::text:
    case Value::Kind::other:
        break;
    }
    return value.text;
}

// Why it is no number of seconds; empty if it is one.
std::string problem_of(const Value& seconds)
{
    if (seconds.kind != Value::Kind::integer)
        return "is no whole number";
    if (seconds.integer < 0)
        return "is negative";
    return seconds.integer > credits::max_balance_seconds ? "is beyond what an account may hold" : "";
}

class Reading
{
  public:
    explicit Reading(base::UnixSeconds now) : now_(now) {}

    void take(std::size_t table, const std::vector<Value>& values)
    {
        if (table == Table::accounts)
            take_account(values);
        else if (table == Table::verifications)
            take_verification(values);
        else if (values[0].kind == Value::Kind::null)
            ++found_.open_stays;
    }

    // Merges the rows of each wallet.
    FirstService finish()
    {
        std::ranges::sort(rows_, {}, &Row::order);
        for (auto first = rows_.begin(); first != rows_.end();) {
            const auto end = std::find_if(first, rows_.end(), [&](const Row& row) {
                return row.account.wallet != first->account.wallet;
            });
            finish_wallet(first, end);
            first = end;
        }
        return std::move(found_);
    }

  private:
    using Rows = std::vector<Row>::const_iterator;

    void take_account(const std::vector<Value>& values)
    {
        ++found_.rows;
        const auto wallet =
            values[0].kind == Value::Kind::text ? ethereum::parse_address(values[0].text) : std::nullopt;
        if (!wallet)
            return refuse(shown(values[0]), "is no wallet: 0x and 40 hex digits");
        Row row;
        row.account.wallet = fixed(*wallet);
        row.capitals = capitals_of(values[0].text);
        std::int64_t* const numbers[] = {&row.account.base_granted_seconds,
                                         &row.account.bonus_granted_seconds, &row.account.consumed_seconds};
        for (std::size_t i = 0; i < std::size(numbers); ++i) {
            const auto problem = problem_of(values[i + 1]);
            if (!problem.empty())
                refuse(values[0].text, wanted_tables()[Table::accounts].columns[i + 1] + " " + problem +
                                           ": " + shown(values[i + 1]));
            row.is_refused = row.is_refused || !problem.empty();
            *numbers[i] = values[i + 1].integer;
        }
        rows_.push_back(row);
    }

    void take_verification(const std::vector<Value>& values)
    {
        const auto wallet =
            values[0].kind == Value::Kind::text ? ethereum::parse_address(values[0].text) : std::nullopt;
        if (!wallet || values[1].kind == Value::Kind::null)
            return;
        Row row;
        row.account.wallet = fixed(*wallet);
        row.is_verification = true;
        rows_.push_back(row);
    }

    // All rows of one wallet, the accounts first.
    void finish_wallet(Rows first, Rows end)
    {
        auto sum = first->account;
        const auto wallet = sum.wallet_text();
        const auto accounts_end =
            std::find_if(first, end, [](const Row& row) { return row.is_verification; });
        if (accounts_end != end && std::none_of(first, accounts_end, has_bonus))
            note(wallet, "got its Celo bonus, says the table verifications, but its account does not: it can "
                         "get the bonus again");
        if (first == accounts_end)
            return;
        if (!add_up(first, accounts_end, sum))
            return;
        const auto granted = sum.base_granted_seconds + sum.bonus_granted_seconds;
        if (granted > credits::max_balance_seconds)
            return refuse(wallet, "was granted more than an account may hold: " + std::to_string(granted));
        if (granted == 0 && sum.consumed_seconds > 0)
            return refuse(wallet, "has consumed " + std::to_string(sum.consumed_seconds) +
                                      " s and was granted nothing");
        if (granted == 0) {
            found_.empty_accounts += accounts_end - first;
            return;
        }
        if (std::min(sum.consumed_seconds, granted) > now_)
            return refuse(wallet, "has consumed more seconds than there were since 1970: " +
                                      std::to_string(sum.consumed_seconds));
        if (sum.consumed_seconds > granted) {
            note(wallet, "has consumed " + std::to_string(sum.consumed_seconds) + " s of " +
                             std::to_string(granted) + " s: begins with 0 s");
            sum.consumed_seconds = granted;
        }
        if (accounts_end - first > 1)
            note(wallet, "stands there " + std::to_string(accounts_end - first) +
                             " times, in different case: merged into one account");
        found_.accounts.push_back(sum);
    }

    static bool has_bonus(const Row& row) { return row.account.bonus_granted_seconds != 0; }

    // False if the wallet cannot be brought along as a whole.
    bool add_up(Rows first, Rows end, OldAccount& sum)
    {
        const auto is_refused = [](const Row& row) { return row.is_refused; };
        if (std::any_of(first, end, is_refused)) {
            if (!std::all_of(first, end, is_refused))
                refuse(sum.wallet_text(), "stands there again, in different case, and cannot be merged");
            return false;
        }
        for (auto next = std::next(first); next != end; ++next) {
            if (next->capitals == std::prev(next)->capitals) {
                refuse(sum.wallet_text(), "stands there more than once, in one spelling");
                return false;
            }
            // Each is at most max_balance_seconds, and there is one for each spelling: ended before it is too
            // much.
            sum.base_granted_seconds =
                std::min(sum.base_granted_seconds + next->account.base_granted_seconds, most);
            sum.bonus_granted_seconds =
                std::min(sum.bonus_granted_seconds + next->account.bonus_granted_seconds, most);
            sum.consumed_seconds = std::min(sum.consumed_seconds + next->account.consumed_seconds, most);
        }
        return true;
    }

    void refuse(std::string wallet, std::string why)
    {
        found_.refused.push_back({std::move(wallet), std::move(why)});
    }
    void note(std::string wallet, std::string what)
    {
        found_.noted.push_back({std::move(wallet), std::move(what)});
    }

    static constexpr std::int64_t most = 2 * credits::max_balance_seconds; // more than can be brought along

    base::UnixSeconds now_;
    std::vector<Row> rows_;
    FirstService found_;
};

std::ifstream open_file(const std::string& path)
{
    std::error_code none;
    if (std::filesystem::exists(path, none) && !std::filesystem::is_regular_file(path, none))
        throw Error(ErrorCode::invalid_argument, "cannot_read", path + " is no file");
    std::ifstream file(path, std::ios::binary);
    if (!file)
        throw Error(ErrorCode::invalid_argument, "cannot_read", path + ": " + std::strerror(errno));
    return file;
}

} // namespace

FirstService read_first_service(const std::string& path, base::UnixSeconds now)
{
    Reading reading(now);
    const auto on_row = [&](std::size_t table, const std::vector<Value>& row) { reading.take(table, row); };
    auto file = open_file(path);
    const auto are_there = sqlite::is_database_file(path)
                               ? sqlite::read_foreign_file(path, wanted_tables(), on_row)
                               : read_dump(file, wanted_tables(), on_row);
    if (!are_there[Table::accounts])
        throw Error(ErrorCode::invalid_argument, "wrong_table",
                    "there is no table credit_accounts in " + path);
    return reading.finish();
}

} // namespace importing
