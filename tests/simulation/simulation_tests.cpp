// Random clients, sweeps and operators against the model, with a clock that jumps. A seed replays exactly:
// SIMULATION_SEED=n SIMULATION_STEPS=n run_tests --run_test=simulation_tests
#include "fixture.h"
#include "rooms/room.h"
#include "rooms/sweep.h"
#include "simulation/model.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>

namespace simulation {

namespace {

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise)
{
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// One world: a few wallets and a service with an empty database.
class World : public AppFixture
{
  public:
    explicit World(std::uint64_t seed) : dice_(seed), model_(config.rules)
    {
        for (unsigned i = 1; i <= 10; ++i) {
            wallets_.push_back(address(i));
            auto& wallet = model_.wallets[wallets_.back()];
            if (wallet.has_name = roll(5) > 0; wallet.has_name)
                chain.names.insert(wallets_.back());
            if (wallet.is_verified = roll(3) > 0; wallet.is_verified)
                chain.verified.insert(wallets_.back());
        }
    }

    void step()
    {
        if (roll(4) == 0) // several things happen in one second
            pass_time();
        model_.settle(now);
        chain.is_down = roll(20) == 0;
        const auto wallet = any(wallets_);
        if (model_.stays.count(wallet) == 0 && roll(2) == 0)
            join(wallet, any_room());
        else
            do_something(wallet);
        compare();
    }

    void finish() { require_clean_audit(); }

    // How often each answer was given, over all worlds: a simulation that never fills a room proves little.
    static std::map<std::string, std::uint64_t> answers;

  private:
    std::uint64_t roll(std::uint64_t sides) { return dice_() % sides; }

    void do_something(const std::string& wallet)
    {
        switch (roll(18)) {
        case 0:
        case 1:
            create(wallet);
            break;
        case 2:
        case 3:
        case 4:
            join(wallet, any_room());
            break;
        case 5:
        case 6:
        case 7:
            heartbeat(wallet);
            break;
        case 8:
        case 9:
        case 10:
            renew(wallet);
            break;
        case 11:
            leave(wallet);
            break;
        case 12:
            look(wallet);
            break;
        case 13:
            verify_celo(wallet);
            break;
        case 14:
            sweep_somehow();
            break;
        case 15:
            kick(wallet);
            break;
        case 16:
            if (roll(3) == 0) // or no room gets old
                close_as_host(wallet);
            break;
        default:
            operate(wallet);
        }
    }

    template <class T>
    const T& any(const std::vector<T>& list)
    {
        return list[roll(list.size())];
    }

    // Most bugs live at the edges of intervals.
    void pass_time()
    {
        static const std::vector<Seconds> jumps = {1, 1, 1, 2, 7, 15, 29, 30, 31, 44, 45, 46};
        static const std::vector<Seconds> long_jumps = {88, 89, 90, 91, 92, 119, 299, 300, 301, 3600, 86400};
        if (roll(60) == 0)
            step_back();
        else if (roll(20) == 0)
            now += any(long_jumps);
        else
            now += any(jumps);
    }

    // What lapsed before the clock stepped back may or may not have been noticed by then. So that the model
    // can know, a sweep notices it first; the wild clock below goes without.
    void step_back()
    {
        static const std::vector<Seconds> steps = {1, 2, 30, 90, 3600, 86400};
        model_.settle(now);
        sweep_at(now);
        now -= any(steps);
    }

    std::string any_room()
    {
        std::vector<std::string> ids;
        for (const auto& [room_id, room] : model_.active) {
            // Rooms fill up only if people flock together.
            for (std::size_t weight = 0; weight <= 4 * model_.count(room_id); ++weight)
                ids.push_back(room_id);
        }
        if (ids.empty() || roll(12) == 0)
            ids.push_back(random.uuid_v4()); // unknown
        if (!past_rooms_.empty() && roll(12) == 0)
            return any(past_rooms_); // probably closed
        return any(ids);
    }

    // The ladder of refusals before a wallet may spend. Grants on the way, as the service does.
    std::string refusal(const std::string& address)
    {
        auto& wallet = model_.wallets[address];
        if (wallet.base == 0 && wallet.has_name && !chain.is_down)
            wallet.base = config.rules.base_grant_seconds;
        if (wallet.balance() >= config.rules.minimum_credit_seconds)
            return {};
        if (wallet.base > 0)
            return "insufficient_credits";
        return chain.is_down ? "chain_unavailable" : "heaven_name_required";
    }

    void require(const Reply& reply, const std::string& expected_error)
    {
        const std::string error = reply.body.value("error", "");
        BOOST_REQUIRE_MESSAGE(error == expected_error,
                              "expected '" << expected_error << "', got " << reply.body);
        ++answers[expected_error];
    }

    void create(const std::string& wallet)
    {
        const bool is_private = roll(2) == 0;
        auto expected = refusal(wallet);
        const auto* hosted = model_.hosted_by(wallet);
        if (expected.empty() && model_.stays.count(wallet) > 0)
            expected = "already_in_free_room";
        else if (expected.empty() && hosted != nullptr)
            expected = "already_hosting_free_room";
        base::Json body{{"visibility", is_private ? "private" : "open"}};
        const auto capacity = roll(2) == 0 ? 2 + roll(5) : 6;
        if (capacity != 6 || roll(2) == 0)
            body["capacity"] = capacity;
        const auto reply = post("/rooms/create", body, wallet);
        require(reply, expected);
        if (expected == "already_in_free_room")
            BOOST_REQUIRE(reply.body["connection_id"] == model_.stays[wallet].connection_id);
        if (expected == "already_hosting_free_room")
            BOOST_REQUIRE(reply.body["room_id"] == hosted->room_id);
        if (!expected.empty())
            return;
        const std::string room_id = reply.body["room_id"];
        BOOST_REQUIRE(reply.body["capacity"] == capacity);
        model_.active[room_id] = {room_id, wallet, is_private, now, capacity};
        past_rooms_.push_back(room_id);
    }

    void join(const std::string& wallet, const std::string& room_id)
    {
        auto expected = refusal(wallet);
        if (expected.empty() && model_.stays.count(wallet) > 0)
            expected = "already_in_free_room";
        else if (expected.empty() && model_.active.count(room_id) == 0)
            expected = "room_not_found";
        else if (expected.empty() && model_.count(room_id) >= model_.active[room_id].capacity)
            expected = "room_full";
        const auto reply = post("/rooms/join", {{"room_id", room_id}}, wallet);
        require(reply, expected);
        if (!expected.empty())
            return;
        BOOST_REQUIRE(reply.body["remaining_seconds"] == model_.wallets[wallet].balance());
        BOOST_REQUIRE(reply.body["is_host"] == (model_.active[room_id].host == wallet));
        ModelStay stay;
        stay.connection_id = reply.body["connection_id"];
        stay.room_id = room_id;
        stay.wallet = wallet;
        stay.joined = stay.mark = now;
        stay.expires = now + config.rules.free_token_ttl_seconds;
        model_.stays[wallet] = stay;
        callers_[wallet] = caller(reply.body);
    }

    // Calls for the wallet's present connection, for its last one, or for somebody else's.
    std::optional<Reply> call(const char* path, const std::string& wallet)
    {
        if (callers_.empty())
            return std::nullopt;
        auto body =
            callers_.count(wallet) > 0 && roll(10) > 0
                ? callers_[wallet]
                : std::next(callers_.begin(), static_cast<std::ptrdiff_t>(roll(callers_.size())))->second;
        if (roll(40) == 0)
            body["room_id"] = random.uuid_v4();
        const auto stay = model_.stays.find(wallet);
        const bool is_present = stay != model_.stays.end() &&
                                body["connection_id"] == stay->second.connection_id &&
                                body["room_id"] == stay->second.room_id;
        const auto reply = post(path, body, wallet);
        if (!is_present) {
            require(reply, "not_your_connection");
            return std::nullopt;
        }
        require(reply, "");
        model_.meter(stay->second, now);
        std::vector<std::string> told;
        for (const auto& event : reply.body["events"])
            ++answers[told.emplace_back(event["type"])];
        BOOST_REQUIRE(told == stay->second.undelivered);
        stay->second.undelivered.clear();
        BOOST_REQUIRE(reply.body["remaining_seconds"] == model_.wallets[wallet].balance());
        return reply;
    }

    void heartbeat(const std::string& wallet) { call("/rooms/heartbeat", wallet); }

    void renew(const std::string& wallet)
    {
        const auto reply = call("/rooms/token/renew", wallet);
        if (!reply)
            return;
        const bool is_denied = model_.wallets[wallet].balance() < config.rules.minimum_credit_seconds;
        BOOST_REQUIRE(reply->body.value("denied", false) == is_denied);
        auto& stay = model_.stays[wallet];
        ++answers[is_denied ? "renewal denied" : "renewal granted"];
        if (!is_denied)
            stay.expires = std::max(now + config.rules.free_token_ttl_seconds, stay.mark);
    }

    void leave(const std::string& wallet)
    {
        const auto reply = call("/rooms/leave", wallet);
        if (!reply)
            return;
        const auto stay = model_.stays[wallet];
        BOOST_REQUIRE(reply->body["debited_seconds"] == stay.debited);
        const bool is_host = model_.active[stay.room_id].host == wallet;
        const bool closes = is_host || model_.count(stay.room_id) == 1;
        BOOST_REQUIRE(reply->body["closed"] == closes);
        model_.stays.erase(wallet);
        if (closes)
            model_.close(stay.room_id, now);
    }

    // The host's or anybody's; of somebody in the room, or of somebody elsewhere or long gone.
    void kick(const std::string& wallet)
    {
        const auto* hosted = model_.hosted_by(wallet);
        const auto room_id = hosted != nullptr && roll(5) > 0 ? hosted->room_id : any_room();
        std::vector<std::string> connection_ids = {random.uuid_v4()};
        for (const auto& [other, stay] : model_.stays) {
            for (int weight = 0; weight < (stay.room_id == room_id ? 6 : 1); ++weight)
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
        const auto reply = remove("/rooms/" + room_id + "/participants/" + connection_id, wallet);
        require(reply, expected);
        if (!expected.empty())
            return;
        ++answers["kicked"];
        model_.meter(stay->second, now);
        BOOST_REQUIRE(reply.body["debited_seconds"] == stay->second.debited);
        const bool closes = stay->first == wallet || model_.count(room_id) == 1;
        BOOST_REQUIRE(reply.body["closed"] == closes);
        model_.stays.erase(stay);
        if (closes)
            model_.close(room_id, now);
    }

    void close_as_host(const std::string& wallet)
    {
        const auto* hosted = model_.hosted_by(wallet);
        const auto room_id = hosted != nullptr && roll(3) > 0 ? hosted->room_id : any_room();
        std::string expected;
        if (model_.active.count(room_id) == 0)
            expected = "room_not_found";
        else if (model_.active[room_id].host != wallet)
            expected = "not_host";
        require(remove("/rooms/" + room_id, wallet), expected);
        if (!expected.empty())
            return;
        ++answers["closed by its host"];
        model_.close(room_id, now);
    }

    void look(const std::string& wallet)
    {
        look_into(wallet, any_room());
        const auto reply = get("/credits", wallet);
        BOOST_REQUIRE(reply.body["remaining_seconds"] == model_.wallets[wallet].balance());
        const auto listing = get("/rooms/active");
        std::set<std::string> listed;
        for (const auto& room : listing.body["rooms"]) {
            listed.insert(room["room_id"]);
            BOOST_REQUIRE(room["participant_count"] == model_.count(room["room_id"]));
        }
        std::set<std::string> expected;
        for (const auto& [room_id, room] : model_.active) {
            if (!room.is_private)
                expected.insert(room_id);
        }
        BOOST_REQUIRE(listed == expected);
    }

    void look_into(const std::string& wallet, const std::string& room_id)
    {
        std::set<std::string> inside;
        for (const auto& [other, stay] : model_.stays) {
            if (stay.room_id == room_id)
                inside.insert(other);
        }
        const auto room = model_.active.find(room_id);
        const bool may_see =
            room != model_.active.end() &&
            (!room->second.is_private || room->second.host == wallet || inside.count(wallet) > 0);
        const auto reply = get("/rooms/" + room_id, wallet);
        require(reply, may_see ? "" : "room_not_found");
        if (!may_see)
            return;
        std::set<std::string> shown;
        for (const auto& participant : reply.body["participants"])
            shown.insert(participant["wallet"]);
        BOOST_REQUIRE(shown == inside);
    }

    void verify_celo(const std::string& address)
    {
        auto& wallet = model_.wallets[address];
        const auto reply = post("/credits/verify-celo", base::Json::object(), address);
        if (wallet.bonus == 0 && chain.is_down)
            return require(reply, "chain_unavailable");
        if (wallet.bonus == 0 && !wallet.is_verified)
            return require(reply, "not_verified");
        require(reply, "");
        BOOST_REQUIRE(reply.body["granted"] == (wallet.bonus == 0));
        wallet.bonus = config.rules.celo_bonus_seconds;
        BOOST_REQUIRE(reply.body["remaining_seconds"] == wallet.balance());
    }

    void sweep_at(Seconds instant)
    {
        rooms::sweep(db(), config.rules, instant);
        model_.sweep(instant);
    }

    // On time, twice, or one that started a while ago and is slow.
    void sweep_somehow()
    {
        sweep_at(now);
        if (roll(3) == 0)
            sweep_at(now);
        if (roll(3) == 0)
            sweep_at(now - static_cast<Seconds>(roll(40)));
    }

    // Brings the balance to an edge, or closes a room.
    void operate(const std::string& address)
    {
        if (roll(8) == 0 && !past_rooms_.empty()) {
            const auto room_id = any(past_rooms_);
            BOOST_REQUIRE(rooms::close(db(), config.rules, room_id, now) ==
                          (model_.active.count(room_id) > 0));
            model_.close(room_id, now);
            return;
        }
        static const std::vector<Seconds> edges = {-50,  0,    1,    2,    29,   30,   31,   89,   90,   91,
                                                   119,  120,  299,  300,  301,  302,  390,  1800, 1800, 1800,
                                                   1800, 3600, 3600, 3600, 3600, 7200, 7200, 7200, 7200};
        auto& wallet = model_.wallets[address];
        const auto change = any(edges) - wallet.balance();
        sqlite::Transaction tx(db());
        rooms::settle_wallet(db(), config.rules, address, now);
        const auto applied = credits::adjust(db(), address, change, "simulation", now);
        tx.commit();
        BOOST_REQUIRE(applied == std::max(change, -wallet.balance()));
        wallet.adjusted += applied;
    }

    // The database against the model. What has lapsed without being noticed counts as settled.
    void compare()
    {
        std::map<std::string, Seconds> unsettled;
        std::size_t present = 0;
        auto stay = db().prepare(
            "SELECT wallet, room_id, connection_id, token_expires_at, last_metered_at, debited_seconds, "
            "agora_uid FROM connections WHERE left_at IS NULL AND kind = 'free'");
        std::set<std::pair<std::string, Seconds>> uids;
        while (stay.step()) {
            if (stay.integer(3) <= now) {
                unsettled[stay.text(0)] = stay.integer(3) - stay.integer(4);
                continue;
            }
            ++present;
            const auto& expected = model_.stays.at(stay.text(0));
            BOOST_REQUIRE(stay.text(1) == expected.room_id);
            BOOST_REQUIRE(stay.text(2) == expected.connection_id);
            BOOST_REQUIRE(stay.integer(3) == expected.expires);
            BOOST_REQUIRE(stay.integer(4) == expected.mark);
            BOOST_REQUIRE(stay.integer(5) == expected.debited);
            BOOST_REQUIRE(uids.emplace(stay.text(1), stay.integer(6)).second);
            BOOST_REQUIRE(model_.active.count(expected.room_id) == 1);
        }
        BOOST_REQUIRE(present == model_.stays.size());

        for (const auto& [address, expected] : model_.wallets) {
            const auto account = credits::account(db(), address);
            const auto owed = std::min(unsettled[address], account.remaining_seconds);
            BOOST_REQUIRE(account.remaining_seconds - owed == expected.balance());
            BOOST_REQUIRE(account.consumed_seconds + owed == expected.consumed);
            BOOST_REQUIRE(account.base_granted_seconds == expected.base);
            BOOST_REQUIRE(account.bonus_granted_seconds == expected.bonus);
            BOOST_REQUIRE(expected.balance() >= 0);
        }
        check_new_events();
    }

    // Every event continues its wallet's running balance.
    void check_new_events()
    {
        auto event = db().prepare("SELECT event_id, wallet, delta_seconds, balance_after_seconds FROM "
                                  "credit_events WHERE event_id > :seen ORDER BY event_id");
        event.bind(":seen", last_event_id_);
        while (event.step()) {
            last_event_id_ = event.integer(0);
            auto& balance = running_balance_[event.text(1)];
            balance += event.integer(2);
            BOOST_REQUIRE(balance == event.integer(3));
            BOOST_REQUIRE(balance >= 0);
        }
        for (const auto& [address, balance] : running_balance_)
            BOOST_REQUIRE(credits::account(db(), address).remaining_seconds == balance);
    }

    std::mt19937_64 dice_;
    Model model_;
    std::vector<std::string> wallets_;
    std::vector<std::string> past_rooms_;
    std::map<std::string, base::Json> callers_; // each wallet's latest seat
    std::int64_t last_event_id_ = 0;
    std::map<std::string, Seconds> running_balance_;
};

// Clients that do anything at any time while the clock jumps to and fro and nobody notices before the next
// request: too wild for a model, but no rule may break and no request may fail for a fault of ours.
class WildWorld : public AppFixture
{
  public:
    explicit WildWorld(std::uint64_t seed) : dice_(seed) {}

    void step()
    {
        static const std::vector<Seconds> jumps = {0,    1,     5,  30, 45,  89,  90,    91,    300,
                                                   3600, 86400, -1, -2, -31, -91, -3600, -86400};
        if (roll(3) == 0)
            now += jumps[roll(jumps.size())];
        const auto wallet = address(static_cast<unsigned>(1 + roll(7)));
        static const char* const paths[] = {"/rooms/heartbeat", "/rooms/heartbeat", "/rooms/token/renew",
                                            "/rooms/token/renew", "/rooms/leave"};
        switch (roll(7)) {
        case 0:
            give(wallet, 100 + static_cast<Seconds>(roll(400)));
            expect_no_fault(post("/rooms/create", base::Json::object(), wallet));
            break;
        case 1: {
            const auto list = get("/rooms/active").body["rooms"];
            const std::string room_id =
                list.empty() ? random.uuid_v4() : list[roll(list.size())]["room_id"].get<std::string>();
            const auto reply = post("/rooms/join", {{"room_id", room_id}}, wallet);
            expect_no_fault(reply);
            if (reply.status == 200)
                callers_[wallet] = caller(reply.body);
            break;
        }
        case 2:
            sweep();
            break;
        case 3: {
            if (callers_.empty())
                break;
            const auto& ids =
                std::next(callers_.begin(), static_cast<std::ptrdiff_t>(roll(callers_.size())))->second;
            auto path = "/rooms/" + ids["room_id"].get<std::string>();
            if (roll(4) > 0)
                path += "/participants/" + ids["connection_id"].get<std::string>();
            expect_no_fault(roll(2) == 0 ? get(path, wallet) : remove(path, wallet));
            break;
        }
        default:
            if (callers_.count(wallet) > 0)
                expect_no_fault(post(paths[roll(std::size(paths))], callers_[wallet], wallet));
        }
    }

  private:
    std::uint64_t roll(std::uint64_t sides) { return dice_() % sides; }
    void expect_no_fault(const Reply& reply) { BOOST_REQUIRE_MESSAGE(reply.status < 500, reply.body); }

    std::mt19937_64 dice_;
    std::map<std::string, base::Json> callers_;
};

std::map<std::string, std::uint64_t> World::answers;

constexpr std::uint64_t steps_per_world = 2000;

} // namespace

BOOST_AUTO_TEST_SUITE(simulation_tests)

BOOST_AUTO_TEST_CASE(the_service_does_what_the_model_says)
{
    const auto steps = number_from_environment("SIMULATION_STEPS", 200000);
    const auto first_seed = number_from_environment("SIMULATION_SEED", std::random_device{}());
    std::cerr << "simulation of " << steps << " steps, SIMULATION_SEED=" << first_seed << std::endl;
    for (std::uint64_t done = 0, seed = first_seed; done < steps; ++seed) {
        World world(seed);
        const auto here = std::min(steps_per_world, steps - done);
        for (std::uint64_t i = 0; i < here; ++i) {
            BOOST_TEST_CONTEXT("SIMULATION_SEED=" << seed << " step " << i)
            world.step();
        }
        world.finish();
        done += here;
    }
    for (const char* answer :
         {"", "heaven_name_required", "insufficient_credits", "chain_unavailable", "already_in_free_room",
          "already_hosting_free_room", "room_not_found", "room_full", "not_your_connection", "not_verified",
          "renewal granted", "renewal denied", "credits_low", "credits_exhausted", "not_host",
          "participant_not_found", "kicked", "closed by its host"})
        BOOST_TEST(World::answers[answer] > steps / 40000, "hardly ever answered: " << answer);
    for (const auto& [answer, count] : World::answers)
        std::cerr << "  " << (answer.empty() ? "200" : answer) << " " << count << std::endl;
}

BOOST_AUTO_TEST_CASE(a_wild_clock_breaks_no_rule)
{
    const auto steps = number_from_environment("SIMULATION_STEPS", 200000) / 10;
    const auto first_seed = number_from_environment("SIMULATION_SEED", std::random_device{}());
    std::cerr << "wild clock for " << steps << " steps, SIMULATION_SEED=" << first_seed << std::endl;
    for (std::uint64_t done = 0, seed = first_seed; done < steps; ++seed) {
        WildWorld world(seed);
        for (std::uint64_t i = 0; i < steps_per_world && done < steps; ++i, ++done) {
            BOOST_TEST_CONTEXT("SIMULATION_SEED=" << seed << " step " << i)
            {
                world.step();
                if (i % 50 == 0)
                    world.require_clean_audit();
            }
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace simulation
