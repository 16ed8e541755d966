// The kinds of programs, as to what they cannot do without.
#pragma once

namespace base {

// Who reads: the server cannot do without the secrets and the chain, the oracle not without its key and the
// escrow. The tools that work on the database alone accept their absence, but nobody accepts a wrong value.
enum class Program
{
    server,
    oracle,
    tool
};

} // namespace base
