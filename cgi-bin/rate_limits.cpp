#include "rate_limits.h"

#include "base/error.h"
#include "base/network.h"
#include "base/rate_limit_settings.h"
#include "base/settings.h"

namespace {

using Settings = base::RateLimitSettings;
using shared::hour;
using shared::minute;

struct Rule
{
    Limit limit;
    const char* what; // as which it is counted
    std::int64_t Settings::*count;
    shared::Milliseconds period;
};

constexpr Rule rules_for_addresses[] = {
    {sign_in, "sign_in", &Settings::rate_limit_sign_in_per_minute, minute},
    {attest, "attest", &Settings::rate_limit_attest_per_minute, minute},
};
constexpr Rule rules_for_wallets[] = {
    {create, "create", &Settings::rate_limit_create_per_minute, minute},
    {create, "create in an hour", &Settings::rate_limit_create_per_hour, hour},
    {join, "join in an hour", &Settings::rate_limit_join_per_hour, hour},
    {chain, "chain", &Settings::rate_limit_chain_per_minute, minute},
    {keyed, "keyed", &Settings::rate_limit_keyed_per_minute, minute},
};
constexpr Rule rule_for_questions = {chain, "chain by address",
                                     &Settings::rate_limit_chain_per_address_per_minute, minute};

std::int64_t take(App& app, const http::Request& request, const std::string& who, const Rule& rule)
{
    const auto count = app.settings<base::RateLimitSettings>().*rule.count;
    if (count == 0 || who.empty()) // a web server that names no address
        return 0;
    const auto wait_ms = app.limits.take(rule.what, who, count, request.now_ms, rule.period);
    return (wait_ms + 999) / 1000;
}

void refuse_for(std::int64_t wait_seconds)
{
    if (wait_seconds > 0)
        throw base::Error(base::ErrorCode::rate_limited, "rate_limited").retry_after(wait_seconds);
}

} // namespace

void limit_address(App& app, const http::Request& request, unsigned limits)
{
    for (const auto& rule : rules_for_addresses) {
        if ((limits & rule.limit) != 0)
            refuse_for(take(app, request, base::network_of_address(request.address), rule));
    }
}

void limit_wallet(App& app, const http::Request& request, const std::string& wallet, unsigned limits)
{
    for (const auto& rule : rules_for_wallets) {
        if ((limits & rule.limit) != 0)
            refuse_for(take(app, request, wallet, rule));
    }
}

std::int64_t take_question(App& app, const http::Request& request)
{
    return take(app, request, base::network_of_address(request.address), rule_for_questions);
}

void count_question(App& app, const http::Request& request)
{
    refuse_for(take_question(app, request));
}
