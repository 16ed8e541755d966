#include "doctor.h"

#include "base/config.h"
#include "base/error.h"
#include "base/startup.h"
#include "doctor_files.h"
#include "doctor_outbox.h"
#include "ethereum/chain.h"
#include "findings.h"
#include "metrics/report.h"
#include "rooms/sweep.h"
#include "sessions/oracle.h"
#include "sqlite/connection.h"
#include "storage/open.h"

#include <filesystem>
#include <sys/stat.h>
#include <sys/timex.h>

namespace {

using base::Error;
namespace fs = std::filesystem;

const std::string nobodys_address = ethereum::no_contract;

class Doctor
{
  public:
    explicit Doctor(bool as_json) : findings_(as_json) {}

    int examine(const std::string& config_path, const std::vector<std::string>& users)
    {
        auto config = examine_settings(config_path);
        if (config)
            base::enter_database_folder(*config);
        examine_sqlite();
        examine_clock();
        if (config) {
            if (config->database_url.empty())
                examine_files(findings_, config->database_path, users);
            examine_token_life(*config);
            examine_domains(*config);
            examine_textfile(findings_, *config);
            examine_database(*config);
            examine_chain(*config);
        }
        return findings_.conclude() ? 0 : 1;
    }

  private:
    std::optional<base::Config> examine_settings(const std::string& config_path)
    {
        const auto environment = base::process_environment();
        const auto path =
            config_path.empty() ? environment("SESSION_VOICE_CONFIG").value_or("") : config_path;
        struct stat file = {};
        if (path.empty())
            findings_.warn("no settings file", "name one by --config or SESSION_VOICE_CONFIG, or put it to "
                                               "~/session-voice.env or /etc/session-voice/session-voice.env");
        else if (::stat(path.c_str(), &file) == 0 && (file.st_mode & S_IROTH) != 0)
            findings_.fail("everybody on this machine can read the secrets in " + path, "chmod o-r " + path);
        std::optional<base::Config> config;
        try {
            config = base::load_config(config_path, environment, base::Program::server);
            findings_.ok("the settings are complete, the Agora credentials have their form" +
                         (path.empty() ? "" : " (" + path + ")"));
        } catch (const Error& error) {
            findings_.fail_each_line(
                error.what(), "correct it in the settings; man session-voice.env explains all of them");
            try { // what can be looked at without the secrets
                config = base::load_config(config_path, environment, base::Program::tool);
            } catch (const Error&) {
            }
        }
        if (config)
            findings_.ok(config->rules.base_grant_per_name
                             ? "a name brings the base grant once"
                             : "a name that is passed on brings its next owner the base "
                               "grant, too; BASE_GRANT_PER_NAME=1 "
                               "would change that");
        if (config && !config->production)
            findings_.warn("ENVIRONMENT is development",
                           "set ENVIRONMENT=production before anybody depends on it");
        return config;
    }

    void examine_sqlite()
    {
        if (sqlite::library_has_wal_reset_defect())
            findings_.ok(
                "SQLite " + sqlite::library_version() +
                " has the checkpoint defect (fixed in 3.51.3); these programs work around it, the sqlite3 "
                "shell "
                "does not: only read with it");
        else
            findings_.ok("SQLite " + sqlite::library_version());
    }

    void examine_clock()
    {
        struct timex state = {};
        if (::adjtimex(&state) == TIME_ERROR)
            findings_.warn(
                "the kernel does not know of a synchronised clock",
                "run an NTP client (apt-get install systemd-timesyncd); tokens and windows hang on the time");
        else
            findings_.ok("the clock is synchronised");
    }

    void examine_token_life(const base::Config& config)
    {
        constexpr std::int64_t kept_seconds = 3300;
        if (config.jwt_ttl_seconds < kept_seconds)
            findings_.warn(
                "JWT_TTL_SECONDS is " + std::to_string(config.jwt_ttl_seconds) +
                    "; clients of the first service keep an access token for 55 minutes, and get 401 when it "
                    "has expired",
                "set JWT_TTL_SECONDS to " + std::to_string(kept_seconds) + " or more");
    }

