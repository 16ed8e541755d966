// What the tests of rooms share: the domain's functions at the fixture's present, and a look at the rows.
#pragma once

#include "base/config.h"
#include "fixture.h"
#include "rooms/listing.h"
#include "rooms/moderation.h"
#include "rooms/participation.h"
#include "rooms/standing.h"
#include "rooms/sweep.h"

#include <optional>
#include <vector>

// The error's name, or nothing if `call` succeeds.
template <typename Call>
std::string refusal_of(Call&& call)
{
    try {
        call();
    } catch (const base::Error& error) {
        return error.name();
    }
    return {};
}

// "credits_low 300" and the like.
inline std::vector<std::string> told(const std::vector<rooms::Event>& events)
{
    std::vector<std::string> texts;
    for (const auto& event : events)
        texts.push_back(std::string(event.type) + " " + std::to_string(event.remaining_seconds));
    return texts;
}

using Texts = std::vector<std::string>;

class RoomFixture : public AppFixture
{
  public:
    using AppFixture::AppFixture;

    // A host with `seconds` opens a room.
    std::string open_room(const std::string& host, std::int64_t seconds = 10000)
    {
        give(host, seconds);
        return create(host);
    }
    std::string create(const std::string& host, const rooms::CreateOptions& options = {})
    {
        return rooms::create(context(), mint(), host, credits::NameLookup::no_name, options).room_id;
    }
    // A participant with `seconds` more joins.
    rooms::Seat sit(const std::string& wallet, const std::string& room_id, std::int64_t seconds = 0)
    {
        if (seconds > 0)
            give(wallet, seconds);
        return rooms::join(context(), mint(), wallet, credits::NameLookup::no_name, room_id);
    }

    static rooms::Caller caller_in(const rooms::Seat& seat)
    {
        return {seat.connection.wallet, seat.room.room_id, seat.connection.connection_id};
    }
    rooms::Heartbeat beat(const rooms::Seat& seat) { return rooms::heartbeat(context(), caller_in(seat)); }
    rooms::Renewal renew(const rooms::Seat& seat) { return rooms::renew(context(), mint(), caller_in(seat)); }
    rooms::Departure leave(const rooms::Seat& seat) { return rooms::leave(context(), caller_in(seat)); }
    bool close(const std::string& room_id) { return rooms::close(context(), room_id); }
    rooms::Tally sweep_now() { return rooms::sweep(db(), config.rules, now); }

    // The row as it is.
    rooms::Connection stored(const rooms::Seat& seat)
    {
        const auto connection = rooms::find_connection(db(), seat.connection.connection_id);
        BOOST_REQUIRE(connection.has_value());
        return *connection;
    }
    std::optional<base::UnixSeconds> closed_at(const std::string& room_id)
    {
        auto row = db().prepare("SELECT closed_at FROM rooms WHERE room_id = :room_id");
        BOOST_REQUIRE(row.bind(":room_id", room_id).step());
        return row.optional_integer(0);
    }
    bool is_closed(const std::string& room_id) { return closed_at(room_id).has_value(); }
    // As of now.
    std::int64_t consumed(const std::string& wallet)
    {
        return rooms::load_standing(db(), wallet, now).account().consumed_seconds;
    }
    std::vector<rooms::ActiveRoom> listed(bool only_open = true)
    {
        return rooms::list_active(db(), config.rules, only_open, 50, now);
    }

    // Rows as the domain would never write them.
    void plant(const std::string& sql)
    {
        lift_rules();
        execute(sql);
    }

    // An address for each number, without the cost of a key.
    static std::string cheap_address(unsigned number)
    {
        auto digits = std::to_string(number);
        return "0x" + std::string(40 - digits.size(), '0') + digits;
    }
};

// SQL text of a value.
inline std::string quoted(const std::string& text)
{
    return "'" + text + "'";
}
