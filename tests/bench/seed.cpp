// Fills a database for the benchmarks with rooms of five whose participants have credit for years, and prints
// what a client of each would send: access token, room_id, connection_id.  usage: seed SETTINGS PARTICIPANTS
#include "auth/access_token.h"
#include "base/hex.h"
#include "credits/ledger.h"
#include "rooms/room.h"
#include "sqlite/migrate.h"

#include <iostream>

int main(int argc, char** argv)
{
    if (argc != 3)
        return 2;
    const auto config = base::load_config(argv[1], base::process_environment(), base::Program::server);
    const auto db = sqlite::open_migrated(config.database_path, config.database_busy_timeout_ms);
    const agora::TokenIssuer tokens(config.agora_app_id, config.agora_app_certificate);
    const auto now = base::system_now();
    const auto count = std::stoul(argv[2]);
    base::SystemRandom random;
    std::string room_id;
    for (std::size_t i = 0; i < count; ++i) {
        unsigned char bytes[20];
        random.fill(bytes, sizeof bytes);
        const auto wallet = "0x" + base::to_hex(bytes, sizeof bytes);
        {
            sqlite::Transaction tx(*db, sqlite::Durability::relaxed);
            credits::adjust(*db, wallet, credits::max_adjustment_seconds, "bench", now);
            tx.commit();
        }
        const auto lookup = credits::NameLookup::no_name;
        if (i % 5 == 0)
            room_id = rooms::create(*db, config.rules, wallet, lookup, {}, now, random).room_id;
        const auto seat = rooms::join(*db, config.rules, tokens, wallet, lookup, room_id, now, random);
        std::cout << auth::issue_access_token(config.jwt_secret, wallet, now, 86400) << " " << room_id << " "
                  << seat.connection.connection_id << "\n";
    }
}
