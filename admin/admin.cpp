// The operator's program: looks at credits, rooms and booked sessions, corrects them, checks the database.
#include "auth/ban.h"
#include "base/error.h"
#include "base/hex.h"
#include "credits/ledger.h"
#include "doctor.h"
#include "ethereum/address.h"
#include "rooms/room.h"
#include "sessions/oracle.h"
#include "sqlite/migrate.h"

#include <CLI/CLI.hpp>
#include <iomanip>
#include <iostream>

namespace {

// Given on the command line; which of them count depends on the command.
struct Arguments
{
    std::string config_path;
    std::string wallet;
    std::int64_t seconds = 0;
    std::string reason;
    std::string room_id;
    std::string connection_id;
    std::optional<std::int64_t> ban_seconds;
    std::string booking_id;
    std::vector<std::string> users;
    base::Program program = base::Program::tool;
};

// The longest ban that is not for good: a hundred years.
constexpr std::int64_t max_ban_seconds = std::int64_t{100} * 366 * 86400;

// Checked as CLI11 wants it: "" or what is wrong.
std::string check_wallet(const std::string& text)
{
    return ethereum::parse_address(text) ? "" : "a wallet is 0x and 40 hex digits";
}

std::string check_room_id(const std::string& text)
{
    return base::is_uuid(text) ? "" : "a room id is a UUID";
}

std::string check_connection_id(const std::string& text)
{
    return base::is_uuid(text) ? "" : "a connection id is a UUID";
}

std::string check_reason(const std::string& text)
{
    return text.find_first_not_of(" \t\r\n") != std::string::npos ? "" : "the wallet is to be told why";
}

std::string check_booking_id(const std::string& text)
{
    return ethereum::Uint256::parse_decimal(text) ? "" : "a booking id is a decimal number below 2^256";
}

class Admin
{
  public:
    explicit Admin(const Arguments& arguments)
        : arguments_(arguments),
          config_(base::load_config(arguments.config_path, base::process_environment(), arguments.program)),
          wallet_(ethereum::parse_address(arguments.wallet).value_or("")), now_(base::system_now())
    {
    }

    int migrate()
    {
        sqlite::DatabaseOptions options;
        options.busy_timeout_ms = static_cast<int>(config_.database_busy_timeout_ms);
        sqlite::Database db(config_.database_path, options);
        const int steps = sqlite::migrate(db);
        std::cout << "schema version " << sqlite::schema_version(db) << ", " << steps
                  << " migrations applied\n";
        return 0;
    }

    int show_credits()
    {
        const auto db = open();
        rooms::settle_wallet_if_lapsed(*db, config_.rules, wallet_, now_);
        const auto account = credits::account(*db, wallet_);
        std::cout << wallet_ << "\n"
                  << "  remaining  " << account.remaining_seconds << " s\n"
                  << "  base       " << account.base_granted_seconds << " s\n"
                  << "  bonus      " << account.bonus_granted_seconds << " s\n"
                  << "  adjusted   " << account.adjusted_seconds << " s\n"
                  << "  consumed   " << account.consumed_seconds << " s\n";
        constexpr std::int64_t events_shown = 50;
        for (const auto& event : credits::statement(*db, wallet_, events_shown))
            std::cout << "  " << base::iso8601(event.created_at) << "  " << std::left << std::setw(16)
                      << event.kind << std::right << std::showpos << std::setw(8) << event.delta_seconds
                      << std::noshowpos << std::setw(8) << event.balance_after_seconds << "  "
                      << event.connection_id << event.reason << "\n";
        return 0;
    }

    int adjust_credits()
    {
        const auto db = open();
        sqlite::Transaction tx(*db);
        rooms::settle_wallet(*db, config_.rules, wallet_, now_);
        const auto applied = credits::adjust(*db, wallet_, arguments_.seconds, arguments_.reason, now_);
        const auto remaining_seconds = credits::account(*db, wallet_).remaining_seconds;
        tx.commit();
        std::cout << wallet_ << " adjusted by " << applied << " s, remaining " << remaining_seconds << " s\n";
        return 0;
    }

    int list_rooms()
    {
        const auto db = open();
        constexpr std::int64_t rooms_shown = 1000;
        for (const auto& active : rooms::list_active(*db, config_.rules, false, rooms_shown, now_))
            std::cout << active.room.room_id << "  " << base::iso8601(active.room.created_at) << "  "
                      << std::setw(7) << active.room.visibility << "  " << active.participant_count << "/"
                      << active.room.capacity << "  host " << active.room.host_wallet << "\n";
        return 0;
    }

