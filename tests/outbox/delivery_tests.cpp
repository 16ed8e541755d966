#include "outbox/delivery.h"

#include "outbox_fixture.h"

namespace {

using outbox::Destination;
using Sender = ScriptedSender;

class DeliveryFixture : public OutboxFixture
{
  public:
    // What was sent, in short: "a1 a2 b1".
    std::string told() const
    {
        std::string text;
        for (const auto& each : sender.sent) {
            const auto data = each.body()["data"];
            text += (text.empty() ? "" : " ") + data["stream"].get<std::string>() + data["number"].dump();
        }
        return text;
    }
};

// Between the look at what is due and its taking, when an id is drawn, another process is faster.
class Meanwhile : public base::Random
{
  public:
    Meanwhile(database::Connection& outbox, const char* what) : db_(outbox), what_(what) {}
    void fill(unsigned char* bytes, std::size_t count) override
    {
        std::fill_n(bytes, count, static_cast<unsigned char>(1));
        db_.execute(what_);
    }

  private:
    database::Connection& db_;
    const char* what_;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(delivery_tests, DeliveryFixture)

BOOST_AUTO_TEST_CASE(what_is_written_is_told_in_the_order_of_its_stream)
{
    for (int number = 1; number <= 3; ++number)
        for (const char* stream : {"a", "b"})
            tell(stream, number);
    BOOST_TEST(deliver_webhooks().delivered == 6);
    BOOST_TEST(told() == "a1 b1 a2 b2 a3 b3");
    BOOST_TEST(waiting() == 0);
    BOOST_TEST(count("outcome = 'delivered' AND attempts = 1 AND failure IS NULL") == 6);
    BOOST_TEST(deliver_webhooks().delivered == 0);
    BOOST_TEST(sender.sent.size() == 6U);
}

BOOST_AUTO_TEST_CASE(an_answer_is_waited_for_15_seconds_and_what_becomes_due_is_seen_within_half_a_second)
{
    tell("a", 1);
    deliver();
    BOOST_TEST(sender.sent.at(0).request.timeout_ms == 15000);
    BOOST_TEST(sender.waited_ms == 500);
}

BOOST_AUTO_TEST_CASE(what_is_not_to_be_told_waits)
{
    config.rules.tells_agora = false;
    tell("a", 1);
    turn_away(7, 60);
    const auto tallies = deliver();
    BOOST_TEST(tallies[0].delivered == 1);
    BOOST_TEST(sender.sent.size() == 1U);
    BOOST_TEST(waiting() == 1);
}

// The machine sleeps, once, while it takes them.
BOOST_AUTO_TEST_CASE(what_would_count_as_lost_before_its_answer_is_not_sent)
{
    class Sleep : public base::Random
    {
      public:
        Sleep(base::UnixSeconds& now, std::int64_t seconds) : now_(now), seconds_(seconds) {}
        void fill(unsigned char* bytes, std::size_t count) override
        {
            std::fill_n(bytes, count, ++drawn_);
            now_ += std::exchange(seconds_, 0);
        }

      private:
        base::UnixSeconds& now_;
        std::int64_t seconds_;
        unsigned char drawn_ = 0;
    };
    constexpr std::int64_t longest = outbox::lease_seconds - 15 - 1;
    for (const auto seconds : {longest, longest + 1}) {
        execute("DELETE FROM outbox");
        sender.sent.clear();
        for (int i = 0; i < 17; ++i)
            tell("room " + std::to_string(i), i);
        Sleep sleep(now, seconds);
        outbox::Delivery delivery([this]() -> database::Connection& { return db(); }, sender, clock, sleep,
                                  config);
        // Only what is taken after that.
        BOOST_TEST(delivery.run(go_on)[0].delivered == (seconds == longest ? 17 : 1));
    }
}

BOOST_AUTO_TEST_CASE(an_answer_to_what_nobody_asked_is_nothing)
{
    tell("a", 1);
    sender.before_collecting = [&] { sender.under_way.push_back({999, {}}); };
    BOOST_TEST(deliver_webhooks().delivered == 1);
    BOOST_TEST(waiting() == 0);
}

BOOST_AUTO_TEST_CASE(a_room_that_fails_holds_back_nobody_but_its_own)
{
    sender.answer = [](const Sender::Sent& sent) {
        return sent.body()["data"]["stream"] == "a" ? Sender::status(500) : Sender::status(200);
    };
    for (int number = 1; number <= 3; ++number)
        for (const char* stream : {"a", "b", ""})
            tell(stream, number);
    const auto tally = deliver_webhooks();
    BOOST_TEST(tally.delivered == 6);
    BOOST_TEST(tally.failed == 1);
    BOOST_TEST(waiting() == 3);
    BOOST_TEST(count("is_held = 1") == 2);

    sender = {};
    now += 4;
    deliver();
    BOOST_TEST(told() == "");
    now += 2;
    deliver();
    BOOST_TEST(told() == "a1 a2 a3");
    BOOST_TEST(waiting() == 0);
}

BOOST_AUTO_TEST_CASE(what_fails_is_tried_ten_times_under_one_id_and_then_kept)
{
    constexpr std::int64_t waits[] = {5, 30, 120, 600, 3600, 10800, 21600, 43200, 86400};
    sender.answer = [](const Sender::Sent&) { return Sender::nothing("Timeout was reached"); };
    tell("a", 1);
    tell("a", 2);
    BOOST_TEST(deliver_webhooks().failed == 1);
    const auto id = sender.sent.at(0).header("webhook-id");
    for (std::size_t i = 0; i < std::size(waits); ++i) {
        now += waits[i] - 1;
        deliver();
        BOOST_TEST(sender.sent.size() == i + 1);
        now += waits[i] / 5 + 1;
        const auto tally = deliver_webhooks();
        const bool is_last = i + 1 == std::size(waits);
        BOOST_TEST(tally.given_up == is_last);
        BOOST_TEST(sender.sent.size() == i + 2 + is_last); // the last time the next one comes, too
        BOOST_TEST(sender.sent.at(i + 1).header("webhook-id") == id);
    }
    BOOST_TEST(count("outcome = 'given_up' AND attempts = 10 AND failure = 'Timeout was reached'") == 1);
    BOOST_TEST(sender.sent.back().header("webhook-id") != id);
    BOOST_TEST(outbox::purge(db(), now + 1000 * 86400, 10) == 0);
}

BOOST_AUTO_TEST_CASE(retry_after_is_heeded_but_hurries_nobody)
{
    const auto due_in = [&](const std::string& retry_after) {
        sender.answer = [&](const Sender::Sent&) { return Sender::status(503, retry_after); };
        execute("DELETE FROM outbox");
        tell("a");
        deliver();
        return query("SELECT due_at FROM outbox") - now;
    };
    BOOST_TEST(due_in("77") == 77);
    BOOST_TEST(due_in("Thu, 01 Jan 2026 00:01:00 GMT") == 60);
    BOOST_TEST(due_in("999999999") == 86400);
    for (const char* sooner : {"0", "3", "Thu, 01 Jan 2015 00:00:00 GMT", "whenever"})
        BOOST_TEST((due_in(sooner) >= 5 && due_in(sooner) <= 6), sooner);
}

BOOST_AUTO_TEST_CASE(not_before_its_time_nor_who_comes_behind_it)
{
    write({Destination::webhook, "a", "later", {{"stream", "a"}, {"number", 1}}, 0, now + 100});
    tell("a", 2);
    tell("b", 1);
    deliver();
    BOOST_TEST(told() == "b1");
    now += 100;
    deliver();
    BOOST_TEST(told() == "b1 a1 a2");
}

BOOST_AUTO_TEST_CASE(what_was_put_off_meanwhile_is_not_taken)
{
    tell("a");
    Meanwhile put_off(db(), "UPDATE outbox SET due_at = due_at + 60");
    BOOST_TEST(outbox::claim(db(), Destination::webhook, 1, put_off, now).empty());
    BOOST_TEST(waiting() == 1);
    BOOST_TEST(outbox::claim(db(), Destination::webhook, 1, random, now).empty());
    BOOST_TEST(outbox::claim(db(), Destination::webhook, 1, random, now + 60).size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_was_taken_or_settled_meanwhile_is_not_taken)
{
    for (const char* what : {"UPDATE outbox SET attempts = attempts + 1",
                             "UPDATE outbox SET settled_at = due_at, outcome = 'delivered'"}) {
        tell("a");
        Meanwhile meanwhile(db(), what);
        BOOST_TEST(outbox::claim(db(), Destination::webhook, 1, meanwhile, now).empty(), what);
        execute("DELETE FROM outbox");
    }
}

BOOST_AUTO_TEST_CASE(nobody_is_held_back_by_what_was_settled_meanwhile)
{
    tell("a", 1);
    tell("a", 2);
    Meanwhile first(db(), "UPDATE outbox SET settled_at = due_at, outcome = 'delivered' WHERE message_id = "
                          "(SELECT min(message_id) FROM outbox)");
    BOOST_TEST(outbox::claim(db(), Destination::webhook, 16, first, now).empty());
    BOOST_TEST(count("is_held = 1") == 0);
    deliver();
    BOOST_TEST(told() == "a2");

    tell("a", 3);
    tell("a", 4);
    Meanwhile last(db(), "UPDATE outbox SET settled_at = due_at, outcome = 'delivered' WHERE message_id = "
                         "(SELECT max(message_id) FROM outbox)");
    BOOST_TEST(outbox::claim(db(), Destination::webhook, 16, last, now).size() == 1U);
    BOOST_TEST(count("is_held = 1") == 0);
}

BOOST_AUTO_TEST_CASE(two_destinations_may_give_their_streams_the_same_name)
{
    sender.answer = [](const Sender::Sent& sent) {
        return Sender::status(sent.request.url.find("agora") == std::string::npos ? 204 : 500);
    };
    turn_away(7, 60, "a");
    tell("a", 1);
    tell("a", 2);
    const auto tallies = deliver();
    BOOST_TEST(tallies[0].delivered == 2);
    BOOST_TEST(tallies[1].failed == 1);
}

BOOST_AUTO_TEST_CASE(what_was_due_first_is_told_first)
{
    write({Destination::webhook, "a", "later", {{"stream", "a"}, {"number", 1}}, 0, now + 5});
    tell("b", 1);
    now += 10;
    deliver();
    BOOST_TEST(told() == "b1 a1");
}

BOOST_AUTO_TEST_CASE(no_more_is_claimed_than_was_asked_for)
{
    constexpr int streams = 1200; // more than are looked at in one step
    for (int i = 0; i < streams; ++i)
        tell("room " + std::to_string(i), i);
    for (const std::size_t at_most : {1U, 16U, 300U})
        BOOST_TEST(outbox::claim(db(), Destination::webhook, at_most, random, now).size() == at_most);
    BOOST_TEST(outbox::claim(db(), Destination::webhook, streams, random, now).size() == streams - 317U);
}

BOOST_AUTO_TEST_CASE(what_is_held_leaves_room_for_others_and_for_no_more)
{
    for (int i = 0; i < 100; ++i)
        tell("a", i);
    for (int i = 0; i < 100; ++i)
        tell("room " + std::to_string(i), i);
    BOOST_TEST(outbox::claim(db(), Destination::webhook, 16, random, now).size() == 16U);
    BOOST_TEST(outbox::claim(db(), Destination::webhook, 16, random, now).size() == 16U);
}

BOOST_AUTO_TEST_CASE(two_at_once_tell_everything_once)
{
    for (int i = 0; i < 100; ++i)
        tell("room " + std::to_string(i % 20), i);
    ScriptedSender other_sender;
    const auto other = notifier(other_sender);
    sender.before_collecting = [&] { // at the worst moment: all that the first has begun is under way
        other_sender.before_collecting = [&] { sender.before_collecting = {}; };
        other->run(go_on);
    };
    deliver();
    std::set<std::string> ids;
    for (const auto* each : {&sender, &other_sender}) {
        BOOST_TEST(each->sent.size() > 0U);
        for (const auto& sent : each->sent)
            BOOST_TEST(ids.insert(sent.header("webhook-id")).second);
    }
    BOOST_TEST(ids.size() == 100U);
    BOOST_TEST(waiting() == 0);
}

BOOST_AUTO_TEST_CASE(who_was_killed_is_followed_by_others_under_the_same_id)
{
    tell("a", 1);
    tell("a", 2);
    {
        const auto killed = notifier(sender);
        sender.before_collecting = [] { throw std::runtime_error("kill -9"); };
        BOOST_CHECK_THROW(killed->run(go_on), std::runtime_error);
        sender.before_collecting = {};
    }
    BOOST_TEST(told() == "a1");
    now += outbox::lease_seconds - 1;
    deliver();
    BOOST_TEST(told() == "a1");
    now += 1;
    deliver();
    BOOST_TEST(told() == "a1 a1 a2");
    BOOST_TEST(sender.sent[0].header("webhook-id") == sender.sent[1].header("webhook-id"));
    BOOST_TEST(sender.sent[0].header("webhook-timestamp") != sender.sent[1].header("webhook-timestamp"));
    BOOST_TEST(sender.sent[0].header("webhook-signature") != sender.sent[1].header("webhook-signature"));
    BOOST_TEST(count("attempts = 2") == 1);
}

BOOST_AUTO_TEST_CASE(who_comes_late_counts_only_if_it_was_delivered)
{
    tell("a", 1);
    tell("a", 2);
    const auto late = outbox::claim(db(), Destination::webhook, 16, random, now).at(0);
    now += outbox::lease_seconds;
    const auto second = outbox::claim(db(), Destination::webhook, 16, random, now).at(0);
    BOOST_TEST(second.message_id == late.message_id);
    BOOST_TEST(second.delivery_id == late.delivery_id);
    BOOST_TEST(second.number == 2);
    using outbox::Verdict;
    BOOST_TEST(outbox::note(db(), {{late, Verdict::failed, "late", {}}}, random, now)[0].failed == 0);
    BOOST_TEST(count("failure IS NOT NULL") == 0);
    BOOST_TEST(outbox::note(db(), {{late, Verdict::delivered, "", {}}}, random, now)[0].delivered == 1);
    BOOST_TEST(outbox::note(db(), {{second, Verdict::failed, "x", {}}}, random, now)[0].failed == 0);
    BOOST_TEST(outbox::note(db(), {{second, Verdict::delivered, "", {}}}, random, now)[0].delivered == 0);
    BOOST_TEST(outbox::claim(db(), Destination::webhook, 16, random, now).size() == 1U); // the next
}

BOOST_AUTO_TEST_CASE(each_verdict_is_counted_as_what_it_is)
{
    using outbox::Verdict;
    for (int i = 0; i < 7; ++i)
        tell("", i);
    auto taken = outbox::claim(db(), Destination::webhook, 16, random, now);
    BOOST_REQUIRE(taken.size() == 7U);
    std::vector<outbox::Result> results;
    for (const auto verdict : {Verdict::delivered, Verdict::failed, Verdict::failed, Verdict::voided,
                               Verdict::voided, Verdict::voided, Verdict::failed})
        results.push_back({taken[results.size()], verdict, "why", {}});
    const auto tally = outbox::note(db(), results, random, now)[0];
    BOOST_TEST(tally.delivered == 1);
    BOOST_TEST(tally.failed == 3);
    BOOST_TEST(tally.voided == 3);
    BOOST_TEST(tally.given_up == 0);
    execute("UPDATE outbox SET attempts = 9, due_at = 1 WHERE settled_at IS NULL");
    results.clear();
    for (const auto& last : outbox::claim(db(), Destination::webhook, 16, random, now))
        results.push_back({last, Verdict::failed, "why", {}});
    BOOST_TEST(outbox::note(db(), results, random, now)[0].given_up == 3);
}

BOOST_AUTO_TEST_CASE(whoever_has_gone_is_told_no_more_until_it_is_resumed)
{
    sender.answer = [](const Sender::Sent& sent) {
        return sent.request.url.find("agora") != std::string::npos
                   ? http_client::Answer{200, "", R"({"status":"success","id":1})", ""}
                   : Sender::status(410);
    };
    tell("a", 1);
    tell("a", 2);
    deliver();
    BOOST_TEST(sender.sent.size() == 1U);
    now += 100 * 86400;
    tell("b", 1);
    turn_away(7, 60);
    const auto tallies = deliver();
    BOOST_TEST(sender.sent.size() == 2U); // only Agora
    BOOST_TEST(tallies[1].delivered == 1);
    BOOST_TEST(outbox::standing(db(), Destination::webhook).paused_at.has_value());
    BOOST_TEST(!outbox::standing(db(), Destination::agora).paused_at.has_value());

    sender = {};
    const auto resumed = database::transact(db(), [&] { return outbox::resume(db()); });
    BOOST_TEST(resumed == std::vector<std::string>{"webhook"}, boost::test_tools::per_element());
    deliver();
    BOOST_TEST(told() == "a1 b1 a2");
}

BOOST_AUTO_TEST_CASE(who_is_resumed_is_told_at_once)
{
    sender.answer = [](const Sender::Sent&) { return Sender::status(410); };
    tell("a", 1);
    BOOST_TEST(deliver_webhooks().failed == 1);
    database::transact(db(), [&] { outbox::resume(db()); });
    sender = {};
    BOOST_TEST(deliver_webhooks().delivered == 1);
}

BOOST_AUTO_TEST_CASE(one_destination_that_fails_does_not_slow_the_other)
{
    for (int i = 0; i < 100; ++i)
        tell("room " + std::to_string(i), i);
    for (int i = 0; i < 100; ++i)
        turn_away(i, 60, "channel " + std::to_string(i));
    // The application hangs: nothing of it comes to an end while Agora is told.
    int agora_told = 0;
    std::vector<ScriptedSender::Sent> hanging;
    sender.before_collecting = [&] {
        std::vector<ScriptedSender::Sent> ready;
        for (auto& each : sender.under_way)
            (each.request.url.find("agora") == std::string::npos && agora_told < 100 ? hanging : ready)
                .push_back(each);
        if (agora_told >= 100)
            ready.insert(ready.end(), hanging.begin(), hanging.end());
        sender.under_way = ready;
    };
    sender.answer = [&](const Sender::Sent& sent) {
        if (sent.request.url.find("agora") == std::string::npos)
            return Sender::nothing("Timeout was reached");
        ++agora_told;
        BOOST_TEST(hanging.size() <= outbox::at_once);
        return http_client::Answer{200, "", R"({"status":"success"})", ""};
    };
    const auto tallies = deliver();
    BOOST_TEST(tallies[1].delivered == 100);
    BOOST_TEST(tallies[0].failed == 100);
}

BOOST_AUTO_TEST_CASE(what_hangs_takes_its_places_and_no_others)
{
    for (int i = 0; i < 60; ++i)
        tell("room " + std::to_string(i), i);
    std::vector<Sender::Sent> hanging;
    std::size_t most = 0;
    sender.before_collecting = [&] {
        if (hanging.empty()) // the first half of the first sixteen
            hanging.assign(sender.under_way.begin(), sender.under_way.begin() + 8);
        std::erase_if(sender.under_way, [&](const auto& each) { return each.id <= hanging.back().id; });
        most = std::max(most, hanging.size() + sender.under_way.size());
        if (sender.under_way.empty())
            sender.under_way = hanging;
    };
    BOOST_TEST(deliver_webhooks().delivered == 60);
    BOOST_TEST(most == outbox::at_once);
}

BOOST_AUTO_TEST_CASE(what_could_not_be_noted_is_noted_later_and_sent_once)
{
    tell("a", 1);
    const auto delivery = notifier(sender);
    sender.before_collecting = [&] { fail("UPDATE OF settled_at ON outbox"); };
    BOOST_CHECK_THROW(delivery->run(go_on), base::Error);
    BOOST_TEST(!delivery->is_idle());
    stop_failing();
    sender.before_collecting = {};
    BOOST_TEST(delivery->run(go_on)[0].delivered == 1);
    BOOST_TEST(sender.sent.size() == 1U);
    BOOST_TEST(delivery->is_idle());
}

BOOST_AUTO_TEST_CASE(who_is_asked_to_end_begins_nothing_more)
{
    for (int i = 0; i < 100; ++i)
        tell("", i);
    const auto delivery = notifier(sender);
    bool is_over = false;
    sender.before_collecting = [&] { is_over = true; };
    using Pace = outbox::Delivery::Pace;
    BOOST_TEST(delivery->run([&] { return is_over ? Pace::finish : Pace::go_on; })[0].delivered == 16);
    BOOST_TEST(waiting() == 84);
    BOOST_TEST(delivery->run([] { return Pace::leave; })[0].delivered == 0);
}

BOOST_AUTO_TEST_CASE(what_is_delivered_is_kept_for_a_week)
{
    tell("a", 1);
    turn_away(1, -1); // too late
    deliver();
    tell("a", 2);
    BOOST_TEST(count("outcome = 'void'") == 1);
    now += 7 * 86400 - 1;
    BOOST_TEST(outbox::purge(db(), now, 10) == 0);
    now += 1;
    BOOST_TEST(outbox::purge(db(), now, 1) == 1);
    BOOST_TEST(outbox::purge(db(), now, 10) == 1);
    BOOST_TEST(outbox::purge(db(), now, 10) == 0);
    BOOST_TEST(waiting() == 1);
}

// Counted in rows that are written, since time is another on each machine.
BOOST_AUTO_TEST_CASE(a_receiver_that_is_down_leaves_a_backlog_that_nobody_walks_through)
{
    constexpr std::int64_t streams = 100;
    constexpr std::int64_t messages = 100000;
    execute("INSERT INTO outbox (destination, stream, type, data, happened_at, due_at) "
            "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < " +
            std::to_string(messages - 1) + ") SELECT 'webhook', 'room ' || CAST(n % " +
            std::to_string(streams) + " AS TEXT), 'room.opened', '{\"stream\":\"\",\"number\":0}', " +
            std::to_string(now) + ", " + std::to_string(now) + " FROM numbers");
    sender.answer = [](const Sender::Sent&) { return Sender::nothing("Couldn't connect to server"); };
    auto written = [&, before = db().rows_written()]() mutable {
        const auto total = db().rows_written();
        return total - std::exchange(before, total);
    };
    BOOST_TEST(deliver_webhooks().failed == streams);
    BOOST_TEST(written() == messages + streams); // each head twice, all else once
    BOOST_TEST(count("is_held = 1") == messages - streams);

    std::int64_t failed = 0;
    for (const auto end = now + 3600; now < end; ++now)
        failed += deliver_webhooks().failed;
    BOOST_TEST(failed >= 4 * streams);
    BOOST_TEST(written() == 2 * failed);
    BOOST_TEST(sender.most_under_way == outbox::at_once);

    sender = {};
    now += 2 * 3600;
    const auto delivery = notifier(sender);
    std::int64_t asked = 0;
    const auto tally =
        delivery->run([&] { return ++asked < 200 ? go_on() : outbox::Delivery::Pace::finish; })[0];
    BOOST_TEST(tally.delivered >= 1000);
    // Claimed, settled, and the next one woken.
    BOOST_TEST(written() <= 3 * tally.delivered);
    BOOST_TEST(tally.failed == 0);
}

BOOST_AUTO_TEST_SUITE_END()
