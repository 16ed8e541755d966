// Of a room: free, or of a booked session.
#pragma once

#include <string>

namespace rooms {

enum class Kind
{
    free,
    booked
};

const char* name_of(Kind kind); // "free"
// Throws Error(internal) for what is none.
Kind kind_named(const std::string& name);

} // namespace rooms
