#include "simulation/world.h"

#include "auth/ban.h"
#include "auth/nonce.h"
#include "credits/ledger.h"
#include "credits/pruning.h"
#include "requests/idempotency.h"
#include "rooms/history.h"
#include "rooms/room.h"
#include "rooms/sweep.h"
#include "sessions/oracle.h"
#include "sqlite/backup.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <sstream>

namespace simulation {

namespace {

constexpr unsigned largest_population = 192;
constexpr std::uint64_t audit_every = 8000;
constexpr Seconds day = 86400;
constexpr Seconds first_overflow = 2147483648; // of a signed 32-bit second: 2038-01-19T03:14:08Z

void check(bool is_true, const char* what)
{
    if (!is_true)
        throw Divergence(what);
}

void check(bool is_true, const char* what, const Reply& reply)
{
    if (!is_true)
        throw Divergence(std::string(what) + ", answered " + std::to_string(reply.status) + " " + reply.text);
}

std::vector<std::string> audit_all(sqlite::Database& db)
{
    auto violations = credits::audit(db);
    const auto more = rooms::audit(db);
    violations.insert(violations.end(), more.begin(), more.end());
    return violations;
}

const char* outcome_name(int outcome)
{
    static const char* const names[] = {"", "completed", "no-show-host", "no-show-guest"};
    return names[outcome];
}

// A wallet's address costs a multiplication on the curve.
const std::string& address_of(unsigned number)
{
    static std::vector<std::string> known(largest_population + 1);
    if (known[number].empty())
        known[number] = AppFixture::address(number);
    return known[number];
}

} // namespace

std::map<std::string, std::uint64_t> World::answers;

base::Config World::settings(const std::string& database_path)
{
    faulty_disk::install();
    auto config = test_config();
    config.database_path = database_path;
    config.database_busy_timeout_ms = 1;
    config.metrics_token = "a token for who watches";
    config.oracle_private_key = "0x" + std::string(64, '1');
    config.escrow_address = "0x132212b78c4a7a3f19de1bf63f119848c765c1d2";
    return config;
}

World::World(std::uint64_t seed)
    : AppFixture(settings(folder / "test.db")), seed_(seed), dice_(seed, UINT64_MAX), model_(config.rules),
      escrow_(chain)
{
    if (roll(4) == 0)
        now = first_overflow - static_cast<Seconds>(roll(day));
    else
        now += static_cast<Seconds>(roll(day));
    const auto population = largest_population / 8 * (1 + roll(8));
    compare_every_ = population / 4;
    for (unsigned i = 1; i <= population; ++i) {
        wallets_.push_back(address_of(i));
        auto& wallet = model_.wallets[wallets_.back()];
        if (wallet.has_name = roll(5) > 0; wallet.has_name)
            chain.names.insert(wallets_.back());
        if (wallet.is_verified = roll(3) > 0; wallet.is_verified)
            chain.verified.insert(wallets_.back());
    }
}

void World::step(std::uint64_t number)
{
    dice_ = Dice(seed_, number);
    random = SeededRandom(seed_ * 1000003 + number);
    if (roll(3) == 0) // several things happen in one second
        pass_time();
    model_.settle(now);
    const auto* due = whose_turn();
    const auto wallet = due != nullptr ? *due : any(wallets_);
    sign_in(wallet);
    chain.is_down = roll(50) == 0;
    if (roll(120) == 0) {
        // The lock makes the service wait for a millisecond; the disk is quicker to fail.
        static const std::vector<Fault> faults = {
            Fault::locked, Fault::full,   Fault::full,    Fault::killed,
            Fault::killed, Fault::killed, Fault::unheard, Fault::killed_amid_question};
        with_fault(any(faults), wallet, due != nullptr);
        compare();
    } else {
        act(wallet, due != nullptr);
        check_wallet(wallet);
    }
    chain.is_down = false;
    if (number % compare_every_ == 0)
        compare();
    if (number % audit_every == audit_every - 1)
        audit();
}

// ---- time and people ----

// Most bugs live at the edges of intervals. By night little happens.
void World::pass_time()
{
    static const std::vector<Seconds> jumps = {1, 1, 1, 2, 7, 15, 29, 30, 31, 44, 45, 46};
    static const std::vector<Seconds> long_jumps = {88,  89,  90,  91,   92,       119,
                                                    299, 300, 301, 3600, 5 * 3600, day};
    static const std::vector<Seconds> steps = {1, 1, 2, 30, 90, 3600, day};
    if (roll(4000) == 0)
        return step_back(any(steps));
    if (roll(800) == 0) { // a suspended machine, or a clock put forward
        now += any(long_jumps);
        return;
    }
    Seconds next = now + any(jumps) * (is_night() ? 20 : 1);
    for (const auto& [wallet, stay] : model_.stays) // clients keep their appointments
        next = std::min(next, std::max(stay.next, now));
    answers["simulated minutes"] += static_cast<std::uint64_t>(next - now + passed_seconds_) / 60;
    passed_seconds_ = (next - now + passed_seconds_) % 60;
    now = next;
}

// What lapsed before the clock stepped back may or may not have been noticed by then. So that the model can
// know, a sweep notices it first; the wild clock goes without.
void World::step_back(Seconds by)
{
    model_.settle(now);
    sweep_at(now);
    now -= by;
    has_stepped_back_ = true;
    ++answers["clock stepped back"];
}

const std::string* World::whose_turn()
{
    if (roll(8) == 0)
        return nullptr;
    for (const auto& [wallet, stay] : model_.stays) {
        if (stay.next <= now)
            return &stay.wallet;
    }
    return nullptr;
}

void World::act(const std::string& wallet, bool is_due)
{
    if (is_due) {
        const auto kind = roll(40);
        if (kind == 0 || (is_night() && kind < 4))
            return leave(wallet);
        return kind < 8 ? heartbeat(wallet) : renew(wallet);
    }
    switch (roll(60)) {
    case 0:
    case 1:
        return verify_celo(wallet);
    case 2:
    case 3:
        return look(wallet);
    case 4:
        return sweep(wallet);
    case 5:
        return kick(wallet);
    case 6:
        return roll(3) == 0 ? close_as_host(wallet) : kick(wallet);
    case 7:
    case 8:
    case 9:
    case 10:
        return operate(wallet);
    case 11:
    case 12:
    case 13:
        return repeat(wallet);
    case 14:
    case 15:
        return heartbeat(wallet);
    case 16:
    case 17:
        return renew(wallet);
    case 18:
        return leave(wallet);
    case 19:
        return roll(3) == 0 ? book() : join_session(wallet);
    case 20:
    case 21:
    case 22:
    case 23:
    case 24:
    case 25:
        return join_session(wallet);
    case 26:
    case 27:
        return leave_session(wallet);
    case 28:
        return attest_by_endpoint();
    case 29:
        return sweep_oracle();
    case 30:
        return stir_chain();
    case 31:
        return roll(10) == 0 ? check_listing() : check_metrics();
    case 32:
        return roll(60) == 0 ? prune() : sweep(wallet);
    case 33:
        return roll(40) == 0 ? back_up() : look(wallet);
    case 34:
        return roll(80) == 0 ? restore() : look(wallet);
    default:
        if (is_night() && roll(4) > 0)
            return;
        return roll(3) == 0 ? create(wallet) : join(wallet);
    }
}

// As a client does it, the signature now and then in earnest.
void World::sign_in(const std::string& wallet)
{
    auto& [ends, token] = tokens_[wallet];
    if (now < ends)
        return;
    if (!token.empty() && roll(2) == 0) {
        const auto refused = ask("GET", "/credits", nullptr, wallet);
        require(*refused, "unauthorized");
    }
    if (roll(8) > 0) {
        token = token_for(wallet);
    } else {
        const auto number =
            static_cast<unsigned>(std::find(wallets_.begin(), wallets_.end(), wallet) - wallets_.begin() + 1);
        const std::string nonce = post("/auth/nonce", {{"wallet", wallet}}).body["nonce"];
        const base::Json signed_nonce{
            {"wallet", wallet}, {"nonce", nonce}, {"signature", this->wallet(number).personal_sign(nonce)}};
        const auto reply = post("/auth/verify", signed_nonce);
        const bool is_banned = model_.wallets[wallet].is_banned(now);
        require(reply, is_banned ? "banned" : "");
        require(post("/auth/verify", signed_nonce), "invalid or expired nonce");
        // Those who were signed in before they were banned stay so.
        token = is_banned ? token_for(wallet) : reply.body["token"].get<std::string>();
    }
    ends = now + config.rules.jwt_ttl_seconds;
}

// ---- faults ----

void World::arm(Fault fault)
{
    fault_ = fault;
    switch (fault) {
    case Fault::locked: {
        sqlite::DatabaseOptions options;
        options.busy_timeout_ms = 1;
        other_ = std::make_unique<sqlite::Database>(config.database_path, options);
        other_transaction_.emplace(*other_);
        break;
    }
    case Fault::full:
        faulty_disk::fail_after(static_cast<std::int64_t>(roll(12)));
        break;
    case Fault::killed:
        faulty_disk::die_after(static_cast<std::int64_t>(roll(24)));
        break;
    case Fault::killed_amid_question:
        chain.before = [this, left = roll(6)](const char*) mutable {
            if (left-- == 0) {
                faulty_disk::die_after(0);
                throw Crash();
            }
        };
        break;
    case Fault::none:
    case Fault::unheard:
        break;
    }
}

// Everything that was in memory is gone.
void World::restart()
{
    std::destroy_at(&app);
    std::construct_at(&app, config, chain, random, counters);
}

// False if the fault hit, and nobody knows what came of the work.
template <class Do>
bool World::attempt(Do&& work)
{
    bool is_done = fault_ == Fault::none || fault_ == Fault::locked || fault_ == Fault::full;
    const auto fault = fault_;
    try {
        work();
    } catch (const Crash&) {
        is_done = false;
    } catch (const base::Error& error) {
        if (fault == Fault::none || error.code() != base::ErrorCode::database_unavailable)
            throw;
        is_done = false;
    }
    if (fault == Fault::none)
        return true;
    if (!is_done)
        restart();
    faulty_disk::heal();
    chain.before = nullptr;
    other_transaction_.reset();
    other_.reset();
    fault_ = Fault::none;
    is_lost_ = !is_done;
    return is_done;
}

std::optional<Reply> World::ask(const char* method, const std::string& path, const base::Json& body,
                                const std::string& wallet, const std::optional<std::string>& key)
{
    http::Request request;
    request.method = method;
    const auto question_mark = std::min(path.find('?'), path.size());
    request.path = path.substr(0, question_mark);
    request.query = path.substr(std::min(question_mark + 1, path.size()));
    if (!body.is_null())
        request.body = body.dump();
    if (!wallet.empty())
        request.authorization = "Bearer " + tokens_[wallet].second;
    request.service_token = config.oracle_service_token;
    request.idempotency_key = key;
    Reply reply;
    const bool is_heard = attempt([&] {
        reply = send(request);
        if (fault_ != Fault::none && reply.status == 503 && reply.body["error"] == "database_unavailable")
            throw base::Error(base::ErrorCode::database_unavailable, "database_unavailable");
    });
    if (key) {
        auto& requests = model_.requests;
        requests.erase(
            std::remove_if(requests.begin(), requests.end(),
                           [&](const auto& known) { return known.wallet == wallet && known.key == *key; }),
            requests.end());
        if (requests.size() >= 60)
            requests.erase(requests.begin());
        ModelRequest made{wallet, path, request.body, *key, now, 0, {}};
        if (is_heard) {
            made.status = reply.status;
            made.answer = reply.text;
            if (reply.status < 500 && reply.status != 401)
                requests.push_back(made);
        } else {
            auto row = db().prepare(
                "SELECT ifnull(status, 0), ifnull(body, ''), started_at FROM idempotent_requests "
                "WHERE wallet = :wallet AND idempotency_key = :idempotency_key");
            row.bind(":wallet", wallet).bind(":idempotency_key", *key);
            if (row.step()) {
                made.status = static_cast<int>(row.integer(0));
                made.answer = row.text(1);
                made.started = row.integer(2);
                requests.push_back(made);
            }
        }
    }
    return is_heard ? std::optional(reply) : std::nullopt;
}

// One step that a fault hits, at most once. Then the database must be as if all of it had happened, or
// nothing.
void World::with_fault(Fault fault, const std::string& wallet, bool is_due)
{
    const auto before = model_;
    const auto callers_before = callers_;
    is_lost_ = false;
    arm(fault);
    act(wallet, is_due);
    if (fault_ != Fault::none) // nothing was asked for
        attempt([] {});
    if (!is_lost_)
        return;
    ++answers["lost to a fault"];
    const auto after_differs = difference();
    if (after_differs.empty() && fault != Fault::locked && fault != Fault::full)
        return void(++answers["done although nobody was told"]);
    const auto requests = std::move(model_.requests);
    go_back_to(before);
    const auto before_differs = difference();
    if (before_differs.empty() && fault != Fault::unheard) {
        model_.requests = requests;
        callers_ = callers_before;
        return void(++answers["undone by a fault"]);
    }
    throw Divergence("a fault left half of the work: done, " + after_differs + "; not done, " +
                     before_differs);
}

// What the chain says of a wallet does not go back.
void World::go_back_to(const Model& before)
{
    auto model = before;
    for (auto& [address, wallet] : model.wallets) {
        wallet.has_name = model_.wallets[address].has_name;
        wallet.is_verified = model_.wallets[address].is_verified;
    }
    model_ = std::move(model);
}

// ---- what clients do ----

std::string World::any_room()
{
    std::vector<std::string> ids;
    for (const auto& [room_id, room] : model_.active) {
        // Some rooms fill up only if people flock together.
        for (std::size_t weight = 0; weight <= model_.count(room_id); ++weight)
            ids.push_back(room_id);
    }
    if (ids.empty() || roll(12) == 0)
        ids.push_back(random.uuid_v4()); // unknown
    if (!past_rooms_.empty() && roll(12) == 0)
        return any(past_rooms_); // probably closed
    return any(ids);
}

// The ladder of refusals before a wallet may spend. Grants on the way, as the service does.
std::string World::refusal(const std::string& address)
{
    auto& wallet = model_.wallets[address];
    if (wallet.is_banned(now))
        return "banned";
    if (wallet.base == 0 && wallet.has_name && !chain.is_down)
        wallet.base = config.rules.base_grant_seconds;
    if (wallet.balance() >= config.rules.minimum_credit_seconds)
        return {};
    if (wallet.base > 0)
        return "insufficient_credits";
    return chain.is_down ? "chain_unavailable" : "heaven_name_required";
}

void World::require(const Reply& reply, const std::string& expected_error)
{
    const std::string error = reply.body.is_object() ? reply.body.value("error", "") : "";
    if (error != expected_error || (error.empty() && reply.status != 200))
        throw Divergence("expected '" + expected_error + "', got " + std::to_string(reply.status) + " " +
                         reply.text);
    ++answers[expected_error];
}

std::optional<std::string> World::any_key()
{
    if (roll(3) > 0)
        return std::nullopt;
    return random.uuid_v4();
}

void World::create(const std::string& wallet)
{
    base::Json body{{"visibility", roll(2) == 0 ? "private" : "open"}};
    if (roll(2) == 0)
        body["capacity"] = 2 + roll(5);
    if (roll(3) == 0)
        body["title"] = roll(4) == 0 ? std::string(80, 'x') : "Grüße №" + std::to_string(roll(100));
    create_as(wallet, body, any_key());
}

void World::create_as(const std::string& wallet, const base::Json& body,
                      const std::optional<std::string>& key)
{
    auto expected = refusal(wallet);
    const auto* hosted = model_.hosted_by(wallet);
    if (expected.empty() && model_.stays.count(wallet) > 0)
        expected = "already_in_free_room";
    else if (expected.empty() && hosted != nullptr)
        expected = "already_hosting_free_room";
    const auto reply = ask("POST", "/rooms/create", body, wallet, key);
    if (reply) {
        require(*reply, expected);
        if (expected == "already_in_free_room")
            check(reply->body["connection_id"] == model_.stays[wallet].connection_id,
                  "another seat is in the way");
        if (expected == "already_hosting_free_room")
            check(reply->body["room_id"] == hosted->room_id, "another room is in the way");
    }
    if (!expected.empty())
        return;
    ModelRoom room;
    room.host = wallet;
    room.is_private = body["visibility"] == "private";
    room.created = now;
    room.capacity = body.value("capacity", std::size_t{6});
    room.title = body.value("title", "");
    if (reply) {
        room.room_id = reply->body["room_id"];
        check(reply->body["capacity"] == room.capacity, "another capacity", *reply);
        check(reply->body["title"] == (room.title.empty() ? base::Json() : base::Json(room.title)),
              "another title", *reply);
    } else {
        // A client finds out by asking once more; here the database is asked.
        room.room_id = rooms::find_hosted_room(db(), wallet).value_or("");
    }
    model_.active[room.room_id] = room;
    if (!room.room_id.empty())
        past_rooms_.push_back(room.room_id);
    if (past_rooms_.size() > 50)
        past_rooms_.erase(past_rooms_.begin());
}

void World::join(const std::string& wallet)
{
    join_as(wallet, {{"room_id", any_room()}}, any_key());
}

void World::join_as(const std::string& wallet, const base::Json& body, const std::optional<std::string>& key)
{
    const std::string room_id = body["room_id"];
    auto expected = refusal(wallet);
    if (expected.empty() && model_.stays.count(wallet) > 0)
        expected = "already_in_free_room";
    else if (expected.empty() && model_.active.count(room_id) == 0)
        expected = "room_not_found";
    else if (expected.empty() && model_.count(room_id) >= model_.active[room_id].capacity)
        expected = "room_full";
    const auto reply = ask("POST", "/rooms/join", body, wallet, key);
    if (reply)
        require(*reply, expected);
    if (!expected.empty())
        return;
    ModelStay stay;
    stay.room_id = room_id;
    stay.wallet = wallet;
    stay.joined = stay.mark = now;
    stay.expires = now + config.rules.free_token_ttl_seconds;
    stay.next = now + config.rules.heartbeat_interval_seconds;
    if (reply) {
        check(reply->body["remaining_seconds"] == model_.wallets[wallet].balance(), "another balance",
              *reply);
        check(reply->body["is_host"] == (model_.active[room_id].host == wallet), "another host", *reply);
        stay.connection_id = reply->body["connection_id"];
    } else if (const auto found = rooms::find_open_connection(db(), wallet)) {
        stay.connection_id = found->connection_id;
    }
    model_.stays[wallet] = stay;
    callers_[wallet] = {{"room_id", room_id}, {"connection_id", stay.connection_id}};
}

// The wallet's present connection, its last one, or somebody else's.
base::Json World::some_caller(const std::string& wallet)
{
    auto body = callers_.count(wallet) > 0 && roll(30) > 0
                    ? callers_[wallet]
                    : std::next(callers_.begin(), static_cast<std::ptrdiff_t>(roll(callers_.size())))->second;
    if (roll(100) == 0)
        body["room_id"] = random.uuid_v4();
    return body;
}

// Nothing if the answer was a refusal, or none came. What the client is told counts in any case.
std::optional<Reply> World::call(const char* path, const std::string& wallet, base::Json body,
                                 const std::optional<std::string>& key)
{
    const auto stay = model_.stays.find(wallet);
    const bool is_present = stay != model_.stays.end() &&
                            body["connection_id"] == stay->second.connection_id &&
                            body["room_id"] == stay->second.room_id;
    const auto reply = ask("POST", path, body, wallet, key);
    if (!is_present) {
        if (reply)
            require(*reply, "not_your_connection");
        return std::nullopt;
    }
    if (reply)
        require(*reply, "");
    model_.meter(stay->second, now);
    if (reply) {
        std::vector<std::string> told;
        for (const auto& event : reply->body["events"])
            ++answers[told.emplace_back(event["type"])];
        check(told == stay->second.undelivered, "other events", *reply);
        check(reply->body["remaining_seconds"] == model_.wallets[wallet].balance(), "another balance",
              *reply);
    }
    stay->second.undelivered.clear();
    return reply ? reply : Reply();
}

void World::heartbeat(const std::string& wallet)
{
    if (callers_.empty())
        return;
    if (call("/rooms/heartbeat", wallet, some_caller(wallet))) {
        auto& stay = model_.stays[wallet];
        stay.next =
            std::max(now + 1, std::min(now + config.rules.heartbeat_interval_seconds, stay.expires - 1));
    }
}

void World::renew(const std::string& wallet)
{
    if (callers_.empty())
        return;
    const auto body = some_caller(wallet);
    if (model_.wallets[wallet].is_banned(now)) {
        if (const auto reply = ask("POST", "/rooms/token/renew", body, wallet))
            require(*reply, "banned");
        return;
    }
    const auto reply = call("/rooms/token/renew", wallet, body);
    if (!reply)
        return;
    const bool is_denied = model_.wallets[wallet].balance() < config.rules.minimum_credit_seconds;
    if (!reply->body.is_null())
        check(reply->body.value("denied", false) == is_denied, "denied or not", *reply);
    auto& stay = model_.stays[wallet];
    ++answers[is_denied ? "renewal denied" : "renewal granted"];
    if (!is_denied)
        stay.expires = std::max(now + config.rules.free_token_ttl_seconds, stay.mark);
    static const std::vector<Seconds> before_end = {-1, 0, 1, 1, 2, 40};
    const auto usual = now + config.rules.renew_after_seconds;
    stay.next = std::max(now + 1, is_denied || roll(12) == 0 ? stay.expires - any(before_end)
                                                             : std::min(usual, stay.expires - 1));
}

void World::leave(const std::string& wallet)
{
    if (!callers_.empty())
        leave_as(wallet, some_caller(wallet), any_key());
}

void World::leave_as(const std::string& wallet, const base::Json& body, const std::optional<std::string>& key)
{
    const auto reply = call("/rooms/leave", wallet, body, key);
    if (!reply)
        return;
    const auto debited = model_.stays[wallet].debited;
    const bool closes = model_.depart(wallet, now);
    if (reply->body.is_null())
        return;
    check(reply->body["debited_seconds"] == debited, "another sum", *reply);
    check(reply->body["closed"] == closes, "closed or not", *reply);
}

// The host's or anybody's; of somebody in the room, or of somebody elsewhere or long gone.
void World::kick(const std::string& wallet)
{
    if (roll(4) == 0) { // by an operator
        if (callers_.empty())
            return;
        const std::string connection_id = some_caller(wallet)["connection_id"];
        const auto stay = std::find_if(model_.stays.begin(), model_.stays.end(), [&](const auto& entry) {
            return entry.second.connection_id == connection_id;
        });
        std::string error;
        attempt([&] {
            try {
                rooms::remove(db(), config.rules, connection_id, now);
            } catch (const base::Error& refused) {
                if (refused.code() != base::ErrorCode::not_found)
                    throw;
                error = refused.name();
            }
        });
        if (!is_lost_)
            check(error.empty() == (stay != model_.stays.end()), "the operator removes who is there");
        if (stay != model_.stays.end())
            model_.depart(std::string(stay->first), now);
        return;
    }
    const auto* hosted = model_.hosted_by(wallet);
    const auto room_id = hosted != nullptr && roll(5) > 0 ? hosted->room_id : any_room();
    std::vector<std::string> connection_ids = {random.uuid_v4()};
    for (const auto& [other, stay] : model_.stays) {
        for (int weight = 0; weight < (stay.room_id == room_id ? 20 : 1); ++weight)
            connection_ids.push_back(stay.connection_id);
    }
    for (const auto& [other, ids] : callers_)
        connection_ids.push_back(ids["connection_id"]);
    const auto connection_id = any(connection_ids);
    const auto stay = std::find_if(model_.stays.begin(), model_.stays.end(), [&](const auto& entry) {
        return entry.second.connection_id == connection_id && entry.second.room_id == room_id;
    });
    std::string expected;
    if (model_.active.count(room_id) == 0)
        expected = "room_not_found";
    else if (model_.active[room_id].host != wallet)
        expected = "not_host";
    else if (stay == model_.stays.end())
        expected = "participant_not_found";
    const auto reply = ask("DELETE", "/rooms/" + room_id + "/participants/" + connection_id, nullptr, wallet);
    if (reply)
        require(*reply, expected);
    if (!expected.empty())
        return;
    ++answers["kicked"];
    model_.meter(stay->second, now);
    const auto debited = stay->second.debited;
    const bool closes = model_.depart(std::string(stay->first), now);
    if (!reply)
        return;
    check(reply->body["debited_seconds"] == debited, "another sum", *reply);
    check(reply->body["closed"] == closes, "closed or not", *reply);
}

void World::close_as_host(const std::string& wallet)
{
    const auto* hosted = model_.hosted_by(wallet);
    const auto room_id = hosted != nullptr && roll(3) > 0 ? hosted->room_id : any_room();
    std::string expected;
    if (model_.active.count(room_id) == 0)
        expected = "room_not_found";
    else if (model_.active[room_id].host != wallet)
        expected = "not_host";
    const auto reply = ask("DELETE", "/rooms/" + room_id, nullptr, wallet);
    if (reply)
        require(*reply, expected);
    if (!expected.empty())
        return;
    ++answers["closed by its host"];
    model_.close(room_id, now);
}

void World::look(const std::string& wallet)
{
    if (roll(3) == 0) {
        const auto reply = ask("GET", "/credits", nullptr, wallet);
        if (reply)
            check(reply->body["remaining_seconds"] == model_.wallets[wallet].balance(), "another balance",
                  *reply);
        return;
    }
    const auto room_id = any_room();
    std::set<std::string> inside;
    for (const auto& [other, stay] : model_.stays) {
        if (stay.room_id == room_id)
            inside.insert(other);
    }
    const auto room = model_.active.find(room_id);
    const bool may_see =
        room != model_.active.end() &&
        (!room->second.is_private || room->second.host == wallet || inside.count(wallet) > 0);
    const auto reply = ask("GET", "/rooms/" + room_id, nullptr, wallet);
    if (!reply)
        return;
    require(*reply, may_see ? "" : "room_not_found");
    if (!may_see)
        return;
    std::set<std::string> shown;
    for (const auto& participant : reply->body["participants"])
        shown.insert(participant["wallet"]);
    check(shown == inside, "other participants", *reply);
    check(reply->body["capacity"] == room->second.capacity, "another capacity", *reply);
    check(reply->body["host_wallet"] == room->second.host, "another host", *reply);
    const auto& title = room->second.title;
    check(reply->body["title"] == (title.empty() ? base::Json() : base::Json(title)), "another title",
          *reply);
}

void World::verify_celo(const std::string& wallet)
{
    if (roll(20) == 0) { // the chain changes its mind
        auto& known = model_.wallets[wallet];
        if (known.has_name = !known.has_name; known.has_name)
            chain.names.insert(wallet);
        else
            chain.names.erase(wallet);
        if (known.is_verified = roll(3) > 0; known.is_verified)
            chain.verified.insert(wallet);
        else
            chain.verified.erase(wallet);
    }
    verify_celo_as(wallet, any_key());
}

void World::verify_celo_as(const std::string& address, const std::optional<std::string>& key)
{
    auto& wallet = model_.wallets[address];
    const auto reply = ask("POST", "/credits/verify-celo", base::Json::object(), address, key);
    if (wallet.bonus == 0 && (chain.is_down || !wallet.is_verified)) {
        if (reply)
            require(*reply, chain.is_down ? "chain_unavailable" : "not_verified");
        return;
    }
    const bool is_first = wallet.bonus == 0;
    wallet.bonus = config.rules.celo_bonus_seconds;
    if (!reply)
        return;
    require(*reply, "");
    check(reply->body["granted"] == is_first, "granted or not", *reply);
    check(reply->body["remaining_seconds"] == wallet.balance(), "another balance", *reply);
}

// A request that bore a key once more: as it was, with another body, or so late that it is a new one.
void World::repeat(const std::string& wallet)
{
    std::vector<ModelRequest> own;
    for (const auto& known : model_.requests) {
        if (known.wallet == wallet)
            own.push_back(known);
    }
    if (own.empty())
        return;
    const auto known = any(own);
    const bool is_new = !known.is_within(requests::answer_ttl_seconds, now) ||
                        (known.status == 0 && !known.is_within(requests::lease_seconds, now));
    const auto body = base::parse_json(known.body);
    if (is_new) {
        ++answers["keyed request carried out again"];
        if (known.path == "/rooms/create")
            return create_as(wallet, body, known.key);
        if (known.path == "/rooms/join")
            return join_as(wallet, body, known.key);
        if (known.path == "/rooms/leave")
            return leave_as(wallet, body, known.key);
        return verify_celo_as(wallet, known.key);
    }
    http::Request request;
    request.method = "POST";
    request.path = known.path;
    request.authorization = "Bearer " + tokens_[wallet].second;
    request.idempotency_key = known.key;
    const bool is_other = roll(4) == 0;
    request.body = known.body + (is_other ? " " : "");
    Reply reply;
    if (!attempt([&] { reply = send(request); }) || (is_lost_ && reply.status == 503))
        return;
    if (is_other)
        return require(reply, "idempotency_key_reused");
    if (known.status == 0)
        return require(reply, "request_in_progress");
    ++answers["replayed"];
    check(reply.status == known.status && reply.text == known.answer, "another answer than before", reply);
    check(reply.headers.count("Idempotency-Replayed") == 1, "no word that it is a replay", reply);
}

// ---- booked sessions ----

void World::book()
{
    if (recent_bookings_.size() >= 10)
        recent_bookings_.erase(recent_bookings_.begin());
    static const std::vector<Seconds> durations = {1, 2, 5, 10, 20, 60};
    static const std::vector<Seconds> graces = {0, 1, 5};
    static const std::vector<Seconds> overlaps = {0, 1, 1, 5, 10};
    ModelBooking booking;
    booking.booking_id =
        (roll(4) == 0 ? "11579208923731619542357098500868790785326998466564056403945758400" : "") +
        std::to_string(1000 + bookings_.size());
    booking.host = any(wallets_);
    do
        booking.guest = any(wallets_);
    while (booking.guest == booking.host);
    booking.start = now - 300 + static_cast<Seconds>(roll(1200));
    booking.ends = booking.start + 60 * any(durations);
    booking.grace = 60 * any(graces);
    booking.min_overlap = 60 * any(overlaps);
    bookings_[booking.booking_id] = booking;
    recent_bookings_.push_back(booking.booking_id);
    escrow_.book(booking);
}

ModelBooking* World::any_booking()
{
    if (recent_bookings_.empty())
        return nullptr;
    std::vector<ModelBooking*> present;
    for (const auto& booking_id : recent_bookings_) {
        auto& booking = bookings_.at(booking_id);
        if (booking.start - config.rules.join_window_seconds <= now && now <= booking.ends)
            present.push_back(&booking);
    }
    return present.empty() || roll(5) == 0 ? &bookings_.at(any(recent_bookings_)) : any(present);
}

void World::join_session(const std::string& somebody)
{
    auto* booking = any_booking();
    if (booking == nullptr)
        return;
    const auto wallet = roll(10) == 0 ? somebody : roll(2) == 0 ? booking->host : booking->guest;
    if (fault_ == Fault::none)
        sign_in(wallet);
    else if (now >= tokens_[wallet].first)
        return;
    const auto status = chain.bookings.at(booking->booking_id).status;
    const bool is_active = status == ethereum::BookingStatus::booked;
    const bool is_recalled = booking->is_known && booking->looked_up && booking->concluded.empty() &&
                             std::abs(now - *booking->looked_up) <= 60;
    std::string expected;
    if (chain.is_down && !is_recalled)
        expected = "chain_unavailable";
    else if (!chain.is_down && !is_active)
        expected = "booking not active";
    else if (wallet != booking->host && wallet != booking->guest)
        expected = "not a participant";
    else if (now < booking->start - config.rules.join_window_seconds)
        expected = "too early to join";
    else if (now > booking->ends || booking->is_closed)
        expected = "session has ended";
    const auto before = *booking;
    const auto reply = ask("POST", "/session/join", {{"booking_id", booking->booking_id}}, wallet);
    if (reply)
        require(*reply, expected);
    if (!chain.is_down && !is_active && booking->is_known)
        booking->looked_up = sessions::find_session(db(), booking->booking_id)->looked_up_at == 0
                                 ? std::nullopt
                                 : booking->looked_up;
    if (!expected.empty())
        return;
    ++answers["session joined"];
    if (!chain.is_down)
        booking->looked_up = now;
    booking->is_known = true;
    booking->end_open(wallet, now);
    for (auto& [other, visits] : booking->visits) { // who has not been cut off by Agora stays
        for (auto& visit : visits) {
            if (!visit.left && now >= visit.expires)
                visit.left = std::clamp(now, visit.joined, visit.expires);
        }
    }
    const auto ttl = std::min(std::max(config.rules.booked_token_ttl_seconds, booking->ends - now), day);
    booking->visits[wallet].push_back({now, now + ttl, std::nullopt});
    if (!reply) { // all of it or nothing
        auto row = db().prepare("SELECT count(*) FROM sessions JOIN connections USING (room_id) "
                                "WHERE booking_id = :booking_id AND wallet = :wallet");
        row.bind(":booking_id", booking->booking_id).bind(":wallet", wallet).step();
        if (row.integer(0) != static_cast<std::int64_t>(booking->visits[wallet].size()))
            *booking = before;
    }
}

void World::leave_session(const std::string& somebody)
{
    auto* booking = any_booking();
    if (booking == nullptr)
        return;
    const auto wallet = roll(10) == 0 ? somebody : roll(2) == 0 ? booking->host : booking->guest;
    if (fault_ == Fault::none)
        sign_in(wallet);
    else if (now >= tokens_[wallet].first)
        return;
    const auto before = *booking;
    Seconds stayed = 0;
    for (const auto& visit : booking->visits[wallet]) {
        if (!visit.left)
            stayed = std::clamp(now, visit.joined, visit.expires) - visit.joined;
    }
    booking->end_open(wallet, now);
    const auto reply =
        ask("POST", "/session/" + booking->booking_id + "/leave", base::Json::object(), wallet);
    if (reply) {
        require(*reply, "");
        check(reply->body["duration_ms"] == stayed * 1000, "another duration", *reply);
        return;
    }
    auto row = db().prepare("SELECT count(*) FROM sessions JOIN connections USING (room_id) "
                            "WHERE booking_id = :booking_id AND wallet = :wallet AND left_at IS NULL");
    row.bind(":booking_id", booking->booking_id).bind(":wallet", wallet).step();
    if (row.integer(0) > 0)
        *booking = before;
}

// It takes no transaction right now.
bool World::is_node_refusing() const
{
    return escrow_.refuses_next > 0 || chain.account_balance == ethereum::Uint256(1);
}

// What was decided is exactly what the model decides, once and for all.
void World::expect_attestation(const ModelBooking& booking, int outcome, const ModelMetrics& metrics)
{
    const auto stored = sessions::find_attestation(db(), booking.booking_id);
    check(stored.has_value(), "no attestation is stored");
    const auto& m = stored->metrics;
    check(static_cast<int>(stored->outcome) == outcome, "another outcome is stored");
    check(metrics == ModelMetrics{m.host_joined_at, m.host_left_at, m.guest_joined_at, m.guest_left_at,
                                  m.overlap_seconds},
          "other metrics are stored");
    std::ostringstream text;
    text << "{\"bookingId\":\"" << booking.booking_id << "\",\"hostJoinedAt\":" << metrics.host_joined
         << ",\"hostLeftAt\":" << metrics.host_left << ",\"guestJoinedAt\":" << metrics.guest_joined
         << ",\"guestLeftAt\":" << metrics.guest_left << ",\"overlapSeconds\":" << metrics.overlap << "}";
    check(stored->metrics_hash == ethereum::keccak256(text.str()), "another hash is stored");
    ++answers[std::string("attested ") + outcome_name(outcome)];
}

void World::attest_by_endpoint()
{
    auto* booking = any_booking();
    if (booking == nullptr)
        return;
    const int forced = roll(6) == 0 ? static_cast<int>(1 + roll(3)) : 0;
    const auto before = sessions::find_attestation(db(), booking->booking_id);
    const auto metrics = booking->measure(now);
    const int outcome = forced != 0 ? forced : booking->outcome_of(metrics);
    const auto status = chain.bookings.at(booking->booking_id).status;
    std::string expected;
    if (!before) {
        if (chain.is_down)
            expected = "chain_unavailable";
        else if (status != ethereum::BookingStatus::booked)
            expected = std::string("booking status is ") + name_of(status) + ", expected Booked";
        else
            expected = booking->obstacle(outcome, metrics, forced != 0, now);
    }
    // A node that stops answering after some questions.
    const bool is_interrupted = fault_ == Fault::none && roll(6) == 0;
    if (is_interrupted)
        chain.before = [left = roll(12)](const char*) mutable {
            if (left-- == 0)
                throw base::Error(base::ErrorCode::chain_unavailable, "chain_unavailable", "scripted");
        };
    const auto reply = ask("POST",
                           "/session/" + booking->booking_id + "/attest" +
                               (forced != 0 ? std::string("?force_outcome=") + outcome_name(forced) : ""),
                           nullptr, {});
    chain.before = nullptr;
    const auto after = sessions::find_attestation(db(), booking->booking_id);
    if (before) {
        check(after && after->outcome == before->outcome && after->metrics_hash == before->metrics_hash &&
                  after->decided_at == before->decided_at,
              "a decision changed");
        if (reply)
            check(reply->status == 200 || reply->status == 502 || reply->status == 503,
                  "no word on a decision", *reply);
        return;
    }
    const bool is_certain = reply && !is_interrupted && !is_node_refusing();
    if (after) {
        check(expected.empty(), "attested in spite of what stands in the way");
        expect_attestation(*booking, outcome, metrics);
        if (booking->is_known)
            booking->concluded = "attested";
    } else if (is_certain) {
        require(*reply, expected);
        check(!expected.empty(), "said to be attested, and nothing is stored", *reply);
    }
    if (reply && reply->status == 200)
        check(after && reply->body["outcome"] == outcome_name(outcome), "another outcome", *reply);
}

void World::sweep_oracle()
{
    struct Due
    {
        ModelBooking* booking;
        int outcome;
        ModelMetrics metrics;
        std::string obstacle;
        std::optional<sessions::Attestation> before; // decided before anybody joined
    };
    std::vector<Due> due;
    for (auto& [booking_id, booking] : bookings_) {
        if (!booking.is_known || !booking.concluded.empty() || booking.start > now)
            continue;
        const auto metrics = booking.measure(now);
        const auto outcome = booking.outcome_of(metrics);
        due.push_back({&booking, outcome, metrics, booking.obstacle(outcome, metrics, false, now),
                       sessions::find_attestation(db(), booking_id)});
    }
    const bool is_interrupted = fault_ == Fault::none && roll(3) == 0;
    if (is_interrupted)
        chain.before = [left = roll(20)](const char*) mutable {
            if (left-- == 0)
                throw base::Error(base::ErrorCode::chain_unavailable, "chain_unavailable", "scripted");
        };
    const bool is_done = attempt([&] { sessions::Oracle(db(), chain, config).sweep(now); });
    chain.before = nullptr;
    const bool is_certain = is_done && !is_interrupted && !chain.is_down && !is_node_refusing();
    for (auto& [booking, outcome, metrics, obstacle, before] : due) {
        const auto known = sessions::find_session(db(), booking->booking_id);
        if (before) {
            const auto after = sessions::find_attestation(db(), booking->booking_id);
            check(after->outcome == before->outcome && after->metrics_hash == before->metrics_hash,
                  "a decision changed");
            check(known->concluded == "attested" || (known->concluded.empty() && !is_certain),
                  "what was attested before somebody joined is not concluded");
            ++answers["joined after it was attested"];
            booking->concluded = known->concluded;
            continue;
        }
        const bool is_attested = sessions::find_attestation(db(), booking->booking_id).has_value();
        const auto status = chain.bookings.at(booking->booking_id).status;
        if (known->looked_up_at == now) // it was asked about
            booking->looked_up = now;
        if (known->concluded == "window missed")
            check(booking->window_of(outcome, now) == 2 && now > booking->ends, "given up too early");
        else if (known->concluded == "attested" || is_attested)
            check(obstacle.empty() && is_attested && known->concluded == "attested",
                  "attested too early, or by half");
        else if (!known->concluded.empty())
            check(status != ethereum::BookingStatus::booked && obstacle.empty(),
                  "given up, but it is still booked");
        else if (is_certain)
            check(!obstacle.empty(), "what is due is not attested");
        if (is_attested)
            expect_attestation(*booking, outcome, metrics);
        if (!known->concluded.empty())
            ++answers[known->concluded.rfind("booking", 0) == 0 ? "not booked any more" : known->concluded];
        booking->concluded = known->concluded;
    }
}

void World::stir_chain()
{
    switch (roll(14)) {
    case 0:
        if (auto* booking = any_booking())
            escrow_.cancel(booking->booking_id);
        break;
    case 1:
        escrow_.lose_pool();
        break;
    case 2: // of whatever is still under way, all may need another nonce
        for (const auto& [booking_id, booking] : bookings_)
            overtaken_.insert(booking_id);
        escrow_.take_nonce();
        break;
    case 3:
        escrow_.refuses_next = roll(3);
        break;
    case 4:
        chain.account_balance = ethereum::Uint256(roll(2) == 0 ? 1 : 1000000000000000000);
        break;
    case 5:
        chain.fees.max_fee_per_gas = chain.fees.max_fee_per_gas.scaled(1 + roll(3), 1 + roll(2));
        chain.fees.least = chain.fees.max_fee_per_gas;
        break;
    default:
        escrow_.mine(now);
    }
    if (chain.fees.least > ethereum::Uint256(1000000))
        chain.fees.least = chain.fees.max_fee_per_gas = ethereum::Uint256(1100);
}

// Everybody's visits, and that the oracle keeps its word.
void World::check_bookings()
{
    for (const auto& [booking_id, times] : escrow_.attested())
        check(times == 1, "attested twice");
    for (const auto& [booking_id, calls] : escrow_.calls())
        check(calls.size() == 1 || forgotten_.count(booking_id) > 0, "two decisions on one booking");
    for (const auto& booking_id : recent_bookings_) {
        const auto& booking = bookings_.at(booking_id);
        for (const auto& [wallet, visits] : booking.visits) {
            auto expected = visits;
            std::stable_sort(expected.begin(), expected.end(),
                             [](const auto& a, const auto& b) { return a.joined < b.joined; });
            const auto stays = sessions::find_stays(db(), booking_id, wallet, now);
            check(stays.size() == expected.size(), "other visits to a session");
            std::multiset<std::pair<Seconds, Seconds>> stored;
            std::multiset<std::pair<Seconds, Seconds>> wanted;
            for (std::size_t i = 0; i < stays.size(); ++i) {
                stored.emplace(stays[i].joined_at, stays[i].left_at);
                wanted.emplace(expected[i].joined, expected[i].end(now));
            }
            check(stored == wanted, "a visit to a session of another length");
        }
    }
}

// ---- what operators and cron do ----

void World::sweep_at(Seconds instant)
{
    attempt([&] {
        rooms::sweep(db(), config.rules, instant);
        sessions::close_ended(db(), instant);
        auth::purge_spent_nonces(db(), instant, 1000);
        requests::purge(db(), instant, 1000);
        rooms::record_sweep(db(), instant);
    });
    model_.sweep(instant);
    auto& requests = model_.requests;
    requests.erase(std::remove_if(requests.begin(), requests.end(),
                                  [&](const auto& known) {
                                      return !known.is_within(requests::answer_ttl_seconds, instant);
                                  }),
                   requests.end());
    for (auto& [booking_id, booking] : bookings_) {
        if (!booking.is_known || booking.is_closed || booking.ends >= instant)
            continue;
        if (is_lost_) {
            auto row = db().prepare("SELECT closed_at FROM rooms JOIN sessions USING (room_id) "
                                    "WHERE booking_id = :booking_id");
            row.bind(":booking_id", booking_id).step();
            if (!row.optional_integer(0))
                continue;
        }
        booking.is_closed = true;
        for (auto& [wallet, visits] : booking.visits)
            booking.end_open(wallet, booking.ends);
    }
}

// On time, twice, or one that started a while ago and is slow.
void World::sweep(const std::string&)
{
    sweep_at(now);
    if (is_lost_)
        return;
    if (roll(3) == 0)
        sweep_at(now);
    if (roll(3) == 0)
        sweep_at(now - static_cast<Seconds>(roll(40)));
}

void World::operate(const std::string& wallet)
{
    switch (roll(12)) {
    case 0:
        if (past_rooms_.empty())
            return;
        {
            const auto room_id = any(past_rooms_);
            bool was_closed = false;
            if (attempt([&] { was_closed = rooms::close(db(), config.rules, room_id, now); }))
                check(was_closed == (model_.active.count(room_id) > 0), "closed or not");
            model_.close(room_id, now);
        }
        return;
    case 1:
        return roll(4) == 0 ? ban(wallet) : refund();
    case 2:
        return refund();
    default:
        return adjust(wallet);
    }
}

// Brings the balance to an edge.
void World::adjust(const std::string& address)
{
    static const std::vector<Seconds> edges = {
        -50, 0,    1,    2,    29,   30,   31,   89,   90,   91,   119,  120,  299,  300,  301,  302,
        390, 1799, 1800, 1801, 3600, 3600, 7200, 7200, 9000, 9000, 9000, 9000, 9000, 9000, 9000, 9000};
    static const std::vector<Seconds> extremes = {
        credits::max_adjustment_seconds,     credits::max_adjustment_seconds + 1,
        -credits::max_adjustment_seconds,    -credits::max_adjustment_seconds - 1,
        std::numeric_limits<Seconds>::max(), std::numeric_limits<Seconds>::min()};
    auto& wallet = model_.wallets[address];
    const auto change = roll(20) == 0 ? any(extremes) : any(edges) - wallet.balance();
    const bool is_allowed = change >= -credits::max_adjustment_seconds &&
                            change <= credits::max_adjustment_seconds &&
                            wallet.balance() + change <= credits::max_balance_seconds;
    Seconds applied = 0;
    bool is_refused = false;
    const bool is_done = attempt([&] {
        sqlite::Transaction tx(db());
        rooms::settle_wallet(db(), config.rules, address, now);
        try {
            applied = credits::adjust(db(), address, change, "simulation", now);
        } catch (const base::Error& error) {
            if (error.code() != base::ErrorCode::invalid_argument)
                throw;
            is_refused = true;
        }
        tx.commit();
    });
    if (is_done)
        check(is_refused == !is_allowed, "an adjustment beyond the limits");
    if (!is_allowed)
        return;
    const auto expected = std::max(change, -wallet.balance());
    if (is_done)
        check(applied == expected, "another adjustment than was asked for");
    wallet.adjusted += expected;
}

void World::refund()
{
    if (model_.bills.empty())
        return;
    auto& [connection_id, bill] =
        *std::next(model_.bills.begin(), static_cast<std::ptrdiff_t>(roll(model_.bills.size())));
    const auto left = bill.debited - bill.refunded;
    const std::vector<Seconds> amounts = {0, 1, left / 2, left, left, left + 1};
    const auto seconds = any(amounts);
    const bool is_allowed = seconds >= 1 && seconds <= left;
    bool is_refused = false;
    const bool is_done = attempt([&, &id = connection_id, &who = bill.wallet] {
        sqlite::Transaction tx(db());
        rooms::settle_wallet(db(), config.rules, who, now);
        try {
            credits::refund(db(), who, id, seconds, "simulation", now);
        } catch (const base::Error& error) {
            if (error.code() == base::ErrorCode::database_unavailable)
                throw;
            is_refused = true;
        }
        tx.commit();
    });
    if (is_done)
        check(is_refused == !is_allowed, "a refund beyond what was debited");
    if (!is_allowed)
        return;
    ++answers["refunded"];
    bill.refunded += seconds;
    model_.wallets[bill.wallet].consumed -= seconds;
}

void World::ban(const std::string& address)
{
    auto& wallet = model_.wallets[address];
    if (wallet.is_banned(now) && roll(2) == 0) {
        attempt([&] {
            sqlite::Transaction tx(db());
            auth::lift_ban(db(), address, now);
            tx.commit();
        });
        model_.lift_bans(address, now);
        return;
    }
    static const std::vector<Seconds> terms = {1, 45, 90, 3600, day};
    const auto seconds = any(terms);
    attempt([&] {
        sqlite::Transaction tx(db());
        auth::ban(db(), address, "simulation", seconds, now);
        rooms::expel(db(), config.rules, address, now);
        tx.commit();
    });
    model_.lift_bans(address, now);
    wallet.bans.push_back({now + seconds, false});
    if (wallet.bans.size() > 20)
        wallet.bans.erase(wallet.bans.begin());
    model_.expel(address, now);
}

void World::prune()
{
    const auto before = credits::day_of(now) - static_cast<Seconds>(roll(2)) * day;
    if (attempt([&] {
            credits::prune(db(), before);
            rooms::prune(db(), before);
        }))
        ++answers["pruned"];
}

void World::back_up()
{
    model_.settle(now);
    sweep_at(now); // so that nothing has lapsed unnoticed, should the clock step back before it is restored
    if (is_lost_)
        return;
    const auto path = folder / ("backup-" + random.uuid_v4());
    sqlite::Backup backup(db(), path, audit_all);
    backup.keep();
    if (checkpoint_)
        std::filesystem::remove(checkpoint_->path);
    checkpoint_.emplace(Checkpoint{path, model_, bookings_, last_event_id_, running_balance_, callers_});
    ++answers["backed up"];
}

// The day since the backup is gone. The chain does not go back.
void World::restore()
{
    if (!checkpoint_ || fault_ != Fault::none)
        return;
    check_new_events();
    sqlite::Restoration restoration(checkpoint_->path, config.database_path, audit_all);
    restoration.replace(db());
    for (const auto& [booking_id, booking] : bookings_)
        forgotten_.insert(booking_id);
    go_back_to(checkpoint_->model);
    auto bookings = checkpoint_->bookings;
    for (const auto& [booking_id, booking] : bookings_) {
        auto& restored = bookings[booking_id];
        if (!restored.booking_id.empty())
            continue;
        restored = booking; // made since, on the chain
        restored.visits.clear();
        restored.is_known = restored.is_closed = false;
        restored.concluded.clear();
        restored.looked_up.reset();
    }
    bookings_ = bookings;
    last_event_id_ = checkpoint_->last_event_id;
    running_balance_ = checkpoint_->running_balance;
    callers_ = checkpoint_->callers;
    model_.settle(now);
    ++answers["restored"];
}

// ---- the comparison ----

// What has lapsed without being noticed counts as settled.
std::string World::difference()
{
    std::map<std::string, Seconds> unsettled;
    std::size_t present = 0;
    auto stay = db().prepare("SELECT wallet, room_id, connection_id, token_expires_at, last_metered_at, "
                             "debited_seconds, agora_uid, events_delivered "
                             "FROM connections WHERE left_at IS NULL AND kind = 'free'");
    std::set<std::pair<std::string, Seconds>> uids;
    while (stay.step()) {
        const auto wallet = stay.text(0);
        if (stay.integer(3) <= now) {
            unsettled[wallet] = stay.integer(3) - stay.integer(4);
            continue;
        }
        ++present;
        const auto found = model_.stays.find(wallet);
        if (found == model_.stays.end())
            return "somebody is in a room who should not be";
        const auto& expected = found->second;
        const auto told = static_cast<Seconds>(expected.said_low) + expected.said_exhausted -
                          static_cast<Seconds>(expected.undelivered.size());
        if (stay.text(1) != expected.room_id || stay.text(2) != expected.connection_id)
            return "somebody is in another room";
        if (stay.integer(3) != expected.expires || stay.integer(4) != expected.mark ||
            stay.integer(5) != expected.debited || stay.integer(7) != told)
            return "a stay is " + std::to_string(stay.integer(3) - expected.expires) + " s longer, paid " +
                   std::to_string(stay.integer(4) - expected.mark) + " s further, with " +
                   std::to_string(stay.integer(5) - expected.debited) + " s and " +
                   std::to_string(stay.integer(7) - told) + " events more";
        if (!uids.emplace(stay.text(1), stay.integer(6)).second)
            return "two have one uid";
        if (model_.active.count(expected.room_id) == 0)
            return "somebody is in a room that is closed";
    }
    if (present != model_.stays.size())
        return "somebody is missing";
    auto account =
        db().prepare("SELECT wallet, base_granted_seconds, bonus_granted_seconds, adjusted_seconds, "
                     "consumed_seconds, remaining_seconds FROM credit_accounts");
    std::set<std::string> with_account;
    while (account.step()) {
        const auto& expected = model_.wallets.at(account.text(0));
        with_account.insert(account.text(0));
        const auto owed = std::min(unsettled[account.text(0)], account.integer(5));
        if (account.integer(5) - owed != expected.balance() ||
            account.integer(4) + owed != expected.consumed || account.integer(1) != expected.base ||
            account.integer(2) != expected.bonus || account.integer(3) != expected.adjusted ||
            expected.balance() < 0)
            return "the balance of " + account.text(0) + " is " +
                   std::to_string(account.integer(5) - owed - expected.balance()) + " s higher";
    }
    for (const auto& [address, wallet] : model_.wallets) {
        const bool had_credit = wallet.base != 0 || wallet.bonus != 0 || wallet.adjusted != 0;
        if (had_credit && with_account.count(address) == 0)
            return "an account is missing";
    }
    const auto rooms = rooms::list_active(db(), config.rules, false, 1000, now);
    for (const auto& room : rooms) {
        const auto found = model_.active.find(room.room.room_id);
        if (found == model_.active.end() ||
            static_cast<std::size_t>(room.participant_count) != model_.count(room.room.room_id) ||
            room.room.host_wallet != found->second.host || room.room.title != found->second.title ||
            room.room.created_at != found->second.created)
            return "another room";
    }
    return rooms.size() == model_.active.size() ? "" : "more or fewer rooms";
}

void World::compare()
{
    model_.settle(now);
    if (const auto different = difference(); !different.empty())
        throw Divergence(different);
    check_new_events();
    check_bookings();
}

void World::check_wallet(const std::string& address)
{
    const auto& expected = model_.wallets[address];
    const auto account = credits::account(db(), address);
    Seconds owed = 0;
    const auto connection = rooms::find_open_connection(db(), address);
    if (connection && connection->is_lapsed(now))
        owed =
            std::min(connection->token_expires_at - connection->last_metered_at, account.remaining_seconds);
    check(account.remaining_seconds - owed == expected.balance(), "another balance");
    check(account.consumed_seconds + owed == expected.consumed, "another consumption");
    const auto stay = model_.stays.find(address);
    check((connection && !connection->is_lapsed(now)) == (stay != model_.stays.end()), "present or not");
    if (stay != model_.stays.end())
        check(connection->last_metered_at == stay->second.mark &&
                  connection->token_expires_at == stay->second.expires &&
                  connection->debited_seconds == stay->second.debited,
              "another stay");
}

// Every event continues its wallet's running balance.
void World::check_new_events()
{
    auto event =
        db().prepare("SELECT event_id, wallet, delta_seconds, balance_after_seconds FROM credit_events "
                     "WHERE event_id > :seen ORDER BY event_id");
    event.bind(":seen", last_event_id_);
    while (event.step()) {
        last_event_id_ = event.integer(0);
        auto& balance = running_balance_[event.text(1)];
        balance += event.integer(2);
        check(balance == event.integer(3) && balance >= 0, "an event does not continue the running balance");
    }
}

void World::check_metrics()
{
    sweep_at(now);
    if (is_lost_)
        return;
    http::Request request;
    request.method = "GET";
    request.path = "/metrics";
    request.authorization = "Bearer " + config.metrics_token;
    const auto reply = send(request);
    const auto sample = [&](const std::string& series) {
        const auto at = reply.text.find("\n" + series + " ");
        if (at == std::string::npos)
            throw Divergence("no sample of " + series);
        return std::stoll(reply.text.substr(at + series.size() + 2));
    };
    const auto metered = sample("session_voice_metered_seconds_total");
    check(metered == query("SELECT ifnull(-sum(delta_seconds), 0) FROM credit_events "
                           "WHERE kind IN ('debit_usage', 'refund_usage')"),
          "the metered seconds are not the ledger's");
    check(metered == model_.total_consumed(), "the metered seconds are not the model's");
    check(sample("session_voice_participants_present{kind=\"free\"}") ==
              static_cast<std::int64_t>(model_.stays.size()),
          "other participants are present");
    check(sample("session_voice_active_rooms{kind=\"free\"}") ==
              static_cast<std::int64_t>(model_.active.size()),
          "other rooms are active");
    answers["most participants at once"] =
        std::max<std::uint64_t>(answers["most participants at once"], model_.stays.size());
    ++answers["metrics"];
    auto& most = answers["most rooms open at once"];
    most = std::max<std::uint64_t>(most, model_.active.size());
}

void World::check_listing()
{
    const auto reply = get("/rooms/active");
    std::set<std::string> listed;
    for (const auto& room : reply.body["rooms"]) {
        listed.insert(room["room_id"]);
        check(room["participant_count"] == model_.count(room["room_id"]), "other participants are listed",
              reply);
    }
    std::set<std::string> expected;
    for (const auto& [room_id, room] : model_.active) {
        if (!room.is_private)
            expected.insert(room_id);
    }
    check(listed == expected, "other rooms are listed", reply);
}

void World::audit()
{
    auto violations = audit_all(db());
    if (violations.empty())
        violations = db().integrity_problems();
    if (!violations.empty())
        throw Divergence("audit: " + violations.front());
    // Nobody pays for a second twice, nor for one in which no token of theirs was good. After the clock has
    // stepped back a second may come twice.
    auto stay = db().prepare("SELECT wallet, joined_at, last_metered_at, debited_seconds, "
                             "ifnull(left_at, token_expires_at) FROM connections WHERE kind = 'free' "
                             "ORDER BY wallet, joined_at, last_metered_at");
    std::string wallet;
    Seconds paid_until = 0;
    while (stay.step()) {
        if (stay.text(0) != wallet) {
            wallet = stay.text(0);
            paid_until = 0;
        }
        check(has_stepped_back_ || stay.integer(1) >= paid_until, "two stays of one wallet at once");
        check(stay.integer(3) <= stay.integer(2) - stay.integer(1) && stay.integer(2) <= stay.integer(4),
              "paid for more than the token allowed");
        paid_until = std::max(paid_until, stay.integer(2));
    }
}

void World::finish()
{
    chain.is_down = false;
    chain.account_balance = ethereum::Uint256(1000000000000000000);
    chain.fees.least = chain.fees.max_fee_per_gas = ethereum::Uint256(1100);
    escrow_.refuses_next = 0;
    sweep_at(now);
    compare();
    for (int round = 0; round < 30; ++round) {
        sessions::Oracle(db(), chain, config).sweep(now);
        escrow_.mine(now);
        now += 61;
        model_.settle(now);
    }
    check_bookings();
    auto attestation =
        db().prepare("SELECT booking_id, state, metrics_hash, ifnull(failure, '') FROM attestations");
    while (attestation.step()) {
        const auto booking_id = attestation.text(0);
        const auto& booking = chain.bookings.at(booking_id);
        check(attestation.text(1) != "submitted", "an attestation without an end");
        const bool is_on_chain = booking.status == ethereum::BookingStatus::attested &&
                                 base::to_hex(booking.metrics_hash) == attestation.text(2);
        if (forgotten_.count(booking_id) == 0)
            check((attestation.text(1) == "confirmed") == is_on_chain,
                  "an attestation that the chain does not confirm");
        ++answers["attestation " + attestation.text(1)];
    }
    for (const auto& [booking_id, times] : escrow_.attested())
        check(forgotten_.count(booking_id) > 0 || sessions::find_attestation(db(), booking_id).has_value(),
              "attested on the chain, and not here");
    audit();
}

} // namespace simulation
