// The JWT (RFC 7519, HS256) that a signed-in wallet shows with each request.
#pragma once

#include "base/clock.h"

#include <optional>
#include <string>
#include <string_view>

namespace auth {

// Claims: `sub` the wallet, `iat` now, `exp` = now + ttl_seconds.
std::string issue_access_token(std::string_view secret, const std::string& wallet, base::UnixSeconds now,
                               std::int64_t ttl_seconds);

// The wallet, in lowercase, of a valid token; nothing for any other text. Valid: three segments of strict
// base64url, a good HS256 signature (compared in constant time), `alg` exactly HS256, no `crit`, `exp` a
// number after now and at most 2^53, `nbf` absent or past, `sub` an address. The signature may also be made
// with `previous_secret`, unless that is empty.
std::optional<std::string> verify_access_token(std::string_view secret, std::string_view token,
                                               base::UnixSeconds now, std::string_view previous_secret = {});

} // namespace auth
