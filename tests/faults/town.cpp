#include "faults/town.h"

#include "base/config.h"
#include "credits/ledger.h"
#include "credits/pruning.h"
#include "requests/idempotency.h"
#include "rooms/audit.h"
#include "rooms/ban.h"
#include "rooms/history.h"
#include "rooms/pruning.h"
#include "rooms/sweep.h"
#include "sessions/oracle.h"
#include "sqlite/backup.h"
#include "usage/daily.h"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <set>
#include <sqlite3.h>
#include <unistd.h>

namespace faults {

namespace {

namespace fs = std::filesystem;
using base::Json;

constexpr const char* database_name = "town.db";

base::Config town_config(const std::string& folder)
{
    auto config = config_with_database(folder + "/" + database_name);
    config.oracle_private_key = "0x" + std::string(64, '1');
    config.escrow_address = "0x132212b78c4a7a3f19de1bf63f119848c765c1d2";
    return config;
}

// As long as the service is at work.
class Serving
{
  public:
    Serving() { is_serving = true; }
    ~Serving() { is_serving = false; }
    Serving(const Serving&) = delete;
    Serving& operator=(const Serving&) = delete;
};

std::string answer_to(World& world, http::Request request)
{
    request.now = world.now;
    request.now_ms = world.now * 1000;
    asked = &world;
    const auto response = [&] {
        const Serving serving;
        return dispatch(world.app, request);
    }();
    asked = nullptr;
    if (response.status == 503 && response.body.find("\"database_unavailable\"") != std::string::npos)
        return unavailable;
    return std::to_string(response.status) + " " + response.body;
}

// What a program that is no request says.
template <class Work>
std::string outcome_of(Work work)
{
    try {
        const Serving serving;
        return work();
    } catch (const base::Error& error) {
        return error.code() == base::ErrorCode::database_unavailable ? unavailable : error.what();
    } catch (const std::bad_alloc&) {
        return no_memory;
    }
}

std::vector<std::string> audit_all(database::Connection& db)
{
    auto found = credits::audit(db);
    const auto more = rooms::audit(db);
    found.insert(found.end(), more.begin(), more.end());
    return found;
}

std::int64_t purge_all(database::Connection& db, base::UnixSeconds now)
{
    return auth::purge_spent_nonces(db, now, 1000) + requests::purge(db, now, 1000);
}

// The same of a program of cron's, which connects anew the next time.
template <class Work>
std::string outcome_of(World& world, Work work)
{
    const auto outcome = outcome_of(work);
    if (outcome == unavailable && engine::is_postgresql())
        world.app.close_database();
    return outcome;
}

void book(ScriptedChain& chain, const std::string& id, const std::string& host, const std::string& guest,
          base::UnixSeconds start_at)
{
    ethereum::Booking booking;
    booking.slot_id = ethereum::Uint256::parse_decimal("500" + id).value();
    booking.guest = guest;
    booking.status = ethereum::BookingStatus::booked;
    booking.metrics_hash = std::string(32, '\0');
    chain.bookings[id] = booking;
    ethereum::Slot slot;
    slot.host = host;
    slot.start_at = start_at;
    slot.duration_minutes = 60;
    slot.grace_minutes = 5;
    slot.min_overlap_minutes = 10;
    slot.status = 1;
    chain.slots["500" + id] = slot;
}

void checkpoint(const std::string& path)
{
    sqlite3* db = nullptr;
    BOOST_REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
    for (const char* sql : {"SELECT count(*) FROM sqlite_schema", "PRAGMA wal_checkpoint(TRUNCATE)"})
        BOOST_REQUIRE(sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(db);
}

} // namespace

bool is_serving = false;
World* asked = nullptr;
const std::string unavailable = "503 database_unavailable";
const std::string no_memory = "500 {\"error\":\"internal_error\"}";

World::World(const std::string& where)
    : HandlerFixture(town_config(where)), folder(where), path(config.database_path)
{
}

Town::Town()
{
    world_ = std::make_unique<World>(folder_.path());
    live();
    list_operations();
    chain_ = world_->chain;
    now_ = world_->now;
    world_.reset();
    if (engine::is_postgresql())
        engine::keep_contents();
}

void Town::live()
{
    auto& w = *world_;
    for (unsigned number = 1; number <= 12; ++number)
        w.chain.names.insert(w.address(number));
    w.chain.verified.insert(w.address(6));

    // Three days ago: talk for the ledger to forget, a room that nobody came to, a key, a nonce.
    const auto old_room = w.create_room(w.address(10), 0);
    const auto tenth = w.caller(w.join(w.address(10), old_room));
    const auto eleventh = w.caller(w.join(w.address(11), old_room));
    for (int beat = 0; beat < 4; ++beat) {
        w.now += 10;
        w.post("/rooms/token/renew", tenth, w.address(10));
        w.post("/rooms/token/renew", eleventh, w.address(11));
    }
    w.post("/rooms/leave", tenth, w.address(10));
    w.create_room(w.address(12), 0);
    const auto old_nonce = w.app.nonces.issue(w.address(12), w.now, w.random);
    w.post("/auth/verify", {{"wallet", w.address(12)},
                            {"nonce", old_nonce},
                            {"signature", w.wallet(12).personal_sign(old_nonce)}});
    auto keyed = w.request("POST", "/credits/verify-celo");
    keyed.idempotency_key = "old";
    w.send(w.signed_in(keyed, w.address(12)));
    w.now += 400;
    w.sweep();
    w.now += 3 * credits::seconds_per_day;

    // Now: two sessions under way, one of which can be attested, and a room of three, one of whom has lapsed.
    book(w.chain, "7", w.address(8), w.address(9), w.now + 100);
    book(w.chain, "9", w.address(8), w.address(9), w.now - 1200);
    w.now -= 1200;
    for (const unsigned number : {8u, 9u})
        w.post("/session/join", {{"booking_id", "9"}}, w.address(number));
    w.now += 700;
    for (const unsigned number : {8u, 9u})
        w.post("/session/9/leave", Json::object(), w.address(number));
    w.now += 500;
    w.post("/session/join", {{"booking_id", "7"}}, w.address(8));
    room_ = w.create_room(w.address(1), 0);
    w.create_room(w.address(4), 0);
    if (!engine::is_postgresql())
        sqlite::Backup(w.sqlite_db(), backup_path(), audit_all).keep();
    const auto host = w.caller(w.join(w.address(1), room_));
    const auto seat = w.join(w.address(2), room_);
    guest_uid_ = seat["agora_uid"];
    const auto guest = w.caller(seat);
    w.join(w.address(3), room_);
    if (!engine::is_postgresql()) {
        w.app.close_database();
        checkpoint(w.path); // a long log would be read anew by every start
    }
    w.now += 60;
    const auto low = w.caller(w.join(w.address(11), room_));
    w.give(w.address(11), -1500); // few seconds are left, and nobody has told it so
    w.post("/rooms/token/renew", host, w.address(1));
    w.post("/rooms/token/renew", guest, w.address(2));
    w.now += 40;
    host_connection_ = host["connection_id"];
    guest_connection_ = guest["connection_id"];
    low_connection_ = low["connection_id"];
    nonce_ = w.app.nonces.issue(w.address(7), w.now, w.random);
    database::transact(w.db(), [&] { rooms::ban(w.db(), w.address(20), "spam", std::nullopt, w.now); });
    w.require_clean_audit();
}

void Town::add(const std::string& name, const http::Request& request, const std::string& wallet,
               bool takes_key)
{
    const auto signed_request = world_->signed_in(request, wallet);
    const auto run = [](const http::Request& made) {
        return [made](World& world) {
            world.random = SeededRandom(world.chance);
            return answer_to(world, made);
        };
    };
    operations_.push_back({name, run(signed_request)});
    if (!takes_key)
        return;
    auto keyed = signed_request;
    keyed.idempotency_key = "a-key";
    operations_.push_back({name + " with a key", run(keyed)});
}

// With the town's room and one of its wallets.
std::string Town::filled_in(std::string path) const
{
    const std::pair<std::string, std::string> ids[] = {{":room_id", room_},
                                                       {":connection_id", guest_connection_},
                                                       {":wallet", world_->address(3)},
                                                       {":id", "7"}};
    for (const auto& [name, id] : ids) {
        if (const auto at = path.find(name); at != std::string::npos)
            path.replace(at, name.size(), id);
    }
    return path;
}

bool Town::has_operation(const std::string& name) const
{
    return std::any_of(operations_.begin(), operations_.end(),
                       [&](const auto& operation) { return operation.name.starts_with(name + " of "); });
}

void Town::list_operations()
{
    auto& w = *world_;
    const auto post = [&](const char* path, const Json& body) {
        return w.request("POST", path, body.dump());
    };
    const Json host{{"room_id", room_}, {"connection_id", host_connection_}};
    const Json guest{{"room_id", room_}, {"connection_id", guest_connection_}};
    const Json low{{"room_id", room_}, {"connection_id", low_connection_}};

    add("POST /auth/nonce", post("/auth/nonce", {{"wallet", w.address(7)}}), w.address(7));
    add("POST /auth/verify",
        post("/auth/verify",
             {{"wallet", w.address(7)}, {"nonce", nonce_}, {"signature", w.wallet(7).personal_sign(nonce_)}}),
        w.address(7));
    add("POST /auth/refresh", post("/auth/refresh", Json::object()), w.address(7));
    add("POST /credits/verify-celo", post("/credits/verify-celo", Json::object()), w.address(6), true);
    add("POST /rooms/create", post("/rooms/create", {{"title", "Music"}}), w.address(5), true);
    add("POST /rooms/join", post("/rooms/join", {{"room_id", room_}}), w.address(5), true);
    add("POST /rooms/heartbeat", post("/rooms/heartbeat", guest), w.address(2));
    operations_.back().is_relaxed = true; // with time it, too, has something to tell
    add("POST /rooms/heartbeat of one who is told something", post("/rooms/heartbeat", low), w.address(11));
    operations_.back().is_relaxed = true;
    add("POST /rooms/token/renew", post("/rooms/token/renew", guest), w.address(2));
    add("POST /rooms/leave", post("/rooms/leave", guest), w.address(2), true);
    add("POST /rooms/leave of the host", post("/rooms/leave", host), w.address(1), true);
    add("DELETE /rooms/:room_id", w.request("DELETE", "/rooms/" + room_), w.address(1));
    add("DELETE /rooms/:room_id/participants/:connection_id",
        w.request("DELETE", "/rooms/" + room_ + "/participants/" + guest_connection_), w.address(1));
    add("POST /session/join", post("/session/join", {{"booking_id", "7"}}), w.address(9));
    add("POST /session/:id/leave", post("/session/7/leave", Json::object()), w.address(8));
    add("POST /session/:id/attest", post("/session/9/attest", Json::object()), w.address(8));
    operations_.back().is_single = false;
    add("POST /service/credits/grant",
        post("/service/credits/grant",
             {{"wallet", w.address(2)}, {"seconds", 600}, {"reference", "payment-1"}}),
        w.address(1), true);
    add("POST /service/credits/refund",
        post("/service/credits/refund",
             {{"connection_id", guest_connection_}, {"seconds", 5}, {"reference", "complaint-1"}}),
        w.address(1), true);
    const auto ban_path = "/service/wallets/" + w.address(1) + "/ban";
    add("PUT /service/wallets/:wallet/ban", w.request("PUT", ban_path, R"({"reason": "spam"})"), w.address(1),
        true);
    add("DELETE /service/wallets/:wallet/ban",
        w.request("DELETE", "/service/wallets/" + w.address(20) + "/ban"), w.address(1), true);
    add("DELETE /service/rooms/:room_id", w.request("DELETE", "/service/rooms/" + room_), w.address(1), true);
    add("DELETE /service/rooms/:room_id/participants/:connection_id",
        w.request("DELETE", "/service/rooms/" + room_ + "/participants/" + guest_connection_), w.address(1),
        true);
    add("GET /service/wallets/:wallet of one who lapsed",
        w.request("GET", "/service/wallets/" + w.address(3)), w.address(1));
    operations_.back().is_single = false; // settles, then reads
    add("GET /service/wallets/:wallet/history of one who lapsed",
        w.request("GET", "/service/wallets/" + w.address(3) + "/history"), w.address(1));
    operations_.back().is_single = false;

    add("POST /agora/events",
        post("/agora/events", {{"eventType", 108},
                               {"payload",
                                {{"channelName", "heaven-free-" + room_},
                                 {"uid", guest_uid_},
                                 {"clientSeq", 1},
                                 {"reason", 1},
                                 {"ts", w.now}}}}),
        w.address(2));

    // What needs no database cannot find it faulty.
    const std::set<std::string> without_database = {"GET /", "GET /operator", "GET /web/:file",
                                                    "GET /openapi.json", "POST /auth/demo"};
    for (const auto& route : all_routes()) {
        const auto name = std::string(route.method) + " " + route.path;
        if (route.method != std::string("GET") || route.access == Access::monitor ||
            without_database.contains(name) || has_operation(name))
            continue;
        auto request = w.request("GET", filled_in(route.path));
        if (name == "GET /service/usage")
            request.query = "from=2026-01-01&to=2026-01-02";
        add(name, request, w.address(10));
    }
    add("GET /credits of one who lapsed", w.request("GET", "/credits"), w.address(3));
    operations_.back().is_single = false; // settles, then reads

    operations_.push_back({"the sweep",
                           [](World& world) {
                               return outcome_of(world, [&] {
                                   rooms::sweep(world.db(), world.config.rules, world.now);
                                   sessions::close_ended({world.db(), world.config, world.now});
                                   purge_all(world.db(), world.now);
                                   usage::book_days(world.db(), world.now);
                                   rooms::record_sweep(world.db(), world.now);
                                   return "swept";
                               });
                           },
                           false, true});
    operations_.push_back({"the oracle's sweep",
                           [](World& world) {
                               return outcome_of(world, [&] {
                                   sessions::Oracle(world.db(), world.chain, world.config).sweep(world.now);
                                   return "swept";
                               });
                           },
                           false, true});
    operations_.push_back({"prune",
                           [](World& world) {
                               return outcome_of(world, [&] {
                                   const auto before = credits::day_of(world.now);
                                   credits::prune(world.db(), before);
                                   rooms::prune(world.db(), before);
                                   purge_all(world.db(), world.now);
                                   return "pruned";
                               });
                           },
                           false, true});
    if (engine::is_postgresql())
        return;
    operations_.push_back({"a transaction that finds a checkpoint due, and one that does it",
                           [](World& world) {
                               return outcome_of([&] {
                                   sqlite::Options options;
                                   options.busy_timeout_ms = 1;
                                   options.checkpoint_after_pages = 1;
                                   sqlite::Connection db(world.path, options);
                                   rooms::record_sweep(db, world.now);
                                   rooms::record_sweep(db, world.now);
                                   return "recorded";
                               });
                           },
                           false, true});
    // Neither of them is a matter of a moment, so why it failed is told in words.
    const auto done_or_not = [](const auto& work) {
        const auto outcome = outcome_of(work);
        const bool is_told =
            outcome.find("damaged") != std::string::npos || outcome.find("not_a_backup") != std::string::npos;
        return is_told ? unavailable : outcome;
    };
    operations_.push_back(
        {"backup", [done_or_not](World& world) {
             return done_or_not([&] {
                 sqlite::Backup(world.sqlite_db(), world.folder + "/backup.db", audit_all).keep();
                 return "backed up";
             });
         }});
    operations_.push_back({"restore", [done_or_not, backup = backup_path()](World& world) {
                               return done_or_not([&] {
                                   sqlite::Restoration restoration(backup, world.path, audit_all);
                                   restoration.replace(world.sqlite_db());
                                   return "restored";
                               });
                           }});
    operations_.push_back({"vacuum", [](World& world) {
                               return outcome_of([&] {
                                   world.db().vacuum();
                                   return "vacuumed";
                               });
                           }});
}

std::string Town::backup_path() const
{
    return folder_ / "backup.db";
}

void Town::found(const std::string& folder) const
{
    if (!engine::is_postgresql())
        return copy_database(folder_.path(), folder);
    auto config = town_config(folder);
    const engine::Place place(config);
    engine::put_back_contents();
}

std::unique_ptr<World> Town::open(const std::string& folder) const
{
    auto world = std::make_unique<World>(folder);
    world->chain = chain_;
    world->now = now_;
    return world;
}

const Operation& Town::operation(const std::string& name) const
{
    for (const auto& operation : operations_) {
        if (operation.name == name)
            return operation;
    }
    throw std::out_of_range(name);
}

// Not by the product's own class, of which this is to be independent.
Reader::Reader(const std::string& path)
{
    BOOST_REQUIRE(sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

Reader::~Reader()
{
    sqlite3_close(db_);
}

std::string Reader::contents()
{
    const auto read = [&](const std::string& sql, const auto& take) {
        sqlite3_stmt* row = nullptr;
        BOOST_REQUIRE_MESSAGE(sqlite3_prepare_v2(db_, sql.c_str(), -1, &row, nullptr) == SQLITE_OK,
                              sqlite3_errmsg(db_));
        int code = SQLITE_ROW;
        while ((code = sqlite3_step(row)) == SQLITE_ROW)
            take(row);
        sqlite3_finalize(row);
        BOOST_REQUIRE_MESSAGE(code == SQLITE_DONE, sqlite3_errmsg(db_));
    };
    const auto append = [](std::string& text, sqlite3_stmt* row, int column) {
        const auto* value = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
        text += value == nullptr ? "NULL" : value;
    };
    std::vector<std::string> tables;
    read("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
         [&](sqlite3_stmt* row) { append(tables.emplace_back(), row, 0); });
    std::string all;
    read("PRAGMA user_version", [&](sqlite3_stmt* row) { append(all, row, 0); });
    for (const auto& table : tables) {
        const bool has_keys = table == "idempotent_requests";
        all += "\n" + table;
        read("SELECT * FROM " + table + (has_keys ? " WHERE status IS NOT NULL" : ""),
             [&](sqlite3_stmt* row) {
                 all += "\n";
                 for (int column = 0; column < sqlite3_column_count(row); ++column) {
                     all += "|";
                     append(all, row, column);
                 }
             });
    }
    return all;
}

std::string other_files(const std::string& folder, bool but_for_half_made)
{
    const std::set<std::string> own = {"", "-wal", "-shm", "-journal", "-lock", "-metrics", "-limits"};
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder))
        names.insert(entry.path().filename());
    for (const auto& suffix : own)
        names.erase(database_name + suffix);
    std::string all;
    for (const auto& name : names) {
        const bool is_half_made =
            name.find(".partial") != std::string::npos || name.find("-restore") != std::string::npos;
        if (is_half_made && but_for_half_made)
            continue;
        all += name + ": " + contents(folder + "/" + name) + "\n";
    }
    return all;
}

std::string violations(const std::string& path)
{
    const auto connection = engine::is_postgresql() ? nullptr : std::make_unique<sqlite::Connection>(path);
    auto& db = engine::is_postgresql() ? engine::observer() : *connection;
    std::string all;
    for (const auto& found : {audit_all(db), db.integrity_problems()}) {
        for (const auto& violation : found)
            all += violation + "\n";
    }
    return all;
}

std::uint64_t setting(const char* name, std::uint64_t otherwise)
{
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void copy_database(const std::string& from_folder, const std::string& to_folder)
{
    for (const auto& old : fs::directory_iterator(to_folder))
        fs::remove(old.path());
    for (const char* suffix : {"", "-wal"}) {
        const auto from = from_folder + "/" + database_name + suffix;
        if (fs::exists(from))
            fs::copy_file(from, to_folder + "/" + database_name + suffix);
    }
}

Silence::Silence() : stderr_(::dup(STDERR_FILENO))
{
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(null, STDERR_FILENO);
    ::close(null);
}

Silence::~Silence()
{
    ::dup2(stderr_, STDERR_FILENO);
    ::close(stderr_);
}

} // namespace faults
