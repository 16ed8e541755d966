#include "doctor.h"

#include "base/config.h"
#include "base/error.h"
#include "base/json.h"
#include "base/startup.h"
#include "ethereum/chain.h"
#include "rooms/sweep.h"
#include "sessions/oracle.h"
#include "sqlite/migrate.h"
#include "unit.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <grp.h>
#include <iostream>
#include <pwd.h>
#include <sstream>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/vfs.h>

namespace {

using base::Error;
namespace fs = std::filesystem;

const std::string nobodys_address = ethereum::no_contract;

struct User
{
    std::string name;
    uid_t uid = 0;
    std::vector<gid_t> groups;
};

std::optional<User> read_user(const struct passwd* entry)
{
    if (entry == nullptr)
        return std::nullopt;
    User user{entry->pw_name, entry->pw_uid, std::vector<gid_t>(64)};
    int count = static_cast<int>(user.groups.size());
    if (getgrouplist(entry->pw_name, entry->pw_gid, user.groups.data(), &count) < 0)
        count = static_cast<int>(user.groups.size());
    user.groups.resize(static_cast<std::size_t>(count));
    return user;
}

// As the kernel would decide; access control lists are not looked at.
bool may(const User& user, const struct stat& file, unsigned permissions)
{
    if (user.uid == 0)
        return true;
    const bool in_group = std::find(user.groups.begin(), user.groups.end(), file.st_gid) != user.groups.end();
    const unsigned shift = user.uid == file.st_uid ? 6 : in_group ? 3 : 0;
    return ((file.st_mode >> shift) & permissions) == permissions;
}

constexpr const char* suffixes_beside[] = {"-wal", "-shm", "-lock", "-metrics", "-limits", "-rpc-slots"};

constexpr unsigned may_read_and_write = 6;
constexpr unsigned may_write_and_enter = 3;

class Doctor
{
  public:
    explicit Doctor(bool as_json) : as_json_(as_json) {}

    int examine(const std::string& config_path, const std::vector<std::string>& users)
    {
        auto config = examine_settings(config_path);
        if (config)
            base::enter_database_folder(*config);
        examine_sqlite();
        examine_clock();
        if (config) {
            examine_files(config->database_path, users);
            examine_token_life(*config);
            examine_textfile(*config);
            examine_database(*config);
            examine_chain(*config);
        }
        if (as_json_)
            std::cout << base::Json{{"findings", findings_}, {"failed", failures_}, {"warnings", warnings_}}
                             .dump(-1, ' ', false, base::Json::error_handler_t::replace)
                      << "\n";
        else
            std::cout << failures_ << " failed, " << warnings_ << " warnings\n";
        return failures_ == 0 ? 0 : 1;
    }

  private:
    void find(const char* level, const char* mark, const std::string& what, const std::string& advice = {})
    {
        if (as_json_) {
            findings_.push_back({{"level", level}, {"what", what}});
            if (!advice.empty())
                findings_.back()["advice"] = advice;
            return;
        }
        std::cout << mark << what << "\n";
        if (!advice.empty())
            std::cout << "      -> " << advice << "\n";
    }
    void ok(const std::string& what) { find("ok", "ok    ", what); }
    void warn(const std::string& what, const std::string& advice)
    {
        ++warnings_;
        find("warn", "warn  ", what, advice);
    }
    void fail(const std::string& what, const std::string& advice)
    {
        ++failures_;
        find("fail", "FAIL  ", what, advice);
    }

    // Of a text whose first line is a title.
    void fail_each_line(const std::string& text, const std::string& advice)
    {
        std::istringstream lines(text);
        std::string line;
        std::getline(lines, line);
        while (std::getline(lines, line))
            fail(line.substr(std::min(line.find_first_not_of(' '), line.size())), advice);
    }

