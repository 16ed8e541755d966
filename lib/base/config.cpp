#include "base/config.h"

#include "base/error.h"
#include "base/origin.h"
#include "base/setting_forms.h"
#include "base/settings.h"
#include "base/settings_file.h"
#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <map>

namespace base {

namespace {

constexpr std::int64_t year_seconds = 366 * 86400;

struct IntegerSetting
{
    const char* name;
    std::int64_t* value;
    std::int64_t lowest;
    std::int64_t highest;
};

struct TextSetting
{
    const char* name;
    std::string* value;
};

class Loader
{
  public:
    Loader(const Environment& environment, Program program) : environment_(environment), program_(program) {}

    Config load(std::string file_path)
    {
        if (file_path.empty())
            file_path = environment_(config_path_variable).value_or("");
        describe_integers();
        describe_texts();
        if (!file_path.empty())
            read_file(file_path);
        read_values();
        validate();
        if (!problems_.lines.empty()) {
            std::string text;
            for (const auto& problem : problems_.lines)
                text += "\n  " + problem;
            throw Error(ErrorCode::invalid_argument, "invalid_settings", text);
        }
        return config_;
    }

  private:
    void describe_integers()
    {
        auto& rules = config_.rules;
        integers_ = {
            {"DATABASE_BUSY_TIMEOUT_MS", &config_.database_busy_timeout_ms, 1, 60000},
            {"CHAIN_ID", &config_.chain_id, 1, (std::int64_t{1} << 53) - 1},
            {"RPC_TIMEOUT_MS", &config_.rpc_timeout_ms, 1, 60000},
            {"RPC_MAX_CONCURRENT", &config_.rpc_max_concurrent, 1, 1000},
            {"CHAIN_NO_TTL_SECONDS", &config_.chain_no_ttl_seconds, 0, 60},
            {"ORACLE_MAX_FEE_GWEI", &config_.oracle_max_fee_gwei, 1, 1000000000},
            {"ORACLE_CONFIRMATIONS", &config_.oracle_confirmations, 0, 1000000},
            {"RATE_LIMIT_SIGN_IN_PER_MINUTE", &config_.rate_limit_sign_in_per_minute, 0, 6000},
            {"RATE_LIMIT_CREATE_PER_MINUTE", &config_.rate_limit_create_per_minute, 0, 6000},
            {"RATE_LIMIT_CREATE_PER_HOUR", &config_.rate_limit_create_per_hour, 0, 6000},
            {"RATE_LIMIT_JOIN_PER_HOUR", &config_.rate_limit_join_per_hour, 0, 6000},
            {"RATE_LIMIT_KEYED_PER_MINUTE", &config_.rate_limit_keyed_per_minute, 0, 6000},
            {"RATE_LIMIT_CHAIN_PER_MINUTE", &config_.rate_limit_chain_per_minute, 0, 6000},
            {"RATE_LIMIT_CHAIN_PER_ADDRESS_PER_MINUTE", &config_.rate_limit_chain_per_address_per_minute, 0,
             6000},
            {"RATE_LIMIT_ATTEST_PER_MINUTE", &config_.rate_limit_attest_per_minute, 0, 6000},
            {"BASE_GRANT_SECONDS", &rules.base_grant_seconds, 1, year_seconds},
            {"BASE_GRANT_PER_NAME", &base_grant_per_name_, 0, 1},
            {"CELO_BONUS_SECONDS", &rules.celo_bonus_seconds, 1, year_seconds},
            {"MINIMUM_CREDIT_SECONDS", &rules.minimum_credit_seconds, 1, year_seconds},
            {"FREE_TOKEN_TTL_SECONDS", &rules.free_token_ttl_seconds, 1, 86400},
            {"RENEW_AFTER_SECONDS", &rules.renew_after_seconds, 1, 86400},
            {"HEARTBEAT_INTERVAL_SECONDS", &rules.heartbeat_interval_seconds, 1, 86400},
            {"BOOKED_TOKEN_TTL_SECONDS", &config_.booked_token_ttl_seconds, 1, 86400},
            {"LOW_CREDIT_SECONDS", &rules.low_credit_seconds, 1, year_seconds},
            {"UNJOINED_ROOM_TTL_SECONDS", &rules.unjoined_room_ttl_seconds, 1, year_seconds},
            {"NONCE_TTL_SECONDS", &config_.nonce_ttl_seconds, 1, 86400},
            {"JWT_TTL_SECONDS", &config_.jwt_ttl_seconds, 1, year_seconds},
            {"SESSION_MAX_AGE_SECONDS", &config_.session_max_age_seconds, 1, year_seconds},
            {"JOIN_WINDOW_SECONDS", &config_.join_window_seconds, 0, 86400},
            {"SWEEP_STALE_AFTER_SECONDS", &config_.sweep_stale_after_seconds, 1, year_seconds},
            {"WEBHOOK_ALLOW_PRIVATE", &webhooks_.allow_private, 0, 1},
            {"FREE_ROOM_CAPACITY", &rules.free_room_capacity, 2, 6},
            {"BOOKED_ROOM_CAPACITY", &config_.booked_room_capacity, 2, 2},
            {"AGORA_REQUIRE_AUDIO", &require_audio_, 0, 1},
            {"EARLY_LEAVE_BUDGET_SECONDS", &rules.early_leave_budget_seconds, 0, 86400},
        };
    }

