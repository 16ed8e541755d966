// What was, for operators: stays and rooms that have ended, for as long as they are kept.
#pragma once

#include "rooms/connection.h"

#include <optional>
#include <string>
#include <vector>

namespace rooms {

struct Stay
{
    Connection connection;
    std::string host_wallet; // of the room
};

std::optional<Stay> find_stay(database::Connection& db, const std::string& connection_id);
// The newest `limit` stays of a wallet, the newest first.
std::vector<Stay> list_stays(database::Connection& db, const std::string& wallet, std::int64_t limit);

struct HostedRoom
{
    std::string room_id;
    Kind kind = Kind::free;
    bool is_private = false;
    base::UnixSeconds created_at = 0;
    std::optional<base::UnixSeconds> closed_at; // none while active
    std::int64_t stays = 0;                     // of all its participants
};

// The newest `limit` rooms that the wallet hosts or hosted, the newest first.
std::vector<HostedRoom> list_hosted_rooms(database::Connection& db, const std::string& wallet,
                                          std::int64_t limit);

} // namespace rooms
