#include "base/error.h"

namespace base {

bool is_refusal(ErrorCode code)
{
    switch (code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::unauthenticated:
    case ErrorCode::permission_denied:
    case ErrorCode::not_found:
    case ErrorCode::method_not_allowed:
    case ErrorCode::payload_too_large:
    case ErrorCode::conflict:
    case ErrorCode::key_reused:
    case ErrorCode::rate_limited:
    case ErrorCode::not_configured:
    case ErrorCode::chain_unavailable:
    case ErrorCode::chain_refused:
        return true;
    case ErrorCode::database_unavailable:
    case ErrorCode::database_newer:
    case ErrorCode::database_moved:
    case ErrorCode::internal:
        break;
    }
    return false;
}

Error&& Error::with(std::string key, Value value) &&
{
    fields_.emplace_back(std::move(key), std::move(value));
    return std::move(*this);
}

Error&& Error::retry_after(std::int64_t seconds) &&
{
    retry_after_seconds_ = seconds;
    return std::move(*this);
}

} // namespace base
