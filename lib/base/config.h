// Every setting of every program, read once at start from the environment and from a KEY=VALUE file.
#pragma once

#include "base/environment.h"
#include "base/program.h"
#include "base/rules.h"

#include <cstdint>
#include <string>
#include <vector>

namespace base {

enum class ChainMode
{
    rpc,
    mock
};

struct Config
{
    bool production = true;
    std::string database_path; // SQLite's file; empty if database_url is set
    std::string database_url;  // a PostgreSQL; it may hold a password
    bool database_prepares = true;
    std::int64_t database_busy_timeout_ms = 5000;
    std::string state_directory = "/var/lib/session-voice"; // counts only with database_url

    // As database_path: a database of this process's own, gone with it.
    static constexpr const char* in_memory = ":memory:";
    bool is_in_memory() const { return database_path == in_memory; }
    // What the processes of this machine share beside the database: "metrics", "limits", "rpc-slots". Empty:
    // nothing, each has its own.
    std::string shared_path(const std::string& what) const
    {
        if (!database_url.empty())
            return state_directory.empty() ? std::string() : state_directory + "/" + what;
        return is_in_memory() ? std::string() : database_path + "-" + what;
    }

    std::string jwt_secret;
    std::string jwt_secret_previous; // what it made is still accepted; empty if there is none
    std::string agora_app_id;
    std::string agora_app_certificate;
    std::string agora_customer_id; // of Agora's REST API; empty: Agora is told nothing
    std::string agora_customer_secret;
    std::string agora_api_url = "https://api.agora.io";
    std::string agora_notification_secret; // empty: Agora tells us nothing
    bool agora_require_audio = false;      // of booked sessions only what Agora heard counts

    std::string webhook_url;                  // empty: there are no webhooks
    std::vector<std::string> webhook_secrets; // raw bytes, one or two; each signs
    bool webhook_allow_private = false;

    ChainMode chain_mode = ChainMode::rpc;
    std::int64_t chain_id = 6343;
    std::string rpc_url;
    std::string sign_in_rpc_url; // for wallets that are contracts; empty: rpc_url
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

    // Of signed messages (EIP-4361): host[:port] in lowercase, empty for the request's own Host; and chains
    // by their decimal ids, empty for any.
    std::vector<std::string> sign_in_domains;
    std::vector<std::string> sign_in_chain_ids;

    std::string service_token; // the application's backend's; empty: there is no /service

    bool log_requests = true;
    bool has_page = true;         // for people, at /
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

// Settings in the environment win over the file's. `file_path` may be empty: then SESSION_VOICE_CONFIG
// names the file, if it is set. Throws Error(invalid_argument, "invalid_settings") whose what() has one line
// for each wrong setting; no line quotes a secret.
Config load_config(const std::string& file_path, const Environment& environment, Program program);

} // namespace base
