// A disk that can be told to fail: SQLite's own, with the calls that change a file in between. It serves
// every database of the process from install() on.
#pragma once

#include <cstdint>

namespace simulation::faulty_disk {

void install();

// From now on: the write after `writes` more of them fails, once, as on a full disk.
void fail_after(std::int64_t writes);
// From now on: after `changes` more of any kind nothing reaches the disk any more, as after a kill of the
// process.
void die_after(std::int64_t changes);
// Nothing fails any more.
void heal();

} // namespace simulation::faulty_disk
