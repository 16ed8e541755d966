// A world: a few dozen wallets, a service on a real file, a chain with its escrow, and a seed that decides
// all of it. What a step does depends on the seed and the step's number alone, and on the state that it
// finds.
#pragma once

#include "base/config.h"
#include "fixture.h"
#include "simulation/escrow.h"
#include "simulation/faulty_disk.h"
#include "simulation/model.h"
#include "simulation/quick_folder.h"

#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace simulation {

// The service and the model disagree.
struct Divergence : std::runtime_error
{
    using std::runtime_error::runtime_error;
};

void check(bool is_true, const char* what);
void check(bool is_true, const char* what, const Reply& reply); // tells the answer

constexpr Seconds day = 86400;

// splitmix64: cheap enough to begin anew with every step.
class Dice
{
  public:
    Dice(std::uint64_t seed, std::uint64_t step)
        : state_(seed * 0x9e3779b97f4a7c15 + step * 0xd1b54a32d192ed03)
    {
    }
    std::uint64_t operator()()
    {
        auto z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
    }

  private:
    std::uint64_t state_;
};

struct Setting
{
    bool is_on_sqlite = !engine::is_postgresql();
    // Whether nothing happens but what can on both engines: no fault of SQLite's disk, and no backup.
    bool is_common = engine::is_postgresql();
    // Whether somebody else may hold what a request wants to write. That is all of SQLite, and some rows of a
    // server: one request waits in vain, and the other does not.
    bool is_held_at_times = true;
};

class World : private QuickFolder, public AppFixture
{
  public:
    explicit World(std::uint64_t seed, const Setting& setting = {});

    // Throws Divergence.
    void step(std::uint64_t number);
    // Lets everything come to its end, and looks at all of it.
    void finish();

    // How often each answer was given, over all worlds: a simulation that never fills a room proves little.
    static std::map<std::string, std::uint64_t> answers;
    // Of everything that was answered so far.
    std::uint64_t digest() const { return digest_; }

  private:
    enum class Fault
    {
        none,
        locked,               // another process holds the write lock
        full,                 // a write fails, and the service goes on
        killed,               // at some change of the disk
        killed_amid_question, // while the chain is asked
        unheard               // the answer is lost
    };
    // What may be left of the work of a step that a fault hit.
    enum class Left
    {
        nothing,
        all,
        either // all or nothing
    };
    // A process that dies: nothing in the program catches this.
    struct Crash
    {
    };
    // What a restored backup brings back, and what the model knew then.
    struct Checkpoint
    {
        std::string path;
        Model model;
        std::map<std::string, ModelBooking> bookings;
        std::map<std::string, std::int64_t> last_event_ids;
        std::map<std::string, Seconds> running_balance;
        std::map<std::string, base::Json> callers;
    };
    using Work = void (World::*)(const std::string&);

    static base::Config settings(const std::string& database_path, bool is_on_sqlite);

    std::uint64_t roll(std::uint64_t sides) { return dice_() % sides; }
    template <class T>
    const T& any(const std::vector<T>& list)
    {
        return list[roll(list.size())];
    }

    // ---- time and people ----
    void pass_time();
    void step_back(Seconds by);
    bool is_night() const { return now % 86400 < 7 * 3600; }
    const std::string* whose_turn();
    void act(const std::string& wallet, bool is_due);
    void sign_in(const std::string& wallet);

    // ---- faults ----
    void arm(Fault fault);
    void restart();
    template <class Do>
    bool attempt(Do&& work);
    bool is_something_to_settle(const std::string& wallet);
    std::optional<Reply> ask(const char* method, const std::string& path, const base::Json& body,
                             const std::string& wallet, const std::optional<std::string>& key = std::nullopt);
    void go_back_to(const Model& before);
    void with_fault(Fault fault, const std::string& wallet, bool is_due);

    // ---- what clients do ----
    std::string any_room();
    std::string refusal(const std::string& wallet, bool is_keyed);
    bool remove_from_model(std::string wallet);
    void require(const Reply& reply, const std::string& expected_error);
    void create(const std::string& wallet);
    void create_as(const std::string& wallet, const base::Json& body, const std::optional<std::string>& key);
    void join(const std::string& wallet);
    void join_as(const std::string& wallet, const base::Json& body, const std::optional<std::string>& key);
    std::optional<Reply> call(const char* path, const std::string& wallet, base::Json body,
                              const std::optional<std::string>& key = std::nullopt);
    base::Json some_caller(const std::string& wallet);
    void heartbeat(const std::string& wallet);
    void renew(const std::string& wallet);
    void leave(const std::string& wallet);
    void leave_as(const std::string& wallet, const base::Json& body, const std::optional<std::string>& key);
    void kick(const std::string& wallet);
    void close_as_host(const std::string& wallet);
    void look(const std::string& wallet);
    void verify_celo(const std::string& wallet);
    void verify_celo_as(const std::string& wallet, const std::optional<std::string>& key);
    void repeat(const std::string& wallet);
    std::optional<std::string> any_key();

    // ---- booked sessions ----
    void book();
    ModelBooking* any_booking();
    void join_session(const std::string& wallet);
    void leave_session(const std::string& wallet);
    bool is_node_refusing() const;
    void attest_by_endpoint();
    void sweep_oracle();
    void expect_attestation(const ModelBooking& booking, int outcome, const ModelMetrics& metrics);
    void check_bookings();
    void stir_chain();

    // ---- what operators and cron do ----
    void sweep_at(Seconds instant);
    bool is_room_to_close(Seconds instant);
    void sweep(const std::string&);
    void operate(const std::string& wallet);
    void adjust(const std::string& wallet);
    void refund();
    void top_up(const std::string& address);
    void ban(const std::string& wallet);
    void prune();
    void forget_pruned();
    void back_up();
    void restore();

    // ---- the comparison ----
    std::string difference(); // empty if the database says what the model does
    void compare();
    void check_wallet(const std::string& wallet);
    void check_new_events();
    void check_totals(const std::string& text);
    void check_metrics();
    void check_listing();
    void audit();

    const std::uint64_t seed_;
    const bool is_common_;
    const bool is_held_at_times_;
    std::uint64_t digest_ = 14695981039346656037u; // FNV-1a
    Dice dice_;
    Model model_;
    Escrow escrow_;
    std::vector<std::string> wallets_;
    std::map<std::string, std::pair<Seconds, std::string>> tokens_; // when they end, and they
    std::vector<std::string> past_rooms_;
    std::map<std::string, base::Json> callers_;    // each wallet's latest seat
    std::map<std::string, ModelBooking> bookings_; // by booking_id
    std::set<std::string> forgotten_; // bookings whose attestation a restored backup does not know
    std::set<std::string> overtaken_; // bookings whose attestation may have had to take another nonce
    std::optional<Checkpoint> checkpoint_;
    std::vector<std::string> recent_bookings_;
    std::map<std::string, std::int64_t> last_event_ids_; // by wallet
    std::map<std::string, Seconds> running_balance_;
    bool has_stepped_back_ = false;
    Seconds pruned_before_ = 0; // or tried to
    bool was_restored_ = false;
    std::map<std::string, std::int64_t> totals_; // of the metrics, by series
    std::uint64_t compare_every_ = 1;            // steps
    Seconds passed_seconds_ = 0;                 // less than a minute

    Fault fault_ = Fault::none;
    bool is_lost_ = false; // the step's request was hit by the fault
    Left left_ = Left::either;
    std::optional<engine::Writer> other_;
};

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
    other_.reset();
    fault_ = Fault::none;
    is_lost_ = !is_done;
    return is_done;
}

} // namespace simulation
