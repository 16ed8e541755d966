#include "sessions/session.h"

#include "base/config.h"
#include "base/hex.h"
#include "ethereum/keccak256.h"
#include "fixture.h"
#include "rooms/connection.h"

#include <functional>
#include <vector>

namespace {

using base::ErrorCode;
using ethereum::Uint256;

std::function<bool(const base::Error&)> is_refusal(ErrorCode code, const std::string& name)
{
    return [=](const base::Error& error) { return error.code() == code && error.name() == name; };
}

// Fails at the fill after `good` ones.
class BreakingRandom : public base::Random
{
  public:
    explicit BreakingRandom(int good) : good_(good) {}
    void fill(unsigned char* bytes, std::size_t count) override
    {
        if (good_-- == 0)
            throw base::Error(ErrorCode::internal, "internal_error", "no randomness");
        source_.fill(bytes, count);
    }

  private:
    int good_;
    SeededRandom source_{1};
};

} // namespace

class SessionFixture : public AppFixture
{
  public:
    const std::string host = address(1);
    const std::string guest = address(2);
    const base::UnixSeconds start = now;
    const sessions::Session session{"7", host, guest, {start, start + 1200, 300, 600}, start};

    // Booking 7 and its slot, as the escrow has them.
    void book()
    {
        ethereum::Booking booking;
        booking.slot_id = Uint256(500);
        booking.guest = guest;
        booking.status = ethereum::BookingStatus::booked;
        chain.bookings["7"] = booking;
        ethereum::Slot slot;
        slot.host = host;
        slot.start_at = start;
        slot.duration_minutes = 20;
        slot.grace_minutes = 4;
        slot.min_overlap_minutes = 11;
        chain.slots["500"] = slot;
    }
    void remember(const sessions::Session& what)
    {
        database::Transaction tx(db());
        sessions::remember(db(), what);
        tx.commit();
    }
    void conclude(const std::string& booking_id, const std::string& why)
    {
        database::Transaction tx(db());
        sessions::conclude(db(), booking_id, why);
        tx.commit();
    }
    sessions::Seat enter(const std::string& wallet, base::UnixSeconds joined_at)
    {
        return sessions::join({db(), config, joined_at}, {app.tokens, random}, session, wallet);
    }
    std::int64_t exit(const std::string& wallet, base::UnixSeconds left_at)
    {
        return sessions::leave({db(), config, left_at}, "7", wallet);
    }

    // All stays of the wallet, the first first.
    std::vector<rooms::Connection> stays(const std::string& wallet)
    {
        std::vector<std::string> ids;
        {
            auto row = db().prepare("SELECT connection_id FROM connections WHERE wallet = :wallet "
                                    "ORDER BY left_at IS NULL, left_at");
            row.bind(":wallet", wallet);
            while (row.step())
                ids.push_back(row.text(0));
        }
        std::vector<rooms::Connection> found;
        for (const auto& id : ids)
            found.push_back(rooms::find_connection(db(), id).value());
        return found;
    }

    rooms::Connection seat_of(const std::string& room_id, const std::string& wallet, std::int64_t uid)
    {
        rooms::Connection connection;
        connection.connection_id = random.uuid_v4();
        connection.room_id = room_id;
        connection.kind = rooms::Kind::booked;
        connection.wallet = wallet;
        connection.agora_uid = uid;
        connection.joined_at = connection.last_metered_at = now;
        connection.token_expires_at = now + 3600;
        return connection;
    }
    void insert(const rooms::Connection& connection)
    {
        database::Transaction tx(db());
        rooms::insert_connection(db(), connection);
        tx.commit();
    }
    // Whether the database refuses the statement, and for a reason that says so.
    void check_refused(const std::function<void()>& attempt, const std::string& reason)
    {
        BOOST_CHECK_EXCEPTION(attempt(), base::Error, [&](const base::Error& error) {
            BOOST_TEST_MESSAGE(error.what());
            return is_because(error, reason);
        });
    }
};

