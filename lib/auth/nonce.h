// Sign-in nonces that authenticate themselves: issuing one writes nothing, so nobody can fill the disk by
// asking. Only a nonce that was used with a good signature is stored, and only until it would have expired.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "database/connection.h"

#include <optional>
#include <string>
#include <string_view>

namespace auth {

class Nonces
{
  public:
    // The key that authenticates nonces is derived from the JWT secret, whenever it is needed: most plain CGI
    // processes need none. Those of `previous_jwt_secret` are still accepted, unless that is empty.
    Nonces(std::string_view jwt_secret, std::int64_t ttl_seconds, std::string_view previous_jwt_secret = {});

    // 64 lowercase hex digits: the second of issue, random bits and their HMAC for this wallet.
    std::string issue(const std::string& wallet, base::UnixSeconds now, base::Random& random) const;

    // Whether the nonce was issued to this wallet within the last ttl_seconds and has not been spent.
    bool is_good(database::Connection& db, const std::string& wallet, const std::string& nonce,
                 base::UnixSeconds now) const;

    // The same, but it is spent now. Of many simultaneous calls one returns true.
    bool spend(database::Connection& db, const std::string& wallet, const std::string& nonce,
               base::UnixSeconds now) const;

  private:
    // When a nonce of the wallet's expires; nothing if it is not one that may still be spent.
    std::optional<base::UnixSeconds> expiry_of(const std::string& wallet, const std::string& nonce,
                                               base::UnixSeconds now) const;

    std::string jwt_secret_;
    std::string previous_jwt_secret_; // empty if there is none
    std::int64_t ttl_seconds_;
};

// Forgets spent nonces that are refused for their age anyway; returns how many. At most `limit` at a time.
std::int64_t purge_spent_nonces(database::Connection& db, base::UnixSeconds now, std::int64_t limit);

} // namespace auth
