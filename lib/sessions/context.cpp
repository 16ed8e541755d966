#include "sessions/context.h"

#include "base/listeners.h"
#include "base/session_settings.h"
#include "base/settings.h"

namespace sessions {

Context::Context(database::Connection& connection, const base::Config& config, base::UnixSeconds instant)
    : db(connection), settings(base::settings<base::SessionSettings>(config)),
      listeners(base::settings<base::Listeners>(config)), now(instant)
{
}

} // namespace sessions
