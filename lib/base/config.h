// Every setting of every program, read once at start from the environment and from a KEY=VALUE file.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace base {

// The parameters of rooms, credits and tokens. All in seconds unless the name says otherwise.
struct Rules
{
    std::int64_t base_grant_seconds = 1800;
    bool base_grant_per_name = false; // a name brings the base grant to the first of its owners alone
    std::int64_t celo_bonus_seconds = 1800;
    std::int64_t minimum_credit_seconds = 90; // to create, join or renew; at least free_token_ttl_seconds
    std::int64_t free_token_ttl_seconds = 90;
    std::int64_t renew_after_seconds = 45;
    std::int64_t heartbeat_interval_seconds = 30;
    std::int64_t booked_token_ttl_seconds = 3600;
    std::int64_t low_credit_seconds = 300;
    std::int64_t unjoined_room_ttl_seconds = 300;
    std::int64_t nonce_ttl_seconds = 300;
    std::int64_t jwt_ttl_seconds = 3600;
    std::int64_t join_window_seconds = 300;
    std::int64_t sweep_stale_after_seconds = 300; // /health calls an older sweep stale
    std::int64_t free_room_capacity = 6;          // participants
    std::int64_t booked_room_capacity = 2;
};

enum class ChainMode
{
    rpc,
    mock
};

struct Config
{
    bool production = true;
    std::string database_path;
    std::int64_t database_busy_timeout_ms = 5000;

    // As database_path: a database of this process's own, gone with it.
    static constexpr const char* in_memory = ":memory:";
    bool is_in_memory() const { return database_path == in_memory; }
    // What the processes of this machine share beside the database: "metrics", "limits", "rpc-slots". Empty:
    // nothing, each has its own.
    std::string shared_path(const std::string& what) const
    {
        return is_in_memory() ? std::string() : database_path + "-" + what;
    }

    std::string jwt_secret;
    std::string jwt_secret_previous; // what it made is still accepted; empty if there is none
    std::string agora_app_id;
    std::string agora_app_certificate;

    ChainMode chain_mode = ChainMode::rpc;
    std::int64_t chain_id = 6343;
    std::string rpc_url;
    std::int64_t rpc_timeout_ms = 5000;
    std::int64_t rpc_max_concurrent = 3; // calls under way at once, over all worker processes
    // How long it is remembered that the chain said no: that a wallet has no name, or is not verified.
    // 0, the default in development: not at all.
    std::int64_t chain_no_ttl_seconds = 10;
    std::string registry_address;
    std::string verification_mirror_address;
    std::string escrow_address;
    std::string oracle_private_key;
    std::string oracle_service_token;
    std::int64_t oracle_max_fee_gwei = 1000; // never offered more per gas
    std::int64_t oracle_confirmations = 20;  // blocks, where the node does not tell what is final
    std::string mock_host;
    std::string mock_guest;

    std::vector<std::string> cors_allowed_origins = {"*"};

    bool log_requests = true;
    std::string metrics_token;    // empty: there is no /metrics
    std::string metrics_textfile; // empty: none is written
    // So many in a minute or an hour, and as many at once; 0: no limit, which is the default in development.
    std::int64_t rate_limit_sign_in_per_minute = 300;           // per address
    std::int64_t rate_limit_create_per_minute = 20;             // per wallet, as is
    std::int64_t rate_limit_create_per_hour = 120;              // and
    std::int64_t rate_limit_join_per_hour = 600;                // and
    std::int64_t rate_limit_keyed_per_minute = 60;              // requests with an Idempotency-Key, and
    std::int64_t rate_limit_chain_per_minute = 60;              // whatever may ask the chain;
    std::int64_t rate_limit_chain_per_address_per_minute = 300; // what does ask it, per address
    std::int64_t rate_limit_attest_per_minute = 120;            // per address

    Rules rules;
};

// Who reads: the server cannot do without the secrets and the chain, the oracle not without its key and the
// escrow. The tools that work on the database alone accept their absence, but nobody accepts a wrong value.
enum class Program
{
    server,
    oracle,
    tool
};

// Looks up one environment variable.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
// The process's own. Where it names no settings file, SESSION_VOICE_CONFIG is ~/session-voice.env (of the
// user that the process runs as) or /etc/session-voice/session-voice.env, the first that exists.
Environment process_environment();

// Settings in the environment win over the file's. `file_path` may be empty: then SESSION_VOICE_CONFIG
// names the file, if it is set. Throws Error(invalid_argument, "invalid_settings") whose what() has one line
// for each wrong setting; no line quotes a secret.
Config load_config(const std::string& file_path, const Environment& environment, Program program);

} // namespace base
