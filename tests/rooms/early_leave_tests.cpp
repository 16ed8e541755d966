#include "base/config.h"
#include "credits/ledger.h"
#include "credits/pruning.h"
#include "room_fixture.h"

#include <iostream>

namespace {

const auto keeper = RoomFixture::cheap_address(1);

struct EarlyLeaveFixture : RoomFixture
{
    static base::Config with_budget(std::int64_t seconds)
    {
        auto config = test_config();
        config.rules.early_leave_budget_seconds = seconds;
        return config;
    }
    explicit EarlyLeaveFixture(std::int64_t budget_seconds = 900) : RoomFixture(with_budget(budget_seconds))
    {
    }

    // Takes a token and leaves at once: Agora would let them talk until it ends.
    void take_token(const std::string& guest, const std::string& room_id)
    {
        leave(sit(guest, room_id));
        tokens += 1;
    }
    std::int64_t talked_seconds() const { return tokens * config.rules.free_token_ttl_seconds; }
    // Until the sum of what these have consumed is charged: they come again.
    std::int64_t charged(const std::vector<std::string>& wallets)
    {
        std::int64_t seconds = 0;
        for (const auto& wallet : wallets)
            seconds += consumed(wallet);
        return seconds;
    }
    std::string statement_of(const std::string& wallet)
    {
        std::string text;
        for (const auto& event : credits::statement(db(), wallet, 100))
            text += std::string(name_of(event.kind)) + " " + std::to_string(event.delta_seconds) + " " +
                    event.reason.value_or("") + "\n";
        return text;
    }