    int close_room()
    {
        const auto db = open();
        if (!rooms::close(*db, config_.rules, arguments_.room_id, now_)) {
            std::cerr << "there is no such active room\n";
            return 1;
        }
        std::cout << arguments_.room_id << " closed\n";
        return 0;
    }

    // ---- moderation ----

    int ban()
    {
        const auto db = open();
        sqlite::Transaction tx(*db);
        auth::ban(*db, wallet_, arguments_.reason, arguments_.ban_seconds, now_);
        const auto expulsion = rooms::expel(*db, config_.rules, wallet_, now_);
        tx.commit();
        std::cout << wallet_ << " banned "
                  << (arguments_.ban_seconds ? "until " + base::iso8601(now_ + *arguments_.ban_seconds)
                                             : "for good")
                  << "\n";
        if (expulsion.left_room_id)
            std::cout << "its stay in room " << *expulsion.left_room_id << " is ended\n";
        if (expulsion.closed_room_id)
            std::cout << "its room " << *expulsion.closed_room_id << " is closed\n";
        return 0;
    }

    int unban()
    {
        const auto db = open();
        sqlite::Transaction tx(*db);
        const bool was_banned = auth::lift_ban(*db, wallet_, now_);
        tx.commit();
        if (!was_banned) {
            std::cerr << wallet_ << " is not banned\n";
            return 1;
        }
        std::cout << wallet_ << " may come back\n";
        return 0;
    }

    int list_bans()
    {
        const auto db = open();
        constexpr std::int64_t bans_shown = 1000;
        for (const auto& ban : auth::list_bans(*db, bans_shown))
            std::cout << ban.wallet << "  " << base::iso8601(ban.banned_at) << " to "
                      << (ban.expires_at ? base::iso8601(*ban.expires_at) : "                    ever")
                      << "  " << std::left << std::setw(6)
                      << (ban.lifted_at         ? "lifted"
                          : ban.is_active(now_) ? "active"
                                                : "over")
                      << std::right << "  " << ban.reason << "\n";
        return 0;
    }

    int kick()
    {
        const auto db = open();
        const auto removal = rooms::remove(*db, config_.rules, arguments_.connection_id, now_);
        std::cout << arguments_.connection_id << " removed, " << removal.debited_seconds << " s charged"
                  << (removal.closed ? ", the room is closed" : "") << "\n";
        return 0;
    }

    int show_room()
    {
        const auto db = open();
        const auto stored = rooms::find_room(*db, arguments_.room_id);
        if (!stored) {
            std::cerr << "there is no such room\n";
            return 1;
        }
        const auto& room = stored->room;
        std::cout << stored->kind << " room " << room.room_id << "\n"
                  << "  title      " << (room.title.empty() ? "none" : room.title) << "\n"
                  << "  host       " << room.host_wallet << "\n"
                  << "  admits     " << room.capacity << ", " << room.visibility
                  << (room.ai_enabled ? ", an AI takes part" : "") << "\n"
                  << "  created    " << base::iso8601(room.created_at) << "\n"
                  << "  closed     " << (stored->closed_at ? base::iso8601(*stored->closed_at) : "no")
                  << "\n";
        for (const auto& stay : rooms::find_all_connections(*db, room.room_id))
            std::cout << "  " << stay.connection_id << "  " << stay.wallet << "  "
                      << base::iso8601(stay.joined_at) << " to "
                      << base::iso8601(stay.left_at.value_or(stay.token_expires_at)) << "  "
                      << (stay.left_at           ? "left"
                          : stay.is_lapsed(now_) ? "lapsed"
                                                 : "present")
                      << ", " << stay.debited_seconds << " s charged\n";
        return 0;
    }

    int list_sessions()
    {
        const auto db = open();
        constexpr std::int64_t sessions_shown = 1000;
        for (const auto& session : sessions::list_sessions(*db, sessions_shown)) {
            const auto attestation = sessions::find_attestation(*db, session.booking_id);
            std::cout << session.booking_id << "  "
                      << (session.terms ? base::iso8601(session.terms->start_at) : "start unknown") << "  "
                      << (attestation ? outcome_line(*attestation)
                                      : (session.concluded.empty() ? "open" : session.concluded))
                      << "\n";
        }
        return 0;
    }

    int show_session()
    {
        const auto db = open();
        const auto booking_id = ethereum::Uint256::parse_decimal(arguments_.booking_id)->to_decimal();
        const auto session = sessions::find_session(*db, booking_id);
        const auto attestation = sessions::find_attestation(*db, booking_id);
        if (!session && !attestation) {
            std::cerr << "nobody joined booking " << booking_id << ", and nothing was attested\n";
            return 1;
        }
        std::cout << "booking " << booking_id << "\n";
        if (session && session->terms)
            show_presence(*db, *session);
        if (session && !session->concluded.empty() && !attestation)
            std::cout << "  concluded  " << session->concluded << "\n";
        if (attestation)
            show_attestation(*db, *attestation);
        return 0;
    }