    // A proxy may change the Host. Then every message names another domain than that.
    void examine_domains(const base::Config& config)
    {
        if (!config.sign_in_domains.empty())
            return;
        shared::Counters counters(config.shared_path("metrics"));
        const auto foreign = metrics::foreign_domains(counters);
        if (foreign == 0)
            findings_.ok("SIGN_IN_DOMAINS is not set; a signed message must name the Host of its request");
        else
            findings_.warn(std::to_string(foreign) +
                               " signed messages named another domain than the Host of their request",
                           "set SIGN_IN_DOMAINS to the domains of your applications, if a proxy changes the "
                           "Host; others may also have tried");
    }

    bool is_file_there(const base::Config& config)
    {
        sqlite::DatabaseFiles::require_database(config.database_path);
        if (!fs::exists(config.database_path)) {
            findings_.warn("there is no database yet",
                           "the first request makes it; or session-voice-admin migrate");
            return false;
        }
        if (fs::exists(config.database_path + "-wal") && !fs::exists(config.database_path + "-lock"))
            findings_.warn("there is no " + config.database_path + "-lock",
                           "if it was removed while the service ran, stop the service and start it");
        return true;
    }

    void examine_database(const base::Config& config)
    {
        try {
            if (config.database_url.empty() && !is_file_there(config))
                return;
            const auto connection = storage::connect(config);
            auto& db = *connection;
            const auto version = db.schema_version();
            const auto newest = storage::newest_schema_version();
            const auto versions =
                "the schema is of version " + std::to_string(version) + " of " + std::to_string(newest);
            if (version > newest) {
                findings_.fail(versions, "install the newer programs; these are too old for this database");
                return;
            }
            if (version < newest) {
                findings_.warn(versions, "session-voice-admin migrate, or the first request does it");
                return;
            }
            findings_.ok(versions);
            examine_server_clock(db);
            examine_sweep(config, db);
            examine_attestations(config, db);
            examine_outbox(findings_, config, db);
        } catch (const std::exception& error) {
            findings_.fail(
                std::string("the database: ") + error.what(),
                "look at what is in its folder, and at the permissions; session-voice-admin audit");
        }
    }

    void examine_server_clock(database::Connection& db)
    {
        const auto server_now_ms = db.server_now_ms();
        if (!server_now_ms)
            return;
        const auto ahead_ms = base::system_now_ms() - *server_now_ms;
        const auto text =
            "this machine's clock is " + std::to_string(ahead_ms) + " ms ahead of the database's";
        if (std::abs(ahead_ms) < database::tolerated_clock_difference_ms)
            findings_.ok(text);
        else
            findings_.fail(text, "run an NTP client on both; each machine charges by its own clock");
    }

    void examine_sweep(const base::Config& config, database::Connection& db)
    {
        const std::string advice = "have cron run session-voice-meter as the user who owns the database; see "
                                   "cron/crontab or the timer session-voice-meter.timer";
        const auto last = rooms::last_sweep_at(db);
        if (!last) {
            findings_.warn("no sweep has run yet", advice);
            return;
        }
        const auto age_seconds = base::system_now() - *last;
        const auto age = "the last sweep was " + std::to_string(age_seconds) + " s ago";
        if (age_seconds < 0)
            findings_.fail("the last sweep lies in the future", "the clock was set back; set it right");
        else if (age_seconds > config.sweep_stale_after_seconds)
            findings_.fail(age, advice);
        else
            findings_.ok(age);
    }

    void examine_attestations(const base::Config& config, database::Connection& db)
    {
        constexpr std::int64_t patience_seconds = 3600; // chains may take a quarter of an hour to be final
        for (const auto& attestation : sessions::find_attestations_on_their_way(db)) {
            if (base::system_now() - attestation.decided_at > patience_seconds)
                findings_.warn("the attestation of booking " + attestation.booking_id + " is only " +
                                   name_of(attestation.state) + " since " +
                                   base::iso8601(attestation.decided_at),
                               "have cron run session-voice-attest, and read what it says; if it is stuck: "
                               "session-voice-admin attest cancel " +
                                   attestation.booking_id);
        }
        if (const auto key = ethereum::PrivateKey::parse(config.oracle_private_key))
            confirmed_count_ = sessions::confirmed_count(db, config.chain_id, key->address());
    }

