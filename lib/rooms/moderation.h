// What the host of a free room, or an operator, can do to it and to those in it, each as one transaction.
#pragma once

#include "rooms/context.h"

#include <optional>
#include <string>

namespace rooms {

// Meters everybody, ends their stays and closes the room, as its host's leaving does. False if there is no
// such active free room.
bool close(Context& context, const std::string& room_id);

// The same for the room's host: throws room_not_found, then not_host.
void close_as_host(Context& context, const std::string& host_wallet, const std::string& room_id);

struct Removal
{
    std::int64_t debited_seconds = 0; // over the whole stay
    bool closed = false;              // the room, because the host was removed or nobody is left
};

// The host removes a participant, or themself: meters, ends the stay, closes the room as a leave would. Agora
// refuses the participant when their token ends. Throws room_not_found, not_host, then participant_not_found
// for a connection that is not of this room, left or lapsed.
Removal remove_as_host(Context& context, const std::string& host_wallet, const std::string& room_id,
                       const std::string& connection_id);

// The same for an operator, whatever free room the participant is in. Throws participant_not_found.
Removal remove(Context& context, const std::string& connection_id);
// The same in that room: throws room_not_found, then participant_not_found.
Removal remove_from_room(Context& context, const std::string& room_id, const std::string& connection_id);

struct Expulsion
{
    std::optional<std::string> left_room_id;   // where the wallet was present
    std::optional<std::string> closed_room_id; // that the wallet hosted
};

// Ends the wallet's stay in a free room and closes the one that it hosts. Call inside a Transaction.
Expulsion expel(Context& context, const std::string& wallet);

// The longest ban that is not for good: a hundred years.
constexpr std::int64_t max_ban_seconds = std::int64_t{100} * 366 * 86400;

// Bans the wallet (rooms/ban.h) and expels it.
Expulsion ban_and_expel(Context& context, const std::string& wallet, const std::string& reason,
                        std::optional<std::int64_t> duration_seconds);
// False if the wallet is not banned.
bool unban(Context& context, const std::string& wallet);

} // namespace rooms