BOOST_FIXTURE_TEST_SUITE(session_tests, SessionFixture)

// ---- looking up ----

BOOST_AUTO_TEST_CASE(a_session_is_a_booking_and_its_slot)
{
    ethereum::Booking booking;
    booking.slot_id = Uint256(500);
    booking.guest = guest;
    booking.status = ethereum::BookingStatus::booked;
    chain.bookings["7"] = booking;
    ethereum::Slot slot;
    slot.host = host;
    slot.start_at = start;
    slot.duration_minutes = 20;
    chain.slots["500"] = slot;
    slot.host = address(3);
    chain.slots["7"] = slot; // no business of booking 7

    const auto found = sessions::look_up(chain, Uint256(7), sessions::Asker::participant, now);
    BOOST_TEST(found.booking_id == "7");
    BOOST_TEST(found.host == host);
    BOOST_TEST(found.guest == guest);
    BOOST_TEST(found.terms.start_at == start);
    BOOST_TEST(found.terms.ends_at == start + 1200);
    BOOST_TEST(chain.questions == 2);
}

BOOST_AUTO_TEST_CASE(only_an_active_booking_of_a_slot_is_a_session)
{
    BOOST_CHECK_EXCEPTION(sessions::look_up(chain, Uint256(7), sessions::Asker::participant, now),
                          base::Error, is_refusal(ErrorCode::not_found, "booking not found"));
    ethereum::Booking booking;
    booking.slot_id = Uint256(500);
    booking.guest = guest;
    for (int status = 2; status <= 6; ++status) {
        booking.status = static_cast<ethereum::BookingStatus>(status);
        chain.bookings["7"] = booking;
        BOOST_TEST_CONTEXT("status " << status)
        BOOST_CHECK_EXCEPTION(sessions::look_up(chain, Uint256(7), sessions::Asker::participant, now),
                              base::Error, is_refusal(ErrorCode::invalid_argument, "booking not active"));
    }
    BOOST_TEST(chain.questions == 6); // the slot does not matter
    booking.status = ethereum::BookingStatus::booked;
    chain.bookings["7"] = booking;
    BOOST_CHECK_EXCEPTION(sessions::look_up(chain, Uint256(7), sessions::Asker::participant, now),
                          base::Error, is_refusal(ErrorCode::not_found, "slot not found"));
    chain.is_down = true;
    BOOST_CHECK_EXCEPTION(sessions::look_up(chain, Uint256(7), sessions::Asker::participant, now),
                          base::Error, is_refusal(ErrorCode::chain_unavailable, "chain_unavailable"));
}

// ---- a clock that steps back ----

BOOST_AUTO_TEST_CASE(a_stay_never_ends_before_it_began)
{
    enter(host, start + 100);
    BOOST_TEST(exit(host, start + 40) == 0);
    const auto ended = stays(host);
    BOOST_TEST_REQUIRE(ended.size() == 1u);
    BOOST_TEST(ended[0].joined_at == start + 100);
    BOOST_TEST((ended[0].left_at == start + 100));
    BOOST_TEST(exit(host, start + 200) == 0); // it is over
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_reconnect_after_the_clock_stepped_back_is_a_seat)
{
    enter(host, start + 100);
    enter(guest, start + 100);
    enter(host, start + 40);
    const auto both = stays(host);
    BOOST_TEST_REQUIRE(both.size() == 2u);
    BOOST_TEST((both[0].left_at == start + 100));
    BOOST_TEST(both[1].joined_at == start + 40);
    BOOST_TEST(both[1].token_expires_at == start + 40 + 3600);
    BOOST_TEST(!both[1].left_at.has_value());
    BOOST_TEST(exit(host, start + 50) == 10);
    BOOST_TEST(exit(guest, start + 160) == 60);
    require_clean_audit();
}

// ---- stays ----

