// The rules of rooms, credits and booked sessions once more, as plainly as they can be said, in memory: the
// simulation holds the service against it. It settles what lapses at once, as a perfect sweep would.
#pragma once

#include "base/rules.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace simulation {

using Seconds = std::int64_t;

struct ModelBan
{
    std::optional<Seconds> expires; // none: for good
    bool is_lifted = false;
};

struct ModelWallet
{
    bool has_name = false;
    bool is_verified = false;
    Seconds base = 0, bonus = 0, adjusted = 0, consumed = 0;
    std::vector<ModelBan> bans;

    Seconds balance() const { return base + bonus + adjusted - consumed; }
    bool is_banned(Seconds now) const
    {
        return std::any_of(bans.begin(), bans.end(), [&](const auto& ban) {
            return !ban.is_lifted && (!ban.expires || now < *ban.expires);
        });
    }
};

struct ModelStay
{
    std::string connection_id, room_id, wallet;
    Seconds joined = 0, expires = 0, mark = 0, debited = 0;
    bool said_low = false, said_exhausted = false; // raised
    std::vector<std::string> undelivered;
    Seconds next = 0; // when the client means to speak again
};

// A stay that is over.
struct ModelBill
{
    std::string wallet;
    Seconds debited = 0, refunded = 0;
};

struct ModelRoom
{
    std::string room_id, host;
    bool is_private = false;
    Seconds created = 0;
    Seconds emptied = 0; // when the last of them lapsed; at first when it was created
    std::size_t capacity = 6;
    std::string title;
    std::set<std::string> removed; // wallets
};

// A request that bore an idempotency key.
struct ModelRequest
{
    std::string wallet, path, body, key;
    Seconds started = 0;
    int status = 0; // 0: under way when its process was killed
    std::string answer;

    bool is_within(Seconds seconds, Seconds now) const
    {
        return now < started + seconds && started < now + seconds;
    }
};

// A stay that was left before its token's end.
struct ModelLeave
{
    std::string connection_id;
    Seconds left = 0, expires = 0;
};

class Model
{
  public:
    explicit Model(const base::Rules& parameters) : rules(parameters) {}

    // Everybody whose token has run out is gone, and rooms that nobody has been in for long enough are
    // closed.
    void settle(Seconds now)
    {
        std::map<std::string, Seconds> last_lapses;
        for (auto it = stays.begin(); it != stays.end();) {
            if (now < it->second.expires) {
                ++it;
                continue;
            }
            charge(it->second, it->second.expires);
            auto& last_lapse = last_lapses[it->second.room_id];
            last_lapse = std::max(last_lapse, it->second.expires);
            it = end(it, it->second.expires);
        }
        for (const auto& [room_id, last_lapse] : last_lapses) {
            if (count(room_id) == 0)
                active[room_id].emptied = last_lapse;
        }
        for (auto it = active.begin(); it != active.end();)
            it = now >= it->second.emptied + rules.unjoined_room_ttl_seconds && count(it->first) == 0
                     ? active.erase(it)
                     : std::next(it);
    }

    // Used since the mark, of what is booked.
    Seconds pending(const ModelStay& stay, Seconds now)
    {
        const auto elapsed = std::max(Seconds{0}, std::min(now, stay.expires) - stay.mark);
        return std::min(elapsed, wallets[stay.wallet].balance());
    }

    // As anybody is shown it.
    Seconds balance(const std::string& wallet, Seconds now)
    {
        const auto stay = stays.find(wallet);
        return wallets[wallet].balance() - (stay == stays.end() ? 0 : pending(stay->second, now));
    }

    Seconds total_pending(Seconds now)
    {
        Seconds total = 0;
        for (const auto& [wallet, stay] : stays)
            total += pending(stay, now);
        return total;
    }

