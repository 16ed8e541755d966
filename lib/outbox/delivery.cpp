#include "outbox/delivery.h"

#include "base/error.h"
#include "base/listeners.h"
#include "base/log.h"
#include "base/settings.h"
#include "outbox/letter.h"

#include <algorithm>
#include <exception>

namespace outbox {

namespace {

constexpr std::int64_t look_again_ms = 500; // for what has become due meanwhile
constexpr std::int64_t timeout_seconds = 15;

} // namespace

Delivery::Delivery(std::function<database::Connection&()> database, http_client::Sender& sender,
                   base::Clock& clock, base::Random& random, const base::Config& config)
    : database_(std::move(database)), sender_(sender), clock_(clock), random_(random), config_(config)
{
}

Tallies Delivery::run(const std::function<Pace()>& pace)
{
    tallies_ = {};
    std::exception_ptr problem;
    for (;;) {
        const auto chosen = pace();
        bool has_begun = false;
        try {
            note_all();
            if (chosen == Pace::go_on && !problem) {
                // Each of them, whatever the other does.
                for (const auto destination : {Destination::agora, Destination::webhook})
                    has_begun = begin(destination) || has_begun;
            }
        } catch (const base::Error&) {
            problem = std::current_exception(); // what is under way is waited for all the same
        }
        if (chosen == Pace::leave || (under_way_.empty() && (unnoted_.empty() || problem) && !has_begun))
            break;
        if (unnoted_.empty() || problem)
            collect(look_again_ms);
    }
    if (problem)
        std::rethrow_exception(problem);
    return tallies_;
}

// False: nothing is due.
bool Delivery::begin(Destination destination)
{
    const auto& listeners = base::settings<base::Listeners>(config_);
    if (!(destination == Destination::webhook ? listeners.tells_application : listeners.tells_agora))
        return false;
    const auto taken =
        static_cast<std::size_t>(std::count_if(under_way_.begin(), under_way_.end(), [&](const auto& each) {
            return each.second.destination == destination;
        }));
    if (taken >= at_once)
        return false;
    const auto attempts = claim(database_(), destination, at_once - taken, random_, clock_.now());
    for (const auto& attempt : attempts)
        send(attempt);
    return !attempts.empty();
}

void Delivery::send(const Attempt& attempt)
{
    const auto now = clock_.now();
    // The machine slept, or the disk; or the clock stepped. It is taken again once it counts as lost.
    if (now + timeout_seconds >= attempt.lost_at || under_way_.contains(attempt.message_id))
        return;
    try {
        if (attempt.destination == Destination::agora && good_until(attempt) <= now) {
            unnoted_.push_back({attempt, Verdict::voided, "the token had expired", std::nullopt});
            return;
        }
        auto request = compose(config_, attempt, now);
        request.timeout_ms = timeout_seconds * 1000;
        under_way_.emplace(attempt.message_id, attempt);
        sender_.post(attempt.message_id, request);
    } catch (const base::Error& error) {
        unnoted_.push_back({attempt, Verdict::failed, error.what(), std::nullopt});
    }
}

void Delivery::collect(std::int64_t wait_ms)
{
    for (const auto& finished : sender_.collect(wait_ms)) {
        const auto found = under_way_.find(finished.id);
        if (found == under_way_.end())
            continue;
        unnoted_.push_back(judge(found->second, finished.answer, clock_.now()));
        under_way_.erase(found);
    }
}

void Delivery::note_all()
{
    if (unnoted_.empty())
        return;
    const auto noted = note(database_(), unnoted_, random_, clock_.now());
    unnoted_.clear();
    auto total = tallies_.begin();
    for (const auto& tally : noted)
        *total++ += tally;
}

} // namespace outbox
