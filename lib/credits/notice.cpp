#include "credits/notice.h"

#include "base/listeners.h"
#include "outbox/outbox.h"

namespace credits {

void tell_granted(database::Connection& db, const base::Listeners& listeners, const std::string& wallet,
                  EventKind kind, std::int64_t seconds, std::int64_t remaining_seconds, base::UnixSeconds now)
{
    if (!listeners.tells_application)
        return;
    outbox::write(db, {outbox::Destination::webhook,
                       wallet,
                       "credits.granted",
                       {{"wallet", wallet},
                        {"kind", name_of(kind)},
                        {"seconds", seconds},
                        {"remaining_seconds", remaining_seconds}},
                       now,
                       now});
}

} // namespace credits