    void charge(ModelStay& stay, Seconds now)
    {
        const auto due = pending(stay, now);
        wallets[stay.wallet].consumed += due;
        stay.debited += due;
        stay.mark = std::max(stay.mark, std::min(now, stay.expires));
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

    // Whether a heartbeat has something to tell.
    bool is_event_due(const ModelStay& stay, Seconds now)
    {
        const auto left = balance(stay.wallet, now);
        return !stay.undelivered.empty() || (left <= rules.low_credit_seconds && !stay.said_low) ||
               (left == 0 && !stay.said_exhausted);
    }

    // Before the balance changes otherwise.
    void book(const std::string& wallet, Seconds now)
    {
        if (const auto stay = stays.find(wallet); stay != stays.end())
            meter(stay->second, now);
    }

    // Who missed a renewal is booked each minute.
    void sweep(Seconds now)
    {
        for (auto& [wallet, stay] : stays) {
            if (stay.mark <= now - 60)
                meter(stay, now);
        }
    }

    // What of the tokens left within an hour is beyond the budget is charged, the newest stays first. Gives
    // back how much.
    Seconds charge_early_leaves(const std::string& wallet, Seconds now)
    {
        auto& list = leaves[wallet];
        std::sort(list.begin(), list.end(), [](const auto& one, const auto& other) {
            return one.left != other.left ? one.left > other.left : one.connection_id < other.connection_id;
        });
        const auto is_recent = [&](const ModelLeave& leave) {
            return leave.left > now - 3600 && leave.left <= now;
        };
        Seconds beyond = -rules.early_leave_budget_seconds;
        for (const auto& leave : list)
            beyond += is_recent(leave) ? leave.expires - leave.left : 0;
        Seconds charged = 0;
        for (auto& leave : list) {
            if (beyond <= 0 || !is_recent(leave))
                continue;
            const auto used = std::min(std::min(leave.expires, now) - leave.left, wallets[wallet].balance());
            wallets[wallet].consumed += used;
            leave.left += used;
            beyond -= used;
            charged += used;
            if (const auto bill = bills.find(leave.connection_id); bill != bills.end())
                bill->second.debited += used;
        }
        std::erase_if(list, [](const auto& leave) { return leave.left >= leave.expires; });
        return charged;
    }

    void close(const std::string& room_id, Seconds now)
    {
        for (auto it = stays.begin(); it != stays.end();) {
            if (it->second.room_id == room_id) {
                meter(it->second, now);
                it = end(it, now);
            } else {
                ++it;
            }
        }
        active.erase(room_id);
    }

    // Somebody goes, by their own will or not. Whether that closes the room.
    bool depart(const std::string& wallet, Seconds now)
    {
        const auto it = stays.find(wallet);
        meter(it->second, now);
        const auto room_id = it->second.room_id;
        const bool closes = active[room_id].host == wallet || count(room_id) == 1;
        end(it, now);
        if (closes)
            close(room_id, now);
        return closes;
    }

    void expel(const std::string& wallet, Seconds now)
    {
        if (stays.count(wallet) > 0)
            depart(wallet, now);
        if (const auto* hosted = hosted_by(wallet))
            close(std::string(hosted->room_id), now);
    }

    void lift_bans(const std::string& wallet, Seconds now)
    {
        for (auto& ban : wallets[wallet].bans)
            ban.is_lifted = ban.is_lifted || !ban.expires || now < *ban.expires;
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

    Seconds total_consumed() const
    {
        Seconds total = 0;
        for (const auto& [address, wallet] : wallets)
            total += wallet.consumed;
        return total;
    }

    base::Rules rules;
    std::map<std::string, ModelWallet> wallets;
    std::map<std::string, ModelStay> stays;                         // by wallet: nobody is in two rooms
    std::map<std::string, ModelRoom> active;                        // by room_id
    std::map<std::string, ModelBill> bills;                         // by connection_id, the latest
    std::map<std::string, std::vector<ModelLeave>> leaves;          // by wallet
    std::vector<ModelRequest> requests;                             // the latest
    std::map<std::string, std::pair<std::string, Seconds>> top_ups; // by reference: whose, and how much

  private:
    std::map<std::string, ModelStay>::iterator end(std::map<std::string, ModelStay>::iterator stay,
                                                   Seconds now)
    {
        const auto& ended = stay->second;
        const auto left = std::clamp(now, ended.mark, ended.expires);
        if (left < ended.expires)
            leaves[ended.wallet].push_back({ended.connection_id, left, ended.expires});
        if (bills.size() >= 100)
            bills.erase(bills.begin());
        bills[stay->second.connection_id] = {stay->second.wallet, stay->second.debited, 0};
        return stays.erase(stay);
    }
};

// ---- booked sessions ----

struct ModelVisit
{
    Seconds joined = 0, expires = 0;
    std::optional<Seconds> left;

    Seconds end(Seconds now) const { return left ? *left : std::min(now, expires); }
};

struct ModelMetrics
{
    Seconds host_joined = 0, host_left = 0, guest_joined = 0, guest_left = 0, overlap = 0;

    bool both_came() const { return host_joined != 0 && guest_joined != 0; }
    bool operator==(const ModelMetrics&) const = default;
};

struct ModelBooking
{
    std::string booking_id, host, guest;
    Seconds start = 0, ends = 0, grace = 0, min_overlap = 0;
    std::map<std::string, std::vector<ModelVisit>> visits; // by wallet
    bool is_known = false;                                 // somebody joined
    bool is_closed = false;                                // by the sweep, after the end
    std::string concluded;
    std::optional<Seconds> looked_up;

    void end_open(const std::string& wallet, Seconds now)
    {
        for (auto& visit : visits[wallet]) {
            if (!visit.left)
                visit.left = std::clamp(now, visit.joined, visit.expires);
        }
    }

    // Second by second.
    ModelMetrics measure(Seconds now) const
    {
        ModelMetrics metrics;
        const auto is_there = [&](const std::string& wallet, Seconds second) {
            const auto found = visits.find(wallet);
            return found != visits.end() &&
                   std::any_of(found->second.begin(), found->second.end(), [&](const auto& visit) {
                       return visit.joined <= second && second < visit.end(now);
                   });
        };
        Seconds first = ends;
        Seconds last = start;
        for (const auto& [wallet, list] : visits) {
            for (const auto& visit : list) {
                first = std::min(first, visit.joined);
                last = std::max(last, visit.end(now));
            }
        }
        for (auto second = first; second < std::min(last, ends); ++second) {
            const bool host_is_there = is_there(host, second);
            const bool guest_is_there = is_there(guest, second);
            if (host_is_there) {
                metrics.host_joined = metrics.host_joined == 0 ? second : metrics.host_joined;
                metrics.host_left = second + 1;
            }
            if (guest_is_there) {
                metrics.guest_joined = metrics.guest_joined == 0 ? second : metrics.guest_joined;
                metrics.guest_left = second + 1;
            }
            metrics.overlap += host_is_there && guest_is_there;
        }
        return metrics;
    }

    // The escrow's number.
    int outcome_of(const ModelMetrics& metrics) const
    {
        if (metrics.both_came() && metrics.overlap >= min_overlap)
            return 1;
        if (metrics.host_joined == 0)
            return 2;
        const bool host_left_first =
            metrics.guest_joined != 0 && metrics.host_left < metrics.guest_left && metrics.host_left < ends;
        return host_left_first ? 2 : 3;
    }

    // When the escrow takes it: 1 too early, 2 too late, 0 now.
    int window_of(int outcome, Seconds now) const
    {
        const auto opens = outcome == 1 ? start + min_overlap : start + grace;
        const auto closes = outcome == 1 ? ends + 7200 : start + grace + (ends - start);
        return now < opens ? 1 : now > closes ? 2 : 0;
    }

    // Why it cannot be attested now; empty if it can.
    std::string obstacle(int outcome, const ModelMetrics& metrics, bool is_forced, Seconds now) const
    {
        const int window = window_of(outcome, now);
        if (window != 0 && outcome == 1)
            return window == 1 ? "overlap_not_met" : "completed_too_late";
        if (window != 0)
            return window == 1 ? "grace_not_over" : "no_show_too_late";
        // Whoever has not come needs a second to do so.
        const auto missing = std::max(min_overlap - metrics.overlap, Seconds{metrics.both_came() ? 0 : 1});
        const bool can_change = missing > 0 && now + missing <= ends;
        return can_change && !is_forced ? "session still in progress" : "";
    }
};

} // namespace simulation
