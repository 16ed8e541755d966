// What Agora says of who is in a channel. Its notices come late, twice and in any order, and each is taken
// for what it says of its own instant. (Agora, "Channel event types".)
#pragma once

#include "rooms/connection.h"
#include "rooms/context.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rooms {

struct Notice
{
    std::int64_t uid = 0;
    bool is_arrival = false;     // or else the client has gone
    std::int64_t client_seq = 0; // ascending for each uid
    std::int64_t reason = 0;     // why it has gone, Agora's number
    base::UnixSeconds at = 0;

    // Whether it has gone for good: it left, timed out, was turned away, or comes and goes all the time.
    // Otherwise the client comes back by itself, or another device took over.
    bool is_farewell() const;
    bool is_timeout() const;
};

// What is known of a stay from notices.
struct Presence
{
    std::string connection_id;
    std::optional<base::UnixSeconds> first_heard_at;
    std::int64_t client_seq = 0;                      // of the newest notice
    std::optional<base::UnixSeconds> disconnected_at; // if that said so

    bool is_connected() const { return first_heard_at && !disconnected_at; }
    bool operator==(const Presence&) const = default;
};

std::optional<Presence> find_presence(database::Connection& db, const std::string& connection_id);

// Notes what the notice says of the stay that it is about, and gives back that stay if it is open and over by
// this: its client has gone, and did not come back as far as is known. Nothing if it is about none of the
// room's. Call inside a Transaction.
std::optional<Connection> note(database::Connection& db, const std::string& room_id, const Notice& notice);

// Of a free room, as one transaction: whose client has gone leaves, at that instant, at most now. A host who
// timed out may come back: the room stays open as after a lapse. Does nothing about what is not ours, old or
// known.
void hear(Context& context, const std::string& room_id, const Notice& notice);

} // namespace rooms
