#include "agora_token.h"
#include "base/config.h"
#include "base/hex.h"
#include "ethereum/keccak256.h"
#include "ethereum/rpc_chain.h"
#include "handler_fixture.h"
#include "sessions/session.h"

#include <algorithm>

namespace {

using base::Json;
using ethereum::Uint256;

const std::string largest_id =
    "115792089237316195423570985008687907853269984665640564039457584007913129639935";
const std::string first_too_large =
    "115792089237316195423570985008687907853269984665640564039457584007913129639936"; // 2^256

// An address that ends in these eight digits.
std::string address_ending(const std::string& digits, char filler)
{
    return "0x" + std::string(32, filler) + digits;
}

constexpr std::int64_t minute = 60;

base::Config oracle_config()
{
    auto config = test_config();
    config.oracle_private_key = "0x" + std::string(64, '1');
    config.escrow_address = "0x132212b78c4a7a3f19de1bf63f119848c765c1d2";
    return config;
}

// A node whose escrow has one booking, and that takes no transaction; it says so in words that nobody should
// see.
class TalkativeNode : public ethereum::Transport
{
  public:
    TalkativeNode(const std::string& host, const std::string& guest, base::UnixSeconds start)
        : booking_(word(70) + address_word(guest) + word(0) + word(1) + word(0) + word(0) + word(0) +
                   word(0) + word(0) + word(0) + word(0)),
          slot_(address_word(host) + word(static_cast<std::uint64_t>(start)) + word(20) + word(0) + word(5) +
                word(10) + word(0) + word(1))
    {
    }

    std::string post(const std::string& body) override
    {
        const auto request = base::parse_json(body);
        const auto method = request["method"].get<std::string>();
        Json answer{{"jsonrpc", "2.0"}, {"id", request["id"]}};
        if (method == "eth_call")
            answer["result"] =
                "0x" +
                base::to_hex(request["params"][0]["data"].get<std::string>().substr(0, 10) == "0x6a5c841a"
                                 ? booking_
                                 : slot_);
        else if (method == "eth_chainId")
            answer["result"] = "0x18c7";
        else if (method == "eth_getTransactionCount")
            answer["result"] = "0x0";
        else if (method == "eth_sendRawTransaction") {
            raw = request["params"][0].get<std::string>();
            answer["error"] = {{"code", -32000},
                               {"message", "https://rpc.example.org/v1/5ca1ab1e refuses " + raw}};
        } else
            answer["result"] = "0x186a0"; // gas, gas price
        if (method == "eth_getBalance")
            answer["result"] = "0xde0b6b3a7640000";
        if (method == "eth_feeHistory")
            answer["result"] = nullptr;
        return answer.dump();
    }

    std::string raw; // hex, of the last transaction

  private:
    static std::string word(std::uint64_t number) { return Uint256(number).to_word(); }
    static std::string address_word(const std::string& address)
    {
        return std::string(12, '\0') + base::from_hex(address.substr(2)).value();
    }

    std::string booking_;
    std::string slot_;
};

} // namespace

class SessionsFixture : public HandlerFixture
{
  public:
    using HandlerFixture::HandlerFixture;

    const std::string host = address(1);
    const std::string guest = address(2);
    const std::string stranger = address(3);
    const base::UnixSeconds start = now;

    // A booking of a slot that begins at `start`. The slot's id is none of a booking.
    void book(const std::string& id, std::int64_t minutes = 20) { book(id, host, guest, minutes); }
    void book(const std::string& id, const std::string& by_host, const std::string& by_guest,
              std::int64_t minutes = 20)
    {
        const auto slot_id = ++slots_;
        ethereum::Booking booking;
        booking.slot_id = Uint256(slot_id);
        booking.guest = by_guest;
        booking.status = ethereum::BookingStatus::booked;
        chain.bookings[id] = booking;
        ethereum::Slot slot;
        slot.host = by_host;
        slot.start_at = start;
        slot.duration_minutes = minutes;
        slot.status = 1;
        chain.slots[std::to_string(slot_id)] = slot;
    }

    Reply enter(const std::string& wallet, const Json& booking_id)
    {
        return post("/session/join", {{"booking_id", booking_id}}, wallet);
    }
    // The answer's body, which must be 200.
    Json seat(const std::string& wallet, const Json& booking_id)
    {
        const auto reply = enter(wallet, booking_id);
        BOOST_REQUIRE_MESSAGE(reply.status == 200, reply.body.dump());
        return reply.body;
    }
    DecodedAgoraToken token(const std::string& wallet, const Json& booking_id)
    {
        return decode_agora_token(seat(wallet, booking_id).at("agora_token"));
    }
    Reply leave(const std::string& wallet, const std::string& booking_id)
    {
        return post_text("/session/" + booking_id + "/leave", "", wallet);
    }
    void check_left(const Reply& reply, std::int64_t duration_ms)
    {
        check_answer(reply, {{"ok", true}, {"duration_ms", duration_ms}});
    }

    // Nothing of a refused request is left behind.
    void check_refused_without_trace(const std::function<Reply()>& request, int status,
                                     const std::string& error)
    {
        const auto rows = rows_stored();
        check_refusal(request(), status, error);
        BOOST_TEST(rows_stored() == rows);
    }

    std::int64_t seated(const std::string& wallet)
    {
        return query("SELECT count(*) FROM connections WHERE left_at IS NULL AND wallet = '" + wallet + "'");
    }
    std::int64_t sessions() { return query("SELECT count(*) FROM sessions"); }
    std::string text(const std::string& sql)
    {
        auto row = db().prepare(sql);
        BOOST_REQUIRE(row.step());
        return row.text(0);
    }

  private:
    std::uint64_t slots_ = 1000000;
};

BOOST_FIXTURE_TEST_SUITE(sessions_tests, SessionsFixture)

// ---- POST /session/join ----

