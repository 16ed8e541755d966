// Free rooms: what a participant can do, each as one transaction. Nobody is in two rooms, a room holds no
// more than its capacity, and a room closes with its host's leaving or its last participant's, or when nobody
// has been present in it for unjoined_room_ttl_seconds.
//
// A refusal is a thrown Error named as in the HTTP contract. What was settled on the way (lapsed stays, a
// base grant) stands even then.
#pragma once

#include "agora/rtc_token.h"
#include "base/config.h"
#include "base/random.h"
#include "credits/eligibility.h"
#include "rooms/metering.h"

#include <string>
#include <vector>

namespace rooms {

struct Room
{
    std::string room_id; // uuid v4
    std::string host_wallet;
    std::string visibility; // "open" or "private"
    std::int64_t capacity = 0;
    base::UnixSeconds created_at = 0;
    std::string title; // empty if it has none
    bool ai_enabled = false;
};

// "heaven-free-<room_id>", the name of the room at Agora.
std::string channel_of(const std::string& room_id);

constexpr std::size_t max_title_characters = 80; // Unicode code points
constexpr std::int64_t least_capacity = 2;       // participants
constexpr std::int64_t largest_capacity = 6;

struct CreateOptions
{
    bool is_private = false;
    bool ai_enabled = false;
    std::string title;                    // at most max_title_characters; empty for none
    std::optional<std::int64_t> capacity; // 2 to 6; free_room_capacity if nothing is said
};

// Throws banned, what credits::refuse_to_spend() says, then already_in_free_room and
// already_hosting_free_room (conflict; with the room_id in the way, and the connection_id of the caller in
// it).
Room create(sqlite::Database& db, const base::Rules& rules, const std::string& wallet,
            const credits::NameLookup& lookup, const CreateOptions& options, base::UnixSeconds now,
            base::Random& random);

struct Seat
{
    Room room;
    Connection connection;
    std::string agora_token; // ends at connection.token_expires_at
    std::int64_t remaining_seconds = 0;
};

// Throws banned, what credits::refuse_to_spend() says, then already_in_free_room, room_not_found,
// room_type_mismatch, room_full.
Seat join(sqlite::Database& db, const base::Rules& rules, const agora::TokenIssuer& tokens,
          const std::string& wallet, const credits::NameLookup& lookup, const std::string& room_id,
          base::UnixSeconds now, base::Random& random);

// Which connection a request speaks for. Every function that takes one throws not_your_connection
// (permission_denied) if it is unknown, another wallet's, of another room, left, lapsed, or a booked room's.
struct Caller
{
    std::string wallet;
    std::string room_id;
    std::string connection_id;
};

struct Heartbeat
{
    std::int64_t remaining_seconds = 0;
    std::vector<Event> events;
};

Heartbeat heartbeat(sqlite::Database& db, const base::Rules& rules, const Caller& caller,
                    base::UnixSeconds now);

struct Renewal
{
    bool denied = false;     // under minimum_credit_seconds: the call ends with the token
    std::string agora_token; // empty if denied; ends at
    base::UnixSeconds token_expires_at = 0;
    std::int64_t remaining_seconds = 0;
    std::vector<Event> events;
};

// Throws banned. Meters, then prolongs the presence to now + free_token_ttl_seconds and issues a token that
// ends there.
Renewal renew(sqlite::Database& db, const base::Rules& rules, const agora::TokenIssuer& tokens,
              const Caller& caller, base::UnixSeconds now, base::Random& random);

struct Departure
{
    std::int64_t debited_seconds = 0; // over the whole stay
    std::int64_t remaining_seconds = 0;
    bool closed = false; // the room, because the host left or nobody is left
    std::vector<Event> events;
};

Departure leave(sqlite::Database& db, const base::Rules& rules, const Caller& caller, base::UnixSeconds now);

// Meters everybody, ends their stays and closes the room, as its host's leaving does. False if there is no
// such active free room.
bool close(sqlite::Database& db, const base::Rules& rules, const std::string& room_id, base::UnixSeconds now);

// The same for the room's host: throws room_not_found, then not_host.
void close_as_host(sqlite::Database& db, const base::Rules& rules, const std::string& host_wallet,
                   const std::string& room_id, base::UnixSeconds now);

struct Removal
{
    std::int64_t debited_seconds = 0; // over the whole stay
    bool closed = false;              // the room, because the host was removed or nobody is left
};

// The host removes a participant, or themself: meters, ends the stay, closes the room as a leave would. Agora
// refuses the participant when their token ends. Throws room_not_found, not_host, then participant_not_found
// for a connection that is not of this room, left or lapsed.
Removal remove_as_host(sqlite::Database& db, const base::Rules& rules, const std::string& host_wallet,
                       const std::string& room_id, const std::string& connection_id, base::UnixSeconds now);

// The same for an operator, whatever free room the participant is in. Throws participant_not_found.
Removal remove(sqlite::Database& db, const base::Rules& rules, const std::string& connection_id,
               base::UnixSeconds now);

struct Expulsion
{
    std::optional<std::string> left_room_id;   // where the wallet was present
    std::optional<std::string> closed_room_id; // that the wallet hosted
};

// Ends the wallet's stay in a free room and closes the one that it hosts. Call inside a Transaction.
Expulsion expel(sqlite::Database& db, const base::Rules& rules, const std::string& wallet,
                base::UnixSeconds now);

struct Participant
{
    std::string connection_id;
    std::string wallet;
    std::int64_t agora_uid = 0;
    base::UnixSeconds joined_at = 0;
};

struct RoomView
{
    Room room;
    std::vector<Participant> participants; // present at `now`, the first to join first
};

// An active free room as `wallet` may see it; nothing if there is none, or if it is private and the wallet
// neither hosts it nor is present in it. Writes nothing.
std::optional<RoomView> view(sqlite::Database& db, const base::Rules& rules, const std::string& wallet,
                             const std::string& room_id, base::UnixSeconds now);

// A room as it is stored, whatever its kind and whether or not it is closed.
struct StoredRoom
{
    Room room;
    std::string kind; // "free" or "booked"
    std::optional<base::UnixSeconds> closed_at;

    bool is_active_free() const { return kind == "free" && !closed_at; }
};

std::optional<StoredRoom> find_room(sqlite::Database& db, const std::string& room_id);

struct ActiveRoom
{
    Room room;
    std::int64_t participant_count = 0; // present at `now`
};

// Active free rooms: those with somebody in them, then the others, the newest first within both. `only_open`
// leaves out the private ones.
std::vector<ActiveRoom> list_active(sqlite::Database& db, const base::Rules& rules, bool only_open,
                                    std::int64_t limit, base::UnixSeconds now);

enum class Kind
{
    free,
    booked
};

struct Occupancy
{
    std::int64_t rooms = 0;        // active: somebody is present, or a free room may still be joined
    std::int64_t participants = 0; // present at `now`
};

Occupancy occupancy(sqlite::Database& db, const base::Rules& rules, Kind kind, base::UnixSeconds now);

// Checks the invariants of rooms and connections, and that debits match presence. A sentence per violation.
std::vector<std::string> audit(sqlite::Database& db);

} // namespace rooms
