#include "sessions/presence.h"

#include "base/config.h"
#include "fixture.h"
#include "sessions/outcome.h"
#include "sessions/session.h"

namespace {

using Seconds = std::int64_t;
using Texts = std::vector<std::string>;
using Spans = std::vector<std::pair<Seconds, Seconds>>;

struct HeardSession : AppFixture
{
    HeardSession() { config.agora_require_audio = true; }

    sessions::Seat enter(const std::string& wallet, Seconds off)
    {
        return sessions::join({db(), config, start + off}, {app.tokens, random}, session, wallet);
    }
    void hear(const sessions::Seat& seat, bool is_arrival, Seconds seq, Seconds off, Seconds reason = 1)
    {
        const auto booking_id = sessions::find_booking_of(db(), config.chain_id, seat.channel);
        BOOST_TEST_REQUIRE(booking_id.has_value());
        sessions::hear({db(), config, start + 1000}, *booking_id,
                       {seat.agora_uid, is_arrival, seq, reason, start + off});
    }
    Spans present(const std::string& wallet, Seconds off = 1000)
    {
        Spans spans;
        for (const auto& stay : sessions::find_stays({db(), config, start + off}, session.booking_id, wallet))
            spans.emplace_back(stay.joined_at - start, stay.left_at - start);
        return spans;
    }
    Texts told_sessions()
    {
        Texts texts;
        auto row = db().prepare(
            "SELECT stream, type, data FROM outbox WHERE destination = 'webhook' ORDER BY message_id");
        while (row.step()) {
            BOOST_TEST(row.text("stream") == "session " + session.booking_id);
            const auto data = base::parse_json(row.text("data"));
            BOOST_TEST(data["booking_id"] == session.booking_id);
            texts.push_back(row.text("type") + " " + data.value("reason", ""));
        }
        return texts;
    }

    const std::string host = address(1);
    const std::string guest = address(2);
    const Seconds start = now;
    sessions::Session session{"7", host, guest, {start, start + 1200, 300, 600}, start};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(session_presence_tests, HeardSession)

// Two requests without a word spoken are no session.
BOOST_AUTO_TEST_CASE(only_what_agora_has_heard_counts_where_that_is_required)
{
    const auto seat = enter(host, 0);
    enter(guest, 0);
    BOOST_TEST((present(host) == Spans{}));
    config.agora_require_audio = false;
    BOOST_TEST((present(host) == Spans{{0, 1000}}));
    config.agora_require_audio = true;
    hear(seat, true, 1, 20);
    BOOST_TEST((present(host) == Spans{{20, 1000}}));
    BOOST_TEST((present(guest) == Spans{}));
}

BOOST_AUTO_TEST_CASE(whoever_fell_out_and_did_not_come_back_was_there_until_then)
{
    const auto seat = enter(host, 0);
    hear(seat, true, 1, 20);
    hear(seat, false, 2, 400, 10);
    BOOST_TEST((present(host) == Spans{{20, 400}}));
    hear(seat, true, 3, 410);
    BOOST_TEST((present(host) == Spans{{20, 1000}}));
    hear(seat, false, 4, 900, 1); // and that is the end of the stay
    BOOST_TEST((present(host) == Spans{{20, 900}}));
    BOOST_TEST(sessions::leave({db(), config, start + 1000}, "7", host) == 0);
    enter(host, 950);
    BOOST_TEST((present(host, 1100) == Spans{{20, 900}}));
}

BOOST_AUTO_TEST_CASE(a_long_booking_is_found_by_the_hash_in_its_channel)
{
    session.booking_id = std::string(78, '9');
    const auto seat = enter(host, 0);
    BOOST_TEST(seat.channel.find("-0x") != std::string::npos);
    hear(seat, true, 1, 5);
    BOOST_TEST((present(host) == Spans{{5, 1000}}));
    for (const auto* channel : {"heaven-6343-0x00000000000000000000000000000000", "heaven-6343-",
                                "heaven-6343-8", "heaven-1-7", "heaven-free-7", ""})
        BOOST_TEST(!sessions::find_booking_of(db(), config.chain_id, channel).has_value(), channel);
}

BOOST_AUTO_TEST_CASE(what_happens_in_a_session_is_told)
{
    config.rules.tells_application = config.rules.tells_agora = true;
    const auto seat = enter(host, 0);
    enter(host, 10);
    enter(guest, 20);
    sessions::leave({db(), config, start + 30}, "7", guest);
    hear(seat, false, 1, 5); // of the seat that was replaced
    sessions::close_ended({db(), config, start + 1201});
    require_clean_audit();
    BOOST_TEST(told_sessions() == (Texts{"session.joined ", "session.left replaced", "session.joined ",
                                         "session.joined ", "session.left left", "session.left ended"}));
    auto row = db().prepare("SELECT count(*) FROM outbox WHERE destination = 'agora' AND stream IS NULL");
    BOOST_TEST_REQUIRE(row.step());
    BOOST_TEST(row.integer(0) == 3);
}

BOOST_AUTO_TEST_SUITE_END()
