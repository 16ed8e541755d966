// The way of connections from a supervisor to its workers, where the supervisor alone may hold the web
// server's socket: a web server that starts another supervisor for one that was killed must find nobody at
// that socket. lighttpd would take whoever answers there for somebody else's, and never start another.
#pragma once

#include <csignal>

class ConnectionQueue
{
  public:
    // Throws std::system_error.
    ConnectionQueue(int listening_socket, const sigset_t& awaited);
    ~ConnectionQueue();
    ConnectionQueue(const ConnectionQueue&) = delete;
    ConnectionQueue& operator=(const ConnectionQueue&) = delete;

    // For the supervisor: passes connections on until one of the awaited signals comes, which it gives back,
    // or until so many milliseconds are over (-1: without end), which gives 0. The signals must be blocked.
    int pass_on(int milliseconds);
    // Passes on what it has taken, and waits until workers have that, for ten seconds at the most.
    void drain();

    // For a worker, after fork(): puts its end of the queue in the place of the listening socket.
    void become_workers_end();
    // The next connection, by the worker's end; -1 if there is none, and errno says why: EAGAIN, or EPIPE if
    // none will come any more.
    static int take(int workers_end);

  private:
    bool give();

    int listening_socket_;
    int signals_ = -1;
    int supervisors_end_ = -1;
    int workers_end_ = -1;
    int taken_ = -1; // on its way, while the queue is full
};