    std::optional<base::Config> examine_settings(const std::string& config_path)
    {
        const auto environment = base::process_environment();
        const auto path =
            config_path.empty() ? environment("SESSION_VOICE_CONFIG").value_or("") : config_path;
        struct stat file = {};
        if (path.empty())
            warn("no settings file", "name one by --config or SESSION_VOICE_CONFIG, or put it to "
                                     "~/session-voice.env or /etc/session-voice/session-voice.env");
        else if (::stat(path.c_str(), &file) == 0 && (file.st_mode & S_IROTH) != 0)
            fail("everybody on this machine can read the secrets in " + path, "chmod o-r " + path);
        std::optional<base::Config> config;
        try {
            config = base::load_config(config_path, environment, base::Program::server);
            ok("the settings are complete, the Agora credentials have their form" +
               (path.empty() ? "" : " (" + path + ")"));
        } catch (const Error& error) {
            fail_each_line(error.what(),
                           "correct it in the settings; man session-voice.env explains all of them");
            try { // what can be looked at without the secrets
                config = base::load_config(config_path, environment, base::Program::tool);
            } catch (const Error&) {
            }
        }
        if (config)
            ok(config->rules.base_grant_per_name ? "a name brings the base grant once"
                                                 : "a name that is passed on brings its next owner the base "
                                                   "grant, too; BASE_GRANT_PER_NAME=1 "
                                                   "would change that");
        if (config && !config->production)
            warn("ENVIRONMENT is development", "set ENVIRONMENT=production before anybody depends on it");
        return config;
    }

    void examine_sqlite()
    {
        if (sqlite::library_has_wal_reset_defect())
            ok("SQLite " + sqlite::library_version() +
               " has the checkpoint defect (fixed in 3.51.3); these programs work around it, the sqlite3 "
               "shell "
               "does not: only read with it");
        else
            ok("SQLite " + sqlite::library_version());
    }

    void examine_clock()
    {
        struct timex state = {};
        if (::adjtimex(&state) == TIME_ERROR || (state.status & STA_UNSYNC) != 0)
            warn(
                "the kernel does not know of a synchronised clock",
                "run an NTP client (apt-get install systemd-timesyncd); tokens and windows hang on the time");
        else
            ok("the clock is synchronised");
    }

    void examine_files(const std::string& database_path, const std::vector<std::string>& names)
    {
        const fs::path database = database_path;
        const auto folder = database.has_parent_path() ? database.parent_path().string() : std::string(".");
        struct stat folder_stat = {};
        if (::stat(folder.c_str(), &folder_stat) != 0) {
            fail("the database's folder " + folder + ": " + std::strerror(errno),
                 "create it for the user whom the web server runs the program as");
            return;
        }
        struct statfs system = {};
        constexpr long nfs = 0x6969, smb = 0x517b, smb2 = 0xfe534d42, cifs = 0xff534d42, fuse = 0x65735546;
        if (::statfs(folder.c_str(), &system) == 0 &&
            (system.f_type == nfs || system.f_type == smb || system.f_type == smb2 || system.f_type == cifs))
            fail("the database is on a network file system, whose locks cannot be trusted",
                 "move it to a local disk");
        else if (system.f_type == fuse)
            warn("the database is on a FUSE file system", "make sure that it is a local disk");

        std::vector<User> users;
        struct stat file = {};
        const bool exists = ::stat(database_path.c_str(), &file) == 0;
        if (const auto owner = read_user(::getpwuid(exists ? file.st_uid : folder_stat.st_uid)))
            users.push_back(*owner);
        for (const auto& name : names) {
            if (const auto user = read_user(::getpwnam(name.c_str())))
                users.push_back(*user);
            else
                fail("there is no user " + name, "name the users of the web server's workers and of cron");
        }
        for (const auto& user : users)
            examine_access(user, folder, folder_stat, database_path);
        for (const char* suffix : suffixes_beside) {
            struct stat beside = {};
            if (exists && ::lstat((database_path + suffix).c_str(), &beside) == 0 &&
                beside.st_uid != file.st_uid)
                warn(database_path + suffix + " belongs to another user than the database",
                     "run the web server's workers, cron and this program as one user");
        }
        if (exists && (file.st_mode & (S_IROTH | S_IWOTH)) != 0)
            warn("everybody on this machine can read " + database_path, "chmod o-rw " + database_path);
        examine_scratch_files(database);
    }

    void examine_scratch_files(const fs::path& database)
    {
        std::error_code none; // the folder may be closed to us
        for (const auto& entry : fs::directory_iterator(database.parent_path(), none)) {
            const auto path = entry.path().string();
            for (const char* kind : {"-restore-", "-rehearsal-"}) {
                if (path.rfind(database.string() + kind, 0) == 0)
                    warn("there is " + path + ", as a command leaves it that was killed",
                         "if neither restore nor attest retry is under way: rm " + path);
            }
        }
    }

