#include "base/error.h"

namespace base {

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
