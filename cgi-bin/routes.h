// The table of all endpoints: which handler answers which method and path, for whom, and within which limits.
#pragma once

#include "call.h"
#include "rate_limits.h"

#include <span>
#include <string_view>
#include <vector>

enum class Access
{
    everybody,
    visitor, // everybody, unless the page is switched off; then there is no such route
    tester,  // everybody, in development with the mock chain; elsewhere there is no such route
    wallet,  // by its access token
    service, // the operator's own programs, by their token
    backend, // the application's, by its token; without one in the settings there is no such route
    monitor, // whoever watches, by a token; likewise
    agora    // Agora's notification service, by its signature; likewise
};

// Who answers it, by what it waits for. The web server chooses by the path, so its configuration says the
// same, and so do all methods of a path.
enum class Pool
{
    read, // nothing
    disk,
    chain // the node
};

struct Route
{
    const char* method;
    const char* path; // where ":..." stands for one segment that is not empty
    Access access;
    Pool pool;
    http::Response (*handler)(App&, const Call&);
    unsigned limits = unlimited;
    bool takes_idempotency_key = false;     // which belongs to a wallet, or to the backend
    std::int64_t token_overdue_seconds = 0; // so long an access token may have expired
    std::size_t most_body_bytes = http::max_body_bytes;
};

// A path stands there once for each method.
std::span<const Route> all_routes();

// Where a path leads.
struct Match
{
    const Route* meant = nullptr; // the first route of the path, whatever its method; null: there is none
    std::vector<std::string> ids = {}; // what stands for the names behind colons

    // The route of that method, HEAD being a GET; null if the path has none.
    const Route* with_method(std::string_view method) const;
    // What the path's Allow says.
    std::string allowed_methods() const;
    // What logs and metrics say of a path; the path itself may hold what is not for them, such as the id of
    // a private room.
    const char* pattern() const { return meant == nullptr ? "none" : meant->path; }
};

// A slash at the end does not count.
Match match(std::string_view path);
