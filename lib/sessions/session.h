// Booked sessions: two people, a host and a guest, who the escrow contract says may talk, and when.
#pragma once

#include "agora/rtc_token.h"
#include "base/config.h"
#include "ethereum/chain.h"
#include "sqlite/database.h"

#include <optional>
#include <string>

namespace sessions {

// A booking that the escrow knows and that is active, with its slot.
struct Session
{
    std::string booking_id; // canonical decimal
    std::string host;       // wallets
    std::string guest;
    base::UnixSeconds start_at = 0;
    base::UnixSeconds ends_at = 0;
};

// Asks the escrow. Slow: never call it inside a Transaction. Throws "booking not found" (not_found), "booking
// not active" (invalid_argument: its status is not Booked), "slot not found" (not_found), or
// chain_unavailable.
Session look_up(ethereum::Chain& chain, const ethereum::Uint256& booking_id);

struct Seat
{
    std::string channel; // "heaven-<chain id>-<booking id>"
    std::string agora_token;
    std::int64_t agora_uid = 0;
};

// Seats one of the two, from join_window_seconds before the start to the end. A seat that the wallet holds
// already, on another device or from before its connection broke, ends here: nobody is locked out by a
// reconnect. The token lives for booked_token_ttl_seconds, or until the slot's end if that is later, at most
// 24 hours. Throws "not a participant" (permission_denied), "too early to join" and "session has ended"
// (invalid_argument).
Seat join(sqlite::Database& db, const base::Config& config, const agora::TokenIssuer& tokens,
          const Session& session, const std::string& wallet, base::UnixSeconds now, base::Random& random);

// Ends the wallet's stay and returns how long it lasted, in seconds; 0 if the wallet is not in that session.
std::int64_t leave(sqlite::Database& db, const std::string& booking_id, const std::string& wallet,
                   base::UnixSeconds now);

} // namespace sessions
