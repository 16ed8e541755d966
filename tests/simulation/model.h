// The rules of rooms and credits once more, as plainly as they can be said, in memory: the simulation holds
// the service against it. It settles what lapses at once, as a perfect sweep would.
#pragma once

#include "base/config.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace simulation {

using Seconds = std::int64_t;

struct ModelWallet
{
    bool has_name = false;
    bool is_verified = false;
    Seconds base = 0, bonus = 0, adjusted = 0, consumed = 0;
    Seconds balance() const { return base + bonus + adjusted - consumed; }
};

struct ModelStay
{
    std::string connection_id, room_id, wallet;
    Seconds joined = 0, expires = 0, mark = 0, debited = 0;
    bool said_low = false, said_exhausted = false; // raised
    std::vector<std::string> undelivered;
};

struct ModelRoom
{
    std::string room_id, host;
    bool is_private = false;
    Seconds created = 0;
    std::size_t capacity = 6;
};

class Model
{
  public:
    explicit Model(const base::Rules& parameters) : rules(parameters) {}

    // Everybody whose token has run out is gone, and rooms that nobody is in any more, or ever was, are
    // closed.
    void settle(Seconds now)
    {
        for (auto it = stays.begin(); it != stays.end();) {
            if (now < it->second.expires) {
                ++it;
                continue;
            }
            charge(it->second, it->second.expires);
            const auto room_id = it->second.room_id;
            it = stays.erase(it);
            if (count(room_id) == 0)
                active.erase(room_id);
        }
        for (auto it = active.begin(); it != active.end();)
            it = count(it->first) == 0 && now >= it->second.created + rules.unjoined_room_ttl_seconds
                     ? active.erase(it)
                     : std::next(it);
    }

    void charge(ModelStay& stay, Seconds now)
    {
        const auto until = std::min(now, stay.expires);
        if (until > stay.mark) {
            auto& wallet = wallets[stay.wallet];
            const auto due = std::min(until - stay.mark, wallet.balance());
            wallet.consumed += due;
            stay.debited += due;
            stay.mark = until;
        }
    }

    // Charges, and notes what the client must be told.
    void meter(ModelStay& stay, Seconds now)
    {
        charge(stay, now);
        const auto balance = wallets[stay.wallet].balance();
        if (balance <= rules.low_credit_seconds && !stay.said_low) {
            stay.said_low = true;
            stay.undelivered.push_back("credits_low");
        }
        if (balance == 0 && !stay.said_exhausted) {
            stay.said_exhausted = true;
            stay.undelivered.push_back("credits_exhausted");
        }
    }

    void sweep(Seconds now)
    {
        for (auto& [wallet, stay] : stays) {
            if (stay.mark <= now - rules.heartbeat_interval_seconds)
                meter(stay, now);
        }
    }

    void close(const std::string& room_id, Seconds now)
    {
        for (auto it = stays.begin(); it != stays.end();) {
            if (it->second.room_id == room_id) {
                meter(it->second, now);
                it = stays.erase(it);
            } else {
                ++it;
            }
        }
        active.erase(room_id);
    }

    std::size_t count(const std::string& room_id) const
    {
        return static_cast<std::size_t>(std::count_if(
            stays.begin(), stays.end(), [&](const auto& entry) { return entry.second.room_id == room_id; }));
    }

    const ModelRoom* hosted_by(const std::string& wallet) const
    {
        for (const auto& [room_id, room] : active) {
            if (room.host == wallet)
                return &room;
        }
        return nullptr;
    }

    const base::Rules rules;
    std::map<std::string, ModelWallet> wallets;
    std::map<std::string, ModelStay> stays;  // by wallet: nobody is in two rooms
    std::map<std::string, ModelRoom> active; // by room_id
};

} // namespace simulation