    int tokens = 0;
};

// The room stays open for its host, who renews.
struct HeldRoom
{
    explicit HeldRoom(EarlyLeaveFixture& fixture)
        : service(fixture), id(fixture.open_room(keeper, 100000)), seat(fixture.sit(keeper, id))
    {
    }
    void wait(std::int64_t seconds)
    {
        for (std::int64_t waited = 0; waited < seconds; waited += 45) {
            service.now += std::min<std::int64_t>(45, seconds - waited);
            service.renew(seat);
        }
    }
    EarlyLeaveFixture& service;
    std::string id;
    rooms::Seat seat;
};

// Twenty tokens of one guest, and then one more join. Gives back what the guest was charged.
std::int64_t twenty_tokens(EarlyLeaveFixture& service)
{
    const auto guest = RoomFixture::cheap_address(2);
    HeldRoom room(service);
    service.give(guest, 5000);
    for (int i = 0; i < 20; ++i)
        service.take_token(guest, room.id);
    room.wait(90);
    service.leave(service.sit(guest, room.id));
    return service.charged({guest});
}

// Ten guests in a room for two, one after the other, round for round.
std::int64_t ten_guests(EarlyLeaveFixture& service, int rounds)
{
    std::vector<std::string> guests;
    HeldRoom room(service);
    for (unsigned number = 2; number < 12; ++number) {
        guests.push_back(RoomFixture::cheap_address(number));
        service.give(guests.back(), 5000);
    }
    for (int round = 0; round < rounds; ++round) {
        for (const auto& guest : guests)
            service.take_token(guest, room.id);
        room.wait(90);
    }
    for (const auto& guest : guests)
        service.leave(service.sit(guest, room.id));
    return service.charged(guests);
}

// Six people come into a room that its host closes, round for round.
std::int64_t six_people(EarlyLeaveFixture& service, int rounds)
{
    std::vector<std::string> people;
    for (unsigned number = 1; number < 7; ++number) {
        people.push_back(RoomFixture::cheap_address(number));
        service.give(people.back(), 5000);
    }
    for (int round = 0; round < rounds; ++round) {
        const auto room_id = service.create(keeper);
        for (const auto& each : people)
            service.sit(each, room_id);
        service.tokens += 6;
        auto context = service.context();
        rooms::close_as_host(context, keeper, room_id);
        service.now += 90;
    }
    const auto room_id = service.create(keeper);
    for (const auto& each : people)
        service.sit(each, room_id);
    return service.charged(people);
}

// What an abuse costs without the rule and with it.
template <class Abuse>
std::int64_t compare(const char* name, std::size_t wallets, Abuse abuse)
{
    EarlyLeaveFixture before(0);
    const auto charged_before = abuse(before);
    EarlyLeaveFixture after;
    const auto charged_after = abuse(after);
    const auto talked = after.talked_seconds();
    std::cout << name << ": " << talked << " s could be talked, charged " << charged_before << " s before, "
              << charged_after << " s now\n";
    BOOST_TEST(charged_before == 0);
    const auto believed = 900 * static_cast<std::int64_t>(wallets);
    BOOST_TEST(charged_after == std::max<std::int64_t>(0, talked - believed));
    after.require_clean_audit();
    return charged_after;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(early_leave_tests, EarlyLeaveFixture)

BOOST_AUTO_TEST_CASE(what_is_taken_beyond_the_budget_is_charged)
{
    BOOST_TEST(compare("one guest, twenty tokens", 1, twenty_tokens) == 900);
    BOOST_TEST(
        compare("ten guests, a room for two", 10, [](auto& service) { return ten_guests(service, 1); }) == 0);
    BOOST_TEST(compare("the same, twelve times", 10, [](auto& service) { return ten_guests(service, 12); }) ==
               1800);
    BOOST_TEST(compare("six people, three rounds", 6, [](auto& service) { return six_people(service, 3); }) ==
               0);
    BOOST_TEST(compare("the same, twelve rounds", 6, [](auto& service) { return six_people(service, 12); }) ==
               1080);
}

// A friend comes into the room for ten minutes, goes, and comes again: all evening.
BOOST_AUTO_TEST_CASE(whoever_uses_it_as_people_do_never_meets_the_rule)
{
    const auto guest = cheap_address(2);
    HeldRoom room(*this);
    give(guest, 20000);
    for (int visit = 0; visit < 18; ++visit) {
        const auto seat = sit(guest, room.id);
        for (int i = 0; i < 13; ++i) {
            room.wait(45);
            renew(seat);
        }
        room.wait(15);
        leave(seat);
        BOOST_TEST(consumed(guest) == (visit + 1) * 600);
    }
    BOOST_TEST(statement_of(guest).find("left_early") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_newest_stays_are_charged_and_the_statement_says_so)
{
    config.rules.early_leave_budget_seconds = 0; // for now
    const auto guest = cheap_address(2);
    HeldRoom room(*this);
    give(guest, 2000);
    std::vector<rooms::Seat> seats;
    for (int i = 0; i < 12; ++i) {
        seats.push_back(sit(guest, room.id));
        room.wait(1);
        leave(seats.back());
    }
    BOOST_TEST(consumed(guest) == 12);
    room.wait(90);
    config.rules.early_leave_budget_seconds = 900;
    leave(sit(
        guest,
        room.id)); // 12 * 89 = 1068 s were left over: without the two newest stays it is within the budget
    BOOST_TEST(consumed(guest) == 12 + 178);
    for (const auto newest : {11U, 10U}) {
        const auto stay = stored(seats[newest]);
        BOOST_TEST(*stay.left_at == stay.token_expires_at);
        BOOST_TEST(stay.debited_seconds == 90);
    }
    BOOST_TEST(stored(seats[9]).debited_seconds == 1);
    BOOST_TEST(statement_of(guest).find("debit_usage -89 left_early\ndebit_usage -89 left_early\n") !=
               std::string::npos);
    require_clean_audit();
}

// Nothing is charged for a time that has not come; that is done later.
BOOST_AUTO_TEST_CASE(it_is_charged_up_to_now_at_most_and_never_beyond_the_balance)
{
    const auto guest = cheap_address(2);
    HeldRoom room(*this);
    give(guest, 300);
    for (int i = 0; i < 20; ++i)
        take_token(guest, room.id);
    BOOST_TEST(consumed(guest) == 0);
    room.wait(10);
    leave(sit(guest, room.id)); // ten seconds of each
    BOOST_TEST(consumed(guest) == 200);
    room.wait(10);
    BOOST_TEST(refusal_of([&] { sit(guest, room.id); }) == "heaven_name_required"); // as it has none left
    BOOST_TEST(consumed(guest) == 300);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(what_is_an_hour_old_is_believed)
{
    const auto guest = cheap_address(2);
    HeldRoom room(*this);
    give(guest, 5000);
    for (int i = 0; i < 20; ++i)
        take_token(guest, room.id);
    room.wait(3600);
    leave(sit(guest, room.id));
    BOOST_TEST(consumed(guest) == 0);
}

// Then the tokens are worthless.
BOOST_AUTO_TEST_CASE(where_agora_is_told_there_is_no_budget)
{
    config.rules.tells_agora = true;
    BOOST_TEST(twenty_tokens(*this) == 0);
}

// Charged for the same stay on the same day, and yet another thing.
BOOST_AUTO_TEST_CASE(pruning_keeps_it_apart)
{
    const auto guest = cheap_address(2);
    HeldRoom room(*this);
    give(guest, 5000);
    for (int i = 0; i < 12; ++i) {
        const auto seat = sit(guest, room.id);
        room.wait(1);
        leave(seat);
    }
    room.wait(90);
    leave(sit(guest, room.id));
    const auto before = statement_of(guest);
    now += 2 * credits::seconds_per_day;
    credits::prune(db(), credits::day_of(now), false);
    BOOST_TEST(statement_of(guest) == before);
    require_clean_audit();
}

BOOST_AUTO_TEST_SUITE_END()