    int retry_attestation()
    {
        const auto db = open();
        const auto chain = ethereum::make_chain(config_, config_.rpc_timeout_ms);
        const auto booking_id = *ethereum::Uint256::parse_decimal(arguments_.booking_id);
        const auto attestation = sessions::Oracle(*db, *chain, config_).retry(booking_id, now_);
        std::cout << "booking " << attestation.booking_id << "\n";
        show_attestation(*db, attestation);
        return 0;
    }

    int audit()
    {
        const auto db = open();
        auto violations = db->integrity_problems();
        for (const auto& found : {credits::audit(*db), rooms::audit(*db)})
            violations.insert(violations.end(), found.begin(), found.end());
        for (const auto& violation : violations)
            std::cout << violation << "\n";
        std::cout << violations.size() << " violations\n";
        return violations.empty() ? 0 : 1;
    }

  private:
    static std::string outcome_line(const sessions::Attestation& attestation)
    {
        return std::string(name_of(attestation.outcome)) + ", " + name_of(attestation.state) +
               (attestation.failure.empty() ? "" : ": " + attestation.failure);
    }

    void show_presence(sqlite::Database& db, const sessions::KnownSession& session) const
    {
        const auto& terms = *session.terms;
        std::cout << "  slot       " << base::iso8601(terms.start_at) << " to "
                  << base::iso8601(terms.ends_at) << ", grace " << terms.grace_seconds
                  << " s, overlap needed " << terms.min_overlap_seconds << " s\n";
        const auto show = [&](const char* party, const std::string& wallet) {
            std::cout << "  " << party << wallet << "\n";
            const auto stays =
                unite(sessions::find_stays(db, session.booking_id, wallet, now_), terms.ends_at);
            for (const auto& stay : stays)
                std::cout << "             " << base::iso8601(stay.joined_at) << " to "
                          << base::iso8601(stay.left_at) << ", " << stay.left_at - stay.joined_at << " s\n";
            return stays;
        };
        const auto host = show("host       ", session.host);
        const auto guest = show("guest      ", session.guest);
        const auto metrics = sessions::measure(host, guest);
        std::cout << "  overlap    " << metrics.overlap_seconds << " s\n"
                  << "  as of now  " << name_of(sessions::decide(metrics, terms))
                  << (is_final(metrics, terms, now_) ? ", final\n" : ", may still change\n");
    }

    static void show_attestation(sqlite::Database& db, const sessions::Attestation& attestation)
    {
        const auto& metrics = attestation.metrics;
        std::cout << "  decided    " << base::iso8601(attestation.decided_at) << "  "
                  << outcome_line(attestation) << "\n"
                  << "  metrics    " << sessions::metrics_text(attestation.booking_id, metrics) << "\n"
                  << "  hash       0x" << base::to_hex(attestation.metrics_hash) << "\n"
                  << "  sender     " << attestation.oracle << " on chain " << attestation.chain_id << "\n";
        for (const auto& transaction : sessions::find_transactions(db, attestation.booking_id))
            std::cout << "  sent       " << transaction.tx_hash << "  nonce " << transaction.nonce
                      << ", at most " << transaction.max_fee_per_gas.to_decimal() << " wei per gas, "
                      << (transaction.tx_hash == attestation.mined_hash ? "mined"
                          : transaction.sent_at == 0                    ? "not taken by the node"
                                                                        : "taken by the node")
                      << "\n";
    }

    std::unique_ptr<sqlite::Database> open() const
    {
        return sqlite::open_migrated(config_.database_path, config_.database_busy_timeout_ms);
    }

    const Arguments& arguments_;
    const base::Config config_;
    const std::string wallet_;
    const base::UnixSeconds now_;
};

} // namespace

