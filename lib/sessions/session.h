// Booked sessions: two people, a host and a guest, who the escrow contract says may talk, and when.
#pragma once

#include "agora/rtc_token.h"
#include "database/connection.h"
#include "ethereum/chain.h"
#include "rooms/context.h"
#include "sessions/context.h"
#include "sessions/outcome.h"

#include <optional>
#include <string>

namespace sessions {

// A booking that the escrow knows and that is active, with its slot.
struct Session
{
    std::string booking_id; // canonical decimal
    std::string host;       // wallets
    std::string guest;
    Terms terms;
    base::UnixSeconds looked_up_at = 0;
};

// Who asks decides how a booking that is not active is refused: "booking not active", or to the oracle
// "booking status is <Name>, expected Booked" (both invalid_argument).
enum class Asker
{
    participant,
    oracle
};

// Asks the escrow. Slow: never call it inside a Transaction. Throws "booking not found" (not_found), the
// refusal above, "slot not found" (not_found), or chain_unavailable.
Session look_up(ethereum::Chain& chain, const ethereum::Uint256& booking_id, Asker asker,
                base::UnixSeconds now);

// The same for somebody who wants to join; when the chain cannot be asked, what it said of this booking
// within the last minute does as well. That is safe: a seat moves no money, and before anything is attested
// the escrow is read again.
Session look_up_to_join(database::Connection& db, ethereum::Chain& chain, const ethereum::Uint256& booking_id,
                        base::UnixSeconds now);

// The session's name at Agora, whose names have less than 64 bytes: "heaven-<chain id>-<booking id>", or
// where that is longer the id's hash in its place, "heaven-<chain id>-0x<32 hex digits>".
std::string channel_of(std::int64_t chain_id, const std::string& booking_id);

struct Seat
{
    std::string channel; // channel_of() the session
    std::string agora_token;
    std::int64_t agora_uid = 0;
};

// Seats one of the two, from join_window_seconds before the start to the end. A seat that the wallet holds
// already, on another device or from before its connection broke, ends here: nobody is locked out by a
// reconnect. The token lives for booked_token_ttl_seconds, or until the slot's end if that is later, at most
// 24 hours. Throws "not a participant" (permission_denied), "too early to join" and "session has ended"
// (invalid_argument).
Seat join(const Context& context, const rooms::Mint& mint, const Session& session, const std::string& wallet);

// Ends the wallet's stay and returns how long it lasted, in seconds; 0 if the wallet is not in that session.
std::int64_t leave(const Context& context, const std::string& booking_id, const std::string& wallet);

// The wallet's stays in the session up to now, the first first. A stay that nobody ended lasts to its
// token's expiry; the slot's end is not looked at. With agora_require_audio only what Agora has heard counts:
// from when the client came, to when it went for the last time.
std::vector<Stay> find_stays(const Context& context, const std::string& booking_id,
                             const std::string& wallet);

// Ends the stays in the rooms of sessions whose slot has ended, and closes the rooms. For the sweep; works in
// small transactions of its own. Returns how many rooms were closed.
std::int64_t close_ended(const Context& context);

// ---- what the oracle's sweep needs to know without asking the chain ----

// A session that somebody joined. No `terms` if it was joined under an older version of the program.
struct KnownSession
{
    std::string booking_id;
    std::string host; // empty like the terms
    std::string guest;
    std::optional<Terms> terms;
    std::optional<base::UnixSeconds> looked_up_at; // none: it may not be taken for what the chain says
    std::optional<std::string> concluded;          // why the sweep is done with it
};

std::optional<std::string> find_room(database::Connection& db, const std::string& booking_id);
std::optional<KnownSession> find_session(database::Connection& db, const std::string& booking_id);
// Those that begin last come first.
std::vector<KnownSession> list_sessions(database::Connection& db, std::int64_t limit);
// Those that have begun by `now` and are not concluded; those of unknown terms as well.
std::vector<KnownSession> find_sessions_to_attest(database::Connection& db, base::UnixSeconds now);

// Writes down what the escrow said. Does nothing if nobody ever joined. Call inside a Transaction.
void remember(database::Connection& db, const Session& session);
void conclude(database::Connection& db, const std::string& booking_id, const std::string& why);

} // namespace sessions
