// Random clients, sweeps, operators, chains and faults against the model, with a clock that jumps. A seed
// replays exactly, and so do the steps of it that matter:
//   SIMULATION_SEED=n SIMULATION_STEPS=n [SIMULATION_ONLY=3,17,58] run_tests --run_test=simulation_tests
// SIMULATION_SCENE=model, engines or wild_clock leaves the others out.
#include "postgresql/with_server.h"
#include "simulation/world.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <sstream>

namespace simulation {

namespace {

using Steady = std::chrono::steady_clock;
using Steps = std::vector<std::uint64_t>;

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise)
{
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// The steps that are to be taken at all; nothing for all of them.
std::optional<Steps> steps_from_environment()
{
    const char* text = std::getenv("SIMULATION_ONLY");
    if (text == nullptr)
        return std::nullopt;
    Steps steps;
    std::istringstream list(text);
    for (std::string number; std::getline(list, number, ',');)
        steps.push_back(std::stoull(number));
    return steps;
}

// Small worlds are many, large ones live for days.
std::uint64_t steps_of_world(std::uint64_t seed)
{
    return std::uint64_t{1000} << seed % 8;
}

struct Failure
{
    std::uint64_t step = 0; // the last one
    std::string what;
};

// Nothing if the model is right about all of these steps, and about the end of that world.
std::optional<Failure> run_world(std::uint64_t seed, const Steps& steps)
{
    Failure failure;
    try {
        World world(seed);
        for (const auto step : steps) {
            failure.step = step;
            world.step(step);
        }
        world.finish();
        return std::nullopt;
    } catch (const Divergence& divergence) {
        failure.what = divergence.what();
    } catch (const base::Error& error) {
        failure.what = error.what();
    }
    return failure;
}

// Leaves out what is not needed to fail, in ever smaller pieces, as long as that does not take too long.
Steps shrink(std::uint64_t seed, Steps steps)
{
    const auto deadline = Steady::now() + std::chrono::seconds(60);
    for (auto piece = steps.size() / 2; piece > 0 && Steady::now() < deadline; piece /= 2) {
        for (std::size_t from = 0; from < steps.size() && Steady::now() < deadline;) {
            Steps fewer(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(from));
            const auto to = std::min(from + piece, steps.size());
            fewer.insert(fewer.end(), steps.begin() + static_cast<std::ptrdiff_t>(to), steps.end());
            if (run_world(seed, fewer))
                steps = std::move(fewer);
            else
                from += piece;
        }
    }
    return steps;
}

void report(std::uint64_t seed, Steps steps, const Failure& failure)
{
    while (!steps.empty() && steps.back() > failure.step)
        steps.pop_back();
    const auto replay =
        "SIMULATION_SEED=" + std::to_string(seed) + " SIMULATION_STEPS=" + std::to_string(failure.step + 1);
    std::cerr << replay << " fails: " << failure.what << "; looking for fewer steps" << std::endl;
    std::string only;
    if (const auto few = shrink(seed, steps); few.size() <= 2000) {
        for (const auto step : few)
            only += (only.empty() ? " SIMULATION_ONLY=" : ",") + std::to_string(step);
    }
    BOOST_FAIL(failure.what + "; replay with\n  " + replay + only + " run_tests --run_test=simulation_tests");
}

bool is_asked_for(const char* scene)
{
    const char* wanted = std::getenv("SIMULATION_SCENE");
    return wanted == nullptr || std::string(wanted) == scene;
}

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

constexpr std::uint64_t steps_per_wild_world = 2000;

} // namespace

BOOST_AUTO_TEST_SUITE(simulation_tests)

BOOST_AUTO_TEST_CASE(the_service_does_what_the_model_says)
{
    if (!is_asked_for("model"))
        return;
    const auto steps = number_from_environment("SIMULATION_STEPS", engine::is_postgresql() ? 6000 : 60000);
    const auto first_seed = number_from_environment("SIMULATION_SEED", std::random_device{}() % 1000000000);
    const auto only = steps_from_environment();
    std::cerr << "simulation of " << steps << " steps, SIMULATION_SEED=" << first_seed << std::endl;
    World::answers.clear();
    const auto started = Steady::now();
    auto told = started;
    std::uint64_t seed = first_seed;
    for (std::uint64_t done = 0; done < steps; ++seed) {
        Steps here;
        for (std::uint64_t step = 0; step < steps_of_world(seed) && done < steps; ++step, ++done) {
            if (!only || std::binary_search(only->begin(), only->end(), step))
                here.push_back(step);
        }
        if (const auto failure = run_world(seed, here))
            report(seed, here, *failure);
        if (Steady::now() - told > std::chrono::seconds(60)) {
            told = Steady::now();
            std::cerr << "  " << done << " steps, the last world was SIMULATION_SEED=" << seed << std::endl;
        }
    }
    const std::chrono::duration<double> took = Steady::now() - started;
    std::cerr << "  " << seed - first_seed << " worlds, " << static_cast<double>(steps) / took.count()
              << " steps a second" << std::endl;
    for (const auto& [answer, count] : World::answers)
        std::cerr << "  " << (answer.empty() ? "200" : answer) << " " << count << std::endl;
    if (only || steps < 50000)
        return;
    for (const char* answer : {"",
                               "heaven_name_required",
                               "insufficient_credits",
                               "chain_unavailable",
                               "already_in_free_room",
                               "already_hosting_free_room",
                               "room_not_found",
                               "room_full",
                               "not_your_connection",
                               "not_verified",
                               "renewal granted",
                               "renewal denied",
                               "credits_low",
                               "credits_exhausted",
                               "not_host",
                               "participant_not_found",
                               "kicked",
                               "closed by its host",
                               "banned",
                               "removed_from_room",
                               "left too early",
                               "unauthorized",
                               "replayed",
                               "idempotency_key_reused",
                               "refunded",
                               "metrics",
                               "session joined",
                               "not a participant",
                               "too early to join",
                               "booking not active",
                               "session still in progress",
                               "attested completed",
                               "attested no-show-guest",
                               "attestation confirmed",
                               "lost to a fault",
                               "undone by a fault",
                               "done although nobody was told"})
        BOOST_TEST(World::answers[answer] > 0, "never answered: " << answer);
}

// Whoever asks cannot tell which of the two has answered.
BOOST_AUTO_TEST_CASE(both_engines_answer_the_same, *boost::unit_test::precondition(with_server))
{
    if (!is_asked_for("engines"))
        return;
    const auto steps = number_from_environment("SIMULATION_STEPS", 4000) / 4;
    const auto first_seed = number_from_environment("SIMULATION_SEED", std::random_device{}() % 1000000000);
    std::cerr << "both engines for " << steps << " steps, SIMULATION_SEED=" << first_seed << std::endl;
    for (std::uint64_t done = 0, seed = first_seed; done < steps; ++seed) {
        World on_sqlite(seed, {.is_on_sqlite = true, .is_common = true, .is_held_at_times = false});
        World on_postgresql(seed, {.is_on_sqlite = false, .is_common = true, .is_held_at_times = false});
        for (std::uint64_t i = 0; i < 1000 && done < steps; ++i, ++done) {
            on_sqlite.step(i);
            on_postgresql.step(i);
            BOOST_TEST_REQUIRE(on_sqlite.digest() == on_postgresql.digest(),
                               "SIMULATION_SEED=" << seed << " step " << i << " is answered differently");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_wild_clock_breaks_no_rule)
{
    if (!is_asked_for("wild_clock"))
        return;
    const auto steps =
        number_from_environment("SIMULATION_STEPS", engine::is_postgresql() ? 15000 : 100000) / 10;
    const auto first_seed = number_from_environment("SIMULATION_SEED", std::random_device{}() % 1000000000);
    std::cerr << "wild clock for " << steps << " steps, SIMULATION_SEED=" << first_seed << std::endl;
    for (std::uint64_t done = 0, seed = first_seed; done < steps; ++seed) {
        WildWorld world(seed);
        for (std::uint64_t i = 0; i < steps_per_wild_world && done < steps; ++i, ++done) {
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
