// What the tests share: a service in memory with a clock that stands until a test moves it, a chain that
// answers what a test scripts, and randomness that repeats.
#pragma once

#include "app.h"
#include "base/error.h"
#include "base/json.h"
#include "database/transaction.h"
#include "dispatch.h"
#include "engine.h"
#include "http.h"
#include "rooms/context.h"
#include "sqlite/migrate.h"
#include "standing_clock.h"
#include "wallet.h"

#include <boost/test/unit_test.hpp>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

// Reads tests/vectors/<name>.
base::Json load_vectors(const std::string& name);
// Of a file of the repository; fails the test if it cannot be read.
std::string contents_of(const std::string& path);
std::string lowercase(std::string text); // ASCII

class SeededRandom : public base::Random
{
  public:
    explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
    void fill(unsigned char* bytes, std::size_t count) override;

  private:
    std::mt19937_64 engine_;
};

class ScriptedChain : public ethereum::Chain
{
  public:
    std::optional<std::string> heaven_name(const std::string& wallet) override;
    bool is_celo_verified(const std::string& wallet) override;
    ethereum::Booking booking(const ethereum::Uint256& booking_id) override;
    ethereum::Slot slot(const ethereum::Uint256& slot_id) override;
    bool is_signed_by_contract(const std::string& wallet, const std::vector<std::string>& hashes,
                               const std::string& signature) override;
    std::uint64_t chain_id() override;
    base::UnixSeconds last_block_at() override { return 0; }
    std::uint64_t last_block() override;
    std::optional<std::uint64_t> finalized_block() override;
    std::uint64_t transaction_count(const std::string& account, bool with_pending) override;
    ethereum::Uint256 balance(const std::string& account) override;
    ethereum::Fees suggest_fees() override;
    ethereum::GasEstimate estimate_gas(const std::string& from, const std::string& contract,
                                       const std::string& calldata) override;
    std::optional<std::string> revert_reason(const std::string& from, const std::string& contract,
                                             const std::string& calldata,
                                             std::uint64_t block_number) override;
    ethereum::SendResult send(const std::string& raw_transaction) override;
    std::optional<ethereum::Receipt> receipt(const std::string& tx_hash) override;

    std::set<std::string> names;                            // wallets that own one,
    std::map<std::string, std::string> name_nodes;          // and its node, where it is not the wallet's own
    std::set<std::string> verified;                         // wallets that are
    std::map<std::string, std::set<std::string>> approvals; // by wallet: hash and signature, both raw
    std::map<std::string, ethereum::Booking> bookings;      // by their decimal ids
    std::map<std::string, ethereum::Slot> slots;
    bool is_down = false; // every question then throws chain_unavailable
    std::uint64_t id = 6343;
    std::uint64_t mined_count = 0;   // transactions of the account that are mined
    std::uint64_t pending_count = 0; // that are mined or wait
    ethereum::Uint256 account_balance{1000000000000000000};
    ethereum::Fees fees{ethereum::Uint256(1100), ethereum::Uint256(2100), ethereum::Uint256(100)};
    ethereum::GasEstimate estimate{100000, std::nullopt};
    std::optional<std::string> reverts_with;           // what a mined call is found to have failed with
    std::vector<ethereum::SendResult> send_results;    // one a transaction; accepted when there are no more
    std::vector<std::string> sent;                     // raw transactions, in the order of their coming
    std::map<std::string, ethereum::Receipt> receipts; // by hash
    std::uint64_t height = 5;                          // the last block's number
    std::optional<std::uint64_t> finalized = 5;        // whatever is mined is final at once
    std::function<void(const char*)> before;           // called with each question's name; may throw
    std::function<void()> taken; // called once a transaction has come; may throw: the answer is lost then
    int questions = 0;           // asked so far

  private:
    void ask(const char* question);
};

// An answer of the service, parsed.
struct Reply
{
    int status = 0;
    base::Json body; // null if it is empty or something else
    std::string text;
    std::map<std::string, std::string> headers;
};

// Settings for development, with the engine that the tests run on.
base::Config test_config();

class AppFixture
{
    const std::unique_ptr<base::Config> settings_;

  public:
    AppFixture();
    explicit AppFixture(const base::Config& settings);
    ~AppFixture();
    AppFixture(const AppFixture&) = delete;
    AppFixture& operator=(const AppFixture&) = delete;

    // A wallet that can sign; the same for the same number (1 or more).
    static Wallet wallet(unsigned number);
    // Its address, which most tests are content with.
    static std::string address(unsigned number) { return wallet(number).address(); }

    std::string token_for(const std::string& wallet_address) const;

    // Whatever is sent and answered is what openapi.json says. False for a test that sends more.
    bool is_described = true;

    // As a client does it; an empty `wallet_address` sends no token. `post` takes JSON, or text as it stands.
    Reply get(const std::string& path, const std::string& wallet_address = {});
    Reply post(const std::string& path, const base::Json& body, const std::string& wallet_address = {});
    Reply post_text(const std::string& path, const std::string& body, const std::string& wallet_address = {});
    Reply remove(const std::string& path, const std::string& wallet_address = {}); // DELETE
    Reply send(http::Request request);

    // Seconds out of nowhere, by an operator's adjustment.
    void give(const std::string& wallet_address, std::int64_t seconds);
    // Gives the wallet `seconds` of credit, creates a room and returns its id.
    std::string create_room(const std::string& host, std::int64_t seconds = 1800);
    // Joins and returns the answer's body; fails the test unless it is 200.
    base::Json join(const std::string& wallet_address, const std::string& room_id);
    // {"room_id", "connection_id"} of such an answer, as heartbeat, renew and leave want it.
    static base::Json caller(const base::Json& joined);
    // Runs a sweep now.
    void sweep();
    // No violation of any rule of ledger and rooms, and every webhook is what openapi.json says; call it at
    // the end of whatever changed something.
    void require_clean_audit();
    // A room of a booked session without its booking.
    std::string insert_booked_room(const std::string& host);

    std::int64_t remaining(const std::string& wallet_address);
    std::int64_t query(const std::string& sql); // the first column of the first row
    void execute(const std::string& sql);       // in a transaction
    // See engine.h.
    bool is_because(const base::Error& error, const std::string& reason)
    {
        return engine::is_because(db(), error, reason);
    }
    void lift_rules() { engine::lift_rules(db()); }
    void fail(const std::string& what, const std::string& condition = "1 = 1")
    {
        engine::fail(db(), what, condition);
    }
    void stop_failing() { engine::stop_failing(db()); }
    // The active free room that the wallet hosts; empty if there is none.
    std::string hosted_room(const std::string& wallet_address);
    // What the domain's functions want, at the fixture's present.
    rooms::Context& context() { return context_.emplace(db(), app.rules, now); }
    rooms::Mint mint() { return {app.tokens, random}; }
    database::Connection& db() { return app.database(); }
    // The same, for what only SQLite's file can do.
    sqlite::Connection& sqlite_db() { return dynamic_cast<sqlite::Connection&>(db()); }

    base::Config& config;
    const engine::Place place{config};
    ScriptedChain chain;
    SeededRandom random{20260101};
    shared::Counters counters{""};
    StandingClock clock{now};
    App app;
    base::UnixSeconds now = 1767225600; // 2026-01-01T00:00:00Z

  private:
    std::optional<rooms::Context> context_;
};
