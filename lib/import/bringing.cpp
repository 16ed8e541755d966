#include "import/bringing.h"

#include "credits/importing.h"
#include "database/transaction.h"
#include "rooms/connection.h"
#include "rooms/description.h"

#include <algorithm>
#include <cstdio>
#include <iterator>

namespace importing {

namespace {

using Accounts = std::vector<OldAccount>::const_iterator;

// Some thousandths of a second under SQLite's write lock. On PostgreSQL the larger of two transactions that
// are in each other's way is more often the one to give way, so there may be fewer in the end.
constexpr std::ptrdiff_t batch = 200;
constexpr std::ptrdiff_t smallest_batch = 10;

// PostgreSQL may look at all stays in a room for each one that comes.
constexpr std::size_t stays_in_a_room = 100;

const std::string nobody = "0x" + std::string(40, '0');

// The ids of stays in a room ascend, as the wallets do: such rows are written side by side. They begin as the
// room's, which is random.
std::string connection_id_of(const std::string& room_id, std::size_t number)
{
    constexpr std::size_t last_group = 24;
    char digits[sizeof "0123456789ab"];
    std::snprintf(digits, sizeof digits, "%012zx", number);
    return room_id.substr(0, last_group) + digits;
}

// Gives each of them its stay.
void insert_stays(database::Connection& db, std::vector<credits::ImportedAccount>& accounts,
                  base::Random& random, base::UnixSeconds now)
{
    std::vector<rooms::Connection> stays;
    std::string room_id;
    const auto fill_room = [&] {
        if (stays.empty())
            return;
        rooms::insert_room(db, rooms::Kind::free, {room_id, nobody, rooms::least_capacity, now},
                           {.is_private = true, .title = "imported"});
        rooms::insert_ended_connections(db, stays);
        rooms::close_room(db, room_id, now);
        stays.clear();
    };
    for (auto& account : accounts) {
        if (account.consumed_seconds == 0)
            continue;
        if (stays.empty())
            room_id = random.uuid_v4();
        account.connection_id = connection_id_of(room_id, stays.size());
        rooms::Connection stay;
        stay.connection_id = account.connection_id;
        stay.room_id = room_id;
        stay.wallet = account.wallet;
        stay.agora_uid = 1; // nobody else is in the room
        stay.joined_at = now - account.consumed_seconds;
        stay.token_expires_at = stay.last_metered_at = now;
        stay.left_at = now;
        stay.debited_seconds = account.consumed_seconds;
        stays.push_back(std::move(stay));
        if (stays.size() == stays_in_a_room)
            fill_room();
    }
    fill_room();
}

std::vector<std::string> wallets_of(Accounts first, Accounts end)
{
    std::vector<std::string> wallets;
    std::transform(first, end, std::back_inserter(wallets),
                   [](const OldAccount& account) { return account.wallet_text(); });
    return wallets;
}

Brought& operator+=(Brought& all, const Brought& more)
{
    all.wallets += more.wallets;
    all.base_granted_seconds += more.base_granted_seconds;
    all.bonus_granted_seconds += more.bonus_granted_seconds;
    all.consumed_seconds += more.consumed_seconds;
    all.already_here += more.already_here;
    all.in_use.insert(all.in_use.end(), more.in_use.begin(), more.in_use.end());
    return all;
}

Brought bring(database::Connection& db, Accounts first, Accounts end, base::Random& random,
              base::UnixSeconds now)
{
    Brought brought;
    const auto present = credits::find_present(db, wallets_of(first, end));
    std::vector<credits::ImportedAccount> missing;
    for (; first != end; ++first) {
        auto wallet = first->wallet_text();
        const auto found = present.find(wallet);
        if (found == present.end())
            missing.push_back({std::move(wallet),
                               first->base_granted_seconds,
                               first->bonus_granted_seconds,
                               first->consumed_seconds,
                               {}});
        else if (found->second == credits::Presence::imported)
            ++brought.already_here;
        else
            brought.in_use.push_back(std::move(wallet));
    }
    for (const auto& account : missing) {
        ++brought.wallets;
        brought.base_granted_seconds += account.base_granted_seconds;
        brought.bonus_granted_seconds += account.bonus_granted_seconds;
        brought.consumed_seconds += account.consumed_seconds;
    }
    insert_stays(db, missing, random, now);
    credits::import_accounts(db, missing, now);
    return brought;
}

} // namespace

Brought bring_along(database::Connection& db, const std::vector<OldAccount>& accounts, base::Random& random,
                    base::UnixSeconds now, bool is_rehearsal)
{
    Brought all;
    auto size = batch;
    for (auto first = accounts.begin(); first != accounts.end();) {
        const auto end = first + std::min(size, accounts.end() - first);
        const auto work = [&] { return bring(db, first, end, random, now); };
        try {
            // What a power cut takes back is brought along when the command is called again.
            all += is_rehearsal ? database::rehearse(db, work)
                                : database::transact(db, database::Durability::relaxed, work);
        } catch (const database::Contended&) {
            if (size <= smallest_batch)
                throw;
            size /= 2;
            continue;
        }
        size = std::min(batch, size + 1);
        first = end;
    }
    if (!is_rehearsal)
        db.sync();
    return all;
}

} // namespace importing
