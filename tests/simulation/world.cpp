#include "simulation/world.h"

#include "base/config.h"
#include "credits/eligibility.h"
#include "requests/idempotency.h"
#include "rooms/connection.h"
#include "rooms/early_leave.h"
#include "rooms/metering.h"
#include "rooms/moderation.h"
#include "rooms/standing.h"

#include <algorithm>

namespace simulation {

namespace {

constexpr unsigned largest_population = 192;
constexpr std::uint64_t audit_every = 8000;
constexpr Seconds first_overflow = 2147483648; // of a signed 32-bit second: 2038-01-19T03:14:08Z

// A wallet's address costs a multiplication on the curve.
const std::string& address_of(unsigned number)
{
    static std::vector<std::string> known(largest_population + 1);
    if (known[number].empty())
        known[number] = AppFixture::address(number);
    return known[number];
}

} // namespace

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

namespace {

void check_balance(const Reply& reply, Seconds expected)
{
    const auto what = "another balance than " + std::to_string(expected);
    check(reply.body["remaining_seconds"] == expected, what.c_str(), reply);
}

} // namespace

std::map<std::string, std::uint64_t> World::answers;

base::Config World::settings(const std::string& database_path, bool is_on_sqlite)
{
    faulty_disk::install();
    auto config = test_config();
    config.rules.early_leave_budget_seconds = 200; // or it would hardly ever count
    config.database_path = database_path;
    if (is_on_sqlite)
        config.database_url = "";
    config.database_busy_timeout_ms = 1;
    config.metrics_token = "a token for who watches";
    config.oracle_private_key = "0x" + std::string(64, '1');
    config.escrow_address = "0x132212b78c4a7a3f19de1bf63f119848c765c1d2";
    return config;
}

World::World(std::uint64_t seed, const Setting& setting)
    : AppFixture(settings(folder / "test.db", setting.is_on_sqlite)), seed_(seed),
      is_common_(setting.is_common), is_held_at_times_(setting.is_held_at_times), dice_(seed, UINT64_MAX),
      model_(config.rules), escrow_(chain)
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
        static const std::vector<Fault> common = {Fault::locked, Fault::unheard, Fault::killed_amid_question};
        static const std::vector<Fault> alike = {Fault::unheard, Fault::killed_amid_question};
        with_fault(any(!is_common_ ? faults : is_held_at_times_ ? common : alike), wallet, due != nullptr);
        forget_pruned();
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
        require(reply, "");
        require(post("/auth/verify", signed_nonce), "invalid or expired nonce");
        token = reply.body["token"].get<std::string>();
    }
    ends = now + config.jwt_ttl_seconds;
}

// ---- faults ----

