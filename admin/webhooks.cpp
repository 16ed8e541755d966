// What others are told, and what of it did not get through: the outbox.
#include "base/error.h"
#include "base/random.h"
#include "base/settings.h"
#include "base/webhook_settings.h"
#include "command.h"
#include "http_client/client.h"
#include "outbox/letter.h"
#include "outbox/standing.h"

#include <iomanip>

namespace {

using outbox::Destination;

base::Json render(const outbox::StoredMessage& message)
{
    return {{"message_id", message.message_id},
            {"webhook_id", message.delivery_id ? base::Json("msg_" + *message.delivery_id) : base::Json()},
            {"destination", message.destination},
            {"stream", base::or_null(message.stream)},
            {"type", message.type},
            {"state", message.state()},
            {"attempts", message.attempts},
            {"happened_at", base::iso8601(message.happened_at)},
            {"next_attempt_at", message.outcome ? base::Json() : base::Json(base::iso8601(message.due_at))},
            {"settled_at", instant(message.settled_at)},
            {"failure", base::or_null(message.failure)}};
}

outbox::StoredMessage load(Command& command)
{
    auto message = outbox::find_message(command.database(), command.arguments.message_id);
    if (!message)
        throw base::Error(base::ErrorCode::not_found, "message_not_found", "there is no such message");
    return *message;
}

} // namespace

void webhooks_list(Command& command)
{
    auto& db = command.database();
    command.json["destinations"] = base::Json::array();
    for (const auto destination : {Destination::webhook, Destination::agora}) {
        const auto standing = outbox::standing(db, destination);
        command.json["destinations"].push_back({{"destination", outbox::name_of(destination)},
                                                {"waiting", standing.waiting},
                                                {"oldest_waiting_at", instant(standing.oldest_waiting_at)},
                                                {"given_up", standing.given_up},
                                                {"paused_at", instant(standing.paused_at)}});
        command.text << std::left << std::setw(8) << outbox::name_of(destination) << std::right
                     << standing.waiting << " waiting";
        if (standing.oldest_waiting_at)
            command.text << " since " << base::iso8601(*standing.oldest_waiting_at);
        command.text << ", " << standing.given_up << " given up";
        if (standing.paused_at)
            command.text << ", paused since " << base::iso8601(*standing.paused_at);
        command.text << "\n";
    }
    command.json["messages"] = base::Json::array();
    for (const auto& message : outbox::list_unsettled(db, command.arguments.limit)) {
        command.json["messages"].push_back(render(message));
        command.text << std::setw(8) << message.message_id << "  " << base::iso8601(message.happened_at)
                     << "  " << std::left << std::setw(9) << message.state() << std::right << "  "
                     << message.type << ", " << message.attempts << " attempts"
                     << (message.failure ? ": " + *message.failure : "") << "\n";
    }
}

void webhooks_show(Command& command)
{
    const auto message = load(command);
    command.json = render(message);
    command.json["data"] = base::Json::parse(message.data);
    command.text << "message " << message.message_id << " to " << message.destination << ": "
                 << message.state() << "\n"
                 << "  type       " << message.type << "\n"
                 << "  happened   " << base::iso8601(message.happened_at) << "\n"
                 << "  stream     " << message.stream.value_or("none") << "\n"
                 << "  webhook-id " << (message.delivery_id ? "msg_" + *message.delivery_id : "none yet")
                 << "\n"
                 << "  attempts   " << message.attempts << "\n"
                 << (message.settled_at ? "  settled    " : "  next       ")
                 << base::iso8601(message.settled_at.value_or(message.due_at)) << "\n"
                 << "  failure    " << message.failure.value_or("none") << "\n"
                 << "  data       " << message.data << "\n";
}

void webhooks_retry(Command& command)
{
    auto& db = command.database();
    if (command.arguments.message_id.empty() != command.arguments.all)
        throw base::Error(base::ErrorCode::invalid_argument, "invalid_arguments",
                          "say which message, or --all");
    std::int64_t retried = 0;
    if (command.arguments.all) {
        retried = database::transact(db, [&] { return outbox::retry_all(db, command.now); });
    } else {
        const auto message = load(command);
        retried = database::transact(db, [&] { return outbox::retry(db, message.message_id, command.now); });
        if (retried == 0)
            throw base::Error(base::ErrorCode::conflict, "nothing_to_retry",
                              "message " + std::to_string(message.message_id) + " is " + message.state());
    }
    command.json = {{"retried", retried}};
    command.text << retried << " messages are due now\n";
}

void webhooks_resume(Command& command)
{
    auto& db = command.database();
    const auto resumed = database::transact(db, [&] { return outbox::resume(db); });
    command.json = {{"resumed", resumed}};
    for (const auto& destination : resumed)
        command.text << destination << " is told again\n";
    if (resumed.empty())
        command.text << "nothing was paused\n";
}

void webhooks_test(Command& command)
{
    constexpr std::size_t shown_bytes = 500;
    const auto& config = command.config;
    if (base::settings<base::WebhookSettings>(config).webhook_url.empty())
        throw base::Error(base::ErrorCode::not_configured, "not_configured", "WEBHOOK_URL is not set");
    base::SystemRandom random;
    outbox::Attempt attempt;
    attempt.type = "test";
    attempt.data = "{}";
    attempt.happened_at = command.now;
    attempt.delivery_id = random.uuid_v4();
    http_client::Client client;
    const auto began_ms = base::system_now_ms();
    client.post(0, outbox::compose(config, attempt, command.now));
    std::vector<http_client::Finished> finished;
    while (finished.empty())
        finished = client.collect(1000);
    const auto took_ms = base::system_now_ms() - began_ms;
    const http_client::Answer answer = finished.front().answer;
    const auto result = outbox::judge(attempt, answer, command.now);
    const bool is_delivered = result.verdict == outbox::Verdict::delivered;
    command.json = {{"webhook_id", "msg_" + attempt.delivery_id},
                    {"delivered", is_delivered},
                    {"status", answer.status == 0 ? base::Json() : base::Json(answer.status)},
                    {"failure", is_delivered ? base::Json() : base::Json(result.failure)},
                    {"answer", answer.body.substr(0, shown_bytes)},
                    {"took_ms", took_ms}};
    command.text << "msg_" << attempt.delivery_id << ": ";
    if (answer.status == 0)
        command.text << answer.failure;
    else
        command.text << "HTTP status " << answer.status;
    command.text << " after " << took_ms << " ms\n";
    if (!answer.body.empty())
        command.text << base::Json(answer.body.substr(0, shown_bytes))
                            .dump(-1, ' ', true, base::Json::error_handler_t::replace)
                     << "\n";
    command.exit_status = is_delivered ? 0 : 1;
}
