#include "base/config.h"
#include "credits/ledger.h"
#include "room_fixture.h"
#include "rooms/settling.h"

namespace {

const auto alice = RoomFixture::cheap_address(1);
const auto bob = RoomFixture::cheap_address(2);

struct NoticesFixture : RoomFixture
{
    NoticesFixture() { config.rules.tells_application = config.rules.tells_agora = true; }

    // What was written since the last time: "participant.left left", with the reason where there is one.
    Texts told_application()
    {
        require_clean_audit();
        return read("webhook", seen_);
    }
    // "3 until 90", by the uid and seconds from `begun`.
    Texts told_agora() { return read("agora", seen_by_agora_); }

    // Each in the stream of its room or wallet.
    void require_streams()
    {
        auto row = db().prepare("SELECT stream, type, data FROM outbox WHERE destination = 'webhook'");
        while (row.step()) {
            const auto data = base::parse_json(row.text("data"));
            BOOST_TEST(row.text("stream") == data.value("room_id", data.value("wallet", "")),
                       row.text("type"));
        }
    }

    const base::UnixSeconds begun = now;

  private:
    Texts read(const char* destination, std::int64_t& seen)
    {
        Texts texts;
        auto row =
            db().prepare("SELECT message_id, type, data, due_at FROM outbox WHERE destination = :destination "
                         "AND message_id > :seen ORDER BY message_id");
        row.bind(":destination", std::string_view(destination)).bind(":seen", seen);
        while (row.step()) {
            seen = row.integer("message_id");
            const auto data = base::parse_json(row.text("data"));
            auto text = row.text("type");
            if (data.contains("reason"))
                text += " " + data["reason"].get<std::string>();
            if (data.contains("until"))
                text = std::to_string(data["uid"].get<std::int64_t>()) + " until " +
                       std::to_string(data["until"].get<std::int64_t>() - begun) + ", from " +
                       std::to_string(row.integer("due_at") - begun);
            texts.push_back(text);
        }
        return texts;
    }

