// The outbox with a receiver and an Agora that do as a test says, and a clock that stands.
#pragma once

#include "base/config.h"
#include "fixture.h"
#include "outbox/delivery.h"
#include "outbox/standing.h"

#include <deque>

// Answers each request when it is collected.
class ScriptedSender : public http_client::Sender
{
  public:
    struct Sent
    {
        std::int64_t id = 0;
        http_client::Request request;
        std::string header(const std::string& name) const
        {
            for (const auto& line : request.headers)
                if (line.rfind(name + ": ", 0) == 0)
                    return line.substr(name.size() + 2);
            return {};
        }
        base::Json body() const { return base::parse_json(request.body); }
    };
    using Answers = std::function<http_client::Answer(const Sent& sent)>;

    static http_client::Answer status(int status, const std::string& retry_after = {})
    {
        return {status, {}, {}, retry_after};
    }
    static http_client::Answer nothing(const std::string& why) { return {0, why, {}, {}}; }

    void post(std::int64_t id, const http_client::Request& request) override
    {
        sent.push_back({id, request});
        under_way.push_back(sent.back());
        most_under_way = std::max(most_under_way, under_way.size());
    }
    std::vector<http_client::Finished> collect(std::int64_t wait_ms) override
    {
        waited_ms = wait_ms;
        if (before_collecting)
            before_collecting();
        std::vector<http_client::Finished> finished;
        for (const auto& each : std::exchange(under_way, {}))
            finished.push_back({each.id, answer(each)});
        return finished;
    }

    Answers answer = [](const Sent&) { return status(204); };
    std::function<void()> before_collecting;
    std::vector<Sent> sent;
    std::vector<Sent> under_way;
    std::size_t most_under_way = 0;
    std::int64_t waited_ms = 0; // at most, the last time
};

inline base::Config telling_config()
{
    auto config = test_config();
    config.webhook_url = "https://app.example.org/hooks?key=5ca1ab1e";
    config.webhook_secrets = {"a secret of twenty-four.", "another one, as long as that"};
    config.agora_customer_id = "customer";
    config.agora_customer_secret = "password";
    config.rules.tells_application = config.rules.tells_agora = true;
    return config;
}

class OutboxFixture : public AppFixture
{
  public:
    OutboxFixture() : AppFixture(telling_config()) {}

    void write(outbox::Message message)
    {
        message.happened_at = now;
        message.due_at = std::max(message.due_at, now);
        database::transact(db(), [&] { outbox::write(db(), message); });
    }
    // What the application is told, with its place in the stream.
    void tell(const std::string& stream, int number = 0)
    {
        write({outbox::Destination::webhook,
               stream.empty() ? std::nullopt : std::optional(stream),
               "room.opened",
               {{"stream", stream}, {"number", number}}});
    }
    void turn_away(std::int64_t uid, std::int64_t seconds, const std::string& channel = "channel")
    {
        write({outbox::Destination::agora,
               channel,
               "turn_away",
               {{"channel", channel}, {"uid", uid}, {"until", now + seconds}}});
    }
    std::unique_ptr<outbox::Delivery> notifier(http_client::Sender& through)
    {
        return std::make_unique<outbox::Delivery>([this]() -> database::Connection& { return db(); }, through,
                                                  clock, random, config);
    }
    static outbox::Delivery::Pace go_on() { return outbox::Delivery::Pace::go_on; }
    outbox::Tallies deliver() { return notifier(sender)->run(go_on); }
    outbox::Tally deliver_webhooks() { return deliver()[0]; }
    outbox::Tally deliver_to_agora() { return deliver()[1]; }

    std::int64_t count(const std::string& condition)
    {
        return query("SELECT count(*) FROM outbox WHERE " + condition);
    }
    std::int64_t waiting() { return count("settled_at IS NULL"); }

    ScriptedSender sender;
};