    void describe_texts()
    {
        texts_ = {
            {"DATABASE_PATH", &config_.database_path},
            {"DATABASE_URL", &config_.database_url},
            {"DATABASE_PREPARE", &database_prepare_},
            {"STATE_DIRECTORY", &state_directory_},
            {"JWT_SECRET", &config_.jwt_secret},
            {"JWT_SECRET_PREVIOUS", &config_.jwt_secret_previous},
            {"AGORA_APP_ID", &config_.agora_app_id},
            {"AGORA_APP_CERTIFICATE", &config_.agora_app_certificate},
            {"AGORA_NOTIFICATION_SECRET", &config_.agora_notification_secret},
            {"AGORA_CUSTOMER_ID", &config_.agora_customer_id},
            {"AGORA_CUSTOMER_SECRET", &config_.agora_customer_secret},
            {"AGORA_API_URL", &webhooks_.agora_api_url},
            {"WEBHOOK_URL", &config_.webhook_url},
            {"WEBHOOK_SECRET", &webhooks_.secrets},
            {"RPC_URL", &config_.rpc_url},
            {"SIGN_IN_RPC_URL", &config_.sign_in_rpc_url},
            {"SIGN_IN_DOMAINS", &sign_in_domains_},
            {"SIGN_IN_CHAIN_IDS", &sign_in_chain_ids_},
            {"REGISTRY_ADDRESS", &config_.registry_address},
            {"VERIFICATION_MIRROR_ADDRESS", &config_.verification_mirror_address},
            {"ESCROW_ADDRESS", &config_.escrow_address},
            {"ORACLE_PRIVATE_KEY", &config_.oracle_private_key},
            {"ORACLE_SERVICE_TOKEN", &config_.oracle_service_token},
            {"MOCK_HOST", &config_.mock_host},
            {"MOCK_GUEST", &config_.mock_guest},
            {"LOG_REQUESTS", &log_requests_},
            {"PAGE", &page_},
            {"SERVICE_TOKEN", &config_.service_token},
            {"METRICS_TOKEN", &config_.metrics_token},
            {"METRICS_TEXTFILE", &config_.metrics_textfile},
            {"ENVIRONMENT", &environment_name_},
            {"CHAIN_MODE", &chain_mode_},
            {"CORS_ALLOWED_ORIGINS", &cors_allowed_origins_},
        };
    }

    bool is_setting(const std::string& name) const
    {
        const auto named = [&](const auto& setting) { return name == setting.name; };
        return std::any_of(integers_.begin(), integers_.end(), named) ||
               std::any_of(texts_.begin(), texts_.end(), named);
    }

    void read_file(const std::string& path)
    {
        auto file = read_settings_file(path, [&](const std::string& name) { return is_setting(name); });
        from_file_ = std::move(file.values);
        problems_.lines.insert(problems_.lines.end(), file.problems.begin(), file.problems.end());
    }

    std::string value_of(const char* name) const
    {
        if (auto value = environment_(name))
            return trim(*value);
        const auto entry = from_file_.find(name);
        return entry == from_file_.end() ? std::string() : entry->second;
    }

    void read_values()
    {
        for (const auto& setting : texts_)
            *setting.value = value_of(setting.name);
        for (const auto& setting : integers_) {
            const auto text = value_of(setting.name);
            if (text.empty())
                continue;
            std::int64_t number = 0;
            const auto* const end_of_text = text.data() + text.size();
            const auto [end, error] = std::from_chars(text.data(), end_of_text, number);
            if (error != std::errc() || end != end_of_text || number < setting.lowest ||
                number > setting.highest)
                problems_.lines.push_back(std::string(setting.name) + " must be a whole number from " +
                                          std::to_string(setting.lowest) + " to " +
                                          std::to_string(setting.highest));
            else
                *setting.value = number;
        }
    }

