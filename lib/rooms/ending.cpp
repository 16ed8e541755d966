#include "rooms/ending.h"

namespace rooms {

const char* name_of(Ending ending)
{
    switch (ending) {
    case Ending::left:
        return "left";
    case Ending::lapsed:
        return "lapsed";
    case Ending::removed:
        return "removed";
    case Ending::banned:
        return "banned";
    case Ending::room_closed:
        return "room_closed";
    case Ending::gone:
        return "gone";
    }
    return "";
}

const char* name_of(Closing closing)
{
    switch (closing) {
    case Closing::host_left:
        return "host_left";
    case Closing::empty:
        return "empty";
    case Closing::by_operator:
        return "operator";
    case Closing::expired:
        return "expired";
    }
    return "";
}

} // namespace rooms
