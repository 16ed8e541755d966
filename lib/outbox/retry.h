// When what could not be delivered is tried again.
#pragma once

#include "base/clock.h"
#include "base/random.h"

#include <optional>
#include <string_view>

namespace outbox {

// How long to wait after so many attempts (1 or more), with up to a fifth more by chance, so that not all
// come back at once. Nothing: there is no other attempt.
std::optional<std::int64_t> wait_seconds(std::int64_t attempts, base::Random& random);

// A header Retry-After (RFC 9110, 10.2.3): seconds, or a date in one of the three forms of HTTP. So many
// seconds from `now`, at least 0, at most a day. Nothing for any other text.
std::optional<std::int64_t> parse_retry_after(std::string_view text, base::UnixSeconds now);

} // namespace outbox
