#include "base/config.h"

#include "base/webhook_settings.h"

#include "fixture.h"
#include "temporary_folder.h"

#include <sstream>
#include <sys/stat.h>

namespace {

using base::Program;
using Settings = std::map<std::string, std::string>;

constexpr const char* webhook_secret = "whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw"; // 24 times "0"
constexpr const char* address = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A";

// What a server in production cannot do without, and nothing else.
Settings complete()
{
    return {{"DATABASE_PATH", "/var/lib/session-voice/session-voice.db"},
            {"JWT_SECRET", "0123456789abcdef0123456789abcdef"},
            {"AGORA_APP_ID", "970CA35de60c44645bbae8a215061b33"},
            {"AGORA_APP_CERTIFICATE", "5CFd2fd1755d40ecb72977518be15d3b"},
            {"RPC_URL", "https://rpc.example.org/v1/key"},
            {"REGISTRY_ADDRESS", address},
            {"VERIFICATION_MIRROR_ADDRESS", address}};
}

Settings with(Settings settings, const std::string& name, const std::string& value)
{
    settings[name] = value;
    return settings;
}

Settings without(Settings settings, const std::string& name)
{
    settings.erase(name);
    return settings;
}

base::Config load(const Settings& settings, Program program = Program::server, const std::string& file = {})
{
    const base::Environment environment = [&](const std::string& name) -> std::optional<std::string> {
        const auto entry = settings.find(name);
        return entry == settings.end() ? std::nullopt : std::optional(entry->second);
    };
    return base::load_config(file, environment, program);
}

// The lines about what is wrong; none if the settings are accepted.
std::vector<std::string> problems(const Settings& settings, Program program = Program::server,
                                  const std::string& file = {})
{
    std::vector<std::string> lines;
    try {
        load(settings, program, file);
    } catch (const base::Error& error) {
        BOOST_TEST((error.code() == base::ErrorCode::invalid_argument));
        BOOST_TEST(error.name() == "invalid_settings");
        std::istringstream text(error.what());
        std::string line;
        std::getline(text, line); // "invalid_settings: "
        while (std::getline(text, line))
            lines.push_back(line);
        BOOST_TEST(!lines.empty());
    }
    return lines;
}

void require_accepted(const Settings& settings, Program program = Program::server,
                      const std::string& file = {})
{
    for (const auto& line : problems(settings, program, file))
        BOOST_ERROR("refused: " + line);
}

// Exactly one line, and it begins with the setting's name, so that an operator knows where to look.
void require_one_line_about(const std::string& name, const Settings& settings,
                            Program program = Program::server, const std::string& file = {})
{
    const auto lines = problems(settings, program, file);
    BOOST_TEST(lines.size() == 1u, name << " gave " << lines.size() << " lines");
    for (const auto& line : lines)
        BOOST_TEST(line.rfind("  " + name, 0) == 0u, line);
}

struct Integer
{
    const char* name;
    std::int64_t lowest;
    std::int64_t highest;
    std::function<std::int64_t(const base::Config&)> value;
};

constexpr std::int64_t year = 366 * 86400;

const Integer integers[] = {
    {"DATABASE_BUSY_TIMEOUT_MS", 1, 60000, [](const auto& c) { return c.database_busy_timeout_ms; }},
    {"CHAIN_ID", 1, 9007199254740991, [](const auto& c) { return c.chain_id; }},
    {"RPC_TIMEOUT_MS", 1, 60000, [](const auto& c) { return c.rpc_timeout_ms; }},
    {"ORACLE_MAX_FEE_GWEI", 1, 1000000000, [](const base::Config& c) { return c.oracle_max_fee_gwei; }},
    {"ORACLE_CONFIRMATIONS", 0, 1000000, [](const base::Config& c) { return c.oracle_confirmations; }},
    {"RPC_MAX_CONCURRENT", 1, 1000, [](const auto& c) { return c.rpc_max_concurrent; }},
    {"CHAIN_NO_TTL_SECONDS", 0, 60, [](const auto& c) { return c.chain_no_ttl_seconds; }},
    {"RATE_LIMIT_SIGN_IN_PER_MINUTE", 0, 6000, [](const auto& c) { return c.rate_limit_sign_in_per_minute; }},
    {"RATE_LIMIT_CREATE_PER_MINUTE", 0, 6000, [](const auto& c) { return c.rate_limit_create_per_minute; }},
    {"RATE_LIMIT_CREATE_PER_HOUR", 0, 6000, [](const auto& c) { return c.rate_limit_create_per_hour; }},
    {"RATE_LIMIT_JOIN_PER_HOUR", 0, 6000, [](const auto& c) { return c.rate_limit_join_per_hour; }},
    {"RATE_LIMIT_KEYED_PER_MINUTE", 0, 6000, [](const auto& c) { return c.rate_limit_keyed_per_minute; }},
    {"RATE_LIMIT_CHAIN_PER_MINUTE", 0, 6000, [](const auto& c) { return c.rate_limit_chain_per_minute; }},
    {"RATE_LIMIT_CHAIN_PER_ADDRESS_PER_MINUTE", 0, 6000,
     [](const auto& c) { return c.rate_limit_chain_per_address_per_minute; }},
    {"RATE_LIMIT_ATTEST_PER_MINUTE", 0, 6000, [](const auto& c) { return c.rate_limit_attest_per_minute; }},
    {"AGORA_REQUIRE_AUDIO", 0, 1, [](const auto& c) { return std::int64_t{c.agora_require_audio}; }},
    {"BASE_GRANT_PER_NAME", 0, 1, [](const auto& c) { return std::int64_t{c.rules.base_grant_per_name}; }},
    {"BASE_GRANT_SECONDS", 1, year, [](const auto& c) { return c.rules.base_grant_seconds; }},
    {"CELO_BONUS_SECONDS", 1, year, [](const auto& c) { return c.rules.celo_bonus_seconds; }},
    {"MINIMUM_CREDIT_SECONDS", 1, year, [](const auto& c) { return c.rules.minimum_credit_seconds; }},
    {"FREE_TOKEN_TTL_SECONDS", 1, 86400, [](const auto& c) { return c.rules.free_token_ttl_seconds; }},
    {"RENEW_AFTER_SECONDS", 1, 86400, [](const auto& c) { return c.rules.renew_after_seconds; }},
    {"HEARTBEAT_INTERVAL_SECONDS", 1, 86400,
     [](const auto& c) { return c.rules.heartbeat_interval_seconds; }},
    {"BOOKED_TOKEN_TTL_SECONDS", 1, 86400, [](const auto& c) { return c.booked_token_ttl_seconds; }},
    {"LOW_CREDIT_SECONDS", 1, year, [](const auto& c) { return c.rules.low_credit_seconds; }},
    {"UNJOINED_ROOM_TTL_SECONDS", 1, year, [](const auto& c) { return c.rules.unjoined_room_ttl_seconds; }},
    {"NONCE_TTL_SECONDS", 1, 86400, [](const auto& c) { return c.nonce_ttl_seconds; }},
    {"JWT_TTL_SECONDS", 1, year, [](const auto& c) { return c.jwt_ttl_seconds; }},
    {"SESSION_MAX_AGE_SECONDS", 1, year, [](const auto& c) { return c.session_max_age_seconds; }},
    {"JOIN_WINDOW_SECONDS", 0, 86400, [](const auto& c) { return c.join_window_seconds; }},
    {"SWEEP_STALE_AFTER_SECONDS", 1, year, [](const auto& c) { return c.sweep_stale_after_seconds; }},
    {"WEBHOOK_ALLOW_PRIVATE", 0, 1, [](const auto& c) { return std::int64_t{c.webhook_allow_private}; }},
    {"FREE_ROOM_CAPACITY", 2, 6, [](const auto& c) { return c.rules.free_room_capacity; }},
    {"BOOKED_ROOM_CAPACITY", 2, 2, [](const auto& c) { return c.booked_room_capacity; }},
    {"EARLY_LEAVE_BUDGET_SECONDS", 0, 86400,
     [](const auto& c) { return c.rules.early_leave_budget_seconds; }},
};

} // namespace

