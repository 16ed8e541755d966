// Tells others what has happened, as cron runs it: the application by webhooks, Agora whom to turn away.
#include "base/error.h"
#include "base/listeners.h"
#include "base/settings.h"
#include "http_client/client.h"
#include "metrics/report.h"
#include "outbox/delivery.h"
#include "outbox/standing.h"
#include "storage/open.h"
#include "sweeper.h"

#include <atomic>
#include <csignal>

namespace {

using outbox::Destination;
using Pace = outbox::Delivery::Pace;
using Steady = std::chrono::steady_clock;

std::atomic<bool> is_asked_to_end = false;

// While it lives, SIGTERM and SIGINT wait until what is under way has been noted.
class EndsInOrder
{
  public:
    EndsInOrder()
    {
        struct sigaction action = {};
        action.sa_handler = [](int) { is_asked_to_end = true; };
        ::sigaction(SIGTERM, &action, &before_);
        ::sigaction(SIGINT, &action, nullptr);
    }
    ~EndsInOrder()
    {
        ::sigaction(SIGTERM, &before_, nullptr);
        ::sigaction(SIGINT, &before_, nullptr);
        if (is_asked_to_end)
            ::raise(SIGTERM);
    }
    EndsInOrder(const EndsInOrder&) = delete;
    EndsInOrder& operator=(const EndsInOrder&) = delete;

  private:
    struct sigaction before_ = {};
};

// What lasts from round to round: connections, and what is not noted yet.
class Notifier
{
  public:
    explicit Notifier(const base::Config& config)
        : config_(config), delivery_([this]() -> database::Connection& { return database(); }, client_,
                                     clock_, random_, config)
    {
    }

    base::Json round(cron::Round& round)
    {
        const auto now = clock_.now();
        const EndsInOrder in_order;
        try {
            const auto tallies = delivery_.run([&] { return pace(round.ends_by); });
            return summary(round, tallies, now);
        } catch (const base::Error&) {
            db_.reset();
            throw;
        }
    }

  private:
    database::Connection& database()
    {
        if (db_ && db_->has_ended())
            db_.reset();
        if (!db_)
            db_ = storage::open(config_);
        db_->require_in_place();
        return *db_;
    }

    // Who is told to end is killed after 5 s.
    Pace pace(Steady::time_point ends_by)
    {
        constexpr std::chrono::seconds patience(4);
        const auto now = Steady::now();
        if (!is_asked_to_end)
            return now < ends_by ? Pace::go_on : Pace::finish;
        if (!leaves_at_)
            leaves_at_ = now + patience;
        return now < *leaves_at_ ? Pace::finish : Pace::leave;
    }

    // Nothing where nothing was tried.
    base::Json summary(cron::Round& round, const outbox::Tallies& tallies, base::UnixSeconds now)
    {
        outbox::Tally sum;
        for (const auto destination : {Destination::webhook, Destination::agora}) {
            const auto& tally = tallies[static_cast<std::size_t>(destination)];
            metrics::count_deliveries(round.counters, destination, tally);
            sum += tally;
        }
        if (sum.delivered + sum.failed + sum.given_up + sum.voided == 0)
            return nullptr;
        std::int64_t waiting = 0;
        for (const auto destination : {Destination::webhook, Destination::agora})
            waiting += outbox::standing(database(), destination).waiting;
        return {{"swept_at", now},          {"delivered", sum.delivered}, {"failed", sum.failed},
                {"given_up", sum.given_up}, {"void", sum.voided},         {"waiting", waiting}};
    }

    const base::Config& config_;
    base::SystemClock clock_;
    base::SystemRandom random_;
    std::unique_ptr<database::Connection> db_;
    http_client::Client client_;
    std::optional<Steady::time_point> leaves_at_;
    outbox::Delivery delivery_;
};

base::Json sweep(cron::Round& round)
{
    static std::unique_ptr<Notifier> notifier; // the settings are those of the whole run
    const auto& listeners = base::settings<base::Listeners>(round.config);
    if (!listeners.tells_application && !listeners.tells_agora)
        throw std::runtime_error("there is nobody to tell: neither WEBHOOK_URL nor AGORA_CUSTOMER_ID is set");
    if (!notifier)
        notifier = std::make_unique<Notifier>(round.config);
    return notifier->round(round);
}

} // namespace

int main(int argc, char** argv)
{
    return cron::run(
        {"session-voice-notify",
         "Tells the application of session-voice what has happened, by webhooks, and Agora whom to turn "
         "away. Run it from\ncron; a second one at the same time does no harm, and whatever it is killed at, "
         "nothing is lost.\n",
         base::Program::tool,
         "notify",
         sweep,
         {}},
        argc, argv);
}
