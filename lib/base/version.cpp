#include "base/version.h"

namespace base {

const char* const version = SESSION_VOICE_VERSION;

} // namespace base
