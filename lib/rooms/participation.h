// What a participant of free rooms can do, each as one transaction. Nobody is in two rooms, a room holds no
// more than its capacity, and a room closes with its host's leaving or its last participant's, or when nobody
// has been present in it for unjoined_room_ttl_seconds.
//
// A refusal is a thrown Error named as in the HTTP contract. What was settled on the way (lapsed stays, a
// base grant) stands even then.
#pragma once

#include "credits/eligibility.h"
#include "rooms/description.h"
#include "rooms/metering.h"

#include <string>
#include <vector>

namespace rooms {

struct CreateOptions
{
    Description description;
    std::optional<std::int64_t> capacity; // 2 to 6; free_room_capacity if nothing is said
};

// Throws banned, what credits::refuse_to_spend() says, then already_in_free_room and
// already_hosting_free_room (conflict; with the room_id in the way, and the connection_id of the caller in
// it).
Room create(Context& context, const Mint& mint, const std::string& wallet, const credits::NameLookup& lookup,
            const CreateOptions& options);

struct Seat
{
    Room room;
    Connection connection;
    std::string agora_token; // ends at connection.token_expires_at
    std::int64_t remaining_seconds = 0;
};

// Throws banned, what credits::refuse_to_spend() says, then already_in_free_room, room_not_found,
// room_type_mismatch, room_full.
Seat join(Context& context, const Mint& mint, const std::string& wallet, const credits::NameLookup& lookup,
          const std::string& room_id);

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

// Says how the wallet stands as of now. Writes nothing, unless an event falls due or the stay has lapsed.
Heartbeat heartbeat(Context& context, const Caller& caller);

struct Renewal
{
    bool denied = false;     // under minimum_credit_seconds: the call ends with the token
    std::string agora_token; // empty if denied; ends at
    base::UnixSeconds token_expires_at = 0;
    std::int64_t remaining_seconds = 0;
    std::vector<Event> events;
};

// Throws banned. Books what is used, then prolongs the presence to now + free_token_ttl_seconds and issues a
// token that ends there.
Renewal renew(Context& context, const Mint& mint, const Caller& caller);

struct Departure
{
    std::int64_t debited_seconds = 0; // over the whole stay
    std::int64_t remaining_seconds = 0;
    bool closed = false; // the room, because the host left or nobody is left
    std::vector<Event> events;
};

Departure leave(Context& context, const Caller& caller);

} // namespace rooms
