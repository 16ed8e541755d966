// What somebody can leave on the disk: the table of lib/README.md, row by row.
#include "auth/nonce.h"
#include "base/config.h"
#include "contract.h"
#include "credits/ledger.h"
#include "credits/pruning.h"
#include "handler_fixture.h"
#include "requests/idempotency.h"
#include "rooms/history.h"
#include "rooms/pruning.h"

#include <cmath>
#include <regex>

namespace {

const std::string& table()
{
    static const auto text = contents_of("lib/README.md");
    return text;
}

constexpr int times = 400; // so that pages that are half full count for little

struct GrowthFixture : HandlerFixture
{
    std::int64_t bytes()
    {
        return (query("PRAGMA page_count") - query("PRAGMA freelist_count")) * query("PRAGMA page_size");
    }
    // By how much the database grows with each of `times` calls.
    std::int64_t growth(const std::function<void(int)>& once)
    {
        once(0);
        const auto before = bytes();
        for (int time = 1; time <= times; ++time)
            once(time);
        return (bytes() - before) / times;
    }
    // What the table says that `what` leaves at most, in bytes.
    static std::int64_t bound(const std::string& what)
    {
        const std::regex row("\\n\\|[^|\\n]*\\| " + what + "[^|\\n]*\\|[^|\\n]*?([0-9]+) bytes");
        std::smatch found;
        BOOST_TEST_REQUIRE(std::regex_search(table(), found, row), "lib/README.md has no row: " << what);
        return std::stoll(found[1]);
    }
    void ask(const char* method, const std::string& path, unsigned wallet_number, const std::string& key)
    {
        const base::Json body{{"room_id", unknown_id}, {"connection_id", unknown_id},
                              {"booking_id", "7"},     {"wallet", address(wallet_number)},
                              {"signature", "0x00"},   {"nonce", std::string(64, '0')}};
        is_described = false; // every field at once
        auto asked = signed_in(request(method, path, body.dump()), address(wallet_number));
        if (!key.empty())
            asked.idempotency_key = key;
        BOOST_TEST(send(asked).status < 500);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(growth_tests, GrowthFixture, *boost::unit_test::label("sqlite"))

// "create rooms, 120 an hour | 520 bytes ... | 1.5 MB": what that is in a day, to two digits.
BOOST_AUTO_TEST_CASE(the_table_reckons_its_days_right)
{
    const std::regex row("\n\\|[^|\\n]*\\|[^|\\n]* ([0-9]+) an hour[^|\\n]*\\|[^|\\n]*?([0-9]+) bytes[^|\\n]*"
                         "\\| ([0-9.]+) MB");
    std::size_t rows = 0;
    for (std::sregex_iterator each(table().begin(), table().end(), row); each != std::sregex_iterator();
         ++each) {
        const auto megabytes = 24e-6 * std::stod((*each)[1]) * std::stod((*each)[2]);
        BOOST_TEST(std::abs(megabytes - std::stod((*each)[3])) <= 0.05, each->str() << " is " << megabytes);
        ++rows;
    }
    BOOST_TEST(rows >= 2U);
}

BOOST_AUTO_TEST_CASE(who_has_no_credit_leaves_nothing)
{
    get("/health");
    const auto before = bytes();
    for (const auto& route : known_routes) {
        if (route.needs_service_token)
            continue;
        for (unsigned number = 1; number <= 20; ++number) {
            ask(route.method, route.path, number, "");
            ask(route.method, route.path, number,
                std::string(200, 'k') + std::to_string(number) + route.path);
        }
    }
    BOOST_TEST(rows_stored() == 0);
    BOOST_TEST(bytes() == before);
}

BOOST_AUTO_TEST_CASE(a_used_nonce_is_kept_until_it_would_have_expired)
{
    const auto each = growth([&](int time) {
        const auto number = static_cast<unsigned>(time % 20 + 1);
        const std::string nonce = post("/auth/nonce", {{"wallet", address(number)}}).body["nonce"];
        const auto reply = post("/auth/verify", {{"wallet", address(number)},
                                                 {"nonce", nonce},
                                                 {"signature", wallet(number).personal_sign(nonce)}});
        BOOST_TEST(reply.status == 200);
    });
    BOOST_TEST(each <= bound("sign in"));
    now += config.nonce_ttl_seconds + 24 * 3600; // with the margin for a clock that steps
    BOOST_TEST(auth::purge_spent_nonces(db(), now, 2 * times) == times + 1);
    BOOST_TEST(rows_stored() == 0);
}

BOOST_AUTO_TEST_CASE(what_the_chain_brings_is_written_once)
{
    const auto each = growth([&](int time) {
        const auto number = static_cast<unsigned>(time + 1);
        chain.names.insert(address(number));
        chain.verified.insert(address(number));
        const auto created = post("/rooms/create", base::Json::object(), address(number));
        BOOST_TEST(remove("/rooms/" + created.body.value("room_id", ""), address(number)).status == 200);
        for (int again = 0; again < 2; ++again)
            BOOST_TEST(post("/credits/verify-celo", base::Json::object(), address(number)).status == 200);
    });
    BOOST_TEST(each <= bound("get its credit") + bound("create rooms"));
}

BOOST_AUTO_TEST_CASE(a_room_that_nobody_was_charged_in_is_pruned)
{
    give(address(1), 1000);
    const auto each = growth([&](int) {
        const auto created = post("/rooms/create", contract::longest_body("/rooms/create"), address(1));
        BOOST_TEST(remove("/rooms/" + created.body.value("room_id", ""), address(1)).status == 200);
    });
    BOOST_TEST(each <= bound("create rooms"));
    const auto pruned = rooms::prune(db(), now + 1);
    BOOST_TEST(pruned.rooms == times + 1);
}

BOOST_AUTO_TEST_CASE(a_stay_that_was_not_charged_is_pruned_with_its_room)
{
    const auto room_id = create_room(address(1));
    join(address(1), room_id);
    give(address(2), 1000);
    const auto each = growth([&](int) {
        BOOST_TEST(post("/rooms/leave", caller(join(address(2), room_id)), address(2)).status == 200);
    });
    BOOST_TEST(each <= bound("join rooms"));
    BOOST_TEST(remove("/rooms/" + room_id, address(1)).status == 200);
    BOOST_TEST(rooms::prune(db(), now + 1).connections == times + 2);
}

BOOST_AUTO_TEST_CASE(a_second_of_talk_is_one_row_at_most_and_pruned)
{
    const auto seat = join(address(1), create_room(address(1), 10000));
    const auto each = growth([&](int) {
        for (int again = 0; again < 3; ++again) // more often does not write more
            BOOST_TEST(post("/rooms/heartbeat", caller(seat), address(1)).status == 200);
        BOOST_TEST(post("/rooms/token/renew", caller(seat), address(1)).status == 200);
        ++now;
    });
    BOOST_TEST(each <= bound("talk"));
    BOOST_TEST(credits::prune(db(), credits::day_of(now + 2 * credits::seconds_per_day)) >= times - 2);
    require_clean_audit();
}

// The longest answers are those of joining and of creating a room with the longest texts.
BOOST_AUTO_TEST_CASE(a_key_takes_so_much_at_most_and_is_forgotten_after_a_day)
{
    const auto room_id = create_room(address(1));
    join(address(1), room_id);
    give(address(2), 1000);
    const auto each = growth([&](int time) {
        auto asked =
            signed_in(request("POST", "/rooms/join", base::Json{{"room_id", room_id}}.dump()), address(2));
        asked.idempotency_key = std::string(250, 'k') + std::to_string(time);
        const auto joined = send(asked);
        BOOST_TEST(joined.status == 200);
        BOOST_TEST(post("/rooms/leave", caller(joined.body), address(2)).status == 200);
    });
    BOOST_TEST(each <= bound("send requests") + bound("join rooms")); // with the stay
    BOOST_TEST(times < requests::most_keys);
    now += requests::answer_ttl_seconds;
    BOOST_TEST(requests::purge(db(), now, 2 * times) == times + 1);
    const auto body = contract::longest_body("/rooms/create").dump();
    give(address(3), 1000);
    const auto each_room = growth([&](int time) {
        auto asked = signed_in(request("POST", "/rooms/create", body), address(3));
        asked.idempotency_key = std::string(250, 'k') + std::to_string(time);
        const auto created = send(asked);
        BOOST_TEST(remove("/rooms/" + created.body.value("room_id", ""), address(3)).status == 200);
    });
    BOOST_TEST(each_room <= bound("send requests") + bound("create rooms"));
}

BOOST_AUTO_TEST_CASE(a_top_up_is_a_row_and_an_account_at_most)
{
    const auto each = growth([&](int time) {
        const auto number = static_cast<unsigned>(time + 1);
        auto body = contract::longest_body("/service/credits/grant");
        body["wallet"] = address(number);
        body["seconds"] = 60;
        body["reference"] = std::string(118, 'r') + std::to_string(1000000000 + number);
        auto asked = request("POST", "/service/credits/grant", body.dump());
        asked.service_token = config.service_token;
        for (int again = 0; again < 2; ++again)
            BOOST_TEST(send(asked).status == 200);
    });
    BOOST_TEST(each <= bound("top up"));
}

BOOST_AUTO_TEST_SUITE_END()