    void validate_database()
    {
        const auto& url = config_.database_url;
        if (url.empty())
            problems_.require(!config_.database_path.empty(),
                              "DATABASE_PATH is not set; it must name the SQLite file");
        else
            problems_.require(config_.database_path.empty(),
                              "DATABASE_PATH and DATABASE_URL are both set; one is the database");
        problems_.require(url.empty() || url.starts_with("postgresql://") || url.starts_with("postgres://"),
                          "DATABASE_URL must be a PostgreSQL connection URI: postgresql://...");
        config_.database_prepares = problems_.is_on("DATABASE_PREPARE", database_prepare_);
        if (!state_directory_.empty())
            config_.state_directory = state_directory_;
        problems_.require(config_.state_directory.front() == '/',
                          "STATE_DIRECTORY must be a path that begins with /");
    }

    bool is_long(const std::string& secret, std::size_t least_bytes) const
    {
        return !config_.production || secret.size() >= least_bytes;
    }

    void check_secret(const char* name, const std::string& secret, bool needed)
    {
        problems_.check_form(name, secret, needed, is_long(secret, 32),
                             config_.production ? "a random text of at least 32 bytes" : "a random text");
    }

    void validate_agora()
    {
        const bool server = program_ == Program::server;
        const char* form = "32 hex digits, as in Agora's console";
        problems_.check_form("AGORA_APP_ID", config_.agora_app_id, server,
                             is_hex_of_length(config_.agora_app_id, 32), form);
        problems_.check_form("AGORA_APP_CERTIFICATE", config_.agora_app_certificate, server,
                             is_hex_of_length(config_.agora_app_certificate, 32), form);
        config_.agora_require_audio = require_audio_ == 1;
        problems_.require(
            !config_.agora_require_audio || !config_.agora_notification_secret.empty(),
            "AGORA_REQUIRE_AUDIO needs AGORA_NOTIFICATION_SECRET, or no session ever takes place");
    }

    void validate_chain()
    {
        const bool server = program_ == Program::server;
        const bool oracle = program_ == Program::oracle;
        problems_.require(chain_mode_.empty() || chain_mode_ == "rpc" || chain_mode_ == "mock",
                          "CHAIN_MODE must be rpc or mock");
        config_.chain_mode = chain_mode_ == "mock" ? ChainMode::mock : ChainMode::rpc;
        problems_.require(
            !(config_.production && config_.chain_mode == ChainMode::mock),
            "CHAIN_MODE=mock gives credit to every wallet and is refused unless ENVIRONMENT=development");

        const bool by_rpc = config_.chain_mode == ChainMode::rpc;
        const char* node_form = "an http:// or https:// address of a JSON-RPC node";
        problems_.check_form("RPC_URL", config_.rpc_url, (server || oracle) && by_rpc,
                             is_http_url(config_.rpc_url), node_form);
        problems_.check_form("SIGN_IN_RPC_URL", config_.sign_in_rpc_url, false,
                             is_http_url(config_.sign_in_rpc_url), node_form);
        problems_.check_address("REGISTRY_ADDRESS", config_.registry_address, server && by_rpc);
        problems_.check_address("VERIFICATION_MIRROR_ADDRESS", config_.verification_mirror_address,
                                server && by_rpc);
        problems_.check_address("ESCROW_ADDRESS", config_.escrow_address, oracle && by_rpc);
        problems_.check_address("MOCK_HOST", config_.mock_host, false);
        problems_.check_address("MOCK_GUEST", config_.mock_guest, false);
        problems_.check_form("ORACLE_PRIVATE_KEY", config_.oracle_private_key, oracle,
                             config_.oracle_private_key.starts_with("0x") &&
                                 is_hex_of_length(config_.oracle_private_key.substr(2), 64),
                             "0x and 64 hex digits");
        check_secret("ORACLE_SERVICE_TOKEN", config_.oracle_service_token, false); // it spends gas
    }

