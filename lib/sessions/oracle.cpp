#include "sessions/oracle.h"

#include "base/error.h"
#include "base/log.h"
#include "base/session_settings.h"
#include "base/settings.h"
#include "database/transaction.h"

#include <algorithm>
#include <set>

namespace sessions {

namespace {

using base::Error;
using base::ErrorCode;
using ethereum::Uint256;

Metrics measure_presence(const Context& context, const Session& session)
{
    const auto stays = [&](const std::string& wallet) {
        return unite(find_stays(context, session.booking_id, wallet), session.terms.ends_at);
    };
    return measure(stays(session.host), stays(session.guest));
}

// Presence that was there and is not any more.
bool is_lost(const Metrics& seen, const Metrics& now)
{
    return (seen.host_joined_at != 0 && now.host_joined_at != seen.host_joined_at) ||
           (seen.guest_joined_at != 0 && now.guest_joined_at != seen.guest_joined_at) ||
           now.overlap_seconds < seen.overlap_seconds;
}

const char* too_early(Outcome outcome)
{
    return outcome == Outcome::completed ? "overlap_not_met" : "grace_not_over";
}

const char* too_late(Outcome outcome)
{
    return outcome == Outcome::completed ? "completed_too_late" : "no_show_too_late";
}

// Why the outcome cannot be attested at `now`; null if it can.
const char* obstacle(Outcome outcome, const Metrics& metrics, const Terms& terms, bool is_forced,
                     base::UnixSeconds now)
{
    const auto window = window_of(outcome, terms);
    if (now < window.opens_at)
        return too_early(outcome);
    if (now > window.closes_at)
        return too_late(outcome);
    if (!is_forced && !is_final(metrics, terms, now))
        return "session still in progress";
    return nullptr;
}

} // namespace

Oracle::Oracle(database::Connection& db, ethereum::Chain& chain, const base::Config& config)
    : db_(db), chain_(chain), config_(config), delivery_(db, chain, config)
{
}

std::optional<Attestation> Oracle::resume(const std::string& booking_id, base::UnixSeconds now)
{
    auto attestation = find_attestation(db_, booking_id);
    if (!attestation)
        return std::nullopt;
    auto followed = delivery_.follow_up(*std::move(attestation), now);
    if (followed.state == AttestationState::failed)
        fail_attestation(followed.failure.value_or("no reason"));
    return followed;
}

Attestation Oracle::attest(const Uint256& booking_id, const std::function<std::optional<Outcome>()>& forced,
                           base::UnixSeconds now)
{
    const auto id = booking_id.to_decimal();
    if (auto known = resume(id, now))
        return *std::move(known);
    std::optional<Session> session;
    try {
        session = look_up(chain_, booking_id, Asker::oracle, now);
    } catch (const Error&) {
        // A request that was faster may have attested it meanwhile.
        if (auto known = resume(id, now))
            return *std::move(known);
        throw;
    }
    return attest(*session, forced(), now);
}

Attestation Oracle::attest(const Session& session, std::optional<Outcome> forced, base::UnixSeconds now)
{
    return attest(session, forced, Metrics{}, now);
}

Attestation Oracle::attest(const Session& session, std::optional<Outcome> forced, const Metrics& seen,
                           base::UnixSeconds now)
{
    Attestation attestation;
    attestation.metrics = seen;
    const auto decide_now = [&] {
        const auto metrics = measure_presence({db_, config_, now}, session);
        if (is_lost(attestation.metrics, metrics))
            throw gone(session.booking_id);
        attestation.metrics = metrics;
        attestation.outcome = forced.value_or(decide(attestation.metrics, session.terms));
        attestation.metrics_hash = metrics_hash(session.booking_id, attestation.metrics);
        if (const char* why =
                obstacle(attestation.outcome, attestation.metrics, session.terms, forced.has_value(), now))
            throw Error(ErrorCode::invalid_argument, why);
    };
    attestation.booking_id = session.booking_id;
    attestation.chain_id = base::settings<base::SessionSettings>(config_).chain_id;
    attestation.decided_at = now;
    decide_now();

    std::optional<Offer> offer;
    try {
        offer = delivery_.signer().prepare(calldata_of(attestation));
    } catch (const Error& error) {
        // What stands in its way may be that another process was faster.
        if (error.code() != ErrorCode::chain_refused || !find_attestation(db_, session.booking_id))
            throw;
    }
    if (offer) {
        database::transact(db_, [&] {
            if (find_attestation(db_, session.booking_id)) // somebody was faster
                return;
            decide_now(); // somebody may have come or gone meanwhile
            attestation.oracle = address();
            attestation.nonce =
                std::max(offer->least_nonce,
                         next_nonce(db_, base::settings<base::SessionSettings>(config_).chain_id, address()));
            insert_attestation(db_, attestation);
            auto draft = offer->draft();
            draft.nonce = attestation.nonce;
            insert_transaction(db_, attestation.booking_id, delivery_.signer().sign(attestation, draft, now));
            conclude(db_, attestation.booking_id, "attested");
        });
    }
    if (auto known = resume(session.booking_id, now))
        return *std::move(known);
    throw gone(session.booking_id);
}

Attestation Oracle::retry(const Uint256& booking_id, base::UnixSeconds now)
{
    auto attestation = find_attestation(db_, booking_id.to_decimal());
    if (!attestation)
        throw Error(ErrorCode::not_found, "attestation not found");
    // What was mined in vain may have been taken back meanwhile.
    if (attestation->state == AttestationState::failed)
        *attestation = delivery_.follow_up(*attestation, now);
    if (attestation->state == AttestationState::failed) {
        look_up(chain_, booking_id, Asker::oracle, now);
        delivery_.replace_nonce(*attestation, find_transactions(db_, attestation->booking_id), std::nullopt,
                                now);
    }
    if (auto known = resume(attestation->booking_id, now))
        return *std::move(known);
    throw gone(attestation->booking_id);
}

Attestation Oracle::cancel(const Uint256& booking_id, base::UnixSeconds now)
{
    auto attestation = find_attestation(db_, booking_id.to_decimal());
    if (!attestation)
        throw Error(ErrorCode::not_found, "attestation not found");
    return delivery_.cancel(*std::move(attestation), now);
}

void Oracle::attest_due(const KnownSession& known, OracleTally& tally, base::UnixSeconds now)
{
    if (find_attestation(db_, known.booking_id)) { // decided before the first of the two joined
        database::transact(db_, [&] { conclude(db_, known.booking_id, "attested"); });
        return;
    }
    Metrics metrics;
    if (known.terms) {
        const Session session{known.booking_id, known.host, known.guest, *known.terms,
                              known.looked_up_at.value_or(0)};
        metrics = measure_presence({db_, config_, now}, session);
        const auto outcome = decide(metrics, session.terms);
        // Too late now is too late for ever: the other outcomes need presence after the end.
        if (now > window_of(outcome, session.terms).closes_at && now > session.terms.ends_at) {
            database::transact(db_, [&] { conclude(db_, known.booking_id, "window missed"); });
            tally.window_missed += 1;
            base::log("nobody attested booking " + known.booking_id + " in time");
            return;
        }
        if (obstacle(outcome, metrics, session.terms, false, now) != nullptr) {
            tally.not_due += 1;
            return;
        }
    }
    const auto booking_id = Uint256::parse_decimal(known.booking_id).value();
    std::optional<Session> session;
    try {
        session = look_up(chain_, booking_id, Asker::oracle, now);
    } catch (const Error& error) {
        if (error.code() ==
            ErrorCode::not_found) // it was there when somebody joined: a node that lags behind
            fail_attestation(error.name());
        if (error.code() != ErrorCode::invalid_argument)
            throw;
        tally.not_booked += database::transact(db_, [&] {
            if (find_attestation(db_, known.booking_id)) // it was we ourselves, in another process
                return 0;
            conclude(db_, known.booking_id, error.name());
            return 1;
        });
        return;
    }
    database::transact(db_, database::Durability::relaxed, [&] {
        if (!find_session(db_, known.booking_id))
            throw gone(known.booking_id);
        remember(db_, *session);
    });
    try {
        attest(*session, std::nullopt, metrics, now);
        tally.submitted += 1;
    } catch (const Error& error) {
        if (error.code() != ErrorCode::invalid_argument)
            throw;
        tally.not_due += 1; // by terms that had to be read first
    }
}

OracleTally Oracle::sweep(base::UnixSeconds now)
{
    OracleTally tally;
    std::set<std::string> failed;
    // False if the chain is out of reach altogether, so that the rest need not wait for it one by one.
    const auto attempt = [&](const std::string& booking_id, const auto& work) {
        try {
            work();
        } catch (const Error& error) {
            if (error.code() != ErrorCode::chain_unavailable && error.code() != ErrorCode::chain_refused)
                throw;
            failed.insert(booking_id);
            base::log("booking " + booking_id + ": " + error.what());
            if (error.code() == ErrorCode::chain_unavailable) {
                try {
                    chain_.chain_id();
                } catch (const Error&) {
                    return false;
                }
            }
        }
        return true;
    };
    for (const auto& known : find_sessions_to_attest(db_, now)) {
        tally.scanned += 1;
        if (!attempt(known.booking_id, [&] { attest_due(known, tally, now); })) {
            tally.failed = static_cast<std::int64_t>(failed.size());
            return tally;
        }
    }
    for (const auto& attestation : find_attestations_on_their_way(db_)) {
        const auto follow = [&] {
            const auto followed = delivery_.follow_up(attestation, now);
            const bool is_new = followed.state != attestation.state;
            using State = AttestationState;
            tally.confirmed += followed.state == State::confirmed ? 1 : 0;
            tally.mined += is_new && followed.state == State::mined ? 1 : 0;
            tally.taken_back += is_new && followed.state == State::submitted ? 1 : 0;
            if (is_new && followed.state == State::failed)
                failed.insert(attestation.booking_id);
        };
        if (failed.count(attestation.booking_id) == 0 && !attempt(attestation.booking_id, follow))
            break;
    }
    tally.failed = static_cast<std::int64_t>(failed.size());
    tally.is_another_chain = delivery_.signer().is_another_chain();
    return tally;
}

} // namespace sessions
