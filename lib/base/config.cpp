#include "base/config.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/origin.h"
#include "base/settings_file.h"
#include "base/text.h"
#include "base/webhook_settings.h"

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

bool is_hex_of_length(const std::string& text, std::size_t digits)
{
    return text.size() == digits && from_hex(text).has_value();
}

bool is_address(const std::string& text)
{
    return text.size() == 42 && text.starts_with("0x") && from_hex(text.substr(2)).has_value();
}

bool is_http_url(const std::string& text)
{
    const auto host_at = text.find("://") + 3;
    return (text.starts_with("http://") || text.starts_with("https://")) && text.size() > host_at &&
           text[host_at] != '/';
}

class Loader
{
  public:
    Loader(const Environment& environment, Program program) : environment_(environment), program_(program) {}

    Config load(std::string file_path)
    {
        if (file_path.empty())
            file_path = environment_(config_path_variable).value_or("");
        describe();
        if (!file_path.empty())
            read_file(file_path);
        read_values();
        validate();
        if (!problems_.empty()) {
            std::string text;
            for (const auto& problem : problems_)
                text += "\n  " + problem;
            throw Error(ErrorCode::invalid_argument, "invalid_settings", text);
        }
        return config_;
    }

  private:
    void describe()
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
            {"BOOKED_TOKEN_TTL_SECONDS", &rules.booked_token_ttl_seconds, 1, 86400},
            {"LOW_CREDIT_SECONDS", &rules.low_credit_seconds, 1, year_seconds},
            {"UNJOINED_ROOM_TTL_SECONDS", &rules.unjoined_room_ttl_seconds, 1, year_seconds},
            {"NONCE_TTL_SECONDS", &rules.nonce_ttl_seconds, 1, 86400},
            {"JWT_TTL_SECONDS", &rules.jwt_ttl_seconds, 1, year_seconds},
            {"SESSION_MAX_AGE_SECONDS", &rules.session_max_age_seconds, 1, year_seconds},
            {"JOIN_WINDOW_SECONDS", &rules.join_window_seconds, 0, 86400},
            {"SWEEP_STALE_AFTER_SECONDS", &rules.sweep_stale_after_seconds, 1, year_seconds},
            {"WEBHOOK_ALLOW_PRIVATE", &webhooks_.allow_private, 0, 1},
            {"FREE_ROOM_CAPACITY", &rules.free_room_capacity, 2, 6},
            {"BOOKED_ROOM_CAPACITY", &rules.booked_room_capacity, 2, 2},
            {"AGORA_REQUIRE_AUDIO", &webhooks_.require_audio, 0, 1},
            {"EARLY_LEAVE_BUDGET_SECONDS", &rules.early_leave_budget_seconds, 0, 86400},
        };
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
        problems_.insert(problems_.end(), file.problems.begin(), file.problems.end());
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
                problems_.push_back(std::string(setting.name) + " must be a whole number from " +
                                    std::to_string(setting.lowest) + " to " +
                                    std::to_string(setting.highest));
            else
                *setting.value = number;
        }
    }

    void require(bool holds, const std::string& otherwise)
    {
        if (!holds)
            problems_.push_back(otherwise);
    }

    // A setting that may be absent where `program` can do without it, but never wrong.
    void check_form(const char* name, const std::string& value, bool needed, bool well_formed,
                    const char* form)
    {
        if (value.empty())
            require(!needed, std::string(name) + " is not set; it must be " + form);
        else
            require(well_formed, std::string(name) + " must be " + form);
    }

    void check_address(const char* name, const std::string& value, bool needed)
    {
        check_form(name, value, needed, is_address(value), "an address: 0x and 40 hex digits");
    }

    void validate_database()
    {
        const auto& url = config_.database_url;
        if (url.empty())
            require(!config_.database_path.empty(), "DATABASE_PATH is not set; it must name the SQLite file");
        else
            require(config_.database_path.empty(),
                    "DATABASE_PATH and DATABASE_URL are both set; one is the database");
        require(url.empty() || url.starts_with("postgresql://") || url.starts_with("postgres://"),
                "DATABASE_URL must be a PostgreSQL connection URI: postgresql://...");
        require(database_prepare_.empty() || database_prepare_ == "on" || database_prepare_ == "off",
                "DATABASE_PREPARE must be on or off");
        config_.database_prepares = database_prepare_ != "off";
        if (!state_directory_.empty())
            config_.state_directory = state_directory_;
        require(config_.state_directory.front() == '/', "STATE_DIRECTORY must be a path that begins with /");
    }

    void validate()
    {
        const bool server = program_ == Program::server;

        require(environment_name_.empty() || environment_name_ == "production" ||
                    environment_name_ == "development",
                "ENVIRONMENT must be production or development");
        config_.production = environment_name_ != "development";

        validate_database();

        const auto is_long = [&](const std::string& secret, std::size_t least_bytes) {
            return !config_.production || secret.size() >= least_bytes;
        };
        const char* secret_form = config_.production ? "a random text of at least 32 bytes" : "a random text";
        check_form("JWT_SECRET", config_.jwt_secret, server, is_long(config_.jwt_secret, 32), secret_form);
        check_form("JWT_SECRET_PREVIOUS", config_.jwt_secret_previous, false,
                   is_long(config_.jwt_secret_previous, 32), secret_form);
        check_form("AGORA_APP_ID", config_.agora_app_id, server, is_hex_of_length(config_.agora_app_id, 32),
                   "32 hex digits, as in Agora's console");
        check_form("AGORA_APP_CERTIFICATE", config_.agora_app_certificate, server,
                   is_hex_of_length(config_.agora_app_certificate, 32),
                   "32 hex digits, as in Agora's console");

        require(chain_mode_.empty() || chain_mode_ == "rpc" || chain_mode_ == "mock",
                "CHAIN_MODE must be rpc or mock");
        config_.chain_mode = chain_mode_ == "mock" ? ChainMode::mock : ChainMode::rpc;
        require(!(config_.production && config_.chain_mode == ChainMode::mock),
                "CHAIN_MODE=mock gives credit to every wallet and is refused unless ENVIRONMENT=development");

        const bool by_rpc = config_.chain_mode == ChainMode::rpc;
        const bool oracle = program_ == Program::oracle;
        const char* node_form = "an http:// or https:// address of a JSON-RPC node";
        check_form("RPC_URL", config_.rpc_url, (server || oracle) && by_rpc, is_http_url(config_.rpc_url),
                   node_form);
        check_form("SIGN_IN_RPC_URL", config_.sign_in_rpc_url, false, is_http_url(config_.sign_in_rpc_url),
                   node_form);
        check_address("REGISTRY_ADDRESS", config_.registry_address, server && by_rpc);
        check_address("VERIFICATION_MIRROR_ADDRESS", config_.verification_mirror_address, server && by_rpc);
        check_address("ESCROW_ADDRESS", config_.escrow_address, oracle && by_rpc);
        check_address("MOCK_HOST", config_.mock_host, false);
        check_address("MOCK_GUEST", config_.mock_guest, false);
        check_form("ORACLE_PRIVATE_KEY", config_.oracle_private_key, oracle,
                   config_.oracle_private_key.starts_with("0x") &&
                       is_hex_of_length(config_.oracle_private_key.substr(2), 64),
                   "0x and 64 hex digits");

        require(log_requests_.empty() || log_requests_ == "on" || log_requests_ == "off",
                "LOG_REQUESTS must be on or off");
        config_.log_requests = log_requests_ != "off";
        require(page_.empty() || page_ == "on" || page_ == "off", "PAGE must be on or off");
        config_.has_page = page_ != "off";
        const auto is_printable = [](const std::string& token) {
            return std::all_of(token.begin(), token.end(),
                               [](unsigned char c) { return c > 0x20 && c < 0x7f; });
        };
        const auto& token = config_.metrics_token;
        check_form("METRICS_TOKEN", token, false, is_printable(token) && is_long(token, 16),
                   config_.production ? "a random text of at least 16 characters, without blanks"
                                      : "a random text without blanks");
        check_form("SERVICE_TOKEN", config_.service_token, false,
                   is_printable(config_.service_token) && config_.service_token.size() >= 32,
                   "a random text of at least 32 characters, without blanks"); // it gives credit
        check_form("ORACLE_SERVICE_TOKEN", config_.oracle_service_token, false,
                   is_long(config_.oracle_service_token, 32), secret_form); // it spends gas
        const auto& textfile = config_.metrics_textfile;
        check_form("METRICS_TEXTFILE", textfile, false,
                   textfile.starts_with('/') && textfile.ends_with(".prom"),
                   "the whole path of a file that ends in .prom");
        // What keeps strangers at bay would be in the way of who tries the program out.
        for (const auto& setting : integers_) {
            const std::string_view name = setting.name;
            const bool is_guard = name.starts_with("RATE_LIMIT_") || name == "CHAIN_NO_TTL_SECONDS";
            if (is_guard && !config_.production && value_of(setting.name).empty())
                *setting.value = 0;
        }
        config_.rules.base_grant_per_name = base_grant_per_name_ == 1;

        read_origins();
        read_sign_in_lists();
        read_webhook_settings(webhooks_, config_, problems_);

        const auto& rules = config_.rules;
        require(rules.renew_after_seconds < rules.free_token_ttl_seconds,
                "RENEW_AFTER_SECONDS must be less than FREE_TOKEN_TTL_SECONDS, or every call ends");
        require(rules.heartbeat_interval_seconds < rules.free_token_ttl_seconds,
                "HEARTBEAT_INTERVAL_SECONDS must be less than FREE_TOKEN_TTL_SECONDS");
        require(
            rules.minimum_credit_seconds >= rules.free_token_ttl_seconds,
            "MINIMUM_CREDIT_SECONDS must be at least FREE_TOKEN_TTL_SECONDS, or a token outlasts its credit");
    }

    // "*" or a list of origins, parted by commas or blanks.
    void read_origins()
    {
        if (cors_allowed_origins_.empty())
            return;
        config_.cors_allowed_origins.clear();
        for (const auto& origin : split(cors_allowed_origins_, ", ")) {
            config_.cors_allowed_origins.push_back(origin);
            // Told by its place: it may hold a password.
            if (const auto* fault = origin == "*" ? nullptr : fault_of_origin(origin))
                problems_.push_back("CORS_ALLOWED_ORIGINS must be * or a list of origins such as "
                                    "https://app.example.org; number " +
                                    std::to_string(config_.cors_allowed_origins.size()) + " " + fault);
        }
        const auto& list = config_.cors_allowed_origins;
        require(!list.empty(),
                "CORS_ALLOWED_ORIGINS must be * or a list of origins such as https://app.example.org");
        require(list.size() <= 1 || std::find(list.begin(), list.end(), "*") == list.end(),
                "CORS_ALLOWED_ORIGINS must be either * or a list, not both");
    }

    void read_sign_in_lists()
    {
        for (const auto& domain : split(sign_in_domains_, ", ")) {
            auto lower = domain;
            std::transform(lower.begin(), lower.end(), lower.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
            config_.sign_in_domains.push_back(lower);
            // An origin without its scheme.
            require(lower.find('*') == std::string::npos && fault_of_origin("https://" + lower) == nullptr &&
                        fault_of_origin("http://" + lower) == nullptr,
                    "SIGN_IN_DOMAINS must be a list of host names such as app.example.org or localhost:8080; "
                    "number " +
                        std::to_string(config_.sign_in_domains.size()) + " is none");
        }
        for (const auto& id : split(sign_in_chain_ids_, ", ")) {
            config_.sign_in_chain_ids.push_back(id);
            require(id.find_first_not_of("0123456789") == std::string::npos && id.front() != '0',
                    "SIGN_IN_CHAIN_IDS must be a list of chain ids such as 1,8453");
        }
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
    WrittenWebhookSettings webhooks_;
    std::vector<IntegerSetting> integers_;
    std::vector<TextSetting> texts_;
    std::map<std::string, std::string> from_file_;
    std::vector<std::string> problems_;
};

} // namespace

Config load_config(const std::string& file_path, const Environment& environment, Program program)
{
    return Loader(environment, program).load(file_path);
}

} // namespace base
