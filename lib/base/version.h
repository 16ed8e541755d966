// Which build this is: the Makefile's VERSION and, of a clone, its commit. Later commits have later versions,
// as dpkg sorts.
#pragma once

namespace base {

extern const char* const version;

} // namespace base
