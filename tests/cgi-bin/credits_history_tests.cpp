// GET /credits/history
#include "credits/ledger.h"
#include "handler_fixture.h"

namespace {

using base::Json;

class HistoryFixture : public HandlerFixture
{
  public:
    Reply history(const std::string& query = {}, unsigned number = 1)
    {
        return get("/credits/history" + (query.empty() ? "" : "?" + query), address(number));
    }
    // The deltas of all pages, walked by their cursors; `between` is done after each page.
    std::vector<std::int64_t> walk(
        const std::string& limit, const std::function<void()>& between = [] {})
    {
        std::vector<std::int64_t> deltas;
        auto query = limit;
        for (;;) {
            const auto reply = history(query);
            BOOST_TEST_REQUIRE(reply.status == 200);
            for (const auto& event : reply.body.at("events"))
                deltas.push_back(event.at("delta_seconds"));
            if (reply.body.at("next_cursor").is_null())
                return deltas;
            query = limit + (limit.empty() ? "" : "&") +
                    "cursor=" + reply.body.at("next_cursor").get<std::string>();
            between();
        }
    }
};

std::vector<std::int64_t> counted_down(std::int64_t from)
{
    std::vector<std::int64_t> numbers;
    for (; from > 0; --from)
        numbers.push_back(from);
    return numbers;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(credits_history_tests, HistoryFixture)

BOOST_AUTO_TEST_CASE(an_unknown_wallet_has_no_history_and_gets_none_by_asking)
{
    check_answer(history(), {{"events", Json::array()}, {"next_cursor", nullptr}, {"pending", nullptr}});
    BOOST_TEST(rows_stored() == 0);
    check_refusal(get("/credits/history"), 401, "unauthorized");
}

BOOST_AUTO_TEST_CASE(every_kind_of_event_is_told_with_its_stay_and_room)
{
    now = 1769860800; // 2026-01-31T12:00:00Z
    const auto room_id = create_room(named(1), 0);
    const auto seat = join(address(1), room_id);
    now += 30;
    post("/rooms/leave", caller(seat), address(1));
    give(address(1), 5);
    const auto events = history().body.at("events");
    BOOST_TEST_REQUIRE(events.size() == 3u);
    const auto id = [&](std::size_t i) { return events.at(i).at("event_id"); };
    BOOST_TEST((id(0) > id(1) && id(1) > id(2)));
    BOOST_TEST(events.at(0).dump() == Json({{"event_id", id(0)},
                                            {"kind", "admin_adjust"},
                                            {"delta_seconds", 5},
                                            {"balance_after_seconds", 1775},
                                            {"connection_id", nullptr},
                                            {"room_id", nullptr},
                                            {"reason", "test"},
                                            {"created_at", "2026-01-31T12:00:30.000Z"}})
                                          .dump());
    BOOST_TEST(events.at(1).dump() == Json({{"event_id", id(1)},
                                            {"kind", "debit_usage"},
                                            {"delta_seconds", -30},
                                            {"balance_after_seconds", 1770},
                                            {"connection_id", seat.at("connection_id")},
                                            {"room_id", room_id},
                                            {"created_at", "2026-01-31T12:00:30.000Z"}})
                                          .dump());
    BOOST_TEST(events.at(2).dump() == Json({{"event_id", id(2)},
                                            {"kind", "grant_base"},
                                            {"delta_seconds", 1800},
                                            {"balance_after_seconds", 1800},
                                            {"connection_id", nullptr},
                                            {"room_id", nullptr},
                                            {"created_at", "2026-01-31T12:00:00.000Z"}})
                                          .dump());
}

// The statement ends where GET /credits stands.
BOOST_AUTO_TEST_CASE(a_lapsed_stay_is_on_the_statement)
{
    join(address(1), create_room(address(1), 1000));
    now += 5000;
    BOOST_TEST(history().body.at("events").at(0).at("balance_after_seconds") == 910);
    require_clean_audit();
}

// Whenever somebody looks: what is booked and what is pending make the balance of GET /credits.
BOOST_AUTO_TEST_CASE(what_the_open_stay_has_used_stands_beside_the_list)
{
    const auto room_id = create_room(address(1), 1000);
    const auto seat = caller(join(address(1), room_id));
    for (const int elapsed : {0, 1, 44, 45, 60, 89}) {
        now = 1767225600 + elapsed;
        if (elapsed == 45)
            post("/rooms/token/renew", seat, address(1));
        const auto body = history().body;
        const auto& pending = body.at("pending");
        const int booked = elapsed < 45 ? 0 : 45;
        BOOST_TEST_CONTEXT(elapsed)
        {
            BOOST_TEST(pending.dump() == Json({{"delta_seconds", booked - elapsed},
                                               {"balance_after_seconds", 1000 - elapsed},
                                               {"connection_id", seat.at("connection_id")},
                                               {"room_id", room_id}})
                                             .dump());
            BOOST_TEST(body.at("events").at(0).at("balance_after_seconds") == 1000 - booked);
            BOOST_TEST(get("/credits", address(1)).body.at("remaining_seconds") == 1000 - elapsed);
        }
    }
    post("/rooms/leave", seat, address(1));
    BOOST_TEST(history().body.at("pending").is_null());
    require_clean_audit();
}

BOOST_AUTO_TEST_CASE(a_page_has_50_events_or_as_many_as_were_asked_for)
{
    for (int i = 1; i <= 203; ++i)
        give(address(1), i);
    const std::pair<const char*, std::size_t> table[] = {
        {"", 50}, {"limit=1", 1}, {"limit=199", 199}, {"limit=200", 200}, {"other=x&limit=7", 7}};
    for (const auto& [query, expected] : table) {
        BOOST_TEST_CONTEXT(query)
        {
            const auto reply = history(query);
            BOOST_TEST(reply.body.at("events").size() == expected);
            BOOST_TEST(reply.body.at("events").at(0).at("delta_seconds") == 203);
            BOOST_TEST(reply.body.at("next_cursor").is_string());
        }
    }
}

BOOST_AUTO_TEST_CASE(walking_the_pages_meets_every_event_once_whatever_comes_meanwhile)
{
    for (int i = 1; i <= 101; ++i)
        give(address(1), i);
    for (const auto* limit : {"", "limit=1", "limit=100", "limit=101", "limit=102", "limit=7"}) {
        BOOST_TEST_CONTEXT(limit)
        {
            const auto met = walk(limit, [&] { give(address(2), 1000); });
            BOOST_TEST(met == counted_down(101), boost::test_tools::per_element());
        }
    }
    BOOST_TEST(walk("limit=10", [&] { give(address(1), 1000); }) == counted_down(101),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_last_page_says_so_even_if_it_is_full)
{
    for (int i = 1; i <= 4; ++i)
        give(address(1), i);
    BOOST_TEST(history("limit=4").body.at("next_cursor").is_null());
    const std::string cursor = history("limit=2").body.at("next_cursor");
    BOOST_TEST(history("limit=2&cursor=" + cursor).body.at("next_cursor").is_null());
}

BOOST_AUTO_TEST_CASE(nobody_sees_anothers_events_even_with_anothers_cursor)
{
    for (int i = 1; i <= 5; ++i) {
        give(address(1), i);
        give(address(2), 100 * i);
    }
    const std::string cursor = history("limit=2", 2).body.at("next_cursor");
    const auto reply = history("cursor=" + cursor, 1);
    for (const auto& event : reply.body.at("events"))
        BOOST_TEST(event.at("delta_seconds") < 100);
    BOOST_TEST(history("", 3).body.at("events").empty());
}

BOOST_AUTO_TEST_CASE(a_limit_or_cursor_of_another_form_is_refused)
{
    give(address(1), 5);
    for (const auto* limit :
         {"0", "201", "-1", "+1", "1.0", "a", "", "%31", "1%20", "99999999999999999999"}) {
        BOOST_TEST_CONTEXT("'" << limit << "'")
        check_refusal(history("limit=" + std::string(limit)), 400, "invalid limit");
    }
    // Encoded: nothing, 0, -1, 01, " 1", 1 and a blank, 2^63, text; then what is no base64url at all.
    for (const auto& cursor :
         {std::string(), base::base64url("0"), base::base64url("-1"), base::base64url("01"),
          base::base64url(" 1"), base::base64url("1 "), base::base64url("9223372036854775808"),
          base::base64url("x"), std::string("1"), std::string("MQ=="), std::string("null"),
          std::string("%4dQ"), std::string(5000, 'M')}) {
        BOOST_TEST_CONTEXT("'" << cursor << "'")
        check_refusal(history("cursor=" + cursor), 400, "invalid cursor");
    }
    check_refusal(history("limit=0&cursor=x"), 400, "invalid limit"); // the limit first
}

// An operator's words may come in any encoding.
BOOST_AUTO_TEST_CASE(a_reason_that_is_no_utf_8_does_not_hide_the_statement)
{
    database::Transaction tx(db());
    credits::adjust(db(), address(1), 5, "caf\xe9", now);
    tx.commit();
    BOOST_TEST(history().body.at("events").at(0).at("reason") == "caf\xef\xbf\xbd");
}

BOOST_AUTO_TEST_SUITE_END()