void World::arm(Fault fault)
{
    fault_ = fault;
    switch (fault) {
    case Fault::locked:
        other_.emplace(config);
        break;
    case Fault::full:
        faulty_disk::fail_after(static_cast<std::int64_t>(roll(24)));
        break;
    case Fault::killed:
        faulty_disk::die_after(static_cast<std::int64_t>(roll(24)));
        break;
    case Fault::killed_amid_question:
        chain.before = [this, left = roll(6)](const char*) mutable {
            if (left-- == 0) {
                if (!is_common_)
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
    std::construct_at(&app, config, chain, random, counters, clock);
}

// Whether a request that is refused may all the same change something.
bool World::is_something_to_settle(const std::string& wallet)
{
    const bool is_grant_due =
        chain.names.count(wallet) > 0 && credits::account(db(), wallet).base_granted_seconds == 0;
    const auto stay = rooms::find_open_connection(db(), wallet);
    const auto balance_seconds = credits::account(db(), wallet).remaining_seconds;
    const bool is_something_used =
        stay && (rooms::used_seconds(*stay, balance_seconds, now) > 0 ||
                 stay->last_metered_at != now || // later than that: the clock was set back
                 (balance_seconds <= config.rules.low_credit_seconds &&
                  !stay->credits_low_at) || // an operator took some
                 (balance_seconds == 0 && !stay->credits_exhausted_at));
    const bool is_left_over_due = rooms::is_beyond_budget(context(), rooms::load_standing(db(), wallet, now));
    return is_grant_due || is_something_used || is_left_over_due ||
           query("SELECT EXISTS (SELECT 1 FROM connections WHERE left_at IS NULL AND "
                 "token_expires_at <= " +
                 std::to_string(now) +
                 ") OR EXISTS (SELECT 1 FROM rooms WHERE closed_at IS NULL AND created_at <= " +
                 std::to_string(now - config.rules.unjoined_room_ttl_seconds) + ")") != 0;
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
    const bool can_settle = key && is_something_to_settle(wallet);
    const bool may_fail = fault_ != Fault::none;
    Reply reply;
    const bool is_heard = attempt([&] {
        reply = send(request);
        if (fault_ != Fault::none && reply.status == 503 && reply.body["error"] == "database_unavailable")
            throw base::Error(base::ErrorCode::database_unavailable, "database_unavailable");
    });
    if (path != "/metrics") {
        for (const char byte : std::to_string(reply.status) + reply.text)
            digest_ = (digest_ ^ static_cast<unsigned char>(byte)) * 1099511628211u;
    }
    if (key) {
        auto& requests = model_.requests;
        requests.erase(
            std::remove_if(requests.begin(), requests.end(),
                           [&](const auto& known) { return known.wallet == wallet && known.key == *key; }),
            requests.end());
        if (requests.size() >= 60)
            requests.erase(requests.begin());
        ModelRequest made{wallet, path, request.body, *key, now, 0, {}};
        if (is_heard && reply.status == 200) {
            made.status = reply.status;
            made.answer = reply.text;
            requests.push_back(made);
        } else { // a refusal is kept if something was settled on the way to it
            auto row = db().prepare("SELECT coalesce(status, 0) AS status, coalesce(body, '') AS body, "
                                    "started_at FROM idempotent_requests "
                                    "WHERE wallet = :wallet AND idempotency_key = :idempotency_key");
            row.bind(":wallet", wallet).bind(":idempotency_key", *key);
            if (row.step()) {
                made.status = static_cast<int>(row.integer("status"));
                made.answer = row.text("body");
                made.started = row.integer("started_at");
                requests.push_back(made);
                // A fault can keep the key of a request from being given back that was refused for another
                // reason.
                if (is_heard && made.status == 0)
                    check(may_fail, "a key stays taken for nothing", reply);
                else if (is_heard)
                    check(can_settle && made.answer == reply.text, "a refusal is kept for nothing", reply);
            }
        }
    }
    return is_heard ? std::optional(reply) : std::nullopt;
}

// One step that a fault hits, at most once. Then the database must be as if all of it had happened, or
// nothing: nothing if the service said so, all if only the answer was lost. A sweep knows more (see there).
void World::with_fault(Fault fault, const std::string& wallet, bool is_due)
{
    const auto before = model_;
    const auto callers_before = callers_;
    is_lost_ = false;
    left_ = fault == Fault::locked || fault == Fault::full ? Left::nothing
            : fault == Fault::unheard                      ? Left::all
                                                           : Left::either;
    arm(fault);
    act(wallet, is_due);
    if (fault_ != Fault::none) // nothing was asked for
        attempt([] {});
    if (!is_lost_)
        return;
    ++answers["lost to a fault"];
    const auto after_differs = difference();
    if (after_differs.empty() && left_ != Left::nothing) {
        const bool is_told = fault == Fault::locked || fault == Fault::full;
        return void(++answers[is_told ? "done before it failed" : "done although nobody was told"]);
    }
    const auto requests = std::move(model_.requests);
    go_back_to(before);
    const auto before_differs = difference();
    if (before_differs.empty() && left_ != Left::all) {
        model_.requests = requests;
        callers_ = callers_before;
        return void(++answers["undone by a fault"]);
    }
    const auto verdict = [](const std::string& differs) { return differs.empty() ? "it is" : differs; };
    const char* const wanted = left_ == Left::nothing ? "nothing"
                               : left_ == Left::all   ? "all"
                                                      : "all or nothing";
    throw Divergence(std::string("a fault must leave ") + wanted + " of the work; all: " +
                     verdict(after_differs) + "; nothing: " + verdict(before_differs));
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
std::string World::refusal(const std::string& address, bool is_keyed)
{
    if (is_keyed && chain.is_down) { // an answer that is not the last word leaves nothing behind
        const auto before = model_;
        auto error = refusal(address, false);
        if (error == "chain_unavailable")
            model_ = before;
        return error;
    }
    auto& wallet = model_.wallets[address];
    if (wallet.is_banned(now))
        return "banned";
    model_.book(address, now);
    if (model_.charge_early_leaves(address, now) > 0)
        ++answers["left too early"];
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
    auto expected = refusal(wallet, key.has_value());
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
    room.created = room.emptied = now;
    room.capacity = body.value("capacity", std::size_t{6});
    room.title = body.value("title", "");
    if (reply) {
        room.room_id = reply->body["room_id"];
        check(reply->body["capacity"] == room.capacity, "another capacity", *reply);
        check(reply->body["title"] == (room.title.empty() ? base::Json() : base::Json(room.title)),
              "another title", *reply);
    } else {
        // A client finds out by asking once more; here the database is asked.
        room.room_id = hosted_room(wallet);
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
    auto expected = refusal(wallet, key.has_value());
    if (expected.empty() && model_.stays.count(wallet) > 0)
        expected = "already_in_free_room";
    else if (expected.empty() && model_.active.count(room_id) == 0)
        expected = "room_not_found";
    else if (expected.empty() && model_.active[room_id].removed.count(wallet) > 0)
        expected = "removed_from_room";
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
        check_balance(*reply, model_.wallets[wallet].balance());
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
    const auto remaining = model_.balance(wallet, now);
    const bool is_read_only =
        std::string(path) == "/rooms/heartbeat" && !model_.is_event_due(stay->second, now);
    ++answers[is_read_only ? "heartbeats that wrote nothing" : "heartbeats, renewals and ends booked"];
    if (!is_read_only)
        model_.meter(stay->second, now);
    if (reply) {
        std::vector<std::string> told;
        for (const auto& event : reply->body["events"])
            ++answers[told.emplace_back(event["type"])];
        check(told == stay->second.undelivered, "other events", *reply);
        check_balance(*reply, remaining);
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
                rooms::remove(context(), connection_id);
            } catch (const base::Error& refused) {
                if (refused.code() != base::ErrorCode::not_found)
                    throw;
                error = refused.name();
            }
        });
        if (!is_lost_)
            check(error.empty() == (stay != model_.stays.end()), "the operator removes who is there");
        if (stay != model_.stays.end())
            remove_from_model(stay->first);
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
    const bool closes = remove_from_model(stay->first);
    if (!reply)
        return;
    check(reply->body["debited_seconds"] == debited, "another sum", *reply);
    check(reply->body["closed"] == closes, "closed or not", *reply);
}

// Whether the room closes with that.
bool World::remove_from_model(std::string wallet)
{
    model_.active[model_.stays[wallet].room_id].removed.insert(wallet);
    return model_.depart(wallet, now);
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
            check_balance(*reply, model_.balance(wallet, now));
        return;
    }
    if (roll(3) == 0) {
        const auto reply = ask("GET", "/credits/history", nullptr, wallet);
        if (!reply)
            return;
        const auto stay = model_.stays.find(wallet);
        const auto& pending = reply->body["pending"];
        check(pending.is_null() == (stay == model_.stays.end()), "pending without a stay", *reply);
        const auto& events = reply->body["events"];
        const Seconds booked =
            events.empty() ? Seconds{0} : events[0]["balance_after_seconds"].get<Seconds>();
        check(booked == model_.wallets[wallet].balance(), "another booked balance", *reply);
        if (!pending.is_null())
            check(pending["balance_after_seconds"] == model_.balance(wallet, now) &&
                      pending["delta_seconds"] == -model_.pending(stay->second, now),
                  "another pending line", *reply);
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
    if (is_first)
        model_.book(address, now);
    wallet.bonus = config.rules.celo_bonus_seconds;
    if (!reply)
        return;
    require(*reply, "");
    check(reply->body["granted"] == is_first, "granted or not", *reply);
    check(reply->body["remaining_seconds"] == model_.balance(address, now), "another balance", *reply);
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

} // namespace simulation