BOOST_AUTO_TEST_SUITE(config_tests)

BOOST_AUTO_TEST_CASE(the_needed_settings_suffice_and_the_rest_has_the_defaults_of_the_contract)
{
    const auto config = load(complete());
    BOOST_TEST(config.production);
    BOOST_TEST((config.chain_mode == base::ChainMode::rpc));
    BOOST_TEST(config.database_path == "/var/lib/session-voice/session-voice.db");
    BOOST_TEST(config.jwt_secret == "0123456789abcdef0123456789abcdef");
    BOOST_TEST(config.agora_app_id ==
               "970CA35de60c44645bbae8a215061b33"); // its case is part of the signature
    BOOST_TEST(config.agora_app_certificate == "5CFd2fd1755d40ecb72977518be15d3b");
    BOOST_TEST(config.rpc_url == "https://rpc.example.org/v1/key");
    BOOST_TEST(config.registry_address == address);
    BOOST_TEST(config.verification_mirror_address == address);
    BOOST_TEST((config.cors_allowed_origins == std::vector<std::string>{"*"}));
    BOOST_TEST(config.chain_id == 6343);
    BOOST_TEST(config.oracle_max_fee_gwei == 1000);

    BOOST_TEST(config.database_prepares);
    BOOST_TEST(config.has_page);

    BOOST_TEST(config.rules.base_grant_seconds == 1800);
    BOOST_TEST(!config.rules.base_grant_per_name);
    BOOST_TEST(config.rules.celo_bonus_seconds == 1800);
    BOOST_TEST(config.rules.minimum_credit_seconds == 90);
    BOOST_TEST(config.rules.free_token_ttl_seconds == 90);
    BOOST_TEST(config.rules.renew_after_seconds == 45);
    BOOST_TEST(config.rules.heartbeat_interval_seconds == 30);
    BOOST_TEST(config.booked_token_ttl_seconds == 3600);
    BOOST_TEST(config.rules.low_credit_seconds == 300);
    BOOST_TEST(config.rules.unjoined_room_ttl_seconds == 300);
    BOOST_TEST(config.nonce_ttl_seconds == 300);
    BOOST_TEST(config.jwt_ttl_seconds == 3600);
    BOOST_TEST(config.join_window_seconds == 300);
    BOOST_TEST(config.rules.free_room_capacity == 6);
    BOOST_TEST(config.booked_room_capacity == 2);
}

BOOST_AUTO_TEST_CASE(each_needed_setting_that_is_missing_gives_one_line_with_its_name)
{
    for (const auto& [name, value] : complete()) {
        require_one_line_about(name, without(complete(), name));
        require_one_line_about(name, with(complete(), name, ""));
        require_one_line_about(name, with(complete(), name, "  "));
    }
}

// Or no session would ever take place.
BOOST_AUTO_TEST_CASE(to_require_audio_agora_has_to_tell)
{
    require_one_line_about("AGORA_REQUIRE_AUDIO", with(complete(), "AGORA_REQUIRE_AUDIO", "1"));
    const auto told = with(complete(), "AGORA_NOTIFICATION_SECRET", "secret");
    BOOST_TEST(load(with(told, "AGORA_REQUIRE_AUDIO", "1")).agora_require_audio);
    BOOST_TEST(!load(told).agora_require_audio);
}

BOOST_AUTO_TEST_CASE(all_that_is_wrong_is_told_at_once)
{
    BOOST_TEST(problems({}).size() == complete().size());
    auto settings = complete();
    settings["CHAIN_ID"] = "x";
    settings["AGORA_APP_ID"] = "x";
    settings["JWT_SECRET"] = "x";
    BOOST_TEST(problems(settings).size() == 3u);
}

BOOST_AUTO_TEST_CASE(every_integer_is_read_within_its_bounds_and_refused_beyond_them)
{
    for (const auto& setting : integers) {
        BOOST_TEST_CONTEXT(setting.name)
        {
            for (const auto& wrong :
                 {std::to_string(setting.lowest - 1), std::to_string(setting.highest + 1), std::string("-1"),
                  std::string("x"), std::string("5x"), std::string("2.0"), std::string("2e0"),
                  std::string("0x2"), std::string("+2"), std::string("2 2"),
                  std::string("99999999999999999999")})
                require_one_line_about(setting.name, with(complete(), setting.name, wrong));
            const auto is_about_bounds = [&](std::int64_t value) {
                const auto start = "  " + std::string(setting.name) + " must be a whole number";
                const auto lines = problems(with(complete(), setting.name, std::to_string(value)));
                return std::any_of(lines.begin(), lines.end(),
                                   [&](const auto& line) { return line.rfind(start, 0) == 0; });
            };
            BOOST_TEST(is_about_bounds(setting.lowest - 1)); // and not some rule between settings
            BOOST_TEST(is_about_bounds(setting.highest + 1));
            BOOST_TEST(!is_about_bounds(setting.lowest));
            BOOST_TEST(!is_about_bounds(setting.highest));
        }
    }
}

