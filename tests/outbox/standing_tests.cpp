#include "outbox/standing.h"

#include "outbox_fixture.h"

namespace {

using outbox::Destination;

class StandingFixture : public OutboxFixture
{
  public:
    void fail_all()
    {
        sender.answer = [](const auto&) { return ScriptedSender::status(500); };
        deliver();
    }
    std::string states()
    {
        std::string text;
        for (const auto& message : outbox::list_unsettled(db(), 100))
            text += (text.empty() ? "" : " ") + std::string(message.state());
        return text;
    }
    bool retry(std::int64_t id)
    {
        return database::transact(db(), [&] { return outbox::retry(db(), id, now); });
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(standing_tests, StandingFixture)

BOOST_AUTO_TEST_CASE(it_says_what_waits_since_when)
{
    BOOST_TEST(outbox::standing(db(), Destination::webhook).waiting == 0);
    BOOST_TEST(!outbox::standing(db(), Destination::webhook).oldest_waiting_at.has_value());
    tell("a", 1);
    const auto first = now;
    now += 10;
    tell("a", 2);
    tell("b");
    fail_all();
    turn_away(1, 60);
    const auto standing = outbox::standing(db(), Destination::webhook);
    BOOST_TEST(standing.waiting == 3);
    BOOST_TEST(standing.oldest_waiting_at.value() == first);
    BOOST_TEST(standing.given_up == 0);
    BOOST_TEST(outbox::standing(db(), Destination::agora).waiting == 1);
    BOOST_TEST(outbox::standing(db(), Destination::agora).oldest_waiting_at.value() == now);
    execute("UPDATE outbox SET settled_at = 1, outcome = 'given_up' WHERE is_held = 1");
    BOOST_TEST(outbox::standing(db(), Destination::webhook).given_up == 1);
    BOOST_TEST(outbox::standing(db(), Destination::agora).given_up == 0);
    execute("UPDATE outbox SET settled_at = 1, outcome = 'delivered' WHERE happened_at = " +
            std::to_string(first));
    const auto later = outbox::standing(db(), Destination::webhook);
    BOOST_TEST(later.waiting == 1);
    BOOST_TEST(later.oldest_waiting_at.value() == first + 10);
    BOOST_TEST(later.given_up == 1);
}

BOOST_AUTO_TEST_CASE(what_was_given_up_last_is_listed_first)
{
    for (int i = 1; i <= 3; ++i)
        execute(
            "INSERT INTO outbox (destination, type, data, happened_at, due_at, settled_at, outcome) VALUES "
            "('webhook', 't', '{}', 1, 1, " +
            std::to_string(i * 7 % 10) + ", 'given_up')");
    const auto listed = outbox::list_unsettled(db(), 2);
    BOOST_REQUIRE(listed.size() == 2U);
    BOOST_TEST(listed[0].settled_at.value() == 7);
    BOOST_TEST(listed[1].settled_at.value() == 4);
}

BOOST_AUTO_TEST_CASE(each_state_has_a_name)
{
    tell("a", 1);
    tell("a", 2);
    fail_all();
    tell("b");
    outbox::claim(db(), Destination::webhook, 1, random, now);
    tell("c");
    execute("INSERT INTO outbox (destination, type, data, happened_at, due_at, settled_at, outcome) "
            "VALUES ('webhook', 't', '{}', 1, 1, 1, 'given_up')");
    BOOST_TEST(states() == "given_up waiting failed under_way held");
    BOOST_TEST(outbox::list_unsettled(db(), 2).size() == 2U);
    sender.answer = [](const auto&) { return ScriptedSender::status(200); };
    now += 100;
    deliver();
    BOOST_TEST(states() == "given_up");
}

BOOST_AUTO_TEST_CASE(a_message_is_found_by_its_number_and_by_what_the_receiver_saw)
{
    tell("a", 1);
    deliver();
    const auto id = sender.sent.at(0).header("webhook-id");
    const auto number = std::to_string(sender.sent[0].id);
    for (const auto& name : {number, id, id.substr(4)}) {
        const auto found = outbox::find_message(db(), name);
        BOOST_REQUIRE(found.has_value());
        BOOST_TEST(found->type == "room.opened");
        BOOST_TEST(found->state() == "delivered");
        BOOST_TEST("msg_" + *found->delivery_id == id);
    }
    BOOST_TEST(!outbox::find_message(db(), number + "x").has_value());
    for (const char* unknown : {"", "0", "-1", "12345678901234567890", "msg_", "x"})
        BOOST_TEST(!outbox::find_message(db(), unknown).has_value(), unknown);
}

BOOST_AUTO_TEST_CASE(what_failed_or_was_given_up_can_be_tried_again_at_once)
{
    tell("a", 1);
    tell("b", 1);
    fail_all();
    const auto first = query("SELECT min(message_id) FROM outbox");
    execute("UPDATE outbox SET settled_at = 1, outcome = 'given_up', attempts = 10 WHERE message_id = " +
            std::to_string(first));
    tell("c", 1);
    BOOST_TEST(retry(first));
    BOOST_TEST(retry(first + 1));
    BOOST_TEST(!retry(first + 2)); // waits, and is due anyway
    BOOST_TEST(!retry(first + 3));
    BOOST_TEST(count("attempts = 0 AND settled_at IS NULL") == 3);
    fail_all();
    BOOST_TEST(count("attempts = 1") == 3);
    const auto retried = database::transact(db(), [&] { return outbox::retry_all(db(), now); });
    BOOST_TEST(retried == 3);
    sender.answer = [](const auto&) { return ScriptedSender::status(200); };
    BOOST_TEST(deliver_webhooks().delivered == 3);
    BOOST_TEST(!retry(first));
}

BOOST_AUTO_TEST_CASE(what_is_due_by_now_is_left_alone)
{
    tell("a", 1);
    fail_all();
    const auto retry_all = [&](base::UnixSeconds at) {
        database::Transaction tx(db()); // is taken back
        return outbox::retry_all(db(), at);
    };
    const auto due_at = query("SELECT due_at FROM outbox");
    BOOST_TEST(retry_all(due_at - 1) == 1);
    BOOST_TEST(retry_all(due_at) == 0);
    BOOST_TEST(retry_all(due_at + 1) == 0);
}

BOOST_AUTO_TEST_CASE(what_is_under_way_is_not_sent_twice_by_an_impatient_operator)
{
    tell("a", 1);
    fail_all();
    now += 10;
    const auto attempt = outbox::claim(db(), Destination::webhook, 1, random, now).at(0);
    BOOST_TEST(!retry(attempt.message_id));
    BOOST_TEST(database::transact(db(), [&] { return outbox::retry_all(db(), now); }) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
