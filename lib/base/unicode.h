// What a text shows to those who read it.
#pragma once

#include <string>

namespace base {

// Whether somebody sees a line as what it is: at least one character is visible, and none is a control,
// invisible, private or unassigned, by Unicode's properties. Of the invisible ones those pass that emoji and
// scripts need, where they need them: joiners between two characters that join, variation selectors behind
// one that has variants, and the tags of a flag.
bool is_visible_line(const std::u32string& line);

} // namespace base
