// What a wrong clock does: steps of a second, an hour and a day either way, a second that comes twice, a
// machine that was suspended, and the end of 32-bit time. Scenes as a client lives through them.
#include "auth/access_token.h"
#include "auth/nonce.h"
#include "base/clock.h"
#include "base/config.h"
#include "requests/idempotency.h"
#include "room_fixture.h"
#include "rooms/ban.h"
#include "sessions/session.h"
#include "shared/rate_limiter.h"

#include <algorithm>

namespace {

using Seconds = std::int64_t;

constexpr Seconds hour = 3600;
constexpr Seconds day = 86400;
constexpr Seconds first_overflow = 2147483648; // of a signed 32-bit second: 2038-01-19T03:14:08Z

// Somebody who stays in a room of their own for some real time, while the service's clock goes as it likes.
struct Talk
{
    RoomFixture service;
    rooms::Seat seat;
    Seconds talked = 0;  // real seconds
    Seconds offset = 0;  // of the clock
    Seconds rejoins = 0; // after a lapse
    base::UnixSeconds start = 0;

    explicit Talk(base::UnixSeconds begins_at = 1767225600)
    {
        service.now = start = begins_at;
        seat = service.sit(service.address(1), service.open_room(service.address(1), 1000000));
    }

    void goes_on_for(Seconds seconds)
    {
        for (const auto end = talked + seconds; talked < end;) {
            const auto passed = std::min<Seconds>(15, end - talked);
            talked += passed;
            service.now = start + talked + offset;
            if (talked % 60 == 0)
                service.sweep();
            if (talked % 45 == 0)
                attempt([&] { service.renew(seat); });
            else if (talked % 30 == 0)
                attempt([&] { service.beat(seat); });
        }
    }
    template <class Call>
    void attempt(Call&& call)
    {
        const auto refused = refusal_of(call);
        if (refused.empty())
            return;
        BOOST_TEST(refused == "not_your_connection");
        ++rejoins;
        auto room_id = seat.room.room_id; // which may still be there
        refusal_of([&] { room_id = service.create(service.address(1)); });
        seat = service.sit(service.address(1), room_id);
    }
    Seconds charged() { return service.consumed(service.address(1)); }
    // Of the wallet's stays none was charged for a second before it was joined, after its token, or more than
    // once.
    void require_honest_stays()
    {
        BOOST_TEST(
            service.query(
                "SELECT count(*) FROM connections WHERE debited_seconds <> last_metered_at - joined_at "
                "OR last_metered_at > token_expires_at OR left_at > token_expires_at") == 0);
        service.require_clean_audit();
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(time_tests)

BOOST_AUTO_TEST_CASE(a_second_that_comes_twice_is_charged_once)
{
    Talk talk;
    talk.goes_on_for(300);
    talk.offset = -1;
    talk.goes_on_for(300);
    BOOST_TEST(talk.charged() == 599);
    BOOST_TEST(talk.rejoins == 0);
    talk.require_honest_stays();
}

// The clock was right, then is late: nothing is charged until it has caught up, and then everything from
// there on.
BOOST_AUTO_TEST_CASE(a_clock_that_steps_back_charges_only_what_it_has_not_shown_before)
{
    for (const auto step : {hour, day}) {
        Talk talk;
        talk.goes_on_for(300);
        talk.offset = -step;
        BOOST_TEST_CONTEXT(step << " s back")
        {
            talk.goes_on_for(600);
            BOOST_TEST(talk.charged() == 270); // what was booked by then
            talk.goes_on_for(step - 600);
            BOOST_TEST(talk.charged() == 300);
            talk.goes_on_for(300);
            BOOST_TEST(talk.charged() == 600);
            BOOST_TEST(talk.rejoins == 0);
            talk.require_honest_stays();
        }
    }
}

// The token that was good is at an end at once; its rest is charged, as if nobody had spoken any more.
BOOST_AUTO_TEST_CASE(a_clock_that_steps_forward_charges_no_second_without_a_token)
{
    for (const auto step : {hour, day}) {
        Talk talk;
        talk.goes_on_for(300); // renewed last after 270 s
        talk.offset = step;
        BOOST_TEST_CONTEXT(step << " s forward")
        {
            talk.goes_on_for(15); // this finds it out, and comes back
            BOOST_TEST(talk.charged() == 360);
            BOOST_TEST(talk.rejoins == 1);
            talk.goes_on_for(285);
            BOOST_TEST(talk.charged() == 360 + 285);
            BOOST_TEST(talk.rejoins == 1);
            talk.require_honest_stays();
        }
    }
}

// Wrong for a while, and then put right.
BOOST_AUTO_TEST_CASE(a_clock_that_steps_to_and_fro_charges_no_more_than_the_time_that_passed)
{
    struct Case
    {
        Seconds step, charged, rejoins;
    };
    // Under the late clock the stay is renewed just to the seconds that are paid, after 270 of them; when the
    // clock is right again, that is over.
    for (const auto& [step, charged, rejoins] :
         {Case{30, 600, 0}, Case{-30, 600, 0}, Case{-hour, 540, 1}, Case{-day, 540, 1}}) {
        Talk talk;
        talk.goes_on_for(300);
        talk.offset = step;
        talk.goes_on_for(15);
        talk.offset = 0;
        talk.goes_on_for(285);
        BOOST_TEST_CONTEXT(step << " s for a while")
        {
            BOOST_TEST(talk.charged() == charged);
            BOOST_TEST(talk.rejoins == rejoins);
            talk.require_honest_stays();
        }
    }
}

// Both the client and the service slept: no heartbeat, no sweep.
BOOST_AUTO_TEST_CASE(a_suspended_machine_charges_to_the_end_of_the_token)
{
    for (const auto slept : {5 * hour, 3 * day}) {
        for (const bool sweep_comes_first : {false, true}) {
            Talk talk;
            talk.goes_on_for(300);
            talk.service.now += slept;
            if (sweep_comes_first)
                talk.service.sweep();
            talk.offset = slept;
            talk.goes_on_for(30);
            BOOST_TEST_CONTEXT(slept << " s asleep" << (sweep_comes_first ? ", swept first" : ""))
            {
                BOOST_TEST(talk.charged() == 360 + 15);
                BOOST_TEST(talk.rejoins == 1);
                BOOST_TEST((talk.service.query("SELECT min(left_at) FROM connections") == talk.start + 360));
                talk.require_honest_stays();
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(the_end_of_32_bit_time_is_a_second_like_any_other)
{
    for (const Seconds before : {Seconds{1}, Seconds{45}, Seconds{300}}) {
        Talk talk(first_overflow - before);
        talk.goes_on_for(600);
        BOOST_TEST(talk.charged() == 600);
        BOOST_TEST(talk.rejoins == 0);
        BOOST_TEST(talk.service.stored(talk.seat).token_expires_at == first_overflow - before + 585 + 90);
        talk.require_honest_stays();
    }
    BOOST_TEST(base::iso8601(first_overflow) == "2038-01-19T03:14:08.000Z");
}

BOOST_AUTO_TEST_CASE(signing_in_works_over_the_end_of_32_bit_time)
{
    AppFixture service;
    service.now = first_overflow - 10;
    const auto wallet = AppFixture::wallet(1);
    const std::string nonce = service.post("/auth/nonce", {{"wallet", wallet.address()}}).body["nonce"];
    service.now = first_overflow + 10;
    const base::Json signed_nonce{
        {"wallet", wallet.address()}, {"nonce", nonce}, {"signature", wallet.personal_sign(nonce)}};
    const std::string token = service.post("/auth/verify", signed_nonce).body["token"];
    const auto& secret = service.config.jwt_secret;
    BOOST_TEST(auth::verify_access_token(secret, token, first_overflow + 10 + 3599).value().wallet ==
               wallet.address());
    BOOST_TEST(!auth::verify_access_token(secret, token, first_overflow + 10 + 3600).has_value());
    BOOST_TEST(service.post("/auth/verify", signed_nonce).status == 401);
}

// ---- what else has a time to live ----

BOOST_AUTO_TEST_CASE(a_spent_nonce_stays_spent_whatever_the_clock_does)
{
    for (const Seconds step : {Seconds{-1}, -hour, -day, hour, day}) {
        for (const Seconds later : {Seconds{0}, Seconds{299}, hour + 300, hour + 900, day, day + 299}) {
            AppFixture service;
            const auto wallet = AppFixture::address(1);
            const auto nonce = service.app.nonces.issue(wallet, service.now, service.random);
            BOOST_TEST(service.app.nonces.spend(service.db(), wallet, nonce, service.now));
            service.now += later;
            auth::purge_spent_nonces(service.db(), service.now, 1000);
            service.now += step;
            BOOST_TEST_CONTEXT(later << " s later, " << step << " s off")
            {
                BOOST_TEST(!service.app.nonces.spend(service.db(), wallet, nonce, service.now));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(an_access_token_lives_by_the_clock_of_the_moment)
{
    AppFixture service;
    const auto& secret = service.config.jwt_secret;
    const auto token = service.token_for(AppFixture::address(1));
    const auto is_good = [&](Seconds after) {
        return auth::verify_access_token(secret, token, service.now + after).has_value();
    };
    BOOST_TEST(is_good(0));
    BOOST_TEST(is_good(hour - 1));
    BOOST_TEST(!is_good(hour));
    BOOST_TEST(is_good(hour - 1)); // the second comes twice
    BOOST_TEST(!is_good(day));
    BOOST_TEST(is_good(-hour));
    BOOST_TEST(is_good(-day));
}

BOOST_AUTO_TEST_CASE(a_request_is_not_carried_out_twice_by_a_clock_that_steps)
{
    // The last two are a day later, by which the answer is forgotten.
    for (const auto& [step, is_replayed] : {std::pair<Seconds, bool>{-1, true},
                                            {-hour, true},
                                            {1 - day, true},
                                            {hour, true},
                                            {day - 1, true},
                                            {day, false},
                                            {day + hour, false}}) {
        AppFixture service;
        const auto host = AppFixture::address(1);
        service.give(host, 10000);
        http::Request request;
        request.method = "POST";
        request.path = "/rooms/create";
        request.body = "{}";
        request.idempotency_key = "7d9c2f0e-4a51-4c9e-8f6e-0a3a1f5b2c11";
        const auto create = [&] {
            request.authorization = "Bearer " + service.token_for(host);
            return service.send(request);
        };
        const auto first = create();
        BOOST_TEST_REQUIRE(first.status == 200);
        service.now += step;
        requests::purge(service.db(), service.now, 1000);
        const auto second = create();
        BOOST_TEST_CONTEXT(step << " s off")
        {
            BOOST_TEST(second.headers.count("Idempotency-Replayed") == (is_replayed ? 1u : 0u));
            BOOST_TEST((second.text == first.text) == is_replayed);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_ban_lasts_by_the_clock_of_the_moment_and_a_lifted_one_stays_lifted)
{
    RoomFixture service;
    const auto wallet = RoomFixture::address(1);
    const auto ban = [&](Seconds seconds) {
        database::Transaction tx(service.db());
        rooms::ban(service.db(), wallet, "spam", seconds, service.now);
        tx.commit();
    };
    const auto is_banned = [&](Seconds off) {
        return rooms::find_active_ban(service.db(), wallet, service.now + off).has_value();
    };
    ban(hour);
    for (const auto off : {-day, -hour, Seconds{-1}, Seconds{0}, hour - 1})
        BOOST_TEST(is_banned(off), off);
    for (const auto off : {hour, day})
        BOOST_TEST(!is_banned(off), off);
    service.now -= day; // lifted under a late clock
    {
        database::Transaction tx(service.db());
        BOOST_TEST(rooms::lift_ban(service.db(), wallet, service.now));
        tx.commit();
    }
    service.now += day;
    for (const auto off : {-day, -hour, Seconds{0}, hour})
        BOOST_TEST(!is_banned(off), off);
    service.now = first_overflow - 1;
    ban(2);
    BOOST_TEST(is_banned(0));
    BOOST_TEST(is_banned(1));
    BOOST_TEST(!is_banned(2));
}

// A clock that steps locks nobody out for more than a minute, and gives nobody more than a minute's measure
// at once.
BOOST_AUTO_TEST_CASE(a_rate_limit_survives_a_clock_that_steps)
{
    constexpr std::int64_t per_minute = 10;
    for (const Seconds step : {Seconds{-1}, -hour, -day, hour, day}) {
        SeededRandom random(1);
        shared::RateLimiter limits("", random);
        shared::UnixMilliseconds now = first_overflow * 1000 - 500;
        const auto take_all = [&] {
            int taken = 0;
            while (limits.take("create", "somebody", per_minute, now) == 0)
                ++taken;
            return taken;
        };
        BOOST_TEST_CONTEXT(step << " s")
        {
            BOOST_TEST(take_all() == per_minute);
            now += step * 1000;
            BOOST_TEST(limits.take("create", "somebody", per_minute, now) <= 60000);
            BOOST_TEST(take_all() <= per_minute);
            now += 60000;
            BOOST_TEST(take_all() == per_minute);
        }
    }
}

// A booked session's presence is never of negative length, and never longer than the clock has shown.
BOOST_AUTO_TEST_CASE(a_visit_to_a_session_is_not_made_longer_by_a_clock_that_steps)
{
    for (const Seconds step : {Seconds{-1}, -hour, -day, Seconds{1}, hour, day}) {
        AppFixture service;
        const auto host = AppFixture::address(1);
        const sessions::Session session{
            "7", host, AppFixture::address(2), {service.now, service.now + 2 * hour, 300, 600}, service.now};
        const auto start = service.now;
        sessions::join({service.db(), service.config, start}, {service.app.tokens, service.random}, session,
                       host);
        const auto left = sessions::leave({service.db(), service.config, start + 300 + step}, "7", host);
        const auto stays =
            sessions::find_stays({service.db(), service.config, start + 300 + step}, "7", host);
        BOOST_TEST_CONTEXT(step << " s off")
        {
            // The token of a slot of two hours is good until its end.
            BOOST_TEST(left == std::clamp<Seconds>(300 + step, 0, 2 * hour));
            BOOST_TEST_REQUIRE(stays.size() == 1);
            BOOST_TEST(stays.front().joined_at == start);
            BOOST_TEST(stays.front().left_at == start + left);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
