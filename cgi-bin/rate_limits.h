// How often somebody may do something. Whoever asks too often is told 429 with Retry-After.
#pragma once

#include "app.h"
#include "http.h"

#include <string>

// What a route counts against; a route may have several.
enum Limit : unsigned
{
    unlimited = 0,
    sign_in = 1, // per address
    attest = 2,  // per address
    create = 4,  // per wallet, as are the rest
    join = 8,
    chain = 16, // what may ask the chain
    keyed = 32  // what bears an Idempotency-Key
};

// Each takes one of all that `limits` names. Throws Error(rate_limited).
void limit_address(App& app, const http::Request& request, unsigned limits);
void limit_wallet(App& app, const http::Request& request, const std::string& wallet, unsigned limits);

// Takes one of the questions to the chain that may be asked from the request's address, or gives back in how
// many seconds there is one again. Wallets cost nothing, so their own limit stops nobody who has many.
std::int64_t take_question(App& app, const http::Request& request);
// Throws Error(rate_limited) instead.
void count_question(App& app, const http::Request& request);
