// What the database grows by. Rooms of five talk for an hour, again and again, and each participant sends a
// heartbeat every 30 s and renews every 45 s; all of it 60 days ago, so that it can be pruned at once. Prints
// the bytes of the database before and after, and the participant-hours between.  usage: grow SETTINGS ROOMS
// HOURS
#include "base/config.h"
#include "base/hex.h"
#include "base/random.h"
#include "base/startup.h"
#include "credits/ledger.h"
#include "rooms/participation.h"
#include "sqlite/migrate.h"

#include <optional>

#include <iostream>

namespace {

constexpr std::size_t room_size = 5;

std::int64_t size_bytes(sqlite::Connection& db)
{
    auto pages = db.prepare("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    pages.step();
    return pages.integer(0);
}

} // namespace

int main(int argc, char** argv)
{
    if (argc != 4)
        return 2;
    const auto config = base::start(argv[1], base::Program::server);
    const auto& rules = config.rules;
    const auto db = sqlite::open_migrated(config.database_path, config.database_busy_timeout_ms);
    const agora::TokenIssuer tokens(config.agora_app_id, config.agora_app_certificate);
    base::SystemRandom random;
    const std::size_t room_count = std::stoul(argv[2]);
    const std::int64_t hours = std::stol(argv[3]);
    const auto begins_at = credits::day_of(base::system_now()) - 60 * credits::seconds_per_day;
    constexpr auto lookup = credits::NameLookup::no_name;
    const rooms::Mint mint{tokens, random};

    std::vector<rooms::Caller> callers(room_count * room_size);
    for (auto& caller : callers) {
        unsigned char bytes[20];
        random.fill(bytes, sizeof bytes);
        caller.wallet = "0x" + base::to_hex(bytes, sizeof bytes);
        database::Transaction tx(*db, database::Durability::relaxed);
        credits::adjust(*db, caller.wallet, credits::max_adjustment_seconds, "bench", begins_at);
        tx.commit();
    }
    const auto bytes_before = size_bytes(*db);
    for (std::int64_t hour = 0; hour < hours; ++hour) {
        auto now = begins_at + 3600 * hour;
        database::TransactionGroup group(*db); // an hour on the disk at once
        std::optional<rooms::Context> context(std::in_place, *db, rules, now);
        for (std::size_t i = 0; i < callers.size(); ++i) {
            auto& caller = callers[i];
            caller.room_id = i % room_size > 0
                                 ? callers[i - 1].room_id
                                 : rooms::create(*context, mint, caller.wallet, lookup, {}).room_id;
            caller.connection_id =
                rooms::join(*context, mint, caller.wallet, lookup, caller.room_id).connection.connection_id;
        }
        for (const auto ends_at = now + 3600; now < ends_at; now += 15) {
            context.emplace(*db, rules, now);
            for (const auto& caller : callers) {
                if ((ends_at - now) % 30 == 0)
                    rooms::heartbeat(*context, caller);
                if ((ends_at - now) % 45 == 0)
                    rooms::renew(*context, mint, caller);
            }
        }
        context.emplace(*db, rules, now);
        for (std::size_t i = callers.size(); i-- > 0;) // the host last
            rooms::leave(*context, callers[i]);
        group.commit();
    }
    std::cout << bytes_before << " " << size_bytes(*db) << " "
              << hours * static_cast<std::int64_t>(callers.size()) << "\n";
}
