// What operators and cron do in a world, and how it is held against the model.
#include "auth/nonce.h"
#include "base/config.h"
#include "credits/ledger.h"
#include "credits/pruning.h"
#include "requests/idempotency.h"
#include "rooms/audit.h"
#include "rooms/ban.h"
#include "rooms/crediting.h"
#include "rooms/history.h"
#include "rooms/listing.h"
#include "rooms/moderation.h"
#include "rooms/pruning.h"
#include "rooms/sweep.h"
#include "sessions/oracle.h"
#include "simulation/world.h"
#include "sqlite/backup.h"
#include "usage/daily.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <sstream>

namespace simulation {

namespace {

std::vector<std::string> audit_all(database::Connection& db)
{
    auto violations = credits::audit(db);
    const auto more = rooms::audit(db);
    violations.insert(violations.end(), more.begin(), more.end());
    return violations;
}

} // namespace

// ---- what operators and cron do ----

// Several transactions, of which a fault undoes none that was committed before it: first one for all stays,
// as a world has fewer than a batch and nobody else waits to write; then one for the rooms that nobody
// joined, if there are any; then what the model does not know of.
void World::sweep_at(Seconds instant)
{
    bool is_swept = false;
    attempt([&] {
        rooms::sweep(db(), config.rules, instant);
        is_swept = true;
        sessions::close_ended({db(), config, instant});
        auth::purge_spent_nonces(db(), instant, 1000);
        requests::purge(db(), instant, 1000);
        usage::book_days(db(), instant);
        rooms::record_sweep(db(), instant);
    });
    if (is_swept)
        left_ = Left::all;
    else if (is_room_to_close(instant))
        left_ = Left::either;
    model_.sweep(instant);
    auto& requests = model_.requests;
    requests.erase(std::remove_if(requests.begin(), requests.end(),
                                  [&](const auto& known) {
                                      return !known.is_within(requests::answer_ttl_seconds, instant);
                                  }),
                   requests.end());
    for (auto& [booking_id, booking] : bookings_) {
        if (!booking.is_known || booking.is_closed || booking.ends >= instant)
            continue;
        if (is_lost_) {
            auto row = db().prepare("SELECT closed_at FROM rooms JOIN sessions USING (room_id) "
                                    "WHERE booking_id = :booking_id");
            row.bind(":booking_id", booking_id).step();
            if (!row.optional_integer(0))
                continue;
        }
        booking.is_closed = true;
        for (auto& [wallet, visits] : booking.visits)
            booking.end_open(wallet, booking.ends);
    }
}

// The sweep may have come as far as that.
bool World::is_room_to_close(Seconds instant)
{
    auto room = db().prepare("SELECT 1 FROM rooms r WHERE kind = 'free' AND closed_at IS NULL "
                             "AND coalesce(emptied_at, created_at) <= :emptied_until "
                             "AND NOT EXISTS (SELECT 1 FROM connections c "
                             "WHERE c.room_id = r.room_id AND c.left_at IS NULL)");
    return room.bind(":emptied_until", instant - config.rules.unjoined_room_ttl_seconds).step();
}

// On time, twice, or one that started a while ago and is slow.
void World::sweep(const std::string&)
{
    sweep_at(now);
    if (is_lost_)
        return;
    if (roll(3) == 0)
        sweep_at(now);
    if (roll(3) == 0)
        sweep_at(now - static_cast<Seconds>(roll(40)));
}

void World::operate(const std::string& wallet)
{
    switch (roll(12)) {
    case 0:
        if (past_rooms_.empty())
            return;
        {
            const auto room_id = any(past_rooms_);
            bool was_closed = false;
            if (attempt([&] { was_closed = rooms::close(context(), room_id); }))
                check(was_closed == (model_.active.count(room_id) > 0), "closed or not");
            model_.close(room_id, now);
        }
        return;
    case 1:
        return roll(4) == 0 ? ban(wallet) : refund();
    case 2:
        return refund();
    case 3:
        return top_up(wallet);
    default:
        return adjust(wallet);
    }
}

// Brings the balance to an edge.
void World::adjust(const std::string& address)
{
    static const std::vector<Seconds> edges = {
        -50, 0,    1,    2,    29,   30,   31,   89,   90,   91,   119,  120,  299,  300,  301,  302,
        390, 1799, 1800, 1801, 3600, 3600, 7200, 7200, 9000, 9000, 9000, 9000, 9000, 9000, 9000, 9000};
    static const std::vector<Seconds> extremes = {
        credits::max_adjustment_seconds,     credits::max_adjustment_seconds + 1,
        -credits::max_adjustment_seconds,    -credits::max_adjustment_seconds - 1,
        std::numeric_limits<Seconds>::max(), std::numeric_limits<Seconds>::min()};
    auto& wallet = model_.wallets[address];
    model_.book(address, now);
    const auto change = roll(20) == 0 ? any(extremes) : any(edges) - wallet.balance();
    const bool is_allowed = change >= -credits::max_adjustment_seconds &&
                            change <= credits::max_adjustment_seconds &&
                            wallet.balance() + change <= credits::max_balance_seconds;
    Seconds applied = 0;
    bool is_refused = false;
    const bool is_done = attempt([&] {
        database::Transaction tx(db());
        rooms::settle_wallet(context(), address);
        try {
            applied = credits::adjust(db(), address, change, "simulation", now);
        } catch (const base::Error& error) {
            if (error.code() != base::ErrorCode::invalid_argument)
                throw;
            is_refused = true;
        }
        tx.commit();
    });
    if (is_done)
        check(is_refused == !is_allowed, "an adjustment beyond the limits");
    if (!is_allowed)
        return;
    const auto expected = std::max(change, -wallet.balance());
    if (is_done)
        check(applied == expected, "another adjustment than was asked for");
    wallet.adjusted += expected;
}

// The backend's, of which some are asked for again and some are asked for with another amount.
void World::top_up(const std::string& address)
{
    const auto reference = "payment-" + std::to_string(roll(40));
    const auto seconds = static_cast<Seconds>(60 * (1 + roll(2)));
    model_.book(address, now);
    const auto known = model_.top_ups.find(reference);
    const auto asked = std::pair(address, seconds);
    std::string answer;
    const bool is_done = attempt([&] {
        try {
            const auto credited = rooms::top_up(context(), address, {seconds, reference, std::nullopt});
            answer = credited.granted ? "granted" : "granted before";
        } catch (const base::Error& error) {
            if (error.code() != base::ErrorCode::conflict)
                throw;
            answer = error.name();
        }
    });
    const auto* expected = known == model_.top_ups.end() ? "granted"
                           : known->second == asked      ? "granted before"
                                                         : "reference_reused";
    if (is_done)
        check(answer == expected, "another answer to a top-up");
    if (known != model_.top_ups.end())
        return;
    ++answers["topped up"];
    model_.top_ups.emplace(reference, asked);
    model_.wallets[address].adjusted += seconds;
}

void World::refund()
{
    if (model_.bills.empty())
        return;
    auto& [connection_id, bill] =
        *std::next(model_.bills.begin(), static_cast<std::ptrdiff_t>(roll(model_.bills.size())));
    const auto left = bill.debited - bill.refunded;
    const std::vector<Seconds> amounts = {0, 1, left / 2, left, left, left + 1};
    const auto seconds = any(amounts);
    model_.book(bill.wallet, now);
    const bool is_allowed = seconds >= 1 && seconds <= left;
    bool is_refused = false;
    const bool is_done = attempt([&, &id = connection_id, &who = bill.wallet] {
        database::Transaction tx(db());
        rooms::settle_wallet(context(), who);
        try {
            credits::refund(db(), who, id, seconds, "simulation", now);
        } catch (const base::Error& error) {
            if (error.code() == base::ErrorCode::database_unavailable)
                throw;
            is_refused = true;
        }
        tx.commit();
    });
    if (is_done)
        check(is_refused == !is_allowed, "a refund beyond what was debited");
    if (!is_allowed)
        return;
    ++answers["refunded"];
    bill.refunded += seconds;
    model_.wallets[bill.wallet].consumed -= seconds;
}

void World::ban(const std::string& address)
{
    auto& wallet = model_.wallets[address];
    if (wallet.is_banned(now) && roll(2) == 0) {
        attempt([&] {
            database::Transaction tx(db());
            rooms::lift_ban(db(), address, now);
            tx.commit();
        });
        model_.lift_bans(address, now);
        return;
    }
    static const std::vector<Seconds> terms = {1, 45, 90, 3600, day};
    const auto seconds = any(terms);
    attempt([&] {
        database::Transaction tx(db());
        rooms::ban(db(), address, "simulation", seconds, now);
        rooms::expel(context(), address);
        tx.commit();
    });
    model_.lift_bans(address, now);
    wallet.bans.push_back({now + seconds, false});
    if (wallet.bans.size() > 20)
        wallet.bans.erase(wallet.bans.begin());
    model_.expel(address, now);
}

void World::prune()
{
    const auto before = credits::day_of(now) - static_cast<Seconds>(roll(2)) * day;
    // First, as events that have been seen must not be merged into one that has not: it tells the sum of all.
    check_new_events();
    pruned_before_ = std::max(pruned_before_, before);
    if (attempt([&] {
            credits::prune(db(), before);
            rooms::prune(db(), before);
        }))
        ++answers["pruned"];
    forget_pruned();
}

// Until when the tokens of those stays were good is forgotten. A fault may have ended it half way.
void World::forget_pruned()
{
    for (auto& [wallet, leaves] : model_.leaves)
        std::erase_if(leaves, [&](const auto& leave) {
            const auto stay = leave.left < pruned_before_ ? rooms::find_connection(db(), leave.connection_id)
                                                          : std::nullopt;
            return leave.left < pruned_before_ && (!stay || stay->token_expires_at == stay->left_at);
        });
}

void World::back_up()
{
    if (is_common_)
        return;
    model_.settle(now);
    sweep_at(now); // so that nothing has lapsed unnoticed, should the clock step back before it is restored
    if (is_lost_)
        return;
    const auto path = folder / ("backup-" + random.uuid_v4());
    sqlite::Backup backup(sqlite_db(), path, audit_all);
    backup.keep();
    if (checkpoint_)
        std::filesystem::remove(checkpoint_->path);
    checkpoint_.emplace(Checkpoint{path, model_, bookings_, last_event_ids_, running_balance_, callers_});
    ++answers["backed up"];
}

// The day since the backup is gone. The chain does not go back.
void World::restore()
{
    if (!checkpoint_ || fault_ != Fault::none)
        return;
    check_new_events();
    sqlite::Restoration restoration(checkpoint_->path, config.database_path, audit_all);
    restoration.replace(sqlite_db());
    for (const auto& [booking_id, booking] : bookings_)
        forgotten_.insert(booking_id);
    go_back_to(checkpoint_->model);
    auto bookings = checkpoint_->bookings;
    for (const auto& [booking_id, booking] : bookings_) {
        auto& restored = bookings[booking_id];
        if (!restored.booking_id.empty())
            continue;
        restored = booking; // made since, on the chain
        restored.visits.clear();
        restored.is_known = restored.is_closed = false;
        restored.concluded.clear();
        restored.looked_up.reset();
    }
    bookings_ = bookings;
    last_event_ids_ = checkpoint_->last_event_ids;
    running_balance_ = checkpoint_->running_balance;
    callers_ = checkpoint_->callers;
    model_.settle(now);
    was_restored_ = true;
    ++answers["restored"];
}

// ---- the comparison ----

// What has lapsed without being noticed counts as settled.
std::string World::difference()
{
    std::map<std::string, Seconds> unsettled;
    std::size_t present = 0;
    auto stay = db().prepare("SELECT wallet, room_id, connection_id, token_expires_at, last_metered_at, "
                             "debited_seconds, agora_uid, events_delivered "
                             "FROM connections WHERE left_at IS NULL AND kind = 'free'");
    std::set<std::pair<std::string, Seconds>> uids;
    while (stay.step()) {
        const auto wallet = stay.text(0);
        if (stay.integer(3) <= now) {
            unsettled[wallet] = stay.integer(3) - stay.integer(4);
            continue;
        }
        ++present;
        const auto found = model_.stays.find(wallet);
        if (found == model_.stays.end())
            return "somebody is in a room who should not be";
        const auto& expected = found->second;
        const auto told = static_cast<Seconds>(expected.said_low) + expected.said_exhausted -
                          static_cast<Seconds>(expected.undelivered.size());
        if (stay.text(1) != expected.room_id || stay.text(2) != expected.connection_id)
            return "somebody is in another room";
        if (stay.integer(3) != expected.expires || stay.integer(4) != expected.mark ||
            stay.integer(5) != expected.debited || stay.integer(7) != told)
            return "a stay is " + std::to_string(stay.integer(3) - expected.expires) + " s longer, paid " +
                   std::to_string(stay.integer(4) - expected.mark) + " s further, with " +
                   std::to_string(stay.integer(5) - expected.debited) + " s and " +
                   std::to_string(stay.integer(7) - told) + " events more";
        if (!uids.emplace(stay.text(1), stay.integer(6)).second)
            return "two have one uid";
        if (model_.active.count(expected.room_id) == 0)
            return "somebody is in a room that is closed";
    }
    if (present != model_.stays.size())
        return "somebody is missing";
    auto account =
        db().prepare("SELECT wallet, base_granted_seconds, bonus_granted_seconds, adjusted_seconds, "
                     "consumed_seconds, remaining_seconds FROM credit_accounts");
    std::set<std::string> with_account;
    while (account.step()) {
        const auto& expected = model_.wallets.at(account.text(0));
        with_account.insert(account.text(0));
        const auto owed = std::min(unsettled[account.text(0)], account.integer(5));
        if (account.integer(5) - owed != expected.balance() ||
            account.integer(4) + owed != expected.consumed || account.integer(1) != expected.base ||
            account.integer(2) != expected.bonus || account.integer(3) != expected.adjusted ||
            expected.balance() < 0)
            return "the balance of " + account.text(0) + " is " +
                   std::to_string(account.integer(5) - owed - expected.balance()) + " s higher";
    }
    for (const auto& [address, wallet] : model_.wallets) {
        const bool had_credit = wallet.base != 0 || wallet.bonus != 0 || wallet.adjusted != 0;
        if (had_credit && with_account.count(address) == 0)
            return "an account is missing";
    }
    std::multiset<std::pair<std::string, Seconds>> banned; // and until when
    auto ban =
        db().prepare("SELECT wallet, expires_at FROM bans WHERE lifted_at IS NULL AND expires_at > :now");
    ban.bind(":now", now);
    while (ban.step())
        banned.emplace(ban.text(0), ban.integer(1));
    for (const auto& [address, wallet] : model_.wallets) {
        for (const auto& expected : wallet.bans) {
            if (expected.is_lifted || *expected.expires <= now)
                continue;
            const auto found = banned.find({address, *expected.expires});
            if (found == banned.end())
                return address + " should be banned";
            banned.erase(found);
        }
    }
    if (!banned.empty())
        return banned.begin()->first + " is banned";
    const auto rooms = rooms::list_active(db(), config.rules, false, 1000, now);
    for (const auto& room : rooms) {
        const auto found = model_.active.find(room.room.room_id);
        if (found == model_.active.end() ||
            static_cast<std::size_t>(room.participant_count) != model_.count(room.room.room_id) ||
            room.room.host_wallet != found->second.host ||
            room.description.title.value_or("") != found->second.title ||
            room.room.created_at != found->second.created)
            return "another room";
    }
    return rooms.size() == model_.active.size() ? "" : "more or fewer rooms";
}

void World::compare()
{
    model_.settle(now);
    if (const auto different = difference(); !different.empty())
        throw Divergence(different);
    check_new_events();
    check_bookings();
}

void World::check_wallet(const std::string& address)
{
    const auto& expected = model_.wallets[address];
    const auto account = credits::account(db(), address);
    Seconds owed = 0;
    const auto connection = rooms::find_open_connection(db(), address);
    if (connection && connection->is_lapsed(now))
        owed =
            std::min(connection->token_expires_at - connection->last_metered_at, account.remaining_seconds);
    check(account.remaining_seconds - owed == expected.balance(), "another balance");
    check(account.consumed_seconds + owed == expected.consumed, "another consumption");
    const auto stay = model_.stays.find(address);
    check((connection && !connection->is_lapsed(now)) == (stay != model_.stays.end()), "present or not");
    if (stay != model_.stays.end())
        check(connection->last_metered_at == stay->second.mark &&
                  connection->token_expires_at == stay->second.expires &&
                  connection->debited_seconds == stay->second.debited,
              "another stay");
}

// Every event continues its wallet's running balance, and a debit belongs into its stay, whenever it was
// settled.
void World::check_new_events()
{
    for (const auto& wallet : wallets_) {
        auto event = db().prepare("SELECT event_id, delta_seconds, balance_after_seconds, "
                                  "e.kind = 'debit_usage' AND e.reason IS NULL AND e.created_at > "
                                  "c.token_expires_at "
                                  "FROM credit_events e LEFT JOIN connections c USING (connection_id) "
                                  "WHERE e.wallet = :wallet AND event_id > :seen ORDER BY event_id");
        auto& seen = last_event_ids_[wallet];
        event.bind(":wallet", wallet).bind(":seen", seen);
        while (event.step()) {
            seen = event.integer(0);
            auto& balance = running_balance_[wallet];
            balance += event.integer(1);
            check(balance == event.integer(2) && balance >= 0,
                  "an event does not continue the running balance");
            check(event.optional_integer(3).value_or(0) == 0, "a debit of a time when no token was good");
        }
    }
}

// What counts only ever rises, whatever happens to the service and its database.
void World::check_totals(const std::string& text)
{
    std::istringstream lines(text);
    std::string line;
    while (std::getline(lines, line)) {
        const auto blank = line.rfind(' ');
        const auto series = line.substr(0, blank);
        if (line.front() == '#' || series.find("_total") == std::string::npos)
            continue;
        auto& known = totals_[series];
        const auto total = std::stoll(line.substr(blank + 1));
        if (total < known)
            throw Divergence(series + " fell from " + std::to_string(known) + " to " + std::to_string(total));
        known = total;
    }
}

void World::check_metrics()
{
    sweep_at(now);
    if (is_lost_)
        return;
    http::Request request;
    request.method = "GET";
    request.path = "/metrics";
    request.authorization = "Bearer " + config.metrics_token;
    const auto reply = send(request);
    const auto sample = [&](const std::string& series) {
        const auto at = reply.text.find("\n" + series + " ");
        if (at == std::string::npos)
            throw Divergence("no sample of " + series);
        return std::stoll(reply.text.substr(at + series.size() + 2));
    };
    check_totals(reply.text);
    const auto metered =
        query("SELECT coalesce(-sum(delta_seconds), 0) FROM credit_events WHERE kind = 'debit_usage'");
    const auto refunded =
        query("SELECT coalesce(sum(delta_seconds), 0) FROM credit_events WHERE kind = 'refund_usage'");
    check(metered - refunded == model_.total_consumed(), "the metered seconds are not the model's");
    check(sample("session_voice_pending_seconds") == model_.total_pending(now), "other seconds are pending");
    // More than the ledger has is what it had before an older one took its place.
    const auto is_ledgers = [&](const char* total, Seconds ledgers) {
        return was_restored_ ? sample(total) >= ledgers : sample(total) == ledgers;
    };
    check(is_ledgers("session_voice_metered_seconds_total", metered),
          "the metered seconds are not the ledger's");
    check(is_ledgers("session_voice_refunded_seconds_total", refunded),
          "the refunded seconds are not the ledger's");
    check(sample("session_voice_participants_present{kind=\"free\"}") ==
              static_cast<std::int64_t>(model_.stays.size()),
          "other participants are present");
    check(sample("session_voice_active_rooms{kind=\"free\"}") ==
              static_cast<std::int64_t>(model_.active.size()),
          "other rooms are active");
    answers["most participants at once"] =
        std::max<std::uint64_t>(answers["most participants at once"], model_.stays.size());
    ++answers["metrics"];
    auto& most = answers["most rooms open at once"];
    most = std::max<std::uint64_t>(most, model_.active.size());
}

void World::check_listing()
{
    const auto reply = get("/rooms/active");
    std::set<std::string> listed;
    for (const auto& room : reply.body["rooms"]) {
        listed.insert(room["room_id"]);
        check(room["participant_count"] == model_.count(room["room_id"]), "other participants are listed",
              reply);
    }
    std::set<std::string> expected;
    for (const auto& [room_id, room] : model_.active) {
        if (!room.is_private)
            expected.insert(room_id);
    }
    check(listed == expected, "other rooms are listed", reply);
}

void World::audit()
{
    auto violations = audit_all(db());
    if (violations.empty())
        violations = db().integrity_problems();
    if (!violations.empty())
        throw Divergence("audit: " + violations.front());
    // Nobody pays for a second twice, nor for one in which no token of theirs was good. After the clock has
    // stepped back a second may come twice. What was charged because leaving was not believed is of a token
    // that was good beside the next seat.
    auto stay = db().prepare(
        "SELECT wallet, joined_at, last_metered_at, debited_seconds, coalesce(left_at, token_expires_at), "
        "last_metered_at + coalesce((SELECT sum(delta_seconds) FROM credit_events e "
        "WHERE e.wallet = connections.wallet AND e.connection_id = connections.connection_id "
        "AND e.reason = 'left_early'), 0) FROM connections WHERE kind = 'free' "
        "ORDER BY wallet, joined_at, last_metered_at");
    std::string wallet;
    Seconds paid_until = 0;
    while (stay.step()) {
        if (stay.text(0) != wallet) {
            wallet = stay.text(0);
            paid_until = 0;
        }
        check(has_stepped_back_ || stay.integer(1) >= paid_until, "two stays of one wallet at once");
        check(stay.integer(3) <= stay.integer(2) - stay.integer(1) && stay.integer(2) <= stay.integer(4),
              "paid for more than the token allowed");
        paid_until = std::max(paid_until, stay.integer(5));
    }
}

void World::finish()
{
    chain.is_down = false;
    chain.account_balance = ethereum::Uint256(1000000000000000000);
    chain.fees.least = chain.fees.max_fee_per_gas = ethereum::Uint256(1100);
    escrow_.refuses_next = 0;
    sweep_at(now);
    compare();
    // What is decided in the last round needs one more to be seen on the chain.
    const auto is_open = [&] { return !sessions::find_attestations_on_their_way(db()).empty(); };
    for (int round = 0; round < 30 || (is_open() && round < 60); ++round) {
        sessions::Oracle(db(), chain, config).sweep(now);
        escrow_.mine(now);
        now += 61;
        model_.settle(now);
    }
    check_bookings();
    auto attestation =
        db().prepare("SELECT booking_id, state, metrics_hash, coalesce(failure, '') FROM attestations");
    while (attestation.step()) {
        const auto booking_id = attestation.text(0);
        const auto& booking = chain.bookings.at(booking_id);
        check(attestation.text(1) != "submitted", "an attestation without an end");
        const bool is_on_chain = booking.status == ethereum::BookingStatus::attested &&
                                 base::to_hex(booking.metrics_hash) == attestation.text(2);
        if (forgotten_.count(booking_id) == 0)
            check((attestation.text(1) == "confirmed") == is_on_chain,
                  "an attestation that the chain does not confirm");
        ++answers["attestation " + attestation.text(1)];
    }
    for (const auto& [booking_id, times] : escrow_.attested())
        check(forgotten_.count(booking_id) > 0 || sessions::find_attestation(db(), booking_id).has_value(),
              "attested on the chain, and not here");
    audit();
}

} // namespace simulation