BOOST_AUTO_TEST_CASE(every_integer_lands_in_its_own_place)
{
    auto settings = with(complete(), "AGORA_NOTIFICATION_SECRET", "which AGORA_REQUIRE_AUDIO needs");
    std::map<std::string, std::int64_t> expected;
    // Values that differ from each other and keep the rules between settings.
    std::int64_t next = 40;
    for (const auto& setting : integers) {
        const std::string name = setting.name;
        auto value = std::min(next++, setting.highest);
        if (name == "MINIMUM_CREDIT_SECONDS")
            value = 500;
        if (name == "FREE_TOKEN_TTL_SECONDS")
            value = 400;
        expected[name] = value;
        settings[name] = " " + std::to_string(value) + "\t"; // blanks around are no part of a value
    }
    const auto config = load(settings);
    for (const auto& setting : integers)
        BOOST_TEST(setting.value(config) == expected[setting.name], setting.name);
}

BOOST_AUTO_TEST_CASE(the_manual_states_the_default_of_every_integer)
{
    const auto text = contents_of("deploy/man/session-voice.env.5");
    for (const auto& setting : integers) {
        const auto begin = text.find("\n.It " + std::string(setting.name) + "\n") + 1;
        const auto item = text.substr(begin, text.find("\n.It ", begin) - begin);
        const auto said = "\nDefault: " + std::to_string(setting.value(base::Config{})) + ".\n";
        BOOST_TEST(begin > 0U, setting.name);
        BOOST_TEST((item + "\n").find(said) != std::string::npos,
                   setting.name << " is not by default what it says: " << item);
    }
}

BOOST_AUTO_TEST_CASE(every_text_lands_in_its_own_place)
{
    const std::string numbered = "0x000000000000000000000000000000000000000";
    auto settings = complete();
    settings["ESCROW_ADDRESS"] = numbered + "1";
    settings["MOCK_HOST"] = numbered + "2";
    settings["MOCK_GUEST"] = numbered + "3";
    settings["REGISTRY_ADDRESS"] = numbered + "4";
    settings["VERIFICATION_MIRROR_ADDRESS"] = numbered + "5";
    settings["ORACLE_PRIVATE_KEY"] = "0x" + std::string(64, '6');
    settings["ORACLE_SERVICE_TOKEN"] = "a service token of more than thirty-two bytes";
    settings["AGORA_CUSTOMER_ID"] = "customer";
    settings["AGORA_CUSTOMER_SECRET"] = "their secret";
    settings["AGORA_API_URL"] = "https://api.example.org/";
    settings["WEBHOOK_URL"] = "https://user:password@app.example.org/hooks?key=1";
    settings["WEBHOOK_SECRET"] = webhook_secret;
    const auto config = load(settings);
    BOOST_TEST(config.agora_customer_id == "customer");
    BOOST_TEST(config.agora_customer_secret == "their secret");
    BOOST_TEST(config.agora_api_url == "https://api.example.org");
    BOOST_TEST(config.webhook_url == "https://user:password@app.example.org/hooks?key=1");
    BOOST_TEST(config.webhook_secrets == std::vector<std::string>{std::string(24, '0')},
               boost::test_tools::per_element());
    BOOST_TEST(config.rules.tells_application);
    BOOST_TEST(config.rules.tells_agora);
    BOOST_TEST(config.escrow_address == numbered + "1");
    BOOST_TEST(config.mock_host == numbered + "2");
    BOOST_TEST(config.mock_guest == numbered + "3");
    BOOST_TEST(config.registry_address == numbered + "4");
    BOOST_TEST(config.verification_mirror_address == numbered + "5");
    BOOST_TEST(config.oracle_private_key == "0x" + std::string(64, '6'));
    BOOST_TEST(config.oracle_service_token == "a service token of more than thirty-two bytes");
}