    void examine_access(const User& user, const std::string& folder, const struct stat& folder_stat,
                        const std::string& database_path)
    {
        bool fits = may(user, folder_stat, may_write_and_enter);
        std::string what = folder;
        const auto look_at = [&](const std::string& path) {
            struct stat file = {};
            if (fits && ::stat(path.c_str(), &file) == 0) {
                fits = may(user, file, may_read_and_write);
                what = path;
            }
        };
        look_at(database_path);
        for (const char* suffix : suffixes_beside)
            look_at(database_path + suffix);
        if (fits)
            ok("user " + user.name +
               " can use the database; the web server's workers and cron must be that user");
        else
            fail("user " + user.name + " cannot write " + what,
                 "chown it to the user whom both the web server's workers and cron run as");
    }

    void examine_token_life(const base::Config& config)
    {
        constexpr std::int64_t kept_seconds = 3300;
        if (config.rules.jwt_ttl_seconds < kept_seconds)
            warn(
                "JWT_TTL_SECONDS is " + std::to_string(config.rules.jwt_ttl_seconds) +
                    "; clients of the first service keep an access token for 55 minutes, and get 401 when it "
                    "has expired",
                "set JWT_TTL_SECONDS to " + std::to_string(kept_seconds) + " or more");
    }

    void examine_textfile(const base::Config& config)
    {
        if (config.metrics_textfile.empty())
            return;
        const auto folder = fs::path(config.metrics_textfile).parent_path().string();
        const std::string unit = "session-voice-meter.service";
        struct stat folder_stat = {}, database = {};
        const auto owner = ::stat(config.database_path.c_str(), &database) == 0
                               ? read_user(::getpwuid(database.st_uid))
                               : std::nullopt;
        if (::stat(folder.c_str(), &folder_stat) != 0)
            warn("METRICS_TEXTFILE: " + folder + ": " + std::strerror(errno),
                 "create it, for the user who runs the sweep");
        else if (owner && !may(*owner, folder_stat, may_write_and_enter))
            warn("METRICS_TEXTFILE: user " + owner->name + " cannot write in " + folder,
                 "let the user who runs the sweep write there, or name another folder");
        else if (!may_write(read_unit(unit, base::process_environment()), config.metrics_textfile))
            warn("METRICS_TEXTFILE: " + unit + " may not write in " + folder,
                 "systemctl edit " + unit + ", and add the lines [Service] and ReadWritePaths=" + folder);
        else
            ok("the sweep can write METRICS_TEXTFILE");
    }

    void examine_database(const base::Config& config)
    {
        try {
            sqlite::DatabaseFiles::require_database(config.database_path);
            if (!fs::exists(config.database_path)) {
                warn("there is no database yet",
                     "the first request makes it; or session-voice-admin migrate");
                return;
            }
            if (fs::exists(config.database_path + "-wal") && !fs::exists(config.database_path + "-lock"))
                warn("there is no " + config.database_path + "-lock",
                     "if it was removed while the service ran, stop the service and start it");
            sqlite::DatabaseOptions options;
            options.busy_timeout_ms = static_cast<int>(config.database_busy_timeout_ms);
            sqlite::Database db(config.database_path, options);
            const auto version = sqlite::schema_version(db);
            const auto newest = static_cast<std::int64_t>(sqlite::schema_migrations.size());
            const auto versions =
                "the schema is of version " + std::to_string(version) + " of " + std::to_string(newest);
            if (version > newest) {
                fail(versions, "install the newer programs; these are too old for this database");
                return;
            }
            if (version < newest) {
                warn(versions, "session-voice-admin migrate, or the first request does it");
                return;
            }
            ok(versions);
            examine_sweep(config, db);
            examine_attestations(config, db);
        } catch (const std::exception& error) {
            fail(std::string("the database: ") + error.what(),
                 "look at what is in its folder, and at the permissions; session-voice-admin audit");
        }
    }

    void examine_sweep(const base::Config& config, sqlite::Database& db)
    {
        const std::string advice = "have cron run session-voice-meter as the user who owns the database; see "
                                   "cron/crontab or the timer session-voice-meter.timer";
        const auto last = rooms::last_sweep_at(db);
        if (!last) {
            warn("no sweep has run yet", advice);
            return;
        }
        const auto age_seconds = base::system_now() - *last;
        const auto age = "the last sweep was " + std::to_string(age_seconds) + " s ago";
        if (age_seconds < 0)
            fail("the last sweep lies in the future", "the clock was set back; set it right");
        else if (age_seconds > config.rules.sweep_stale_after_seconds)
            fail(age, advice);
        else
            ok(age);
    }

