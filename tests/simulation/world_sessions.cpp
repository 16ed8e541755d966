// What a world does with booked sessions.
#include "base/config.h"
#include "sessions/oracle.h"
#include "simulation/world.h"

#include <algorithm>
#include <sstream>

namespace simulation {

namespace {

const char* outcome_name(int outcome)
{
    static const char* const names[] = {"", "completed", "no-show-host", "no-show-guest"};
    return names[outcome];
}

} // namespace

void World::book()
{
    if (recent_bookings_.size() >= 10)
        recent_bookings_.erase(recent_bookings_.begin());
    static const std::vector<Seconds> durations = {1, 2, 5, 10, 20, 60};
    static const std::vector<Seconds> graces = {0, 1, 5};
    static const std::vector<Seconds> overlaps = {0, 1, 1, 5, 10};
    ModelBooking booking;
    booking.booking_id =
        (roll(4) == 0 ? "11579208923731619542357098500868790785326998466564056403945758400" : "") +
        std::to_string(1000 + bookings_.size());
    booking.host = any(wallets_);
    do
        booking.guest = any(wallets_);
    while (booking.guest == booking.host);
    booking.start = now - 300 + static_cast<Seconds>(roll(1200));
    booking.ends = booking.start + 60 * any(durations);
    booking.grace = 60 * any(graces);
    booking.min_overlap = 60 * any(overlaps);
    bookings_[booking.booking_id] = booking;
    recent_bookings_.push_back(booking.booking_id);
    escrow_.book(booking);
}

ModelBooking* World::any_booking()
{
    if (recent_bookings_.empty())
        return nullptr;
    std::vector<ModelBooking*> present;
    for (const auto& booking_id : recent_bookings_) {
        auto& booking = bookings_.at(booking_id);
        if (booking.start - config.join_window_seconds <= now && now <= booking.ends)
            present.push_back(&booking);
    }
    return present.empty() || roll(5) == 0 ? &bookings_.at(any(recent_bookings_)) : any(present);
}

void World::join_session(const std::string& somebody)
{
    auto* booking = any_booking();
    if (booking == nullptr)
        return;
    const auto wallet = roll(10) == 0 ? somebody : roll(2) == 0 ? booking->host : booking->guest;
    if (fault_ == Fault::none)
        sign_in(wallet);
    else if (now >= tokens_[wallet].first)
        return;
    const auto status = chain.bookings.at(booking->booking_id).status;
    const bool is_active = status == ethereum::BookingStatus::booked;
    const bool is_recalled = booking->is_known && booking->looked_up && booking->concluded.empty() &&
                             std::abs(now - *booking->looked_up) <= 60;
    std::string expected;
    if (chain.is_down && !is_recalled)
        expected = "chain_unavailable";
    else if (!chain.is_down && !is_active)
        expected = "booking not active";
    else if (wallet != booking->host && wallet != booking->guest)
        expected = "not a participant";
    else if (now < booking->start - config.join_window_seconds)
        expected = "too early to join";
    else if (now > booking->ends || booking->is_closed)
        expected = "session has ended";
    const auto before = *booking;
    const auto reply = ask("POST", "/session/join", {{"booking_id", booking->booking_id}}, wallet);
    if (reply)
        require(*reply, expected);
    if (!chain.is_down && !is_active && booking->is_known)
        booking->looked_up = sessions::find_session(db(), booking->booking_id)->looked_up_at
                                 ? booking->looked_up
                                 : std::nullopt;
    if (!expected.empty())
        return;
    ++answers["session joined"];
    if (!chain.is_down)
        booking->looked_up = now;
    booking->is_known = true;
    booking->end_open(wallet, now);
    for (auto& [other, visits] : booking->visits) { // who has not been cut off by Agora stays
        for (auto& visit : visits) {
            if (!visit.left && now >= visit.expires)
                visit.left = std::clamp(now, visit.joined, visit.expires);
        }
    }
    const auto ttl = std::min(std::max(config.booked_token_ttl_seconds, booking->ends - now), day);
    booking->visits[wallet].push_back({now, now + ttl, std::nullopt});
    if (!reply) { // all of it or nothing
        auto row = db().prepare("SELECT count(*) FROM sessions JOIN connections USING (room_id) "
                                "WHERE booking_id = :booking_id AND wallet = :wallet");
        row.bind(":booking_id", booking->booking_id).bind(":wallet", wallet).step();
        if (row.integer(0) != static_cast<std::int64_t>(booking->visits[wallet].size()))
            *booking = before;
    }
}

void World::leave_session(const std::string& somebody)
{
    auto* booking = any_booking();
    if (booking == nullptr)
        return;
    const auto wallet = roll(10) == 0 ? somebody : roll(2) == 0 ? booking->host : booking->guest;
    if (fault_ == Fault::none)
        sign_in(wallet);
    else if (now >= tokens_[wallet].first)
        return;
    const auto before = *booking;
    Seconds stayed = 0;
    for (const auto& visit : booking->visits[wallet]) {
        if (!visit.left)
            stayed = std::clamp(now, visit.joined, visit.expires) - visit.joined;
    }
    booking->end_open(wallet, now);
    const auto reply =
        ask("POST", "/session/" + booking->booking_id + "/leave", base::Json::object(), wallet);
    if (reply) {
        require(*reply, "");
        check(reply->body["duration_ms"] == stayed * 1000, "another duration", *reply);
        return;
    }
    auto row = db().prepare("SELECT count(*) FROM sessions JOIN connections USING (room_id) "
                            "WHERE booking_id = :booking_id AND wallet = :wallet AND left_at IS NULL");
    row.bind(":booking_id", booking->booking_id).bind(":wallet", wallet).step();
    if (row.integer(0) > 0)
        *booking = before;
}

// It takes no transaction right now.
bool World::is_node_refusing() const
{
    return escrow_.refuses_next > 0 || chain.account_balance == ethereum::Uint256(1);
}

// What was decided is exactly what the model decides, once and for all.
void World::expect_attestation(const ModelBooking& booking, int outcome, const ModelMetrics& metrics)
{
    const auto stored = sessions::find_attestation(db(), booking.booking_id);
    check(stored.has_value(), "no attestation is stored");
    const auto& m = stored->metrics;
    check(static_cast<int>(stored->outcome) == outcome, "another outcome is stored");
    check(metrics == ModelMetrics{m.host_joined_at, m.host_left_at, m.guest_joined_at, m.guest_left_at,
                                  m.overlap_seconds},
          "other metrics are stored");
    std::ostringstream text;
    text << "{\"bookingId\":\"" << booking.booking_id << "\",\"hostJoinedAt\":" << metrics.host_joined
         << ",\"hostLeftAt\":" << metrics.host_left << ",\"guestJoinedAt\":" << metrics.guest_joined
         << ",\"guestLeftAt\":" << metrics.guest_left << ",\"overlapSeconds\":" << metrics.overlap << "}";
    check(stored->metrics_hash == ethereum::keccak256(text.str()), "another hash is stored");
    ++answers[std::string("attested ") + outcome_name(outcome)];
}

void World::attest_by_endpoint()
{
    auto* booking = any_booking();
    if (booking == nullptr)
        return;
    const int forced = roll(6) == 0 ? static_cast<int>(1 + roll(3)) : 0;
    const auto before = sessions::find_attestation(db(), booking->booking_id);
    const auto metrics = booking->measure(now);
    const int outcome = forced != 0 ? forced : booking->outcome_of(metrics);
    const auto status = chain.bookings.at(booking->booking_id).status;
    std::string expected;
    if (!before) {
        if (chain.is_down)
            expected = "chain_unavailable";
        else if (status != ethereum::BookingStatus::booked)
            expected = std::string("booking status is ") + name_of(status) + ", expected Booked";
        else
            expected = booking->obstacle(outcome, metrics, forced != 0, now);
    }
    // A node that stops answering after some questions.
    const bool is_interrupted = fault_ == Fault::none && roll(6) == 0;
    if (is_interrupted)
        chain.before = [left = roll(12)](const char*) mutable {
            if (left-- == 0)
                throw base::Error(base::ErrorCode::chain_unavailable, "chain_unavailable", "scripted");
        };
    const auto reply = ask("POST",
                           "/session/" + booking->booking_id + "/attest" +
                               (forced != 0 ? std::string("?force_outcome=") + outcome_name(forced) : ""),
                           nullptr, {});
    chain.before = nullptr;
    const auto after = sessions::find_attestation(db(), booking->booking_id);
    if (before) {
        check(after && after->outcome == before->outcome && after->metrics_hash == before->metrics_hash &&
                  after->decided_at == before->decided_at,
              "a decision changed");
        if (reply)
            check(reply->status == 200 || reply->status == 502 || reply->status == 503,
                  "no word on a decision", *reply);
        return;
    }
    const bool is_certain = reply && !is_interrupted && !is_node_refusing();
    if (after) {
        check(expected.empty(), "attested in spite of what stands in the way");
        expect_attestation(*booking, outcome, metrics);
        if (booking->is_known)
            booking->concluded = "attested";
    } else if (is_certain) {
        require(*reply, expected);
        check(!expected.empty(), "said to be attested, and nothing is stored", *reply);
    }
    if (reply && reply->status == 200)
        check(after && reply->body["outcome"] == outcome_name(outcome), "another outcome", *reply);
}

void World::sweep_oracle()
{
    struct Due
    {
        ModelBooking* booking;
        int outcome;
        ModelMetrics metrics;
        std::string obstacle;
        std::optional<sessions::Attestation> before; // decided before anybody joined
    };
    std::vector<Due> due;
    for (auto& [booking_id, booking] : bookings_) {
        if (!booking.is_known || !booking.concluded.empty() || booking.start > now)
            continue;
        const auto metrics = booking.measure(now);
        const auto outcome = booking.outcome_of(metrics);
        due.push_back({&booking, outcome, metrics, booking.obstacle(outcome, metrics, false, now),
                       sessions::find_attestation(db(), booking_id)});
    }
    const bool is_interrupted = fault_ == Fault::none && roll(3) == 0;
    if (is_interrupted)
        chain.before = [left = roll(20)](const char*) mutable {
            if (left-- == 0)
                throw base::Error(base::ErrorCode::chain_unavailable, "chain_unavailable", "scripted");
        };
    const bool is_done = attempt([&] { sessions::Oracle(db(), chain, config).sweep(now); });
    chain.before = nullptr;
    const bool is_certain = is_done && !is_interrupted && !chain.is_down && !is_node_refusing();
    for (auto& [booking, outcome, metrics, obstacle, before] : due) {
        const auto known = sessions::find_session(db(), booking->booking_id);
        const auto concluded = known->concluded.value_or("");
        if (before) {
            const auto after = sessions::find_attestation(db(), booking->booking_id);
            check(after->outcome == before->outcome && after->metrics_hash == before->metrics_hash,
                  "a decision changed");
            check(concluded == "attested" || (concluded.empty() && !is_certain),
                  "what was attested before somebody joined is not concluded");
            ++answers["joined after it was attested"];
            booking->concluded = concluded;
            continue;
        }
        const bool is_attested = sessions::find_attestation(db(), booking->booking_id).has_value();
        const auto status = chain.bookings.at(booking->booking_id).status;
        if (known->looked_up_at == now) // it was asked about
            booking->looked_up = now;
        if (concluded == "window missed")
            check(booking->window_of(outcome, now) == 2 && now > booking->ends, "given up too early");
        else if (concluded == "attested" || is_attested)
            check(obstacle.empty() && is_attested && concluded == "attested",
                  "attested too early, or by half");
        else if (!concluded.empty())
            check(status != ethereum::BookingStatus::booked && obstacle.empty(),
                  "given up, but it is still booked");
        else if (is_certain)
            check(!obstacle.empty(), "what is due is not attested");
        if (is_attested)
            expect_attestation(*booking, outcome, metrics);
        if (!concluded.empty())
            ++answers[concluded.rfind("booking", 0) == 0 ? "not booked any more" : concluded];
        booking->concluded = concluded;
    }
}

void World::stir_chain()
{
    switch (roll(14)) {
    case 0:
        if (auto* booking = any_booking())
            escrow_.cancel(booking->booking_id);
        break;
    case 1:
        escrow_.lose_pool();
        break;
    case 2: // of whatever is still under way, all may need another nonce
        for (const auto& [booking_id, booking] : bookings_)
            overtaken_.insert(booking_id);
        escrow_.take_nonce();
        break;
    case 3:
        escrow_.refuses_next = roll(3);
        break;
    case 4:
        chain.account_balance = ethereum::Uint256(roll(2) == 0 ? 1 : 1000000000000000000);
        break;
    case 5:
        chain.fees.max_fee_per_gas = chain.fees.max_fee_per_gas.scaled(1 + roll(3), 1 + roll(2));
        chain.fees.least = chain.fees.max_fee_per_gas;
        break;
    default:
        escrow_.mine(now);
    }
    if (chain.fees.least > ethereum::Uint256(1000000))
        chain.fees.least = chain.fees.max_fee_per_gas = ethereum::Uint256(1100);
}

// Everybody's visits, and that the oracle keeps its word.
void World::check_bookings()
{
    for (const auto& [booking_id, times] : escrow_.attested())
        check(times == 1, "attested twice");
    for (const auto& [booking_id, calls] : escrow_.calls())
        check(calls.size() == 1 || forgotten_.count(booking_id) > 0, "two decisions on one booking");
    for (const auto& booking_id : recent_bookings_) {
        const auto& booking = bookings_.at(booking_id);
        for (const auto& [wallet, visits] : booking.visits) {
            auto expected = visits;
            std::stable_sort(expected.begin(), expected.end(),
                             [](const auto& a, const auto& b) { return a.joined < b.joined; });
            const auto stays = sessions::find_stays({db(), config, now}, booking_id, wallet);
            check(stays.size() == expected.size(), "other visits to a session");
            std::multiset<std::pair<Seconds, Seconds>> stored;
            std::multiset<std::pair<Seconds, Seconds>> wanted;
            for (std::size_t i = 0; i < stays.size(); ++i) {
                stored.emplace(stays[i].joined_at, stays[i].left_at);
                wanted.emplace(expected[i].joined, expected[i].end(now));
            }
            check(stored == wanted, "a visit to a session of another length");
        }
    }
}

} // namespace simulation