int main(int argc, char** argv)
{
    Arguments arguments;
    int (Admin::*chosen)() = nullptr;

    CLI::App command("Administers session-voice.");
    command.require_subcommand(1);
    command.fallthrough();
    command.add_option("--config", arguments.config_path,
                       "settings file (KEY=VALUE); default: SESSION_VOICE_CONFIG names it, or else "
                       "~/session-voice.env or /etc/session-voice/session-voice.env");
    const auto add = [&](CLI::App& group, const char* name, const char* description, int (Admin::*action)()) {
        auto* sub = group.add_subcommand(name, description);
        sub->callback([&chosen, action] { chosen = action; });
        return sub;
    };
    const auto take_wallet = [&](CLI::App* sub) {
        sub->add_option("WALLET", arguments.wallet, "0x and 40 hex digits")->required()->check(check_wallet);
    };

    auto* credits =
        command.add_subcommand("credits", "A wallet's credit, in seconds.")->require_subcommand(1);
    take_wallet(add(*credits, "show", "Balance and the last 50 events.", &Admin::show_credits));
    auto* grant = add(*credits, "grant", "Add seconds.", &Admin::adjust_credits);
    auto* adjust = add(*credits, "adjust", "Add seconds, or take them with a negative number; stops at 0.",
                       &Admin::adjust_credits);
    for (auto* sub : {grant, adjust}) {
        take_wallet(sub);
        sub->add_option("--reason", arguments.reason, "kept with the event");
    }
    grant->add_option("SECONDS", arguments.seconds, "1 or more")
        ->required()
        ->check(CLI::Range(std::int64_t{1}, credits::max_adjustment_seconds));
    adjust->add_option("SECONDS", arguments.seconds, "may be negative")
        ->required()
        ->check(CLI::Range(-credits::max_adjustment_seconds, credits::max_adjustment_seconds));

    auto* rooms = command.add_subcommand("rooms", "Free rooms.")->require_subcommand(1);
    add(*rooms, "list", "Active rooms, the newest first.", &Admin::list_rooms);
    add(*rooms, "close", "Charge everybody, end their stays, close the room.", &Admin::close_room)
        ->add_option("ROOM_ID", arguments.room_id)
        ->required()
        ->check(check_room_id);

    // ---- moderation ----

    add(*rooms, "show",
        "A room, active or closed: who is or was in it, from when until when, what was charged.",
        &Admin::show_room)
        ->add_option("ROOM_ID", arguments.room_id)
        ->required()
        ->check(check_room_id);
    add(*rooms, "kick", "Charge a participant and end their stay, as the room's host may.", &Admin::kick)
        ->add_option("CONNECTION_ID", arguments.connection_id)
        ->required()
        ->check(check_connection_id);
    auto* ban =
        add(command, "ban",
            "Keep a wallet from signing in and from free rooms; end its stay, close its room.", &Admin::ban);
    take_wallet(ban);
    ban->add_option("--reason", arguments.reason, "told to the wallet")->required()->check(check_reason);
    ban->add_option("--for", arguments.ban_seconds, "seconds; without it, for good")
        ->check(CLI::Range(std::int64_t{1}, max_ban_seconds));
    take_wallet(add(command, "unban", "Lift the ban of a wallet.", &Admin::unban));
    auto* bans = command.add_subcommand("bans", "Wallets that were banned.")->require_subcommand(1);
    add(*bans, "list", "The last 1000 bans, the newest first: active, over or lifted.", &Admin::list_bans);

    const auto take_booking = [&](CLI::App* sub) {
        sub->add_option("BOOKING", arguments.booking_id, "the booking's id, decimal")
            ->required()
            ->check(check_booking_id);
    };
    auto* sessions =
        command.add_subcommand("sessions", "Booked sessions that somebody joined.")->require_subcommand(1);
    add(*sessions, "list", "The last 1000, with what became of them.", &Admin::list_sessions);
    take_booking(add(*sessions, "show",
                     "Who was there when, the overlap, what was attested and how it fares.",
                     &Admin::show_session));

    auto* attest =
        command.add_subcommand("attest", "What the oracle says to the escrow.")->require_subcommand(1);
    auto* retry =
        add(*attest, "retry",
            "Send a failed attestation once more, the same decision in a new transaction; follow up one "
            "that has not failed.",
            &Admin::retry_attestation);
    take_booking(retry);
    retry->preparse_callback([&](std::size_t) { arguments.program = base::Program::oracle; });

    add(command, "audit", "Check every rule of ledger and rooms and the file itself; exit 1 on a violation.",
        &Admin::audit);
    auto* doctor = command.add_subcommand(
        "doctor", "Look at the whole installation and say what to do about each thing that is wrong.");
    doctor->add_option("--user", arguments.users,
                       "a user that must be able to use the database; may be repeated");
    add(command, "migrate", "Bring the database to this program's schema.", &Admin::migrate);

    CLI11_PARSE(command, argc, argv);
    try {
        if (doctor->parsed())
            return run_doctor(arguments.config_path, arguments.users);
        return (Admin(arguments).*chosen)();
    } catch (const std::exception& error) {
        std::cerr << "session-voice-admin: " << error.what() << "\n";
        return 1;
    }
}