BOOST_AUTO_TEST_CASE(a_stay_lasts_to_its_tokens_expiry_at_most)
{
    for (const auto& [left_after, seconds] :
         {std::pair<std::int64_t, std::int64_t>{3599, 3599}, {3600, 3600}, {3601, 3600}, {1000000, 3600}}) {
        enter(host, start);
        BOOST_TEST_CONTEXT("leaving after " << left_after)
        BOOST_TEST(exit(host, start + left_after) == seconds);
        require_clean_audit();
    }
}

// Whoever comes back after the token's expiry was away from then on.
BOOST_AUTO_TEST_CASE(a_seat_that_lapsed_ended_with_its_token)
{
    const sessions::Session long_session{"7", host, guest, {start, start + 2 * 86400, 300, 600}, start};
    const auto enter_long = [&](base::UnixSeconds at) {
        sessions::join({db(), config, at}, {app.tokens, random}, long_session, host);
    };
    enter_long(start);
    enter_long(start + 86400 + 500);
    const auto both = stays(host);
    BOOST_TEST_REQUIRE(both.size() == 2u);
    BOOST_TEST((both[0].left_at == start + 86400));
    BOOST_TEST(both[1].joined_at == start + 86400 + 500);
    BOOST_TEST(both[1].token_expires_at == start + 2 * 86400);
    require_clean_audit();
}

