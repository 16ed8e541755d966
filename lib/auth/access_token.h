// The JWT (RFC 7519, HS256) that a signed-in wallet shows with each request.
#pragma once

#include "base/clock.h"

#include <optional>
#include <string>
#include <string_view>

namespace auth {

struct AccessToken
{
    std::string wallet; // in lowercase
    // When the wallet signed: for this one, or for the first of those that were refreshed.
    base::UnixSeconds signed_in_at = 0;
};

// Claims: `sub` the wallet, `auth_time` when it signed (OpenID Connect's name for that), `iat` now, `exp` =
// now + ttl_seconds.
std::string issue_access_token(std::string_view secret, const AccessToken& token, base::UnixSeconds now,
                               std::int64_t ttl_seconds);

// What a valid token says; nothing for any other text. Valid: three segments of strict base64url, a good
// HS256 signature (compared in constant time), `alg` exactly HS256, no `crit`, `exp` a number at most 2^53
// and after now, or less than `overdue_seconds` before it, `nbf` absent or past, `sub` an address. The
// signature may also be made with `previous_secret`, unless that is empty. A token without `auth_time` was
// signed for at its `iat`.
std::optional<AccessToken> verify_access_token(std::string_view secret, std::string_view token,
                                               base::UnixSeconds now, std::string_view previous_secret = {},
                                               std::int64_t overdue_seconds = 0);

} // namespace auth
