#include "rooms/context.h"

#include "base/rules.h"

namespace rooms {

Context::Context(database::Connection& connection, const base::Rules& rules_of_rooms,
                 base::UnixSeconds instant)
    : db(connection), rules(rules_of_rooms), listeners(rules_of_rooms), now(instant)
{
}

} // namespace rooms
