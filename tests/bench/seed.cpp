// Fills a new database for the benchmarks: rooms of five who joined a minute ago, renewed during the last 40
// seconds, one after the other, and have credit for years; and visitors, each with credit and a room to join.
// The wallets and ids are random, as they are in a database that grew. Prints, for at most LINES participants
// spread over all, what a client of each would send: access token, room_id, connection_id; for a visitor a -
// stands for the last.  usage: seed SETTINGS PARTICIPANTS [VISITORS [LINES]]
#include "auth/access_token.h"
#include "base/config.h"
#include "base/hex.h"
#include "base/random.h"
#include "base/startup.h"
#include "credits/ledger.h"
#include "database/transaction.h"
#include "storage/open.h"

#include <iostream>
#include <random>

namespace {

constexpr std::size_t room_size = 5;
constexpr std::int64_t renewed_within_seconds = 40;

// Repeats itself from run to run, and costs no system call.
class Sequence : public base::Random
{
  public:
    void fill(unsigned char* bytes, std::size_t count) override
    {
        for (std::size_t i = 0; i < count; ++i)
            bytes[i] = static_cast<unsigned char>(engine_() >> 11);
    }

  private:
    std::mt19937 engine_;
};

Sequence randomness;

std::string new_wallet(database::Connection& db, base::UnixSeconds now)
{
    unsigned char bytes[20];
    randomness.fill(bytes, sizeof bytes);
    auto wallet = "0x" + base::to_hex(bytes, sizeof bytes);
    db.prepare("INSERT INTO credit_accounts (wallet, adjusted_seconds, remaining_seconds) "
               "VALUES (:wallet, :seconds, :seconds)")
        .bind(":wallet", wallet)
        .bind(":seconds", credits::max_adjustment_seconds)
        .run();
    db.prepare("INSERT INTO credit_events (wallet, event_id, kind, delta_seconds, balance_after_seconds, "
               "reason, created_at) VALUES (:wallet, 1, 'admin_adjust', :seconds, :seconds, 'bench', :now)")
        .bind(":wallet", wallet)
        .bind(":seconds", credits::max_adjustment_seconds)
        .bind(":now", now)
        .run();
    return wallet;
}

std::string new_room(database::Connection& db, const std::string& host, base::UnixSeconds now)
{
    auto room_id = randomness.uuid_v4();
    db.prepare("INSERT INTO rooms (room_id, kind, host_wallet, visibility, ai_enabled, capacity, created_at) "
               "VALUES (:room_id, 'free', :host_wallet, 'open', 0, 6, :now)")
        .bind(":room_id", room_id)
        .bind(":host_wallet", host)
        .bind(":now", now)
        .run();
    return room_id;
}

std::string new_connection(database::Connection& db, const std::string& room_id, const std::string& wallet,
                           std::size_t uid, base::UnixSeconds joined_at, base::UnixSeconds renewed_at,
                           std::int64_t ttl_seconds)
{
    auto connection_id = randomness.uuid_v4();
    db.prepare("INSERT INTO connections (connection_id, room_id, kind, wallet, agora_uid, joined_at, "
               "token_expires_at, last_metered_at) VALUES (:connection_id, :room_id, 'free', :wallet, "
               ":agora_uid, :joined_at, :token_expires_at, :renewed_at)")
        .bind(":connection_id", connection_id)
        .bind(":room_id", room_id)
        .bind(":wallet", wallet)
        .bind(":agora_uid", static_cast<std::int64_t>(uid))
        .bind(":joined_at", joined_at)
        .bind(":token_expires_at", renewed_at + ttl_seconds)
        .bind(":renewed_at", renewed_at)
        .run();
    return connection_id;
}

} // namespace

int main(int argc, char** argv)
{
    if (argc < 3)
        return 2;
    const auto config = base::start(argv[1], base::Program::server);
    const auto db = storage::open(config);
    const auto now = base::system_now();
    const auto minute_ago = now - 60;
    const std::size_t participants = std::stoul(argv[2]);
    const std::size_t visitors = argc > 3 ? std::stoul(argv[3]) : 0;
    const std::size_t most_lines = argc > 4 ? std::stoul(argv[4]) : participants;
    const auto print = [&](const std::string& wallet, const std::string& room_id,
                           const std::string& connection_id) {
        std::cout << auth::issue_access_token(config.jwt_secret, {wallet, now}, now, 86400) << " " << room_id
                  << " " << connection_id << "\n";
    };

    // One transaction, in memory as a whole: random keys written batch by batch would write every page each
    // time.
    database::Transaction tx(*db, database::Durability::relaxed);
    if (config.database_url.empty())
        db->prepare("PRAGMA cache_size = -4000000").step();
    const auto line_every = std::max<std::size_t>(1, participants / most_lines);
    std::string room_id;
    for (std::size_t i = 0; i < participants; ++i) {
        const auto wallet = new_wallet(*db, minute_ago);
        if (i % room_size == 0) {
            room_id = new_room(*db, wallet, minute_ago);
            if (i / room_size < visitors)
                print(new_wallet(*db, minute_ago), room_id, "-");
        }
        const auto renewed_at = now - renewed_within_seconds +
                                static_cast<std::int64_t>(i * renewed_within_seconds / participants);
        const auto connection_id = new_connection(*db, room_id, wallet, i + 1, minute_ago, renewed_at,
                                                  config.rules.free_token_ttl_seconds);
        if (i % line_every == 0)
            print(wallet, room_id, connection_id);
    }
    tx.commit();
}