    std::int64_t seen_ = 0;
    std::int64_t seen_by_agora_ = 0;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(notices_tests, NoticesFixture)

BOOST_AUTO_TEST_CASE(nothing_is_written_where_nobody_is_to_be_told)
{
    config.rules.tells_application = config.rules.tells_agora = false;
    const auto room_id = open_room(alice);
    sit(alice, room_id);
    leave(sit(bob, room_id, 100));
    close(room_id);
    auto row = db().prepare("SELECT count(*) FROM outbox");
    BOOST_TEST_REQUIRE(row.step());
    BOOST_TEST(row.integer(0) == 0);
}

BOOST_AUTO_TEST_CASE(who_comes_and_goes_is_told_with_the_reason)
{
    const auto room_id = open_room(alice);
    sit(alice, room_id);
    const auto guest = sit(bob, room_id, 1000);
    BOOST_TEST(told_application() == (Texts{"room.opened", "participant.joined", "participant.joined"}));
    now += 10;
    leave(guest);
    BOOST_TEST(told_application() == Texts{"participant.left left"});
    BOOST_TEST(told_agora() == Texts{"2 until 90, from 10"});
    sit(bob, room_id);
    now += 10;
    auto context = this->context();
    rooms::close_as_host(context, alice, room_id);
    BOOST_TEST(told_application() == (Texts{"participant.joined", "participant.left room_closed",
                                            "participant.left room_closed", "room.closed host_left"}));
    BOOST_TEST(told_agora() == (Texts{"1 until 90, from 20", "3 until 100, from 20"}));
    require_streams();
}

BOOST_AUTO_TEST_CASE(a_host_who_leaves_and_a_last_guest_close_the_room)
{
    leave(sit(alice, open_room(alice)));
    BOOST_TEST(told_application().back() == "room.closed host_left");
    const auto room_id = create(alice);
    const auto guest = sit(bob, room_id, 1000);
    leave(guest);
    BOOST_TEST(told_application().back() == "room.closed empty");
}

BOOST_AUTO_TEST_CASE(who_lapses_needs_not_be_turned_away)
{
    const auto room_id = open_room(alice);
    sit(alice, room_id);
    now += 91;
    sweep_now();
    now += 300;
    sweep_now();
    const auto told = told_application();
    BOOST_TEST(told == (Texts{"room.opened", "participant.joined", "participant.left lapsed",
                              "room.closed expired"}));
    BOOST_TEST(told_agora().empty());
    auto row = db().prepare("SELECT happened_at FROM outbox WHERE type = 'room.closed'");
    BOOST_TEST_REQUIRE(row.step());
    BOOST_TEST(row.integer(0) == begun + 390);
}

BOOST_AUTO_TEST_CASE(what_an_operator_does_is_told)
{
    const auto room_id = open_room(alice);
    sit(alice, room_id);
    const auto guest = sit(bob, room_id, 1000);
    told_application();
    rooms::remove(context(), guest.connection.connection_id);
    BOOST_TEST(told_application() == Texts{"participant.left removed"});
    rooms::ban_and_expel(context(), alice, "spam", 60);
    BOOST_TEST(told_application() ==
               (Texts{"participant.left banned", "room.closed operator", "wallet.banned spam"}));
    BOOST_TEST(rooms::unban(context(), alice));
    BOOST_TEST(!rooms::unban(context(), alice));
    BOOST_TEST(told_application() == Texts{"wallet.unbanned"});
    BOOST_TEST(told_agora() == (Texts{"2 until 90, from 0", "1 until 90, from 0"}));
    const auto another = create(bob);
    sit(bob, another);
    told_application();
    close(another);
    BOOST_TEST(told_application() == (Texts{"participant.left room_closed", "room.closed operator"}));
    require_streams();
}

BOOST_AUTO_TEST_CASE(credit_that_comes_and_runs_out_is_told_once)
{
    const auto room_id = open_room(alice);
    config.rules.tells_application = true;
    const auto seat =
        rooms::join(context(), mint(), bob, {credits::NameLookup::has_name, std::string(64, 'a')}, room_id);
    BOOST_TEST(told_application() == (Texts{"room.opened", "credits.granted", "participant.joined"}));
    for (int i = 0; i < 50; ++i) {
        now += 45;
        try {
            renew(seat);
        } catch (const base::Error&) { // it has lapsed
        }
    }
    sweep_now();
    const auto told = told_application();
    BOOST_TEST(std::count(told.begin(), told.end(), "credits.low") == 1);
    BOOST_TEST(std::count(told.begin(), told.end(), "credits.exhausted") == 1);
    BOOST_TEST(std::count(told.begin(), told.end(), "participant.left lapsed") == 1);
}

// The credit went otherwise than by talking: then it does not last as long as the token.
BOOST_AUTO_TEST_CASE(who_can_no_longer_pay_for_the_token_is_turned_away_when_the_credit_ends)
{
    const auto room_id = open_room(alice);
    const auto seat = sit(bob, room_id, 200);
    now += 10;
    {
        database::Transaction tx(db());
        rooms::settle_wallet(context(), bob);
        credits::adjust(db(), bob, -170, "charged back", now);
        tx.commit();
    }
    BOOST_TEST(renew(seat).denied);
    BOOST_TEST(told_agora() == Texts{"2 until 90, from 30"});
}

BOOST_AUTO_TEST_CASE(a_uid_that_is_turned_away_is_given_out_to_nobody_while_the_token_is_good)
{
    const auto room_id = open_room(alice);
    sit(alice, room_id);
    const auto first = sit(bob, room_id, 1000);
    leave(first);
    const auto second = sit(bob, room_id);
    BOOST_TEST(second.connection.agora_uid != first.connection.agora_uid);
    config.rules.tells_agora = false;
    leave(second);
    BOOST_TEST(sit(bob, room_id).connection.agora_uid == first.connection.agora_uid);
}

BOOST_AUTO_TEST_CASE(what_is_refused_or_rolled_back_is_not_told)
{
    const auto room_id = open_room(alice);
    told_application();
    BOOST_TEST(refusal_of([&] { sit(bob, room_id); }) != "");
    {
        const database::TransactionGroup rehearsal(db());
        rooms::ban_and_expel(context(), bob, "spam", 60);
    }
    BOOST_TEST(told_application().empty());
}

BOOST_AUTO_TEST_SUITE_END()