BOOST_AUTO_TEST_CASE(joining_answers_channel_token_and_uid_and_nothing_else)
{
    book("7");
    for (const auto& wallet : {host, guest}) {
        const auto reply = enter(wallet, "7");
        const auto uid = static_cast<std::int64_t>(std::stoul(wallet.substr(34), nullptr, 16) & 0x7fffffff);
        check_answer(reply, {{"channel", "heaven-6343-7"},
                             {"agora_token", reply.body.value("agora_token", "")},
                             {"user_uid", uid}});
        BOOST_TEST(header_of(reply, "Cache-Control") == "no-store");
        const auto decoded = decode_agora_token(reply.body.at("agora_token"));
        BOOST_TEST(decoded.channel == "heaven-6343-7");
        BOOST_TEST(decoded.uid == std::to_string(uid));
        BOOST_TEST(decoded.app_id == config.agora_app_id);
        BOOST_TEST(decoded.issued_at == now);
        BOOST_TEST(decoded.expires_in_seconds == 3600);
        BOOST_TEST(!decoded.privileges.empty());
        for (const auto& [privilege, seconds] : decoded.privileges)
            BOOST_TEST(seconds == 3600, "privilege " << privilege << " lives " << seconds << " s");
    }
    BOOST_TEST(sessions() == 1);
    BOOST_TEST(query("SELECT count(*) FROM rooms WHERE kind = 'booked' AND visibility = 'private' "
                     "AND capacity = 2 AND host_wallet = '" +
                     host + "'") == 1);
    BOOST_TEST(seated(host) + seated(guest) == 2);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(the_channel_names_the_chain)
{
    auto settings = test_config();
    settings.chain_id = 31337;
    HandlerFixture service(settings);
    book("7");
    service.chain.bookings = chain.bookings;
    service.chain.slots = chain.slots;
    const auto reply = service.post("/session/join", {{"booking_id", "7"}}, host);
    BOOST_TEST_REQUIRE(reply.status == 200);
    BOOST_TEST(reply.body.at("channel") == "heaven-31337-7");
    BOOST_TEST(decode_agora_token(reply.body.at("agora_token")).channel == "heaven-31337-7");
    service.require_clean_audit();
}

BOOST_AUTO_TEST_CASE(both_need_a_token)
{
    book("7");
    for (const auto* path : {"/session/join", "/session/7/leave", "/session/abc/leave"}) {
        for (const auto* body : {"{\"booking_id\":\"7\"}", "{}", "[", ""}) {
            const auto reply = post_text(path, body);
            BOOST_TEST_CONTEXT(path << " " << body)
            {
                check_refusal(reply, 401, "unauthorized");
                BOOST_TEST(header_of(reply, "WWW-Authenticate") == "Bearer");
            }
        }
        auto expired = request("POST", path, "{\"booking_id\":\"7\"}");
        expired.authorization = "Bearer " + token_for(host);
        now += path == std::string("/session/join") ? 3600 : 3600 + 86400; // one may leave for a day
        check_refusal(send(expired), 401, "unauthorized");
        now = start;
    }
    BOOST_TEST(chain.questions == 0);
    BOOST_TEST(sessions() == 0);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_booking_id_is_needed)
{
    book("0");
    for (const auto* body :
         {"", "{}", "{\"booking_id\":null}", "{\"booking_id\":\"\"}", "{\"booking_id\":\" \"}",
          "{\"booking_id\":\" \\t\\r\\n \"}", "{\"Booking_id\":\"0\"}", "{\"bookingId\":\"0\"}"}) {
        BOOST_TEST_CONTEXT(body)
        check_refused_without_trace([&] { return post_text("/session/join", body, host); }, 400,
                                    "missing booking_id");
    }
    BOOST_TEST(chain.questions == 0);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(what_is_no_uint256_is_refused)
{
    for (const auto* id : {"0", "1", "7", "10", "1000"})
        book(id);
    const std::vector<std::string> texts = {
        "abc",
        "-1",
        "+1",
        "-0",
        "1.5",
        "1.0",
        "1e3",
        "0x1",
        "0X1",
        "1 0",
        "1,000",
        "1_000",
        "7;",
        "7n",
        "true",
        "null",
        "NaN",
        "Infinity",
        "7' OR '1'='1",
        "../7",
        "-" + largest_id,
        first_too_large,
        "0" + first_too_large,
        std::string(78, '9'),
        std::string(79, '1'),
        std::string(9000, '1'),
        "\xd9\xa7",     // an Arabic seven
        "\xef\xbc\x97", // a wide one
        "7\xc2\xa0",    // a no-break space is no blank
    };
    for (const auto& id : texts) {
        BOOST_TEST_CONTEXT(id.substr(0, 100))
        check_refused_without_trace([&] { return enter(host, id); }, 400, "invalid booking_id");
    }
    for (const auto* id : {"-1", "-0", "1.5", "7.0", "1e3", "1E0", "-7", "1e100", "18446744073709551616",
                           "100000000000000000000000000000", "-9223372036854775808", "-9223372036854775809",
                           "true", "false", "[]", "[7]", "[\"7\"]", "{}", "{\"7\":7}"}) {
        BOOST_TEST_CONTEXT(id)
        check_refused_without_trace(
            [&] { return post_text("/session/join", std::string("{\"booking_id\":") + id + "}", host); }, 400,
            "invalid booking_id");
    }
    BOOST_TEST(chain.questions == 0);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(every_spelling_of_a_uint256_is_taken)
{
    struct Row
    {
        std::string json;
        std::string canonical;
    };
    const Row table[] = {
        {"\"7\"", "7"},
        {"7", "7"},
        {"\" 7\"", "7"},
        {"\"7 \"", "7"},
        {"\"\\t\\r\\n 7 \\n\"", "7"},
        {"\"007\"", "7"},
        {"\" 007 \"", "7"},
        {"\"" + std::string(500, '0') + "7\"", "7"},
        {"0", "0"},
        {"\"0\"", "0"},
        {"\"000\"", "0"},
        {"9007199254740993", "9007199254740993"},
        {"\"9007199254740993\"", "9007199254740993"},
        {"9223372036854775808", "9223372036854775808"},
        {"18446744073709551615", "18446744073709551615"},
        {"\"18446744073709551616\"", "18446744073709551616"},
        {"\"" + largest_id + "\"", largest_id},
        {"\"000" + largest_id + "\"", largest_id},
    };
    for (const auto& row : table) {
        HandlerFixture service;
        chain.bookings.clear();
        book(row.canonical);
        service.chain.bookings = chain.bookings;
        service.chain.slots = chain.slots;
        const auto reply = service.post_text("/session/join", "{\"booking_id\":" + row.json + "}", guest);
        BOOST_TEST_CONTEXT(row.json.substr(0, 100))
        {
            BOOST_TEST_REQUIRE(reply.status == 200, reply.body.dump());
            BOOST_TEST(reply.body.at("channel") == ::sessions::channel_of(6343, row.canonical));
            BOOST_TEST(service.query("SELECT count(*) FROM sessions WHERE booking_id = '" + row.canonical +
                                     "'") == 1);
        }
        service.require_clean_audit();
    }
}

BOOST_AUTO_TEST_CASE(a_body_that_is_no_json_object_is_refused)
{
    book("7");
    for (const auto* body : {"[", "null", "7", "\"7\"", "[7]", "{\"booking_id\":7", "{\"booking_id\":7}x",
                             "{\"booking_id\":7,\"booking_id\":7}", "{\"booking_id\":07}"}) {
        for (const auto* path : {"/session/join", "/session/7/leave", "/session/abc/leave"}) {
            BOOST_TEST_CONTEXT(path << " " << body)
            check_refused_without_trace([&] { return post_text(path, body, host); }, 400, "invalid_json");
        }
    }
    auto large = signed_in(request("POST", "/session/join"), host);
    large.body_state = http::BodyState::too_large;
    check_refusal(send(large), 413, "payload_too_large");
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(unknown_fields_are_ignored)
{
    is_described = false;
    book("7");
    BOOST_TEST(
        post("/session/join", {{"booking_id", "7"}, {"room_id", 5}, {"extra", Json::array()}}, host).status ==
        200);
    require_clean_audit();
}

// Each line takes away one more reason to refuse, and the first that is left is the answer.
BOOST_AUTO_TEST_CASE(the_refusals_come_in_the_order_of_the_contract)
{
    now = start - 301;
    const auto ask = [&](const std::string& wallet) { return [this, wallet] { return enter(wallet, "7"); }; };
    check_refused_without_trace(ask(stranger), 404, "booking not found");

    ethereum::Booking booking;
    booking.slot_id = Uint256(70);
    booking.guest = guest;
    for (int status = 2; status <= 6; ++status) {
        booking.status = static_cast<ethereum::BookingStatus>(status);
        chain.bookings["7"] = booking;
        BOOST_TEST_CONTEXT("status " << status)
        check_refused_without_trace(ask(stranger), 400, "booking not active");
    }
    booking.status = ethereum::BookingStatus::booked;
    chain.bookings["7"] = booking;
    check_refused_without_trace(ask(stranger), 404, "slot not found");

    ethereum::Slot slot;
    slot.host = host;
    slot.start_at = start;
    slot.duration_minutes = 20;
    chain.slots["70"] = slot;
    for (const auto at : {start - 301, start, start + 20 * minute + 1}) {
        now = at;
        check_refused_without_trace(ask(stranger), 403, "not a participant");
    }
    for (const auto& wallet : {host, guest}) {
        now = start - 301;
        check_refused_without_trace(ask(wallet), 400, "too early to join");
        now = start + 20 * minute + 1;
        check_refused_without_trace(ask(wallet), 400, "session has ended");
        now = start;
        BOOST_TEST(enter(wallet, "7").status == 200);
    }
    check_refused_without_trace(ask(stranger), 403, "not a participant");
    require_clean_audit();
}

// Either end of the window belongs to it.
BOOST_AUTO_TEST_CASE(the_window_is_five_minutes_before_the_start_to_the_end)
{
    struct Row
    {
        base::UnixSeconds at;
        const char* error; // none: it is open
    };
    const Row table[] = {
        {start - 86400, "too early to join"},
        {start - 301, "too early to join"},
        {start - 300, nullptr},
        {start, nullptr},
        {start + 20 * minute - 1, nullptr},
        {start + 20 * minute, nullptr},
        {start + 20 * minute + 1, "session has ended"},
        {start + 86400, "session has ended"},
    };
    book("7");
    for (const auto& row : table) {
        now = row.at;
        for (const auto& wallet : {host, guest}) {
            const auto reply = enter(wallet, "7");
            BOOST_TEST_CONTEXT(row.at - start << " s after the start")
            {
                if (row.error)
                    check_refusal(reply, 400, row.error);
                else
                    BOOST_TEST(reply.status == 200);
            }
        }
    }
    require_clean_audit();
}

// Never "no booking". Who may sit in a session that was read within the last minute is known all the same.
BOOST_AUTO_TEST_CASE(a_chain_that_cannot_be_asked_is_not_a_no)
{
    book("7");
    seat(host, "7");
    chain.is_down = true;
    const auto rows = rows_stored();
    const auto check_unavailable = [&](const Reply& reply) {
        check_refusal(reply, 503, "chain_unavailable");
        BOOST_TEST(std::stoi(header_of(reply, "Retry-After")) > 0);
    };
    for (const auto& wallet : {host, guest, stranger})
        check_unavailable(enter(wallet, "8"));
    check_refusal(enter(stranger, "7"), 403, "not a participant");
    now = start + 61;
    for (const auto& wallet : {host, guest, stranger})
        check_unavailable(enter(wallet, "7"));
    BOOST_TEST(rows_stored() == rows);
    BOOST_TEST(seated(host) == 1);
    now = start + 60;
    seat(guest, "7");
    BOOST_TEST(seated(guest) == 1);
    now = start + 61;
    check_unavailable(enter(guest, "7")); // being served from memory is no new reading
    chain.is_down = false;
    seat(guest, "7");
    require_clean_audit();
}

// ---- the token ----

BOOST_AUTO_TEST_CASE(the_token_lasts_an_hour_or_to_the_end_of_the_slot)
{
    struct Row
    {
        std::int64_t minutes;
        std::int64_t after; // seconds from the start
        std::uint32_t expected;
    };
    const Row table[] = {
        {20, -300, 3600},     {20, 1200, 3600},      {55, -300, 3600},       {60, 0, 3600},
        {60, -300, 3900},     {61, 0, 3660},         {240, -300, 14700},     {240, 0, 14400},
        {240, 10799, 3601},   {240, 10800, 3600},    {240, 10801, 3600},     {240, 14400, 3600},
        {1440, 0, 86400},     {1440, -300, 86400},   {1440, 1, 86399},       {10080, 0, 86400},
        {10080, -300, 86400}, {10080, 600000, 4800}, {4294967295, 0, 86400},
    };
    for (const auto& row : table) {
        now = start + row.after;
        book("7", row.minutes);
        for (const auto& wallet : {host, guest}) {
            const auto decoded = token(wallet, "7");
            BOOST_TEST_CONTEXT(row.minutes << " minutes, " << row.after << " s after the start")
            {
                BOOST_TEST(decoded.expires_in_seconds == row.expected);
                for (const auto& [privilege, seconds] : decoded.privileges)
                    BOOST_TEST(seconds == row.expected, "privilege " << privilege << ": " << seconds);
                BOOST_TEST(decoded.issued_at == now);
                BOOST_TEST(query("SELECT token_expires_at - joined_at FROM connections "
                                 "WHERE left_at IS NULL AND wallet = '" +
                                 wallet + "'") == row.expected);
            }
        }
    }
    require_clean_audit();
}

// ---- uids ----

BOOST_AUTO_TEST_CASE(the_two_have_different_uids_however_their_wallets_end)
{
    struct Row
    {
        const char* host_ending;
        const char* guest_ending;
        std::int64_t host_uid; // who comes first
        std::int64_t guest_uid;
    };
    const Row table[] = {
        {"deadbeef", "deadbeef", 1588444911, 1588444912},
        {"00000000", "00000000", 1, 2},
        {"ffffffff", "ffffffff", 1, 2}, // 0 modulo 2^31 - 1
        {"00000001", "00000000", 1, 2},
        {"ffffffff", "00000001", 1, 2},
        {"fffffffe", "fffffffe", 2147483646, 1},
        {"7ffffffe", "fffffffe", 2147483646, 1},
        {"0000000a", "0000000b", 10, 11},
    };
    unsigned number = 0;
    for (const auto& row : table) {
        const auto by_host = address_ending(row.host_ending, 'a');
        const auto by_guest = address_ending(row.guest_ending, 'b');
        const auto id = std::to_string(++number);
        book(id, by_host, by_guest);
        const auto first = seat(by_host, id);
        const auto second = seat(by_guest, id);
        BOOST_TEST_CONTEXT(row.host_ending << " " << row.guest_ending)
        {
            BOOST_TEST(first.at("user_uid") == row.host_uid);
            BOOST_TEST(second.at("user_uid") == row.guest_uid);
            BOOST_TEST(decode_agora_token(first.at("agora_token")).uid == std::to_string(row.host_uid));
            BOOST_TEST(decode_agora_token(second.at("agora_token")).uid == std::to_string(row.guest_uid));
            // and still after a reconnect of either
            BOOST_TEST(seat(by_host, id).at("user_uid") != seat(by_guest, id).at("user_uid"));
            const auto guest_again = seat(by_guest, id);
            BOOST_TEST(seat(by_host, id).at("user_uid") != guest_again.at("user_uid"));
        }
    }
    require_clean_audit();
}

// The other could still enter with the old token.
BOOST_AUTO_TEST_CASE(a_uid_whose_token_is_still_good_is_not_given_to_the_other)
{
    const auto by_host = address_ending("0000000a", 'a');
    const auto by_guest = address_ending("0000000a", 'b');
    book("7", by_host, by_guest);
    BOOST_TEST(seat(by_host, "7").at("user_uid") == 10);
    now += 30;
    leave(by_host, "7");
    BOOST_TEST(seat(by_guest, "7").at("user_uid") == 11);
    BOOST_TEST(seat(by_host, "7").at("user_uid") == 10); // their own again
    leave(by_host, "7");
    now += 600;
    BOOST_TEST(seat(by_guest, "7").at("user_uid") == 11);
    require_clean_audit();
}

// ---- one seat for each ----

// Defect 9: a host who joined twice filled the room.
BOOST_AUTO_TEST_CASE(a_host_who_joins_again_does_not_keep_the_guest_out)
{
    book("7");
    const auto first = seat(host, "7");
    now += 30;
    const auto second = seat(host, "7");
    BOOST_TEST(second.at("user_uid") == first.at("user_uid"));
    BOOST_TEST(second.at("agora_token") != first.at("agora_token"));
    BOOST_TEST(seated(host) == 1);
    BOOST_TEST(enter(guest, "7").status == 200);
    for (int i = 0; i < 5; ++i) {
        now += 1;
        for (const auto& wallet : {host, guest})
            BOOST_TEST(enter(wallet, "7").status == 200);
    }
    BOOST_TEST(seated(host) == 1);
    BOOST_TEST(seated(guest) == 1);
    BOOST_TEST(sessions() == 1);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_reconnect_ends_the_stay_before_it)
{
    book("7");
    seat(host, "7");
    now += 100;
    seat(host, "7");
    BOOST_TEST(query("SELECT count(*) FROM connections") == 2);
    BOOST_TEST(query("SELECT left_at FROM connections WHERE left_at IS NOT NULL") == start + 100);
    BOOST_TEST(query("SELECT joined_at FROM connections WHERE left_at IS NULL") == start + 100);
    now += 20;
    check_left(leave(host, "7"), 20000); // of the stay that ends now
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_wallet_can_be_in_several_sessions)
{
    book("7");
    book("8", stranger, host);
    seat(host, "7");
    now += 10;
    seat(host, "8");
    seat(stranger, "8");
    BOOST_TEST(seated(host) == 2);
    check_refusal(enter(guest, "8"), 403, "not a participant");
    check_refusal(enter(stranger, "7"), 403, "not a participant");
    now += 10;
    check_left(leave(host, "7"), 20000);
    check_left(leave(host, "8"), 10000);
    require_clean_audit();
}

// Defect 10: 007 was another room than 7, and long ids lost digits.
BOOST_AUTO_TEST_CASE(all_spellings_of_a_booking_are_one_room)
{
    book("7");
    const Json spellings[] = {"7", "007", 7, " 7 ", std::string(100, '0') + "7"};
    for (const auto& spelling : spellings) {
        for (const auto& wallet : {host, guest})
            BOOST_TEST(seat(wallet, spelling).at("channel") == "heaven-6343-7");
    }
    BOOST_TEST(sessions() == 1);
    BOOST_TEST(query("SELECT count(*) FROM rooms") == 1);
    BOOST_TEST(seated(host) + seated(guest) == 2);
    now += 5;
    check_left(leave(host, "0007"), 5000);
    check_left(leave(host, "7"), 0);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(long_ids_keep_their_digits)
{
    const Json ids[] = {9007199254740992, 9007199254740993, 9007199254740994};
    for (const auto& id : ids)
        book(id.dump());
    const std::string beside_largest = largest_id.substr(0, 77) + "4";
    book(largest_id);
    book(beside_largest);
    std::set<std::string> channels;
    for (const auto& id : ids) {
        BOOST_TEST(seat(host, id).at("channel") == "heaven-6343-" + id.dump());
        BOOST_TEST(seat(guest, id.dump()).at("channel") == "heaven-6343-" + id.dump());
    }
    for (const auto& id : {largest_id, beside_largest}) {
        const auto answer = seat(host, id);
        BOOST_TEST(answer.at("channel") == ::sessions::channel_of(6343, id));
        BOOST_TEST(decode_agora_token(answer.at("agora_token")).channel ==
                   answer.at("channel").get<std::string>());
    }
    BOOST_TEST(sessions() == 5);
    now += 3;
    check_left(leave(host, beside_largest), 3000);
    check_left(leave(host, beside_largest), 0);
    check_left(leave(host, largest_id), 3000);
    require_clean_audit();
}

// ---- POST /session/:id/leave ----

BOOST_AUTO_TEST_CASE(leaving_answers_the_length_of_the_stay)
{
    book("7");
    seat(host, "7");
    now += 40;
    seat(guest, "7");
    now += 2;
    check_left(leave(guest, "7"), 2000);
    BOOST_TEST(seated(guest) == 0);
    BOOST_TEST(seated(host) == 1); // goes on
    now += 1;
    check_left(leave(host, "7"), 43000);
    for (const auto& wallet : {host, guest})
        check_left(leave(wallet, "7"), 0);
    BOOST_TEST(query("SELECT max(left_at) FROM connections") == start + 43);
    // The room is there for whoever comes back.
    seat(guest, "7");
    now += 6;
    check_left(leave(guest, "7"), 6000);
    BOOST_TEST(sessions() == 1);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(leaving_in_the_second_of_joining_lasted_nothing)
{
    book("7");
    seat(host, "7");
    check_left(leave(host, "7"), 0);
    BOOST_TEST(seated(host) == 0);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(who_is_not_in_the_session_has_nothing_to_leave)
{
    book("7");
    book("8");
    const auto rows_before = rows_stored();
    check_left(leave(host, "7"), 0);
    check_left(leave(host, "12345"), 0); // no such booking
    check_left(leave(host, largest_id), 0);
    BOOST_TEST(rows_stored() == rows_before);
    seat(host, "7");
    now += 9;
    check_left(leave(guest, "7"), 0);
    check_left(leave(stranger, "7"), 0);
    check_left(leave(host, "8"), 0);
    BOOST_TEST(seated(host) == 1);
    check_left(leave(host, "7"), 9000);
    require_clean_audit();
}

// Agora cut the client off when its token expired.
BOOST_AUTO_TEST_CASE(a_stay_ends_with_its_token)
{
    for (const auto& [after, duration_ms] : {std::pair<std::int64_t, std::int64_t>{3599, 3599000},
                                             {3600, 3600000},
                                             {3601, 3600000},
                                             {30 * 86400, 3600000}}) {
        now = start;
        book("7");
        seat(host, "7");
        now += after;
        BOOST_TEST_CONTEXT("leaving after " << after << " s")
        {
            check_left(leave(host, "7"), duration_ms);
            check_left(leave(host, "7"), 0);
        }
    }
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(leaving_needs_no_chain)
{
    book("7");
    seat(host, "7");
    seat(guest, "7");
    const auto questions = chain.questions;
    now += 11;
    chain.is_down = true;
    check_left(leave(host, "7"), 11000);
    chain.is_down = false;
    chain.bookings.at("7").status = ethereum::BookingStatus::cancelled;
    check_left(leave(guest, "7"), 11000);
    BOOST_TEST(chain.questions == questions);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(leaving_takes_any_json_object_or_none)
{
    book("7");
    for (const auto* body : {"", "{}", "{\"booking_id\":\"8\"}", "{\"booking_id\":[]}"}) {
        seat(host, "7");
        now += 4;
        BOOST_TEST_CONTEXT(body)
        check_left(post_text("/session/7/leave", body, host), 4000);
    }
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(what_is_no_booking_is_left_by_nobody)
{
    book("7");
    seat(host, "7");
    for (const auto& id :
         {std::string("abc"),   std::string("-1"),   std::string("+7"),    std::string("1.5"),
          std::string("0x7"),   std::string("7e0"),  std::string("%37"),   std::string("7%20"),
          std::string("7%2f8"), std::string("7%00"), std::string("7;"),    std::string("."),
          std::string(".."),    std::string("join"), std::string("leave"), std::string(":id"),
          std::string(" 7"),    std::string("7 "),   first_too_large,      std::string(5000, '9')}) {
        BOOST_TEST_CONTEXT(id.substr(0, 100))
        check_left(leave(host, id), 0); // nobody is there
    }
    BOOST_TEST(seated(host) == 1);
    require_clean_audit();
}

// ---- routing ----

BOOST_AUTO_TEST_CASE(only_the_exact_paths_lead_here)
{
    book("7");
    for (const auto* path : {"/session",
                             "/session/",
                             "/session/7",
                             "/session//leave",
                             "/session/leave",
                             "/session/1/2/leave",
                             "/session/7//leave",
                             "/session/7/leave//",
                             "/session/7/leave/x",
                             "/session//7/leave",
                             "//session/7/leave",
                             "/session/7%2fleave",
                             "/session/7%2Fleave",
                             "/session%2f7/leave",
                             "/session/7/Leave",
                             "/Session/7/leave",
                             "/session/7/leavex",
                             "/session/7/xleave",
                             "/session/7leave",
                             "/sessions/7/leave",
                             "/session/../7/leave",
                             "/session/7/../leave",
                             "/session/join/",
                             "/session/join//",
                             "/session/joi",
                             "/session/join/7",
                             "/session/Join",
                             "/session%2fjoin",
                             "/session/7/join",
                             "/x/session/7/leave",
                             "/sessionx/leave",
                             "/leave"}) {
        const bool is_join = std::string(path) == "/session/join/"; // one slash at the end is no difference
        const auto reply = post(path, {{"booking_id", "7"}}, host);
        BOOST_TEST_CONTEXT(path)
        {
            if (is_join)
                BOOST_TEST(reply.status == 200);
            else
                check_refusal(reply, 404, "not_found");
        }
    }
    BOOST_TEST(seated(host) == 1);
    now += 2;
    check_left(post_text("/session/7/leave/", "", host), 2000);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(both_are_posted_to)
{
    book("7");
    for (const auto* path : {"/session/join", "/session/join/", "/session/7/leave", "/session/7/leave/",
                             "/session/abc/leave", "/session/join/leave"}) {
        for (const auto* method : {"GET", "HEAD", "PUT", "DELETE", "PATCH", "post"}) {
            const auto reply = send(signed_in(request(method, path), host));
            BOOST_TEST_CONTEXT(method << " " << path)
            {
                BOOST_TEST(reply.status == 405);
                BOOST_TEST(header_of(reply, "Allow") == "POST, OPTIONS");
                check_refusal(reply, 405, "method_not_allowed");
            }
        }
        const auto preflight = send(request("OPTIONS", path));
        BOOST_TEST(preflight.status == 204);
    }
    BOOST_TEST(sessions() == 0);
    require_clean_audit();
}

// ---- beside the free rooms ----

BOOST_AUTO_TEST_CASE(a_booked_room_is_no_free_room)
{
    book("7");
    seat(host, "7");
    seat(guest, "7");
    const auto room_id = text("SELECT room_id FROM sessions");
    for (const auto& wallet : {host, guest, stranger}) {
        give(wallet, 1000);
        check_refusal(post("/rooms/join", {{"room_id", room_id}}, wallet), 400, "room_type_mismatch");
    }
    for (const auto& wallet : {host, guest}) {
        const auto connection_id =
            text("SELECT connection_id FROM connections WHERE wallet = '" + wallet + "'");
        for (const auto* path : connection_paths) {
            BOOST_TEST_CONTEXT(path)
            check_refused_without_trace(
                [&] {
                    return post(path, {{"room_id", room_id}, {"connection_id", connection_id}}, wallet);
                },
                403, "not_your_connection");
        }
        BOOST_TEST(seated(wallet) == 1);
    }
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_booked_session_costs_no_credit)
{
    book("7", 240);
    give(guest, 50);
    seat(host, "7"); // without any credit, or a name
    seat(guest, "7");
    const auto events = query("SELECT count(*) FROM credit_events");
    for (int i = 0; i < 10; ++i) {
        now += 300;
        sweep();
    }
    check_left(leave(host, "7"), 3000000);
    seat(guest, "7");
    now += 20000; // beyond its token
    sweep();
    leave(guest, "7");
    sweep();
    BOOST_TEST(query("SELECT count(*) FROM credit_events") == events);
    BOOST_TEST(query("SELECT sum(debited_seconds) FROM connections") == 0);
    BOOST_TEST(remaining(guest) == 50);
    BOOST_TEST(query("SELECT count(*) FROM credit_accounts WHERE wallet = '" + host + "'") == 0);
    require_clean_audit();
}

// The sweep closes free rooms in which nobody is; two people may come and go all the time of their session.
BOOST_AUTO_TEST_CASE(the_sweep_leaves_sessions_alone)
{
    book("7", 240);
    seat(host, "7");
    check_left(leave(host, "7"), 0);
    now += 3600;
    sweep();
    BOOST_TEST(query("SELECT count(*) FROM rooms WHERE closed_at IS NULL") == 1);
    seat(guest, "7");
    seat(host, "7");
    BOOST_TEST(sessions() == 1);
    sweep();
    BOOST_TEST(seated(host) + seated(guest) == 2);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_booked_session_is_not_listed)
{
    book("7");
    seat(host, "7");
    seat(guest, "7");
    check_answer(get("/rooms/active"), {{"rooms", Json::array()}});
    const auto room_id = create_room(host, 1000);
    const auto rooms = get("/rooms/active").body.at("rooms");
    BOOST_TEST_REQUIRE(rooms.size() == 1u);
    BOOST_TEST(rooms[0].at("room_id") == room_id);
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(sessions_and_free_rooms_do_not_block_each_other)
{
    book("7", 60);
    seat(host, "7");
    seat(guest, "7");
    const auto room_id = create_room(host, 1000);
    const auto in_room = caller(join(host, room_id));
    give(guest, 1000);
    join(guest, room_id);
    now += 30;
    BOOST_TEST(post("/rooms/heartbeat", in_room, host).body.at("remaining_seconds") == 970);
    seat(host, "7"); // a reconnect, from the free room
    BOOST_TEST(seated(host) == 2);
    now += 10;
    check_left(leave(host, "7"), 10000);
    const auto left = post("/rooms/leave", in_room, host);
    BOOST_TEST(left.body.at("debited_seconds") == 40);
    check_left(leave(guest, "7"), 40000);
    // and in the other order
    const auto other_room = create_room(host, 0);
    const auto again = caller(join(host, other_room));
    seat(host, "7");
    BOOST_TEST(post("/rooms/heartbeat", again, host).status == 200);
    require_clean_audit();
}

// ---- POST /session/:id/attest ----

class AttestFixture : public SessionsFixture
{
  public:
    AttestFixture() : SessionsFixture(oracle_config()) {}

    // A slot of twenty minutes with five of grace and ten of overlap.
    void book_to_attest(const std::string& id)
    {
        book(id);
        auto& slot = chain.slots.at(chain.bookings.at(id).slot_id.to_decimal());
        slot.grace_minutes = 5;
        slot.min_overlap_minutes = 10;
    }
    // Both are there for ten minutes and a half. Then it is that late.
    void meet(const std::string& id)
    {
        book_to_attest(id);
        seat(host, id);
        seat(guest, id);
        now = start + 630;
        leave(host, id);
        leave(guest, id);
    }
    http::Request attest_request(const std::string& id, const std::string& query = {})
    {
        auto made = request("POST", "/session/" + id + "/attest");
        made.query = query;
        made.service_token = config.oracle_service_token;
        return made;
    }
    Reply attest(const std::string& id, const std::string& query = {})
    {
        return send(attest_request(id, query));
    }
    void check_attested(const Reply& reply, const std::string& outcome, const std::string& status)
    {
        BOOST_TEST_REQUIRE(!chain.sent.empty());
        check_answer(reply, {{"outcome", outcome},
                             {"tx_hash", "0x" + base::to_hex(ethereum::keccak256(chain.sent.front()))},
                             {"status", status}});
    }
    // The chain takes what was sent first.
    void mine(bool succeeded = true)
    {
        chain.mined_count = chain.pending_count = 1;
        chain.receipts["0x" + base::to_hex(ethereum::keccak256(chain.sent.front()))] = {succeeded, 5};
    }
};

// Each step takes away one more reason to refuse, and the first that is left is the answer.
BOOST_FIXTURE_TEST_CASE(the_refusals_of_attesting_come_in_the_order_of_the_contract, AttestFixture)
{
    const auto token = config.oracle_service_token;
    const auto key = config.oracle_private_key;
    config.oracle_service_token.clear();
    config.oracle_private_key.clear();
    config.production = true;
    auto asked = attest_request("abc", "force_outcome=nonsense");
    asked.body = "[";
    const auto check = [&](int status, const std::string& error) {
        check_refused_without_trace(
            [&] {
                const auto reply = send(asked);
                // None of these goes away by waiting.
                BOOST_TEST(header_of(reply, "Retry-After") == "");
                BOOST_TEST(header_of(reply, "Cache-Control") == "no-store");
                return reply;
            },
            status, error);
    };
    check(503, "oracle not configured");
    config.oracle_service_token = token;
    check(403, "forbidden");
    asked.service_token = token + "x";
    check(403, "forbidden");
    asked.service_token = token;
    check(400, "invalid_json");
    asked.body = "";
    check(503, "oracle key not configured");
    config.oracle_private_key = key;
    check(400, "invalid booking_id");
    BOOST_TEST(chain.questions == 0);
    asked.path = "/session/7/attest";
    check(404, "booking not found");

    ethereum::Booking booking;
    booking.slot_id = Uint256(70);
    booking.guest = guest;
    const char* names[] = {"Cancelled", "Attested", "Disputed", "Resolved", "Finalized"};
    for (int status = 2; status <= 6; ++status) {
        booking.status = static_cast<ethereum::BookingStatus>(status);
        chain.bookings["7"] = booking;
        check(400, std::string("booking status is ") + names[status - 2] + ", expected Booked");
    }
    booking.status = ethereum::BookingStatus::booked;
    chain.bookings["7"] = booking;
    check(404, "slot not found");
    book_to_attest("7");
    check(400, "force_outcome not allowed in production");
    config.production = false;
    check(400, "invalid force_outcome");
    asked.query.clear();
    check(400, "grace_not_over");
    now = start + 300;
    check(400, "session still in progress");
    BOOST_TEST(chain.sent.empty());
    now = start + 601;
    check_attested(send(asked), "no-show-host", "submitted");
    require_clean_audit();
}

BOOST_FIXTURE_TEST_CASE(outside_its_window_an_outcome_is_refused_by_name, AttestFixture)
{
    struct Row
    {
        bool host_came, guest_came;
        std::int64_t at;
        const char* error;
        const char* outcome;
    };
    const Row table[] = {
        {true, true, 599, "overlap_not_met", ""},    {true, true, 600, "", "completed"},
        {true, true, 1200 + 7200, "", "completed"},  {true, true, 1200 + 7201, "completed_too_late", ""},
        {false, true, 299, "grace_not_over", ""},    {false, true, 600, "session still in progress", ""},
        {false, true, 601, "", "no-show-host"},      {false, true, 1500, "", "no-show-host"},
        {false, true, 1501, "no_show_too_late", ""}, {true, false, 601, "", "no-show-guest"},
        {true, false, 1501, "no_show_too_late", ""},
    };
    for (const auto& row : table) {
        AttestFixture service;
        service.book_to_attest("7");
        service.now = start - 300; // ten minutes of overlap before the window of "completed" opens
        if (row.host_came)
            service.seat(host, "7");
        if (row.guest_came)
            service.seat(guest, "7");
        service.now = start + 301 - (row.at < 301 ? 2 : 0);
        for (const auto& wallet : {host, guest})
            service.leave(wallet, "7");
        service.now = start + row.at;
        const auto reply = service.attest("7");
        BOOST_TEST_CONTEXT(row.error << row.outcome << " at " << row.at)
        {
            if (*row.error != '\0')
                check_refusal(reply, 400, row.error);
            else
                service.check_attested(reply, row.outcome, "submitted");
        }
    }
}

BOOST_FIXTURE_TEST_CASE(attesting_answers_outcome_hash_and_status_and_the_same_again, AttestFixture)
{
    meet("7");
    check_attested(attest("7"), "completed", "submitted");
    check_attested(attest("7"), "completed", "submitted");
    check_attested(attest("007"), "completed", "submitted"); // the same booking
    BOOST_TEST(chain.sent.size() == 1u);
    mine();
    chain.bookings.at("7").status = ethereum::BookingStatus::attested;
    check_attested(attest("7"), "completed", "confirmed");
    // Whatever the chain has become since, and whatever is asked for now.
    chain.is_down = true;
    now += 100000;
    check_attested(attest("7"), "completed", "confirmed");
    check_attested(attest("7", "force_outcome=no-show-host"), "completed", "confirmed");
    BOOST_TEST(chain.sent.size() == 1u);
    require_clean_audit();
}

BOOST_FIXTURE_TEST_CASE(a_session_that_nobody_joined_can_be_attested, AttestFixture)
{
    book_to_attest("7");
    now = start + 1200;
    check_attested(attest("7"), "no-show-host", "submitted");
    check_attested(attest("7"), "no-show-host", "submitted");
    require_clean_audit();
}

BOOST_FIXTURE_TEST_CASE(attesting_takes_any_json_object_or_none, AttestFixture)
{
    meet("7");
    for (const auto* body : {"", "{}", "{\"booking_id\":\"8\",\"force_outcome\":\"no-show-host\"}"}) {
        auto asked = attest_request("7");
        asked.body = body;
        check_attested(send(asked), "completed", "submitted");
    }
    require_clean_audit();
}

BOOST_FIXTURE_TEST_CASE(attesting_checks_the_id, AttestFixture)
{
    for (const auto& id : {std::string("abc"), std::string("-1"), std::string("+1"), std::string("0x7"),
                           std::string("7.0"), std::string("7%20"), std::string("%37"), std::string("7 "),
                           std::string("join"), std::string(".."), std::string("7?"), first_too_large}) {
        BOOST_TEST_CONTEXT(id)
        check_refused_without_trace([&] { return attest(id); }, 400, "invalid booking_id");
    }
    BOOST_TEST(chain.questions == 0);
    meet(largest_id);
    check_attested(attest(largest_id), "completed", "submitted");
    BOOST_TEST(query("SELECT count(*) FROM attestations WHERE booking_id = '" + largest_id + "'") == 1);
}

BOOST_FIXTURE_TEST_CASE(neither_party_can_attest, AttestFixture)
{
    meet("7");
    for (const auto& wallet : {host, guest, stranger}) {
        auto asked = signed_in(request("POST", "/session/7/attest"), wallet);
        asked.service_token.clear();
        check_refused_without_trace([&] { return send(asked); }, 403, "forbidden");
    }
    BOOST_TEST(chain.sent.empty());
}

BOOST_FIXTURE_TEST_CASE(in_development_an_outcome_can_be_forced, AttestFixture)
{
    const std::pair<const char*, const char*> taken[] = {
        {"force_outcome=completed", "completed"},
        {"force_outcome=no-show-host", "no-show-host"},
        {"force_outcome=no-show-guest", "no-show-guest"},
        {"a=b&force_outcome=no-show-guest", "no-show-guest"},
        {"force_outcome=no-show-guest&force_outcome=completed", "no-show-guest"},
        {"", "no-show-host"},
        {"&&", "no-show-host"},
        {"a=b", "no-show-host"},
        {"xforce_outcome=completed", "no-show-host"},
        {"force_outcomes=completed", "no-show-host"},
        {"Force_Outcome=completed", "no-show-host"},
    };
    for (const auto& [query_text, outcome] : taken) {
        AttestFixture service;
        service.book_to_attest("7");
        service.now = start + 1200;
        BOOST_TEST_CONTEXT(query_text)
        service.check_attested(service.attest("7", query_text), outcome, "submitted");
    }
    book_to_attest("7");
    now = start + 1200;
    for (const auto* wrong : {"force_outcome=", "force_outcome=Completed", "force_outcome=completed ",
                              "force_outcome=no_show_host", "force_outcome=1", "force_outcome=%63ompleted",
                              "force_outcome=cancelled-by-host", "force_outcome==completed"}) {
        BOOST_TEST_CONTEXT(wrong)
        check_refused_without_trace([&] { return attest("7", wrong); }, 400, "invalid force_outcome");
    }
    // Its window is the escrow's all the same.
    now = start + 1501;
    check_refused_without_trace([&] { return attest("7", "force_outcome=no-show-guest"); }, 400,
                                "no_show_too_late");
    BOOST_TEST(chain.sent.empty());
}

BOOST_FIXTURE_TEST_CASE(in_production_no_outcome_can_be_forced, AttestFixture)
{
    config.production = true;
    meet("7");
    for (const auto* forced : {"force_outcome=completed", "force_outcome=nonsense",
                               "force_outcome=", "a=b&force_outcome=no-show-host"}) {
        BOOST_TEST_CONTEXT(forced)
        check_refused_without_trace([&] { return attest("7", forced); }, 400,
                                    "force_outcome not allowed in production");
    }
    check_attested(attest("7", "a=b"), "completed", "submitted");
}

BOOST_FIXTURE_TEST_CASE(what_the_chain_refuses_is_a_502_with_the_reason, AttestFixture)
{
    meet("7");
    const auto check_failed = [&](const Reply& reply, const std::string& reason) {
        BOOST_TEST(reply.status == 502);
        BOOST_TEST(reply.body.dump() == Json({{"error", "attestation_failed"}, {"reason", reason}}).dump());
        BOOST_TEST(header_of(reply, "Retry-After") == "");
    };
    chain.estimate = {0, "NOT_ORACLE"};
    const auto rows = rows_stored();
    check_failed(attest("7"), "NOT_ORACLE");
    BOOST_TEST(rows_stored() == rows);
    chain.estimate = {100000, std::nullopt};
    chain.send_results = {ethereum::SendResult::insufficient_funds};
    check_failed(attest("7"),
                 "the oracle 0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a has too little to pay the fee");
    check_attested(attest("7"), "completed", "submitted");
    mine(false);
    chain.reverts_with = "TOO_LATE";
    for (int i = 0; i < 3; ++i) // it stays failed
        check_failed(attest("7"), "TOO_LATE");
    BOOST_TEST(chain.sent.size() == 2u);
    BOOST_TEST(chain.sent.front() == chain.sent.back());
    require_clean_audit();
}

// The node's address may hold an access key, and a signed transaction is anybody's to send.
BOOST_FIXTURE_TEST_CASE(a_502_never_repeats_the_node_or_the_transaction, AttestFixture)
{
    auto* node = new TalkativeNode(host, guest, start);
    ethereum::RpcChain rpc_chain(std::unique_ptr<ethereum::Transport>(node), "", "", config.escrow_address);
    App service(config, rpc_chain, random, counters, clock);
    auto asked = attest_request("7");
    asked.now = start + 1200;
    const auto response = dispatch(service, asked);
    BOOST_TEST(response.status == 502);
    BOOST_TEST(response.body ==
               R"({"error":"attestation_failed","reason":"the node refuses the transaction"})");
    BOOST_TEST(node->raw.size() > 100u);
}

BOOST_FIXTURE_TEST_CASE(a_chain_that_cannot_be_asked_can_be_asked_later, AttestFixture)
{
    meet("7");
    const auto check_unavailable = [&](const Reply& reply) {
        check_refusal(reply, 503, "chain_unavailable");
        BOOST_TEST(std::stoi(header_of(reply, "Retry-After")) > 0);
    };
    chain.is_down = true;
    const auto rows = rows_stored();
    check_unavailable(attest("7"));
    BOOST_TEST(rows_stored() == rows);
    chain.is_down = false;
    chain.taken = [] {
        throw base::Error(base::ErrorCode::chain_unavailable, "chain_unavailable", "timed out");
    };
    check_unavailable(attest("7"));
    chain.taken = nullptr;
    check_attested(attest("7"), "completed", "submitted");
    BOOST_TEST(chain.sent.size() == 2u);
    BOOST_TEST(chain.sent.front() == chain.sent.back());
    require_clean_audit();
}

// The first service looked at one join of each party.
BOOST_FIXTURE_TEST_CASE(who_drops_out_for_a_moment_is_no_no_show, AttestFixture)
{
    book_to_attest("7");
    seat(guest, "7");
    seat(host, "7");
    now = start + 300;
    leave(host, "7");
    now = start + 480;
    seat(host, "7");
    now = start + 780;
    check_attested(attest("7"), "completed", "submitted");
    require_clean_audit();
}

BOOST_FIXTURE_TEST_CASE(only_the_exact_path_leads_to_attesting, AttestFixture)
{
    meet("7");
    for (const auto* path :
         {"/session/attest", "/session//attest", "/session/7/8/attest", "/session/7/attest//",
          "/session/7/attest/x", "/session/7%2fattest", "/session/7/Attest", "/session/7/attestx",
          "/session/7/attest?force_outcome=completed", "/attest"}) {
        auto asked = attest_request("7");
        asked.path = path;
        BOOST_TEST_CONTEXT(path)
        check_refusal(send(asked), 404, "not_found");
    }
    BOOST_TEST(chain.sent.empty());
    auto asked = attest_request("7");
    asked.path += "/";
    check_attested(send(asked), "completed", "submitted");
}

BOOST_FIXTURE_TEST_CASE(who_asks_at_the_same_moment_gets_the_same_answer, AttestFixture)
{
    meet("7");
    bool met = false;
    chain.before = [&](const char*) {
        if (std::exchange(met, true))
            return;
        check_attested(attest("7"), "completed", "submitted");
        mine();
        chain.bookings.at("7").status = ethereum::BookingStatus::attested;
    };
    check_attested(attest("7"), "completed", "confirmed");
    BOOST_TEST(chain.sent.size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