BOOST_AUTO_TEST_CASE(texts_of_the_wrong_form_are_refused_by_name)
{
    const struct
    {
        std::string name;
        std::vector<std::string> wrong;
    } table[] = {
        {"JWT_SECRET", {"short", std::string(31, 'x')}},
        {"JWT_SECRET_PREVIOUS", {"short", std::string(31, 'x')}},
        {"AGORA_APP_ID",
         {std::string(31, 'a'), std::string(33, 'a'), std::string(31, 'a') + "g",
          "0x" + std::string(30, 'a')}},
        {"AGORA_APP_CERTIFICATE",
         {std::string(31, 'a'), std::string(33, 'a'), std::string(31, 'a') + "g",
          "0x" + std::string(30, 'a')}},
        {"RPC_URL",
         {"rpc.example.org", "ftp://rpc.example.org", "file:///etc/passwd", "HTTPX://a", "://", "http:/a",
          "http:///a"}},
        {"SIGN_IN_RPC_URL", {"rpc.example.org", "ftp://rpc.example.org", "http://"}},
        {"REGISTRY_ADDRESS",
         {"0x12", std::string(42, 'a'), std::string(40, 'a'), address + std::string("0"), "alice"}},
        {"VERIFICATION_MIRROR_ADDRESS",
         {"0x", "0X" + std::string(40, 'a'), "0x" + std::string(39, 'a') + "g"}},
        {"ESCROW_ADDRESS", {"0x12", "0x" + std::string(64, 'a')}},
        {"MOCK_HOST", {"host"}},
        {"MOCK_GUEST", {"guest"}},
        {"ORACLE_PRIVATE_KEY",
         {"0x", std::string(64, 'a'), "0x" + std::string(63, 'a'), "0x" + std::string(65, 'a'), "a", "0",
          "0x" + std::string(63, 'a') + "g"}},
        {"ENVIRONMENT", {"prod", "Production", "test", "dev"}},
        {"CHAIN_MODE", {"RPC", "none", "anvil"}},
        {"WEBHOOK_SECRET",
         {"MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw", "whsec_",
          "whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=", "whsec_" + std::string(87, 'A') + "=A",
          "whsec_" + std::string(87, 'A') + "=", "whsec-MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw",
          "WHSEC_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw", "whsec_" + std::string(88, 'A'),
          webhook_secret + std::string("="), webhook_secret + std::string(",") + webhook_secret,
          webhook_secret + std::string(" x"), "whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMD-_",
          webhook_secret + std::string(" ") + webhook_secret + " " + webhook_secret}},
        {"AGORA_API_URL",
         {"api.agora.io", "http://api.agora.io", "ftp://api.agora.io", "https://", "https:///"}},
    };
    for (const auto& row : table) {
        for (const auto& value : row.wrong) {
            BOOST_TEST_CONTEXT(row.name << "=" << value)
            {
                require_one_line_about(row.name, with(complete(), row.name, value));
                // Tools can do without, never with a wrong one.
                require_one_line_about(row.name, with({{"DATABASE_PATH", "x.db"}}, row.name, value),
                                       Program::tool);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(webhooks_go_to_https_or_to_this_machine)
{
    const auto settings = with(complete(), "WEBHOOK_SECRET", webhook_secret);
    const std::vector<std::string> good = {"https://app.example.org/", "https://app.example.org:8443/a?b=c",
                                           "https://8.8.8.8/",         "https://[2606:4700::1111]/",
                                           "http://127.0.0.1:8080/",   "http://localhost/x",
                                           "http://[::1]:1/",          "https://127.0.0.1/"};
    for (const auto& url : good)
        require_accepted(with(settings, "WEBHOOK_URL", url));
    for (const char* url :
         {"app.example.org", "http://app.example.org/", "HTTPS://app.example.org/", "https://", "https:///x",
          "https:app.example.org", "ftp://app.example.org/", "https://app.example.org/ x",
          "http://localhost.example.org/", "http://127.0.0.1.example.org/"})
        require_one_line_about("WEBHOOK_URL", with(settings, "WEBHOOK_URL", url));
    for (const char* url :
         {"https://10.0.0.1/", "https://192.168.1.1:8443/", "https://169.254.169.254/latest",
          "https://100.64.0.1/", "https://[fd00::1]/", "https://[fe80::1]/", "https://0.0.0.0/",
          "https://[::ffff:10.0.0.1]/", "https://user:password@172.16.0.1/"}) {
        const auto named = with(settings, "WEBHOOK_URL", url);
        require_one_line_about("WEBHOOK_URL", named);
        require_accepted(with(named, "WEBHOOK_ALLOW_PRIVATE", "1"));
    }
    require_one_line_about("WEBHOOK_SECRET", with(complete(), "WEBHOOK_URL", good.front()));
    const auto two =
        load(with(settings, "WEBHOOK_SECRET", webhook_secret + std::string(" ") + webhook_secret));
    BOOST_TEST(two.webhook_secrets.size() == 2U);
    BOOST_TEST(!two.rules.tells_application);
    for (const char* bytes : {"+/", "AA"}) { // 64 bytes are the most
        const auto longest = std::string("whsec_") + bytes + std::string(83, 'A') + "A==";
        BOOST_TEST(load(with(complete(), "WEBHOOK_SECRET", longest)).webhook_secrets.at(0).size() == 64U);
    }
}

BOOST_AUTO_TEST_CASE(a_url_names_this_machine_or_another)
{
    for (const char* url : {"http://127.0.0.1:8080/", "http://localhost/", "https://[::1]/a"})
        BOOST_TEST(base::names_loopback(url), url);
    for (const char* url :
         {"https://app.example.org/", "https://10.0.0.1/", "localhost", "mailto:localhost", ""})
        BOOST_TEST(!base::names_loopback(url), url);
}

BOOST_AUTO_TEST_CASE(agoras_credentials_are_two_or_none)
{
    require_one_line_about("AGORA_CUSTOMER_ID", with(complete(), "AGORA_CUSTOMER_ID", "id"));
    require_one_line_about("AGORA_CUSTOMER_ID", with(complete(), "AGORA_CUSTOMER_SECRET", "secret"));
    require_one_line_about("AGORA_CUSTOMER_ID",
                           with(with(complete(), "AGORA_CUSTOMER_SECRET", "x"), "AGORA_CUSTOMER_ID", "a:b"));
    const auto config = load(complete());
    BOOST_TEST(config.agora_api_url == "https://api.agora.io");
    BOOST_TEST(!config.rules.tells_agora);
    BOOST_TEST(!config.rules.tells_application);
    BOOST_TEST(!config.webhook_allow_private);
}

BOOST_AUTO_TEST_CASE(no_line_quotes_a_secret)
{
    const std::string secret = "hunter2hunter2";
    for (const auto* name :
         {"JWT_SECRET", "JWT_SECRET_PREVIOUS", "AGORA_APP_CERTIFICATE", "ORACLE_PRIVATE_KEY",
          "ORACLE_SERVICE_TOKEN", "RPC_URL", "SIGN_IN_RPC_URL", "AGORA_APP_ID", "WEBHOOK_SECRET",
          "WEBHOOK_URL", "AGORA_CUSTOMER_ID", "AGORA_CUSTOMER_SECRET", "AGORA_API_URL"}) {
        auto settings = with(complete(), name, secret);
        settings.erase("DATABASE_PATH"); // so that there is a message in any case
        for (const auto& line : problems(settings))
            BOOST_TEST(line.find("hunter2") == std::string::npos, line);
    }
    // A line of the file that is not understood may hold one, too.
    const TemporaryFolder folder;
    for (const auto* line :
         {"JWT_SECRET hunter2", "hunter2", "export JWT_SECRET=hunter2", "jwt_secret=hunter2",
          "hunter2=hunter2", "JWT_SECRETS=hunter2", "=hunter2", "JWT_SECRET: hunter2",
          "JWT_SECRET=hunter2\nJWT_SECRET=hunter2", "AGORA_APP_CERTIFICATE=\"hunter2"}) {
        const auto file = folder.write("settings", std::string(line) + "\n");
        const auto lines = problems(without(complete(), "AGORA_APP_CERTIFICATE"), Program::server, file);
        BOOST_TEST(!lines.empty(), line);
        for (const auto& text : lines)
            BOOST_TEST(text.find("hunter2") == std::string::npos, text);
    }
}

BOOST_AUTO_TEST_CASE(production_refuses_a_missing_or_guessable_jwt_secret)
{
    for (const auto* environment : {"", "production"}) {
        const auto settings = with(complete(), "ENVIRONMENT", environment);
        require_one_line_about("JWT_SECRET", without(settings, "JWT_SECRET"));
        require_one_line_about("JWT_SECRET", with(settings, "JWT_SECRET", std::string(31, 's')));
        require_accepted(with(settings, "JWT_SECRET", std::string(32, 's')));
    }
    const auto development = with(complete(), "ENVIRONMENT", "development");
    require_one_line_about("JWT_SECRET", without(development, "JWT_SECRET"));
    require_accepted(with(development, "JWT_SECRET", "s"));
}

BOOST_AUTO_TEST_CASE(a_previous_jwt_secret_is_no_must_but_as_hard_to_guess)
{
    BOOST_TEST(load(complete()).jwt_secret_previous == "");
    const std::string previous(32, 's');
    BOOST_TEST(load(with(complete(), "JWT_SECRET_PREVIOUS", previous)).jwt_secret_previous == previous);
    const auto development = with(complete(), "ENVIRONMENT", "development");
    BOOST_TEST(load(with(development, "JWT_SECRET_PREVIOUS", "s")).jwt_secret_previous == "s");
}

BOOST_AUTO_TEST_CASE(development_accepts_tokens_that_are_easy_to_guess_but_no_blanks)
{
    const auto development = with(complete(), "ENVIRONMENT", "development");
    BOOST_TEST(load(with(development, "METRICS_TOKEN", "t")).metrics_token == "t");
    BOOST_TEST(load(with(development, "ORACLE_SERVICE_TOKEN", "t")).oracle_service_token == "t");
    require_one_line_about("METRICS_TOKEN", with(development, "METRICS_TOKEN", "t t"));
}

BOOST_AUTO_TEST_CASE(the_ways_to_the_node_and_to_postgresql_have_each_two_schemes)
{
    for (const auto* url : {"http://127.0.0.1:8545", "https://rpc.example.org", "http://a"})
        BOOST_TEST(load(with(complete(), "RPC_URL", url)).rpc_url == url);
    for (const auto* url : {"postgres://db/voice", "postgresql://db/voice"}) {
        const auto config = load({{"DATABASE_URL", url}}, Program::tool);
        BOOST_TEST(config.database_url == url);
        BOOST_TEST(config.state_directory == "/var/lib/session-voice");
    }
}

BOOST_AUTO_TEST_CASE(statements_are_prepared_and_the_page_is_shown_unless_it_is_said_otherwise)
{
    for (const auto* on : {"", "on"}) {
        const auto config = load(with(with(complete(), "DATABASE_PREPARE", on), "PAGE", on));
        BOOST_TEST(config.database_prepares);
        BOOST_TEST(config.has_page);
    }
    const auto config = load(with(with(complete(), "DATABASE_PREPARE", "off"), "PAGE", "off"));
    BOOST_TEST(!config.database_prepares);
    BOOST_TEST(!config.has_page);
    require_one_line_about("PAGE", with(complete(), "PAGE", "no"));
}

BOOST_AUTO_TEST_CASE(the_mock_chain_is_for_development_only)
{
    const auto mock = with(complete(), "CHAIN_MODE", "mock");
    require_one_line_about("CHAIN_MODE", mock);
    require_one_line_about("CHAIN_MODE", with(mock, "ENVIRONMENT", "production"));
    require_one_line_about("CHAIN_MODE", with({{"DATABASE_PATH", "x.db"}}, "CHAIN_MODE", "mock"),
                           Program::tool);

    const auto development = with(mock, "ENVIRONMENT", "development");
    const auto config = load(development);
    BOOST_TEST(!config.production);
    BOOST_TEST((config.chain_mode == base::ChainMode::mock));
    // Nothing is asked of a node then.
    auto bare = development;
    for (const auto* name : {"RPC_URL", "REGISTRY_ADDRESS", "VERIFICATION_MIRROR_ADDRESS"})
        bare.erase(name);
    require_accepted(bare);
    // A typing error must not switch production off.
    BOOST_TEST(problems(with(mock, "ENVIRONMENT", "developmen")).size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_tool_needs_the_database_and_nothing_else)
{
    require_accepted({{"DATABASE_PATH", "x.db"}}, Program::tool);
    require_accepted({{"DATABASE_URL", "postgresql://voice:se%40me@db/voice"}, {"DATABASE_PREPARE", "off"}},
                     Program::tool);
    require_one_line_about("DATABASE_PATH and DATABASE_URL",
                           {{"DATABASE_PATH", "x.db"}, {"DATABASE_URL", "postgresql://db/voice"}},
                           Program::tool);
    require_one_line_about("DATABASE_URL", {{"DATABASE_URL", "mysql://db/voice"}}, Program::tool);
    require_one_line_about("DATABASE_PREPARE", {{"DATABASE_PATH", "x.db"}, {"DATABASE_PREPARE", "no"}},
                           Program::tool);
    require_one_line_about("STATE_DIRECTORY", {{"DATABASE_PATH", "x.db"}, {"STATE_DIRECTORY", "here"}},
                           Program::tool);
    require_one_line_about("DATABASE_PATH", {}, Program::tool);
    require_one_line_about("CHAIN_ID", {{"DATABASE_PATH", "x.db"}, {"CHAIN_ID", "0"}}, Program::tool);
}

BOOST_AUTO_TEST_CASE(an_oracle_needs_its_key_the_node_and_the_escrow)
{
    const Settings needed = {{"DATABASE_PATH", "x.db"},
                             {"RPC_URL", "https://rpc.example.org/v1/key"},
                             {"ESCROW_ADDRESS", address},
                             {"ORACLE_PRIVATE_KEY", "0x" + std::string(64, '6')}};
    require_accepted(needed, Program::oracle);
    for (const auto& [name, value] : needed)
        require_one_line_about(name, without(needed, name), Program::oracle);
    for (const auto* name : {"RPC_URL", "ESCROW_ADDRESS", "ORACLE_PRIVATE_KEY", "JWT_SECRET",
                             "REGISTRY_ADDRESS", "ORACLE_MAX_FEE_GWEI"})
        require_one_line_about(name, with(needed, name, "x"), Program::oracle);
    // The server can do without attesting.
    require_accepted(complete());

    // The mock needs neither node nor escrow.
    const Settings mock = {{"DATABASE_PATH", "x.db"},
                           {"ENVIRONMENT", "development"},
                           {"CHAIN_MODE", "mock"},
                           {"ORACLE_PRIVATE_KEY", "0x" + std::string(64, '6')}};
    require_accepted(mock, Program::oracle);
    require_one_line_about("ORACLE_PRIVATE_KEY", without(mock, "ORACLE_PRIVATE_KEY"), Program::oracle);
}

BOOST_AUTO_TEST_CASE(settings_that_contradict_each_other_are_refused)
{
    const auto refuse = [](const char* named, const Settings& changes) {
        auto settings = complete();
        for (const auto& [name, value] : changes)
            settings[name] = value;
        require_one_line_about(named, settings);
    };
    // A token must be renewed before it ends, and a heartbeat must come while it lives.
    refuse("RENEW_AFTER_SECONDS", {{"RENEW_AFTER_SECONDS", "90"}});
    refuse("HEARTBEAT_INTERVAL_SECONDS", {{"HEARTBEAT_INTERVAL_SECONDS", "90"}});
    refuse("RENEW_AFTER_SECONDS", {{"FREE_TOKEN_TTL_SECONDS", "45"}});
    // Nobody may hold a token for seconds that are not paid.
    refuse("MINIMUM_CREDIT_SECONDS", {{"MINIMUM_CREDIT_SECONDS", "89"}});
    refuse("MINIMUM_CREDIT_SECONDS", {{"FREE_TOKEN_TTL_SECONDS", "91"}});

    require_accepted(with(complete(), "RENEW_AFTER_SECONDS", "89"));
    require_accepted(with(complete(), "HEARTBEAT_INTERVAL_SECONDS", "89"));
    require_accepted(with(complete(), "FREE_TOKEN_TTL_SECONDS", "46"));
    require_accepted(with(with(complete(), "FREE_TOKEN_TTL_SECONDS", "91"), "MINIMUM_CREDIT_SECONDS", "91"));
}

BOOST_AUTO_TEST_CASE(origins_are_a_star_or_a_list)
{
    const auto origins = [](const std::string& text) {
        return load(with(complete(), "CORS_ALLOWED_ORIGINS", text)).cors_allowed_origins;
    };
    using List = std::vector<std::string>;
    BOOST_TEST((origins("*") == List{"*"}));
    BOOST_TEST((origins("https://a.example") == List{"https://a.example"}));
    BOOST_TEST((origins("https://a.example, http://localhost:5173 capacitor://localhost") ==
                List{"https://a.example", "http://localhost:5173", "capacitor://localhost"}));
    for (const auto* wrong : {"a.example", "https://", "://a", "https://a.example/", "https://a.example/path",
                              "https://a.example,*", "* https://a.example", "*,*", "null"})
        require_one_line_about("CORS_ALLOWED_ORIGINS", with(complete(), "CORS_ALLOWED_ORIGINS", wrong));
    BOOST_TEST((origins("https://*.example.org") == List{"https://*.example.org"}));
}

// A list that lets nobody in must not pass for one that does.
BOOST_AUTO_TEST_CASE(an_origin_that_no_browser_says_is_told_by_its_place)
{
    for (const auto* wrong : {"https://App.example", "https://a.example:443", "http://a.example:80",
                              "https://a.example.", "https://user:hunter2@a.example", "https://a.example?b",
                              "https://b\xc3\xbc"
                              "cher.example",
                              "https://*", "https://a.*.example", "HTTPS://a.example"}) {
        const auto settings =
            with(complete(), "CORS_ALLOWED_ORIGINS", std::string("https://good.example,") + wrong);
        const auto lines = problems(settings, Program::server, {});
        BOOST_TEST_CONTEXT(wrong)
        {
            BOOST_TEST_REQUIRE(lines.size() == 1);
            BOOST_TEST(lines[0].find("CORS_ALLOWED_ORIGINS") != std::string::npos);
            BOOST_TEST(lines[0].find("number 2 ") != std::string::npos, lines[0]);
            BOOST_TEST(lines[0].find("hunter2") == std::string::npos, lines[0]);
        }
    }
}

// Whoever answers a request takes the first of the list.
BOOST_AUTO_TEST_CASE(a_list_of_origins_is_never_empty)
{
    for (const auto* wrong : {",", ", ,", " , "})
        require_one_line_about("CORS_ALLOWED_ORIGINS", with(complete(), "CORS_ALLOWED_ORIGINS", wrong));
}

BOOST_AUTO_TEST_CASE(domains_and_chains_for_signing_in_are_lists)
{
    const auto config =
        load(with(with(complete(), "SIGN_IN_DOMAINS", "App.example.org, localhost:8080 [::1]:3338"),
                  "SIGN_IN_CHAIN_IDS", "1,8453"));
    BOOST_TEST((config.sign_in_domains ==
                std::vector<std::string>{"app.example.org", "localhost:8080", "[::1]:3338"}));
    BOOST_TEST((config.sign_in_chain_ids == std::vector<std::string>{"1", "8453"}));
    BOOST_TEST(load(complete()).sign_in_domains.empty());
    BOOST_TEST(load(complete()).sign_in_chain_ids.empty());
    BOOST_TEST(load(with(complete(), "SIGN_IN_RPC_URL", "https://other.example.org/key")).sign_in_rpc_url ==
               "https://other.example.org/key");
    for (const auto* wrong : {"https://app.example.org", "app.example.org/", "app.example.org:443",
                              "app.example.org:80", "*.example.org", "*", "user@example.org",
                              "ex\xc3\xa4mple.org", "example.org.", "example.org:0", "1.2.3"})
        require_one_line_about("SIGN_IN_DOMAINS",
                               with(complete(), "SIGN_IN_DOMAINS", std::string("good.example,") + wrong));
    for (const auto* wrong : {"0", "01", "0x1", "-1", "mainnet", "1.0"})
        require_one_line_about("SIGN_IN_CHAIN_IDS",
                               with(complete(), "SIGN_IN_CHAIN_IDS", std::string("1,") + wrong));
}

BOOST_AUTO_TEST_CASE(a_file_is_read_with_comments_blanks_and_quotes)
{
    const TemporaryFolder folder;
    const auto file =
        folder.write("settings", "# session-voice\n"
                                 "\n"
                                 "   \t\n"
                                 "  # CHAIN_ID=1\n"
                                 "DATABASE_PATH=/tmp/with space.db\n"
                                 "  JWT_SECRET = \"0123456789abcdef 0123456789=abcdef\"  \n"
                                 "AGORA_APP_ID='970CA35de60c44645bbae8a215061b33'\r\n"
                                 "AGORA_APP_CERTIFICATE=5CFd2fd1755d40ecb72977518be15d3b\r\n"
                                 "RPC_URL=https://rpc.example.org/?a=b#c\n"
                                 "REGISTRY_ADDRESS=" +
                                     std::string(address) +
                                     "\n"
                                     "VERIFICATION_MIRROR_ADDRESS=\"" +
                                     std::string(address) +
                                     "\"\n"
                                     "CHAIN_ID=\n"
                                     "ORACLE_SERVICE_TOKEN=\"unbalanced and longer than needed, surely'\n"
                                     "RPC_TIMEOUT_MS=\"700\""); // no newline at the end
    const auto config = load({}, Program::server, file);
    BOOST_TEST(config.database_path == "/tmp/with space.db");
    BOOST_TEST(config.jwt_secret == "0123456789abcdef 0123456789=abcdef");
    BOOST_TEST(config.agora_app_id == "970CA35de60c44645bbae8a215061b33");
    BOOST_TEST(config.agora_app_certificate == "5CFd2fd1755d40ecb72977518be15d3b");
    BOOST_TEST(config.rpc_url == "https://rpc.example.org/?a=b#c");
    BOOST_TEST(config.verification_mirror_address == address);
    BOOST_TEST(config.chain_id == 6343);
    BOOST_TEST(config.oracle_service_token == "\"unbalanced and longer than needed, surely'");
    BOOST_TEST(config.rpc_timeout_ms == 700);
}

BOOST_AUTO_TEST_CASE(quotes_are_taken_off_in_pairs_alone)
{
    const TemporaryFolder folder;
    const auto loaded = load(without(complete(), "DATABASE_PATH"), Program::server,
                             folder.write("settings", "CHAIN_ID=\"\"\nDATABASE_PATH=/tmp/x/\n"));
    BOOST_TEST(loaded.chain_id == 6343); // an empty text, which is none
    BOOST_TEST(loaded.database_path == "/tmp/x/");
    require_one_line_about("CHAIN_ID", complete(), Program::server,
                           folder.write("settings", "CHAIN_ID=\"\n"));
}

BOOST_AUTO_TEST_CASE(a_line_of_the_file_that_is_not_understood_is_told_by_its_number)
{
    const TemporaryFolder folder;
    const auto line_about = [&](const std::string& text) {
        const auto file = folder.write("settings", text);
        const auto lines = problems(complete(), Program::server, file);
        BOOST_TEST(lines.size() == 1u, text);
        return lines.empty() ? std::string() : lines.front();
    };
    const auto has = [](const std::string& line, const std::string& part) {
        return line.find(part) != std::string::npos;
    };
    const auto unknown = line_about("# a comment\nRPC_TIMEOUT=700\n");
    BOOST_TEST(has(unknown, "line 2"), unknown);
    BOOST_TEST(has(unknown, "RPC_TIMEOUT is no setting"), unknown);
    BOOST_TEST(has(line_about("rpc_timeout_ms=700\n"), "line 1"));

    const auto twice = line_about("CHAIN_ID=1\n\nCHAIN_ID=1\n");
    BOOST_TEST(has(twice, "line 3"), twice);
    BOOST_TEST(has(twice, "CHAIN_ID is set twice"), twice);

    const auto not_a_pair = line_about("CHAIN_ID=1\nRPC_TIMEOUT_MS 700\n");
    BOOST_TEST(has(not_a_pair, "line 2"), not_a_pair);
    BOOST_TEST(has(not_a_pair, "KEY=VALUE"), not_a_pair);
}

BOOST_AUTO_TEST_CASE(a_wrong_value_in_the_file_is_told_like_one_in_the_environment)
{
    const TemporaryFolder folder;
    require_one_line_about("CHAIN_ID", complete(), Program::server, folder.write("settings", "CHAIN_ID=x\n"));
}

BOOST_AUTO_TEST_CASE(the_environment_wins_over_the_file)
{
    const TemporaryFolder folder;
    const auto file = folder.write("settings", "CHAIN_ID=1\nRPC_TIMEOUT_MS=700\nENVIRONMENT=development\n");
    auto settings = with(complete(), "CHAIN_ID", "2");
    settings["ENVIRONMENT"] = "production";
    const auto config = load(settings, Program::server, file);
    BOOST_TEST(config.chain_id == 2);
    BOOST_TEST(config.rpc_timeout_ms == 700);
    BOOST_TEST(config.production);
    // Even over one that would be refused.
    require_accepted(settings, Program::server, folder.write("settings", "CHAIN_ID=x\n"));
}

BOOST_AUTO_TEST_CASE(session_voice_config_names_the_file_unless_the_caller_does)
{
    const TemporaryFolder folder;
    const auto named = folder.write("named", "CHAIN_ID=1\n");
    const auto given = folder.write("given", "CHAIN_ID=2\n");
    const auto settings = with(complete(), "SESSION_VOICE_CONFIG", named);
    BOOST_TEST(load(settings).chain_id == 1);
    BOOST_TEST(load(settings, Program::server, given).chain_id == 2);
    BOOST_TEST(load(complete(), Program::server, given).chain_id == 2);
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_is_no_empty_file)
{
    const TemporaryFolder folder;
    for (const auto& path : {folder / "missing", folder.path()}) {
        for (const bool by_variable : {true, false}) {
            const auto lines = by_variable ? problems(with(complete(), "SESSION_VOICE_CONFIG", path))
                                           : problems(complete(), Program::server, path);
            BOOST_TEST(lines.size() == 1u, path << " was accepted");
            for (const auto& line : lines)
                BOOST_TEST(line.find(path) != std::string::npos, line);
        }
    }
}

// A device never ends, a pipe waits for its writer.
BOOST_AUTO_TEST_CASE(a_settings_file_is_a_regular_file_of_at_most_a_mebibyte)
{
    const TemporaryFolder folder;
    const auto pipe = folder / "pipe";
    BOOST_REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    constexpr std::size_t most_bytes = 1024 * 1024;
    const std::string setting = "CHAIN_ID=7\n";
    const auto comment = [&](std::size_t bytes) {
        return setting + "#" + std::string(bytes - setting.size() - 1, 'x');
    };
    const auto largest = folder.write("largest", comment(most_bytes));
    const auto too_large = folder.write("too-large", comment(most_bytes + 1));
    for (const auto& path : {std::string("/dev/zero"), std::string("/dev/null"), pipe, too_large})
        require_one_line_about("the settings file " + path, complete(), Program::server, path);
    BOOST_TEST(load(complete(), Program::server, largest).chain_id == 7);
}

// With CGI a client's headers become variables (RFC 3875, 4.1.18), and so do its query and path.
BOOST_AUTO_TEST_CASE(no_setting_has_a_name_that_a_client_can_set)
{
    std::set<std::string> names;
    const base::Environment environment = [&](const std::string& name) -> std::optional<std::string> {
        names.insert(name);
        return std::nullopt;
    };
    BOOST_CHECK_THROW(base::load_config({}, environment, Program::server), base::Error);
    BOOST_TEST(names.size() > 40);
    for (const auto* variable :
         {"AUTH_TYPE",      "CONTENT_LENGTH", "CONTENT_TYPE",    "DOCUMENT_ROOT",  "GATEWAY_INTERFACE",
          "HTTPS",          "PATH_INFO",      "PATH_TRANSLATED", "QUERY_STRING",   "REMOTE_ADDR",
          "REMOTE_HOST",    "REMOTE_IDENT",   "REMOTE_PORT",     "REMOTE_USER",    "REQUEST_METHOD",
          "REQUEST_SCHEME", "REQUEST_URI",    "SCRIPT_FILENAME", "SCRIPT_NAME",    "SERVER_ADDR",
          "SERVER_NAME",    "SERVER_PORT",    "SERVER_PROTOCOL", "SERVER_SOFTWARE"})
        BOOST_TEST(names.count(variable) == 0u, variable);
    for (const auto& name : names) {
        for (const auto* prefix : {"HTTP_", "REDIRECT_", "SSL_", "REMOTE_", "QUERY_"})
            BOOST_TEST(name.rfind(prefix, 0) != 0u, name);
    }
}

BOOST_AUTO_TEST_CASE(an_empty_variable_of_the_process_counts_as_not_set)
{
    const auto environment = base::process_environment();
    const char* name = "SESSION_VOICE_TEST_VARIABLE";
    ::unsetenv(name);
    BOOST_TEST(!environment(name).has_value());
    ::setenv(name, "", 1);
    BOOST_TEST(!environment(name).has_value());
    ::setenv(name, "value", 1);
    BOOST_TEST((environment(name) == "value"));
    ::unsetenv(name);
}

// ---- watching and limits ----

BOOST_AUTO_TEST_CASE(limits_are_on_in_production_and_off_in_development)
{
    const auto production = load(complete());
    BOOST_TEST(production.rate_limit_sign_in_per_minute == 300);
    BOOST_TEST(production.rate_limit_create_per_minute == 20);
    BOOST_TEST(production.rate_limit_chain_per_minute == 60);
    BOOST_TEST(production.rate_limit_chain_per_address_per_minute == 300);
    BOOST_TEST(production.rate_limit_create_per_hour == 120);
    BOOST_TEST(production.rate_limit_join_per_hour == 600);
    BOOST_TEST(production.rate_limit_keyed_per_minute == 60);
    BOOST_TEST(production.rate_limit_attest_per_minute == 120);
    BOOST_TEST(production.chain_no_ttl_seconds == 10);
    const auto development =
        load(with(with(complete(), "ENVIRONMENT", "development"), "RATE_LIMIT_CREATE_PER_MINUTE", "7"));
    BOOST_TEST(development.rate_limit_sign_in_per_minute == 0);
    BOOST_TEST(development.rate_limit_create_per_minute == 7);
    BOOST_TEST(development.rate_limit_chain_per_minute == 0);
    BOOST_TEST(development.rate_limit_chain_per_address_per_minute == 0);
    BOOST_TEST(development.chain_no_ttl_seconds == 0);
    BOOST_TEST(load(with(complete(), "RATE_LIMIT_CHAIN_PER_MINUTE", "0")).rate_limit_chain_per_minute == 0);
    for (const auto* wrong : {"-1", "6001", "1.5", "many"})
        BOOST_TEST(problems(with(complete(), "RATE_LIMIT_CHAIN_PER_MINUTE", wrong)).size() == 1);
}

BOOST_AUTO_TEST_CASE(watching_can_be_set)
{
    BOOST_TEST(load(complete()).log_requests);
    BOOST_TEST(load(with(complete(), "LOG_REQUESTS", "on")).log_requests);
    BOOST_TEST(!load(with(complete(), "LOG_REQUESTS", "off")).log_requests);
    BOOST_TEST(load(with(complete(), "METRICS_TOKEN", "0123456789abcdef")).metrics_token ==
               "0123456789abcdef");
    BOOST_TEST(load(with(complete(), "METRICS_TEXTFILE", "/a/b.prom")).metrics_textfile == "/a/b.prom");
    const std::string ends = "!~0123456789abcdef"; // of what is printed
    BOOST_TEST(load(with(complete(), "METRICS_TOKEN", ends)).metrics_token == ends);
    const std::string token = "0123456789abcdef0123456789abcdef";
    BOOST_TEST(load(with(complete(), "ORACLE_SERVICE_TOKEN", token)).oracle_service_token == token);
    BOOST_TEST(load(with(complete(), "SERVICE_TOKEN", token)).service_token == token);
    const std::pair<const char*, const char*> wrong[] = {
        {"LOG_REQUESTS", "yes"},
        {"METRICS_TOKEN", "0123456789abcde"},
        {"METRICS_TOKEN", "0123456789abcdef 0123"},
        {"METRICS_TOKEN", "0123456789abcdef\x7f"},
        {"ORACLE_SERVICE_TOKEN", "0123456789abcdef0123456789abcde"},
        {"SERVICE_TOKEN", "0123456789abcdef0123456789abcde"},
        {"SERVICE_TOKEN", "0123456789abcdef 0123456789abcdef"},
        {"METRICS_TEXTFILE", "a.prom"},
        {"METRICS_TEXTFILE", "/a/b"},
        {"METRICS_TEXTFILE", ".prom"}};
    for (const auto& [name, value] : wrong) {
        const auto lines = problems(with(complete(), name, value));
        BOOST_TEST_REQUIRE(lines.size() == 1, name << "=" << value);
        BOOST_TEST(lines[0].find(name) != std::string::npos);
        if (std::string(name).find("_TOKEN") != std::string::npos)
            BOOST_TEST(lines[0].find(value) == std::string::npos);
    }
}

BOOST_AUTO_TEST_SUITE_END()
