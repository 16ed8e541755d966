// The settings file: accepted with every value in its bounds, or refused, without a secret in the message.
#include "base/config.h"
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

namespace {

// Stands for a file: what is written to it can be opened at its path.
class MemoryFile
{
  public:
    MemoryFile() : fd_(::memfd_create("settings", MFD_CLOEXEC)) {}
    ~MemoryFile() { ::close(fd_); }
    std::string holding(std::string_view content) const
    {
        fuzz::require(::ftruncate(fd_, 0) == 0 && ::pwrite(fd_, content.data(), content.size(), 0) ==
                                                      static_cast<ssize_t>(content.size()),
                      "no memory for a file");
        return "/proc/self/fd/" + std::to_string(fd_);
    }

  private:
    int fd_;
};

constexpr const char* secret = "5ecret-of-32-bytes-and-some-more";

} // namespace

FUZZ_TARGET(config)
{
    static const MemoryFile file;
    const auto path = file.holding(bytes);
    fuzz::Input input(bytes);
    const auto program = input.byte() % 2 == 0 ? base::Program::server : base::Program::tool;
    // The rest of what the server needs comes from the environment, in every other input.
    const bool is_complete = bytes.size() % 2 == 0;
    const auto environment = [&](const std::string& name) -> std::optional<std::string> {
        if (name == "JWT_SECRET")
            return secret;
        if (!is_complete)
            return std::nullopt;
        if (name == "DATABASE_PATH")
            return "session-voice.db";
        if (name == "AGORA_APP_ID" || name == "AGORA_APP_CERTIFICATE")
            return "0123456789abcdef0123456789abcdef";
        if (name == "REGISTRY_ADDRESS" || name == "VERIFICATION_MIRROR_ADDRESS")
            return "0x9e07903b62319682f51003922b2e7474783b5043";
        if (name == "RPC_URL")
            return "https://rpc.example.org";
        return std::nullopt;
    };
    base::Config config;
    try {
        config = base::load_config(path, environment, program);
    } catch (const base::Error& error) {
        fuzz::require(error.code() == base::ErrorCode::invalid_argument, error.what());
        fuzz::require(std::string(error.what()).find(secret) == std::string::npos, "a secret is quoted");
        return;
    }
    const auto& rules = config.rules;
    fuzz::require(config.jwt_secret == secret, "the file won over the environment");
    fuzz::require(!config.database_path.empty() && !config.cors_allowed_origins.empty(),
                  "something is missing");
    fuzz::require(config.database_busy_timeout_ms >= 1 && config.database_busy_timeout_ms <= 60000 &&
                      config.rpc_timeout_ms >= 1 && config.rpc_max_concurrent >= 1,
                  "a number out of its bounds");
    fuzz::require(rules.renew_after_seconds < rules.free_token_ttl_seconds &&
                      rules.minimum_credit_seconds >= rules.free_token_ttl_seconds,
                  "rules that contradict each other");
    fuzz::require(config.chain_mode != base::ChainMode::mock || !config.production, "a mock in production");
    for (const auto limit : {config.rate_limit_sign_in_per_minute, config.rate_limit_create_per_minute,
                             config.rate_limit_chain_per_minute})
        fuzz::require(limit >= 0 && limit <= 6000, "a limit out of its bounds");
}