    void validate_server()
    {
        config_.log_requests = problems_.is_on("LOG_REQUESTS", log_requests_);
        config_.has_page = problems_.is_on("PAGE", page_);
        const auto is_printable = [](const std::string& token) {
            return std::all_of(token.begin(), token.end(),
                               [](unsigned char c) { return c > 0x20 && c < 0x7f; });
        };
        const auto& token = config_.metrics_token;
        problems_.check_form("METRICS_TOKEN", token, false, is_printable(token) && is_long(token, 16),
                             config_.production ? "a random text of at least 16 characters, without blanks"
                                                : "a random text without blanks");
        problems_.check_form("SERVICE_TOKEN", config_.service_token, false,
                             is_printable(config_.service_token) && config_.service_token.size() >= 32,
                             "a random text of at least 32 characters, without blanks"); // it gives credit
        const auto& textfile = config_.metrics_textfile;
        problems_.check_form("METRICS_TEXTFILE", textfile, false,
                             textfile.starts_with('/') && textfile.ends_with(".prom"),
                             "the whole path of a file that ends in .prom");
        if (!cors_allowed_origins_.empty())
            config_.cors_allowed_origins = read_origins(cors_allowed_origins_, problems_.lines);
    }

    // What keeps strangers at bay would be in the way of who tries the program out.
    void lift_guards()
    {
        for (const auto& setting : integers_) {
            const std::string_view name = setting.name;
            const bool is_guard = name.starts_with("RATE_LIMIT_") || name == "CHAIN_NO_TTL_SECONDS";
            if (is_guard && value_of(setting.name).empty())
                *setting.value = 0;
        }
    }

    void validate_rules()
    {
        auto& rules = config_.rules;
        rules.base_grant_per_name = base_grant_per_name_ == 1;
        rules.tells_application = !config_.webhook_url.empty();
        rules.tells_agora = !config_.agora_customer_id.empty();
        problems_.require(rules.renew_after_seconds < rules.free_token_ttl_seconds,
                          "RENEW_AFTER_SECONDS must be less than FREE_TOKEN_TTL_SECONDS, or every call ends");
        problems_.require(rules.heartbeat_interval_seconds < rules.free_token_ttl_seconds,
                          "HEARTBEAT_INTERVAL_SECONDS must be less than FREE_TOKEN_TTL_SECONDS");
        problems_.require(
            rules.minimum_credit_seconds >= rules.free_token_ttl_seconds,
            "MINIMUM_CREDIT_SECONDS must be at least FREE_TOKEN_TTL_SECONDS, or a token outlasts its credit");
    }

    void validate()
    {
        problems_.require(environment_name_.empty() || environment_name_ == "production" ||
                              environment_name_ == "development",
                          "ENVIRONMENT must be production or development");
        config_.production = environment_name_ != "development";
        if (!config_.production)
            lift_guards();
        validate_database();
        const bool server = program_ == Program::server;
        check_secret("JWT_SECRET", config_.jwt_secret, server);
        check_secret("JWT_SECRET_PREVIOUS", config_.jwt_secret_previous, false);
        read_sign_in_lists(sign_in_domains_, sign_in_chain_ids_, config_, problems_.lines);
        validate_agora();
        validate_chain();
        validate_server();
        read_webhook_settings(webhooks_, config_, config_, problems_.lines);
        validate_rules();
    }

    const Environment& environment_;
    const Program program_;
    Config config_;
    std::string environment_name_;
    std::string chain_mode_;
    std::string cors_allowed_origins_;
    std::string sign_in_domains_;
    std::string sign_in_chain_ids_;
    std::string log_requests_;
    std::string page_;
    std::string database_prepare_;
    std::string state_directory_;
    std::int64_t base_grant_per_name_ = 0;
    std::int64_t require_audio_ = 0;
    WrittenWebhookSettings webhooks_;
    std::vector<IntegerSetting> integers_;
    std::vector<TextSetting> texts_;
    std::map<std::string, std::string> from_file_;
    Problems problems_;
};

} // namespace

Config load_config(const std::string& file_path, const Environment& environment, Program program)
{
    return Loader(environment, program).load(file_path);
}

template <class Group>
const Group& settings(const Config& config)
{
    return config;
}

template <>
const Rules& settings(const Config& config)
{
    return config.rules;
}

template <>
const Listeners& settings(const Config& config)
{
    return config.rules;
}

template const DatabaseSettings& settings(const Config& config);
template const ServerSettings& settings(const Config& config);
template const SignInSettings& settings(const Config& config);
template const AgoraSettings& settings(const Config& config);
template const WebhookSettings& settings(const Config& config);
template const ChainSettings& settings(const Config& config);
template const SessionSettings& settings(const Config& config);
template const OracleSettings& settings(const Config& config);
template const RateLimitSettings& settings(const Config& config);

} // namespace base
