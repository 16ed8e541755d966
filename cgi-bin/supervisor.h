// The life of a FastCGI program's processes, ended and replaced without losing a request: a supervisor with
// its workers on one socket, or a single worker whose supervisor is the web server.
//
// SIGTERM and SIGINT end a process after the request in hand. SIGHUP makes the supervisor or the single
// worker become the program that stands at its path now, a newer one perhaps: it tries it with --check first,
// and the socket, with whoever waits there, stays open throughout.
#pragma once

#include <cstddef>
#include <functional>
#include <sys/types.h>

namespace supervisor {

// A worker's exit status if it met a schema that is newer than its program.
constexpr int outdated_status = 75;

// From now on signals that end the process wait until it looks for them here, so that none interrupts the
// reading of a request.
void hold_signals();

// For a single worker: SIGHUP makes it become the program at `arguments[0]`, while it waits for a connection.
void replace_on_hangup(char** arguments);

// For a single worker or a supervisor: ends it after the request in hand when `parent`, which started it, has
// ended, be it before this call. Nobody can connect to the socket from that moment on, since a web server
// that comes back after a crash and finds the socket answering would take the worker for somebody else's, and
// never start another.
void end_with_parent(pid_t parent);

// Waits for a connection on the listening socket; another process may take it first. False if it is time to
// end.
bool wait_for_connection(int listening_socket);

// Whether connections come by ConnectionQueue::take() from what stands in the place of the listening socket:
// for workers whose supervisor ends with its parent.
bool comes_from_queue();

// Keeps `count` processes running `worker`, which is called after fork() and gives back the exit status.
// Starts another for one that ends; becomes the program at `arguments[0]` on SIGHUP and when a worker ends
// with outdated_status. Nothing may be open yet: neither database nor libcurl. Gives back the exit status.
int keep_workers(std::size_t count, char** arguments, const std::function<int()>& worker);

} // namespace supervisor
