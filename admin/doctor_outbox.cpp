#include "doctor_outbox.h"

#include "base/listeners.h"
#include "base/settings.h"
#include "base/webhook_settings.h"
#include "outbox/standing.h"

namespace {

void examine_destination(Findings& findings, database::Connection& db, outbox::Destination destination,
                         bool is_told)
{
    constexpr std::int64_t patience_seconds = 600; // the first four attempts
    const auto standing = outbox::standing(db, destination);
    const std::string name = destination == outbox::Destination::webhook ? "WEBHOOK_URL" : "Agora's REST API";
    if (standing.paused_at)
        findings.fail(name + " has answered 410 (Gone), and is told nothing since " +
                          base::iso8601(*standing.paused_at),
                      "correct the receiver or the setting, then session-voice-admin webhooks resume");
    if (standing.given_up > 0)
        findings.warn(std::to_string(standing.given_up) + " messages to " + name + " were given up",
                      "session-voice-admin webhooks list; when the receiver is well: webhooks retry --all");
    const auto waiting = std::to_string(standing.waiting) + " messages wait to be told to " + name;
    const auto age_seconds = base::system_now() - standing.oldest_waiting_at.value_or(base::system_now());
    if (standing.waiting > 0 && !is_told)
        findings.warn(waiting + ", which is not set any more", "set it again, or leave them");
    else if (age_seconds > patience_seconds)
        findings.fail(waiting + ", the oldest for " + std::to_string(age_seconds) + " s",
                      "have session-voice-notify run (cron/crontab, or session-voice-notify.service), and "
                      "look at session-voice-admin webhooks list");
    else if (is_told)
        findings.ok(waiting);
}

} // namespace

void examine_outbox(Findings& findings, const base::Config& config, database::Connection& db)
{
    const auto& listeners = base::settings<base::Listeners>(config);
    const auto& webhooks = base::settings<base::WebhookSettings>(config);
    if (!listeners.tells_application)
        findings.ok("WEBHOOK_URL is not set: there are no webhooks");
    if (!listeners.tells_agora)
        findings.ok("AGORA_CUSTOMER_ID is not set: who is removed from a room can use their Agora token to "
                    "its end");
    if (webhooks.webhook_secrets.size() > 1)
        findings.ok(
            "WEBHOOK_SECRET has two secrets: take the old one away once the receiver has the new one");
    if (webhooks.webhook_allow_private)
        findings.warn("WEBHOOK_ALLOW_PRIVATE is 1: the name in WEBHOOK_URL may lead into your own network",
                      "set it to 0 unless the application is there");
    examine_destination(findings, db, outbox::Destination::webhook, listeners.tells_application);
    examine_destination(findings, db, outbox::Destination::agora, listeners.tells_agora);
}