    void examine_attestations(const base::Config& config, sqlite::Database& db)
    {
        constexpr std::int64_t patience_seconds = 3600; // chains may take a quarter of an hour to be final
        for (const auto& attestation : sessions::find_attestations_on_their_way(db)) {
            if (base::system_now() - attestation.decided_at > patience_seconds)
                warn("the attestation of booking " + attestation.booking_id + " is only " +
                         name_of(attestation.state) + " since " + base::iso8601(attestation.decided_at),
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
            warn("the chain is a mock", "set CHAIN_MODE=rpc before anybody depends on it");
            return;
        }
        if (config.rpc_url.empty())
            return;
        const auto chain = ethereum::make_chain(config);
        const auto ask = [&](const char* what, const char* advice, const auto& question) {
            try {
                question();
                ok(what);
                return true;
            } catch (const Error& error) {
                fail(std::string(what) + ": " + error.what(), advice);
                return false;
            }
        };
        std::uint64_t id = 0;
        if (!ask("the node answers",
                 "look at RPC_URL and at the network; libcurl4 and ca-certificates must be there",
                 [&] { id = chain->chain_id(); }))
            return;
        if (id == static_cast<std::uint64_t>(config.chain_id))
            ok("its chain is " + std::to_string(id));
        else
            fail("its chain is " + std::to_string(id) + ", CHAIN_ID says " + std::to_string(config.chain_id),
                 "correct RPC_URL or CHAIN_ID");
        examine_block_time(*chain);
        if (config.registry_address == ethereum::no_contract)
            ok("there is no registry: nobody has a .heaven name");
        else
            ask("the registry answers", "correct REGISTRY_ADDRESS",
                [&] { chain->heaven_name(nobodys_address); });
        if (config.verification_mirror_address == ethereum::no_contract)
            ok("there is no verification mirror: nobody is verified");
        else
            ask("the verification mirror answers", "correct VERIFICATION_MIRROR_ADDRESS",
                [&] { chain->is_celo_verified(nobodys_address); });
        if (config.escrow_address.empty() || config.escrow_address == ethereum::no_contract)
            ok("no escrow is set: booked sessions are switched off");
        else
            ask("the escrow answers", "correct ESCROW_ADDRESS", [&] { chain->booking(ethereum::Uint256()); });
        examine_oracle(config, *chain);
    }

    void examine_block_time(ethereum::Chain& chain)
    {
        constexpr std::int64_t most_seconds = 60;
        try {
            const auto ahead_seconds = base::system_now() - chain.last_block_at();
            if (std::abs(ahead_seconds) <= most_seconds)
                ok("the clock agrees with the chain's");
            else
                warn("the clock is " + std::to_string(ahead_seconds) + " s ahead of the chain's last block",
                     "if the chain makes blocks all the time, the clock is wrong: run an NTP client");
        } catch (const Error& error) {
            warn(std::string("the chain's time: ") + error.what(), "compare the clock by hand");
        }
    }

    void examine_oracle(const base::Config& config, ethereum::Chain& chain)
    {
        if (config.oracle_private_key.empty()) {
            ok("no oracle key is set: nothing is attested from here");
            return;
        }
        const auto key = ethereum::PrivateKey::parse(config.oracle_private_key);
        if (!key) {
            fail("ORACLE_PRIVATE_KEY is no key of secp256k1", "make another");
            return;
        }
        try {
            const auto balance = chain.balance(key->address());
            if (balance == ethereum::Uint256())
                fail("the oracle " + key->address() + " holds nothing", "send it something to pay fees with");
            else
                ok("the oracle " + key->address() + " holds " + balance.to_decimal() + " wei");
            const auto count = chain.transaction_count(key->address(), false);
            if (count < static_cast<std::uint64_t>(confirmed_count_))
                warn("the chain has " + std::to_string(count) + " transactions of the oracle, " +
                         std::to_string(confirmed_count_) +
                         " were confirmed: it is another chain of the same id",
                     "a test network that began anew: its escrow may be elsewhere; else correct RPC_URL");
        } catch (const Error& error) {
            fail(std::string("the oracle's account: ") + error.what(), "ask again later");
        }
    }

    const bool as_json_;
    base::Json findings_ = base::Json::array();
    int failures_ = 0;
    int warnings_ = 0;
    std::int64_t confirmed_count_ = 0; // of the oracle's transactions
};

} // namespace

int run_doctor(const std::string& config_path, const std::vector<std::string>& users, bool as_json)
{
    return Doctor(as_json).examine(config_path, users);
}