// Its own host and guest: odd, but one person.
BOOST_AUTO_TEST_CASE(who_books_the_own_slot_has_one_seat)
{
    const sessions::Session alone{"7", host, host, {start, start + 1200, 300, 600}, start};
    for (int i = 0; i < 3; ++i)
        sessions::join({db(), config, start + i}, {app.tokens, random}, alone, host);
    BOOST_TEST(query("SELECT count(*) FROM connections WHERE left_at IS NULL") == 1);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(refusals_come_in_their_order)
{
    const auto join = [&](const std::string& wallet, base::UnixSeconds at) { enter(wallet, at); };
    for (const auto at : {start - 301, start, start + 1201})
        BOOST_CHECK_EXCEPTION(join(address(3), at), base::Error,
                              is_refusal(ErrorCode::permission_denied, "not a participant"));
    BOOST_CHECK_EXCEPTION(join(host, start - 301), base::Error,
                          is_refusal(ErrorCode::invalid_argument, "too early to join"));
    BOOST_CHECK_EXCEPTION(join(guest, start + 1201), base::Error,
                          is_refusal(ErrorCode::invalid_argument, "session has ended"));
    BOOST_TEST(query("SELECT (SELECT count(*) FROM rooms) + (SELECT count(*) FROM sessions)") == 0);
    join(host, start - 300);
    join(guest, start + 1200);
    BOOST_TEST(query("SELECT count(*) FROM sessions") == 1);
    BOOST_TEST(query("SELECT count(*) FROM rooms WHERE visibility = 'private'") == 1);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(the_settings_govern_window_and_token)
{
    auto settings = test_config();
    settings.join_window_seconds = 10;
    settings.booked_token_ttl_seconds = 50;
    settings.chain_id = 31337;
    const auto join = [&](base::UnixSeconds at) {
        return sessions::join({db(), settings, at}, {app.tokens, random}, session, host);
    };
    BOOST_CHECK_EXCEPTION(join(start - 11), base::Error,
                          is_refusal(ErrorCode::invalid_argument, "too early to join"));
    BOOST_TEST(join(start - 10).channel == "heaven-31337-7");
    BOOST_TEST(query("SELECT token_expires_at FROM connections WHERE left_at IS NULL") == start + 1200);
    join(start + 1180);
    BOOST_TEST(query("SELECT token_expires_at FROM connections WHERE left_at IS NULL") == start + 1230);
    require_clean_audit();
}

// A join that fails anywhere changes nothing, be it the first or a reconnect.
BOOST_AUTO_TEST_CASE(a_join_that_fails_leaves_no_trace)
{
    int failures = 0;
    for (const bool is_reconnect : {false, true}) {
        if (is_reconnect)
            enter(host, start);
        const auto before = query("SELECT (SELECT count(*) FROM rooms) + (SELECT count(*) FROM sessions) + "
                                  "(SELECT count(*) FROM connections)");
        bool has_joined = false;
        for (int good = 0; good < 10 && !has_joined; ++good) {
            BreakingRandom breaking(good);
            try {
                sessions::join({db(), config, start + 10}, {app.tokens, breaking}, session, host);
                has_joined = true;
                continue;
            } catch (const base::Error&) {
                ++failures;
            }
            BOOST_TEST(query("SELECT (SELECT count(*) FROM rooms) + (SELECT count(*) FROM sessions) + "
                             "(SELECT count(*) FROM connections)") == before);
            BOOST_TEST(query("SELECT count(*) FROM connections WHERE left_at IS NULL") ==
                       (is_reconnect ? 1 : 0));
        }
        BOOST_TEST(has_joined);
        BOOST_TEST(exit(host, start + 20) == 10);
    }
    BOOST_TEST(failures >= 5); // room, seat, token; seat, token
    require_clean_audit();
}

// ---- what is known without the chain ----

BOOST_AUTO_TEST_CASE(the_oracle_is_told_the_status_that_is_in_its_way)
{
    const std::pair<int, const char*> names[] = {
        {2, "Cancelled"}, {3, "Attested"}, {4, "Disputed"}, {5, "Resolved"}, {6, "Finalized"}};
    for (const auto& [status, name] : names) {
        ethereum::Booking booking;
        booking.status = static_cast<ethereum::BookingStatus>(status);
        chain.bookings["7"] = booking;
        BOOST_CHECK_EXCEPTION(sessions::look_up(chain, Uint256(7), sessions::Asker::oracle, now), base::Error,
                              is_refusal(ErrorCode::invalid_argument,
                                         "booking status is " + std::string(name) + ", expected Booked"));
    }
    chain.bookings.clear();
    BOOST_CHECK_EXCEPTION(sessions::look_up(chain, Uint256(7), sessions::Asker::oracle, now), base::Error,
                          is_refusal(ErrorCode::not_found, "booking not found"));
}

BOOST_AUTO_TEST_CASE(the_slots_minutes_become_seconds)
{
    book();
    const auto found = sessions::look_up(chain, Uint256(7), sessions::Asker::oracle, now + 5);
    BOOST_TEST(found.terms.grace_seconds == 4 * 60);
    BOOST_TEST(found.terms.min_overlap_seconds == 11 * 60);
    BOOST_TEST(found.looked_up_at == now + 5);
}

BOOST_AUTO_TEST_CASE(stays_are_those_of_one_party_in_one_session)
{
    const sessions::Session other{"8", host, guest, session.terms, start};
    BOOST_TEST(sessions::find_stays({db(), config, start}, "7", host).empty());
    enter(host, start);
    exit(host, start + 100);
    enter(guest, start + 10);
    sessions::join({db(), config, start + 50}, {app.tokens, random}, other, host);
    enter(host, start + 200);
    enter(host, start + 300); // another device
    const auto stays_at = [&](base::UnixSeconds at) {
        std::vector<std::pair<std::int64_t, std::int64_t>> found;
        for (const auto& stay : sessions::find_stays({db(), config, at}, "7", host))
            found.emplace_back(stay.joined_at - start, stay.left_at - start);
        return found;
    };
    using Stays = std::vector<std::pair<std::int64_t, std::int64_t>>;
    BOOST_TEST((stays_at(start + 400) == Stays{{0, 100}, {200, 300}, {300, 400}}));
    // To its token's expiry, not to the slot's end.
    BOOST_TEST((stays_at(start + 99999) == Stays{{0, 100}, {200, 300}, {300, 3900}}));
    BOOST_TEST(sessions::find_stays({db(), config, start + 400}, "7", guest).size() == 1u);
    BOOST_TEST(sessions::find_stays({db(), config, start + 400}, "8", host).size() == 1u);
    BOOST_TEST(sessions::find_stays({db(), config, start + 400}, "8", guest).empty());
    BOOST_TEST(sessions::find_stays({db(), config, start + 400}, "9", host).empty());
}

BOOST_AUTO_TEST_CASE(rooms_close_when_their_slots_have_ended)
{
    const sessions::Session longer{"8", host, guest, {start, start + 7200, 300, 600}, start};
    enter(host, start);
    enter(guest, start + 5);
    exit(guest, start + 90);
    sessions::join({db(), config, start + 5}, {app.tokens, random}, longer, host);
    BOOST_TEST(sessions::close_ended({db(), config, start + 1200}) == 0); // its last second is one to talk in
    BOOST_TEST(sessions::close_ended({db(), config, start + 1201}) == 1);
    BOOST_TEST(sessions::close_ended({db(), config, start + 1201}) == 0);
    BOOST_TEST(query("SELECT closed_at FROM rooms JOIN sessions USING (room_id) WHERE booking_id = '7'") ==
               start + 1200);
    BOOST_TEST(query("SELECT count(*) FROM connections JOIN sessions USING (room_id) "
                     "WHERE booking_id = '7' AND left_at IS NULL") == 0);
    BOOST_TEST(query("SELECT left_at FROM connections WHERE wallet = '" + host +
                     "' AND left_at IS NOT NULL") == start + 1200);
    BOOST_TEST(stays(guest).back().left_at.value() == start + 90);
    BOOST_TEST(query("SELECT count(*) FROM connections WHERE left_at IS NULL") == 1); // the longer one's
    // The oracle sees the same stays as before.
    BOOST_TEST(sessions::find_stays({db(), config, start + 2000}, "7", host).back().left_at == start + 1200);
    // Nobody comes in any more, should the clock step back.
    BOOST_CHECK_EXCEPTION(enter(host, start + 1100), base::Error,
                          is_refusal(ErrorCode::invalid_argument, "session has ended"));
    BOOST_TEST(exit(host, start + 1300) == 0);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_stay_that_lapsed_before_the_end_ended_with_its_token)
{
    auto settings = config;
    settings.booked_token_ttl_seconds = 50;
    const sessions::Session day{"8", host, guest, {start, start + 2 * 86400, 300, 600}, start};
    sessions::join({db(), settings, start}, {app.tokens, random}, day,
                   host); // Agora's tokens last a day at most
    BOOST_TEST(sessions::close_ended({db(), config, start + 3 * 86400}) == 1);
    BOOST_TEST(stays(host).back().left_at.value() == start + 86400);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(many_rooms_are_closed_in_one_go)
{
    for (int i = 100; i < 350; ++i) {
        const sessions::Session one{std::to_string(i), host, guest, session.terms, start};
        sessions::join({db(), config, start}, {app.tokens, random}, one, host);
    }
    BOOST_TEST(sessions::close_ended({db(), config, start + 1201}) == 250);
    BOOST_TEST(query("SELECT count(*) FROM rooms WHERE closed_at IS NULL") == 0);
    BOOST_TEST(query("SELECT count(*) FROM connections WHERE left_at IS NULL") == 0);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(joining_writes_down_what_the_escrow_said)
{
    BOOST_TEST(!sessions::find_session(db(), "7").has_value());
    enter(host, start + 3);
    auto known = sessions::find_session(db(), "7").value();
    BOOST_TEST(known.booking_id == "7");
    BOOST_TEST(known.host == host);
    BOOST_TEST(known.guest == guest);
    BOOST_TEST(known.terms.value().start_at == start);
    BOOST_TEST(known.terms->ends_at == start + 1200);
    BOOST_TEST(known.terms->grace_seconds == 300);
    BOOST_TEST(known.terms->min_overlap_seconds == 600);
    BOOST_TEST((known.looked_up_at == start));
    BOOST_TEST(!known.concluded);

    const sessions::Session moved{"7", host, address(3), {start + 60, start + 1800, 120, 240}, start + 9};
    remember(moved);
    known = sessions::find_session(db(), "7").value();
    BOOST_TEST(known.guest == address(3));
    BOOST_TEST(known.terms.value().start_at == start + 60);
    BOOST_TEST(known.terms->ends_at == start + 1800);
    BOOST_TEST(known.terms->grace_seconds == 120);
    BOOST_TEST(known.terms->min_overlap_seconds == 240);
    BOOST_TEST((known.looked_up_at == start + 9));
}

BOOST_AUTO_TEST_CASE(what_nobody_joined_is_not_written_down)
{
    remember(session);
    conclude("7", "attested");
    BOOST_TEST(!sessions::find_session(db(), "7").has_value());
    BOOST_TEST(sessions::list_sessions(db(), 10).empty());
}

BOOST_AUTO_TEST_CASE(the_sessions_to_attest_have_begun_and_are_not_concluded)
{
    const std::pair<const char*, std::int64_t> begin_after[] = {{"1", 300}, {"2", 100}, {"3", 200}, {"4", 0}};
    for (const auto& [id, after] : begin_after) {
        const sessions::Session one{id, host, guest, {start + after, start + after + 1200, 300, 600}, start};
        sessions::join({db(), config, start}, {app.tokens, random}, one, host);
    }
    conclude("4", "window missed");
    execute("UPDATE sessions SET host_wallet = NULL, guest_wallet = NULL, start_at = NULL, ends_at = NULL, "
            "grace_seconds = NULL, min_overlap_seconds = NULL, looked_up_at = NULL WHERE booking_id = '1'");
    const auto found_at = [&](std::int64_t at) {
        std::string ids;
        for (const auto& known : sessions::find_sessions_to_attest(db(), start + at)) {
            ids += known.booking_id + (known.terms ? " " : "? ");
            BOOST_TEST(known.host.empty() == !known.terms.has_value());
        }
        return ids;
    };
    BOOST_TEST(found_at(0) == "1? ");
    BOOST_TEST(found_at(99) == "1? ");
    BOOST_TEST(found_at(100) == "1? 2 ");
    BOOST_TEST(found_at(200) == "1? 2 3 ");
    BOOST_TEST(found_at(99999) == "1? 2 3 ");
    conclude("1", "booking not found");
    BOOST_TEST(found_at(200) == "2 3 ");
    BOOST_TEST(sessions::find_session(db(), "4")->concluded.value_or("") == "window missed");

    std::string listed;
    for (const auto& known : sessions::list_sessions(db(), 3))
        listed += known.booking_id + " ";
    BOOST_TEST(listed == "3 2 4 "); // those that begin last come first
}

// ---- joining while the chain is down ----

BOOST_AUTO_TEST_CASE(what_was_read_a_minute_ago_does_for_joining)
{
    book();
    enter(host, start);
    chain.is_down = true;
    for (const std::int64_t after : {-60, 0, 60}) {
        const auto recalled = sessions::look_up_to_join(db(), chain, Uint256(7), start + after);
        BOOST_TEST(recalled.booking_id == "7");
        BOOST_TEST(recalled.host == host);
        BOOST_TEST(recalled.guest == guest);
        BOOST_TEST(recalled.terms.ends_at == start + 1200);
        BOOST_TEST(recalled.looked_up_at == start); // joining by it makes it no younger
    }
    const auto is_unavailable = is_refusal(ErrorCode::chain_unavailable, "chain_unavailable");
    for (const std::int64_t after : {-61, 61, 3600})
        BOOST_CHECK_EXCEPTION(sessions::look_up_to_join(db(), chain, Uint256(7), start + after), base::Error,
                              is_unavailable);
    BOOST_CHECK_EXCEPTION(sessions::look_up_to_join(db(), chain, Uint256(8), start), base::Error,
                          is_unavailable);
    conclude("7", "attested");
    BOOST_CHECK_EXCEPTION(sessions::look_up_to_join(db(), chain, Uint256(7), start), base::Error,
                          is_unavailable);
}

BOOST_AUTO_TEST_CASE(a_session_of_unknown_terms_is_not_recalled)
{
    enter(host, start);
    execute("UPDATE sessions SET start_at = NULL, ends_at = NULL, grace_seconds = NULL, "
            "min_overlap_seconds = NULL");
    chain.is_down = true;
    BOOST_CHECK_EXCEPTION(sessions::look_up_to_join(db(), chain, Uint256(7), start), base::Error,
                          is_refusal(ErrorCode::chain_unavailable, "chain_unavailable"));
}

// Only silence is bridged, never a "no".
BOOST_AUTO_TEST_CASE(what_the_chain_says_now_wins_over_what_it_said)
{
    book();
    enter(host, start);
    chain.bookings.at("7").status = ethereum::BookingStatus::cancelled;
    BOOST_CHECK_EXCEPTION(sessions::look_up_to_join(db(), chain, Uint256(7), start), base::Error,
                          is_refusal(ErrorCode::invalid_argument, "booking not active"));
    book();
    chain.slots.clear();
    BOOST_CHECK_EXCEPTION(sessions::look_up_to_join(db(), chain, Uint256(7), start), base::Error,
                          is_refusal(ErrorCode::not_found, "slot not found"));
    chain.bookings.clear();
    BOOST_CHECK_EXCEPTION(sessions::look_up_to_join(db(), chain, Uint256(7), start), base::Error,
                          is_refusal(ErrorCode::not_found, "booking not found"));
    book();
    chain.bookings.at("7").guest = address(3);
    BOOST_TEST(sessions::look_up_to_join(db(), chain, Uint256(7), start + 5).guest == address(3));
    BOOST_TEST(sessions::look_up_to_join(db(), chain, Uint256(7), start + 5).looked_up_at == start + 5);
}

// A "no" ends what an older "yes" allowed, also once the chain falls silent.
BOOST_AUTO_TEST_CASE(what_the_chain_refused_is_not_recalled)
{
    book();
    enter(host, start);
    auto another = session;
    another.booking_id = "8";
    sessions::join({db(), config, start}, {app.tokens, random}, another, host);
    chain.bookings.at("7").status = ethereum::BookingStatus::cancelled;
    BOOST_CHECK_EXCEPTION(sessions::look_up_to_join(db(), chain, Uint256(7), start + 1), base::Error,
                          is_refusal(ErrorCode::invalid_argument, "booking not active"));
    chain.is_down = true;
    BOOST_TEST(sessions::look_up_to_join(db(), chain, Uint256(8), start + 2).host == host);
    BOOST_CHECK_EXCEPTION(sessions::look_up_to_join(db(), chain, Uint256(7), start + 2), base::Error,
                          is_refusal(ErrorCode::chain_unavailable, "chain_unavailable"));
}

// ---- the channel ----

// Agora's names have less than 64 bytes; a booking id may have 78 digits.
BOOST_AUTO_TEST_CASE(a_channel_has_at_most_63_bytes)
{
    const auto channel = [](std::size_t digits, std::int64_t chain_id = 6343) {
        return sessions::channel_of(chain_id, std::string(digits, '9'));
    };
    BOOST_TEST(channel(51) == "heaven-6343-" + std::string(51, '9')); // 63 bytes
    const auto longer = std::string(52, '9');
    const auto hash = base::to_hex(ethereum::keccak256(longer));
    BOOST_TEST(channel(52) == "heaven-6343-0x" + hash.substr(0, 32));
    BOOST_TEST(channel(53) != channel(52));
    for (const std::int64_t chain_id :
         {std::int64_t{1}, std::int64_t{6343}, std::int64_t{9223372036854775807}}) {
        for (std::size_t digits = 1; digits <= 78; ++digits)
            BOOST_TEST(channel(digits, chain_id).size() <= 63u);
    }
}

BOOST_AUTO_TEST_CASE(the_seats_token_is_for_the_channel_of_a_long_id)
{
    const std::string largest =
        "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    const sessions::Session longest{largest, host, guest, {start, start + 1200, 300, 600}, start};
    const auto seat = sessions::join({db(), config, start}, {app.tokens, random}, longest, host);
    BOOST_TEST(seat.channel == "heaven-6343-0x" + base::to_hex(ethereum::keccak256(largest)).substr(0, 32));
}

// ---- what the schema refuses ----

BOOST_AUTO_TEST_CASE(a_booking_id_has_one_spelling)
{
    const auto room_id = insert_booked_room(host);
    const auto insert_session = [&](const std::string& id) {
        execute("INSERT INTO sessions (booking_id, room_id) VALUES ('" + id + "', '" + room_id + "')");
    };
    for (const auto& id :
         {std::string(), std::string("007"), std::string("00"), std::string("07"), std::string("-1"),
          std::string("+1"), std::string("1.5"), std::string("0x1"), std::string("1e3"), std::string(" 7"),
          std::string("7 "), std::string("7a"), std::string(79, '1')}) {
        BOOST_TEST_CONTEXT("'" << id << "'")
        check_refused([&] { insert_session(id); }, "CHECK constraint failed");
    }
    check_refused(
        [&] { execute("INSERT INTO sessions (booking_id, room_id) VALUES (NULL, '" + room_id + "')"); },
        "NOT NULL constraint failed");
    for (const auto& id :
         {std::string("0"), std::string("7"), std::string("10"), std::string("9007199254740993"),
          std::string("115792089237316195423570985008687907853269984665640564039457584007913129639935")}) {
        insert_session(id);
        check_refused([&] { insert_session(id); }, "UNIQUE constraint failed");
        execute("DELETE FROM sessions");
    }
}

BOOST_AUTO_TEST_CASE(a_room_is_one_sessions)
{
    const auto room_id = insert_booked_room(host);
    execute("INSERT INTO sessions (booking_id, room_id) VALUES ('7', '" + room_id + "')");
    check_refused(
        [&] { execute("INSERT INTO sessions (booking_id, room_id) VALUES ('8', '" + room_id + "')"); },
        "UNIQUE constraint failed");
    check_refused(
        [&] {
            execute("INSERT INTO sessions (booking_id, room_id) VALUES ('9', "
                    "'00000000-0000-4000-8000-000000000000')");
        },
        "FOREIGN KEY constraint failed");
}

BOOST_AUTO_TEST_CASE(a_wallet_has_one_open_seat_in_a_session)
{
    const auto room_id = insert_booked_room(host);
    auto first = seat_of(room_id, host, 1);
    insert(first);
    check_refused([&] { insert(seat_of(room_id, host, 2)); }, "UNIQUE constraint failed");
    insert(seat_of(insert_booked_room(host), host, 1)); // another session is another matter
    first.left_at = now;
    {
        database::Transaction tx(db());
        rooms::update_connection(db(), first);
        tx.commit();
    }
    insert(seat_of(room_id, host, 2));
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_session_seats_two)
{
    const auto room_id = insert_booked_room(host);
    insert(seat_of(room_id, host, 1));
    check_refused([&] { insert(seat_of(room_id, guest, 1)); }, "UNIQUE constraint failed"); // the same uid
    insert(seat_of(room_id, guest, 2));
    check_refused([&] { insert(seat_of(room_id, address(3), 3)); }, "the room is full");
    auto free_seat = seat_of(insert_booked_room(host), address(3), 3);
    free_seat.kind = rooms::Kind::free;
    check_refused([&] { insert(free_seat); }, "no such active room");
    require_clean_audit();
}

// A booking may change hands while the old guest's seat was never left.
BOOST_AUTO_TEST_CASE(who_is_no_party_any_more_makes_room)
{
    enter(host, start);
    enter(guest, start);
    const sessions::Session changed{"7", host, address(3), {start, start + 1200, 300, 600}, start};
    sessions::join({db(), config, start + 60}, {app.tokens, random}, changed, address(3));
    BOOST_TEST(stays(guest).back().left_at.value() == start + 60);
    BOOST_TEST(!stays(host).back().left_at.has_value());
    BOOST_TEST(!stays(address(3)).back().left_at.has_value());
    require_clean_audit();
}

BOOST_AUTO_TEST_SUITE_END()
