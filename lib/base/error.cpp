#include "base/error.h"

namespace base {

Error&& Error::with(std::string key, Value value) &&
{
    fields_.emplace_back(std::move(key), std::move(value));
    return std::move(*this);
}

} // namespace base
