#include "auth/access_token.h"

#include "base/base64.h"
#include "base/error.h"
#include "base/hmac.h"
#include "base/json.h"
#include "ethereum/address.h"

namespace auth {

namespace {

constexpr const char* our_header = R"({"alg":"HS256","typ":"JWT"})";
constexpr std::size_t max_token_bytes = 4096;        // ours have 196
constexpr double largest_instant = 9007199254740992; // 2^53: up to here a double names each second

std::optional<base::Json> decode_object(std::string_view segment)
{
    const auto text = base::from_base64url(segment);
    if (!text)
        return std::nullopt;
    try {
        auto json = base::parse_json(*text);
        if (json.is_object())
            return json;
    } catch (const base::Error&) {
    }
    return std::nullopt;
}

bool is_header_accepted(std::string_view segment)
{
    static const auto ours = base::base64url(our_header);
    if (segment == ours) // need not be read again and again
        return true;
    const auto header = decode_object(segment);
    return header && header->value("alg", base::Json()) == "HS256" && !header->contains("crit");
}

// A NumericDate (RFC 7519, 2) that is exact as a double.
std::optional<double> instant(const base::Json& claims, const char* name)
{
    const auto claim = claims.find(name);
    if (claim == claims.end() || !claim->is_number())
        return std::nullopt;
    const auto value = claim->get<double>();
    if (value < 0 || value > largest_instant)
        return std::nullopt;
    return value;
}

} // namespace

std::string issue_access_token(std::string_view secret, const AccessToken& token, base::UnixSeconds now,
                               std::int64_t ttl_seconds)
{
    const base::Json claims{
        {"sub", token.wallet}, {"auth_time", token.signed_in_at}, {"iat", now}, {"exp", now + ttl_seconds}};
    const auto signed_part = base::base64url(our_header) + "." + base::base64url(claims.dump());
    return signed_part + "." + base::base64url(base::hmac_sha256(secret, signed_part));
}

std::optional<AccessToken> verify_access_token(std::string_view secret, std::string_view token,
                                               base::UnixSeconds now, std::string_view previous_secret,
                                               std::int64_t overdue_seconds)
{
    if (token.size() > max_token_bytes)
        return std::nullopt;
    const auto first_dot = token.find('.');
    const auto last_dot = token.rfind('.');
    if (first_dot == last_dot || token.find('.', first_dot + 1) != last_dot)
        return std::nullopt;

    const auto signature = base::from_base64url(token.substr(last_dot + 1));
    if (!signature)
        return std::nullopt;
    const auto is_signed_with = [&](std::string_view key) {
        return base::equal_in_constant_time(*signature, base::hmac_sha256(key, token.substr(0, last_dot)));
    };
    // Both are always tried, so that the time does not tell which one it was.
    const bool is_by_present = is_signed_with(secret);
    const bool is_by_previous = !previous_secret.empty() && is_signed_with(previous_secret);
    if (!is_by_present && !is_by_previous)
        return std::nullopt;

    if (!is_header_accepted(token.substr(0, first_dot)))
        return std::nullopt;
    const auto claims = decode_object(token.substr(first_dot + 1, last_dot - first_dot - 1));
    if (!claims)
        return std::nullopt;
    const auto expires_at = instant(*claims, "exp");
    if (!expires_at || *expires_at <= static_cast<double>(now - overdue_seconds))
        return std::nullopt;
    if (claims->contains("nbf")) {
        const auto not_before = instant(*claims, "nbf");
        if (!not_before || *not_before > static_cast<double>(now))
            return std::nullopt;
    }
    const auto subject = claims->find("sub");
    if (subject == claims->end() || !subject->is_string())
        return std::nullopt;
    auto wallet = ethereum::parse_address(subject->get_ref<const std::string&>());
    if (!wallet)
        return std::nullopt;
    const auto signed_in_at = instant(*claims, claims->contains("auth_time") ? "auth_time" : "iat");
    return AccessToken{*std::move(wallet), static_cast<base::UnixSeconds>(signed_in_at.value_or(0))};
}

} // namespace auth
