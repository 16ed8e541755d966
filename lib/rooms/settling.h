// What lapses ends, and what stays empty closes, whoever comes by first. Every function here wants to be
// called inside a Transaction, unless it says otherwise.
#pragma once

#include "rooms/metering.h"
#include "rooms/standing.h"

#include <string>
#include <vector>

namespace rooms {

struct LoadedRoom;

// What was done, for the sweep's summary.
struct Tally
{
    std::int64_t connections_metered = 0; // found open and still present
    std::int64_t connections_lapsed = 0;
    std::int64_t rooms_closed = 0;
    std::int64_t debited_seconds = 0;

    Tally& operator+=(const Tally& other);
};

// Ends every lapsed stay in the room at its token's expiry, then closes the room if nobody has been in it for
// unjoined_room_ttl_seconds: since the last of these lapses, or since its creation if nobody ever came.
// `room` is then what it has become. Does nothing to one that is closed or booked.
Tally settle(Context& context, LoadedRoom& room);

// Of the rooms around a wallet, settles the one that it has lapsed in and the one that it hosts; and books
// what it has used of its stay, if that goes on. Then its balance is what the ledger says, and may be
// changed.
void settle_wallet(Context& context, const std::string& wallet, std::vector<LoadedRoom>& around);
void settle_wallet(Context& context, const std::string& wallet);

// The wallet's standing, for those who only read: from outside a Transaction. Begins one only if its stay has
// lapsed, which it ends.
Standing load_settled_standing(Context& context, const std::string& wallet);

} // namespace rooms
