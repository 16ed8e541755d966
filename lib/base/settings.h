// The way from all settings to a group of them: settings<ChainSettings>(config). Whoever reads a setting
// includes its group alone, so a new one compiles few files again.
#pragma once

namespace base {

struct Config;

// A group is a struct that Config inherits, or its Rules, or their Listeners.
template <class Group>
const Group& settings(const Config& config);

} // namespace base