    void examine_chain(const base::Config& config)
    {
        if (config.chain_mode == base::ChainMode::mock) {
            findings_.warn("the chain is a mock", "set CHAIN_MODE=rpc before anybody depends on it");
            return;
        }
        if (config.rpc_url.empty())
            return;
        const auto chain = ethereum::make_chain(config);
        const auto ask = [&](const char* what, const char* advice, const auto& question) {
            try {
                question();
                findings_.ok(what);
                return true;
            } catch (const Error& error) {
                findings_.fail(std::string(what) + ": " + error.what(), advice);
                return false;
            }
        };
        std::uint64_t id = 0;
        if (!ask("the node answers",
                 "look at RPC_URL and at the network; libcurl4 and ca-certificates must be there",
                 [&] { id = chain->chain_id(); }))
            return;
        if (id == static_cast<std::uint64_t>(config.chain_id))
            findings_.ok("its chain is " + std::to_string(id));
        else
            findings_.fail("its chain is " + std::to_string(id) + ", CHAIN_ID says " +
                               std::to_string(config.chain_id),
                           "correct RPC_URL or CHAIN_ID");
        examine_block_time(*chain);
        if (config.registry_address == ethereum::no_contract)
            findings_.ok("there is no registry: nobody has a .heaven name");
        else
            ask("the registry answers", "correct REGISTRY_ADDRESS",
                [&] { chain->heaven_name(nobodys_address); });
        if (config.verification_mirror_address == ethereum::no_contract)
            findings_.ok("there is no verification mirror: nobody is verified");
        else
            ask("the verification mirror answers", "correct VERIFICATION_MIRROR_ADDRESS",
                [&] { chain->is_celo_verified(nobodys_address); });
        if (config.escrow_address.empty() || config.escrow_address == ethereum::no_contract)
            findings_.ok("no escrow is set: booked sessions are switched off");
        else
            ask("the escrow answers", "correct ESCROW_ADDRESS", [&] { chain->booking(ethereum::Uint256()); });
        ask(config.sign_in_rpc_url.empty() ? "wallets that are contracts can be asked"
                                           : "the node of SIGN_IN_RPC_URL answers",
            "look at SIGN_IN_RPC_URL; its node must answer eth_call without a contract's address",
            [&] { chain->is_signed_by_contract(nobodys_address, {ethereum::Uint256().to_word()}, ""); });
        examine_oracle(config, *chain);
    }

    void examine_block_time(ethereum::Chain& chain)
    {
        constexpr std::int64_t most_seconds = 60;
        try {
            const auto ahead_seconds = base::system_now() - chain.last_block_at();
            if (std::abs(ahead_seconds) <= most_seconds)
                findings_.ok("the clock agrees with the chain's");
            else
                findings_.warn(
                    "the clock is " + std::to_string(ahead_seconds) + " s ahead of the chain's last block",
                    "if the chain makes blocks all the time, the clock is wrong: run an NTP client");
        } catch (const Error& error) {
            findings_.warn(std::string("the chain's time: ") + error.what(), "compare the clock by hand");
        }
    }

    void examine_oracle(const base::Config& config, ethereum::Chain& chain)
    {
        if (config.oracle_private_key.empty()) {
            findings_.ok("no oracle key is set: nothing is attested from here");
            return;
        }
        const auto key = ethereum::PrivateKey::parse(config.oracle_private_key);
        if (!key) {
            findings_.fail("ORACLE_PRIVATE_KEY is no key of secp256k1", "make another");
            return;
        }
        try {
            const auto balance = chain.balance(key->address());
            if (balance == ethereum::Uint256())
                findings_.fail("the oracle " + key->address() + " holds nothing",
                               "send it something to pay fees with");
            else
                findings_.ok("the oracle " + key->address() + " holds " + balance.to_decimal() + " wei");
            const auto count = chain.transaction_count(key->address(), false);
            if (count < static_cast<std::uint64_t>(confirmed_count_))
                findings_.warn(
                    "the chain has " + std::to_string(count) + " transactions of the oracle, " +
                        std::to_string(confirmed_count_) +
                        " were confirmed: it is another chain of the same id",
                    "a test network that began anew: its escrow may be elsewhere; else correct RPC_URL");
        } catch (const Error& error) {
            findings_.fail(std::string("the oracle's account: ") + error.what(), "ask again later");
        }
    }

    Findings findings_;
    std::int64_t confirmed_count_ = 0; // of the oracle's transactions
};

} // namespace

int run_doctor(const std::string& config_path, const std::vector<std::string>& users, bool as_json)
{
    return Doctor(as_json).examine(config_path, users);
}
