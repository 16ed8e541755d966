// The operator's program: looks at credits, rooms and booked sessions, corrects them, keeps the database.
// Here is the table of its commands; what they do is in a file for each first word, and in maintenance.cpp.
#include "base/cgi.h"
#include "base/error.h"
#include "base/random.h"
#include "command.h"
#include "credits/ledger.h"
#include "doctor.h"
#include "ethereum/address.h"
#include "ethereum/uint256.h"
#include "rooms/moderation.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

namespace {

// Checked as CLI11 wants it: "" or what is wrong.
std::string check_wallet(const std::string& text)
{
    return ethereum::parse_address(text) ? "" : "a wallet is 0x and 40 hex digits";
}

std::string check_booking_id(const std::string& text)
{
    return ethereum::Uint256::parse_decimal(text) ? "" : "a booking id is a decimal number below 2^256";
}

std::string check_reason(const std::string& text)
{
    return text.find_first_not_of(" \t\r\n") != std::string::npos ? "" : "say why";
}

constexpr std::int64_t max_days = 36500;
constexpr std::int64_t max_limit = 1000000;

enum class Effect
{
    looks,
    changes // has --dry-run
};

using Action = void (*)(Command&);

class CommandLine
{
  public:
    CommandLine()
    {
        app_.require_subcommand(1);
        app_.fallthrough();
        app_.add_option("--config", arguments_.config_path,
                        "settings file (KEY=VALUE); default: SESSION_VOICE_CONFIG names it, or else "
                        "~/session-voice.env or /etc/session-voice/session-voice.env");
        app_.add_flag("--json", arguments_.as_json, "answer in JSON, errors too");
        add_credits();
        add_wallets();
        add_rooms();
        add_bans();
        add_sessions();
        add_webhooks();
        add_maintenance();
    }

    int run(int argc, char** argv)
    {
        // Wanted even where the rest cannot be parsed.
        const bool as_json =
            std::any_of(argv, argv + argc, [](const char* word) { return std::string(word) == "--json"; });
        try {
            app_.parse(argc, argv);
        } catch (const CLI::ParseError& error) {
            if (!as_json || error.get_exit_code() == 0)
                return app_.exit(error);
            return fail({{"error", "invalid_arguments"}, {"message", error.what()}}, true);
        }
        try {
            return execute();
        } catch (const base::Error& error) {
            base::Json json = {{"error", error.name()}, {"message", error.what()}};
            for (const auto& [key, value] : error.fields())
                std::visit([&, &name = key](const auto& content) { json[name] = content; }, value);
            return fail(json, arguments_.as_json);
        } catch (const std::exception& error) {
            return fail({{"error", "internal_error"}, {"message", error.what()}}, arguments_.as_json);
        }
    }

  private:
    int execute()
    {
        if (action_ == nullptr)
            return run_doctor(arguments_.config_path, arguments_.users, arguments_.as_json);
        Command command(arguments_);
        action_(command);
        if (arguments_.dry_run)
            command.json["dry_run"] = true;
        if (arguments_.as_json)
            std::cout << dump(command.json) << "\n";
        else
            std::cout << (arguments_.dry_run ? "a dry run, nothing is changed; it would be:\n" : "")
                      << command.text.str();
        return command.exit_status;
    }

    static int fail(const base::Json& error, bool as_json)
    {
        if (as_json)
            std::cerr << dump(error) << "\n";
        else
            std::cerr << "session-voice-admin: " << error["message"].get<std::string>() << "\n";
        return 1;
    }

    // An operator's words may be no UTF-8.
    static std::string dump(const base::Json& json)
    {
        return json.dump(-1, ' ', false, base::Json::error_handler_t::replace);
    }

    CLI::App& group(const char* name, const char* description)
    {
        return *app_.add_subcommand(name, description)->require_subcommand(1);
    }

    CLI::App& add(CLI::App& parent, const char* name, const char* description, const std::string& example,
                  Action action, Effect effect = Effect::looks)
    {
        auto& sub = *parent.add_subcommand(name, description);
        sub.callback([this, action] { action_ = action; });
        sub.add_flag("--json", arguments_.as_json, "answer in JSON, errors too");
        if (effect == Effect::changes)
            sub.add_flag("--dry-run", arguments_.dry_run, "only say what would be done");
        sub.footer("Example:\n  session-voice-admin " + example);
        return sub;
    }

    void take_wallet(CLI::App& sub)
    {
        sub.add_option("WALLET", arguments_.wallet, "0x and 40 hex digits")->required()->check(check_wallet);
    }
    void take_booking(CLI::App& sub)
    {
        sub.add_option("BOOKING", arguments_.booking_id, "the booking's id, decimal")
            ->required()
            ->check(check_booking_id);
    }
    void take_room(CLI::App& sub)
    {
        sub.add_option("ROOM_ID", arguments_.room_id)->required()->transform(base::id_of);
    }
    void take_connection(CLI::App& sub)
    {
        sub.add_option("CONNECTION_ID", arguments_.connection_id, "as in the statement")
            ->required()
            ->transform(base::id_of);
    }
    void take_file(CLI::App& sub, const char* what)
    {
        sub.add_option("FILE", arguments_.file, what)->required();
    }
    void take_limit(CLI::App& sub)
    {
        sub.add_option("--limit", arguments_.limit, "how many at most; default 100")
            ->check(CLI::Range(std::int64_t{1}, max_limit));
    }
    CLI::Option* take_seconds(CLI::App& sub, const char* what, std::int64_t least)
    {
        return sub.add_option("SECONDS", arguments_.seconds, what)
            ->required()
            ->check(CLI::Range(least, credits::max_adjustment_seconds));
    }

    void add_credits()
    {
        auto& credits = group("credits", "A wallet's credit, in seconds.");
        take_wallet(
            add(credits, "show", "Balance and the last 50 events.", "credits show " + wallet_, credits_show));
        auto& statement =
            add(credits, "statement",
                "Why was I charged? What each stay took on each day, with its room and its time, the running "
                "balance, and the totals of each day (UTC).",
                "credits statement " + wallet_ + " --days 7", credits_statement);
        take_wallet(statement);
        statement.add_option("--days", arguments_.days, "of the last days, today among them; default: all")
            ->check(CLI::Range(std::int64_t{1}, max_days));
        auto& grant =
            add(credits, "grant", "Add seconds.", "credits grant " + wallet_ + " 600 --reason \"our outage\"",
                credits_adjust, Effect::changes);
        take_wallet(grant);
        take_seconds(grant, "1 or more", 1);
        auto& adjust =
            add(credits, "adjust", "Add seconds, or take them with a negative number; stops at 0.",
                "credits adjust " + wallet_ + " -600 --reason abuse", credits_adjust, Effect::changes);
        take_wallet(adjust);
        take_seconds(adjust, "may be negative", -credits::max_adjustment_seconds);
        for (auto* sub : {&grant, &adjust})
            sub->add_option("--reason", arguments_.reason, "kept with the event");
        auto& refund = add(credits, "refund",
                           "Give seconds back that a connection was charged, at most what is left of that.",
                           "credits refund 3f0c9a4e-52d1-4b7e-9a0b-6f1f3c1f7a55 120 --reason \"no sound\"",
                           credits_refund, Effect::changes);
        take_connection(refund);
        take_seconds(refund, "1 or more", 1);
        refund.add_option("--reason", arguments_.reason, "kept with the event")
            ->required()
            ->check(check_reason);
    }

    void add_wallets()
    {
        auto& wallets = group("wallets", "Everybody who ever had credit.");
        take_limit(add(wallets, "list", "Their balances; whose changed last comes first.",
                       "wallets list --limit 20", wallets_list));
        auto& show = add(wallets, "show", "Its account, its grants, the rooms that it hosted, its stays.",
                         "wallets show " + wallet_, wallets_show);
        take_wallet(show);
        take_limit(show);
    }

    void add_rooms()
    {
        auto& rooms = group("rooms", "Free rooms.");
        add(rooms, "list", "Active rooms, the newest first.", "rooms list --json", rooms_list);
        take_room(add(rooms, "close", "Charge everybody, end their stays, close the room.",
                      "rooms close " + room_, rooms_close, Effect::changes));
        take_room(
            add(rooms, "show",
                "A room, active or closed: who is or was in it, from when until when, what was charged.",
                "rooms show " + room_, rooms_show));
        take_connection(add(rooms, "kick", "Charge a participant and end their stay, as the room's host may.",
                            "rooms kick 3f0c9a4e-52d1-4b7e-9a0b-6f1f3c1f7a55", rooms_kick, Effect::changes));
    }

    void add_bans()
    {
        auto& ban = add(app_, "ban", "Keep a wallet out of free rooms; end its stay, close its room.",
                        "ban " + wallet_ + " --reason spam --for 86400", ban_wallet, Effect::changes);
        take_wallet(ban);
        ban.add_option("--reason", arguments_.reason, "told to the wallet")->required()->check(check_reason);
        ban.add_option("--for", arguments_.ban_seconds, "seconds; without it, for good")
            ->check(CLI::Range(std::int64_t{1}, rooms::max_ban_seconds));
        take_wallet(add(app_, "unban", "Lift the ban of a wallet.", "unban " + wallet_, unban_wallet,
                        Effect::changes));
        auto& bans = group("bans", "Wallets that were banned.");
        take_limit(add(bans, "list", "The newest first: active, over or lifted.", "bans list", bans_list));
    }

    void add_sessions()
    {
        auto& sessions = group("sessions", "Booked sessions that somebody joined.");
        add(sessions, "list", "The last 1000, with what became of them.", "sessions list", sessions_list);
        take_booking(add(sessions, "show",
                         "Who was there when, the overlap, what was attested and how it fares.",
                         "sessions show 42", sessions_show));
        auto& attest = group("attest", "What the oracle says to the escrow.");
        auto& retry = add(attest, "retry",
                          "Send a failed attestation once more, the same decision in a new transaction; "
                          "follow up one that has not failed.",
                          "attest retry 42 --dry-run", attest_retry, Effect::changes);
        auto& cancel =
            add(attest, "cancel",
                "Free the nonce of an attestation that is stuck, by a transaction of nothing to the "
                "oracle itself at a higher fee. It has failed once that is mined, and can be retried.",
                "attest cancel 42 --dry-run", attest_cancel, Effect::changes);
        for (auto* sub : {&retry, &cancel}) {
            take_booking(*sub);
            sub->preparse_callback([this](std::size_t) { arguments_.program = base::Program::oracle; });
        }
    }

    void add_webhooks()
    {
        auto& webhooks = group("webhooks", "What the application and Agora are told.");
        take_limit(
            add(webhooks, "list", "What waits, has failed or was given up.", "webhooks list", webhooks_list));
        add(webhooks, "show", "A message, and how it fares.", "webhooks show 17", webhooks_show)
            .add_option("ID", arguments_.message_id, "its number, or the receiver's webhook-id")
            ->required();
        auto& retry = add(webhooks, "retry",
                          "Try a message again at once that was given up, or waits for its next attempt.",
                          "webhooks retry --all", webhooks_retry, Effect::changes);
        retry.add_option("ID", arguments_.message_id, "its number, or the receiver's webhook-id");
        retry.add_flag("--all", arguments_.all, "all of them");
        add(webhooks, "resume", "Tell whoever has answered 410 (Gone) again.", "webhooks resume",
            webhooks_resume, Effect::changes);
        add(webhooks, "test", "Send a webhook of the type \"test\" now, and say what comes back.",
            "webhooks test", webhooks_test);
    }

    void add_maintenance()
    {
        add(app_, "audit", "Check every rule of ledger and rooms and the file itself; exit 1 on a violation.",
            "audit", audit);
        add(app_, "doctor",
            "Look at the whole installation and say what to do about each thing that is wrong.",
            "doctor --user www-data", nullptr)
            .add_option("--user", arguments_.users,
                        "a user that must be able to use the database; may be repeated");
        auto& prune_command =
            add(app_, "prune",
                "Make the database smaller without changing what it says: of old debits that follow one "
                "another, for one stay on one day, the last stays with their sum; rooms in which nobody was "
                "charged are deleted. The service may go on meanwhile.",
                "prune --older-than-days 30 --dry-run", prune, Effect::changes);
        prune_command
            .add_option("--older-than-days", arguments_.older_than_days,
                        "days (UTC) before today that are left alone; default 30")
            ->check(CLI::Range(std::int64_t{0}, max_days));
        prune_command.add_flag("--vacuum", arguments_.vacuum,
                               "then give the free space of the file back; writers wait for that long");
        take_file(add(app_, "backup",
                      "Write a checked copy of the database; the service goes on meanwhile. Refuses a FILE "
                      "that exists.",
                      "backup /var/backups/session-voice/$(date +%F).db", backup, Effect::changes),
                  "to be written");
        auto& restore_command =
            add(app_, "restore",
                "Check a backup and put it in the database's place, in one step; the service may go on "
                "meanwhile. What was written since the backup is lost.",
                "restore /var/backups/session-voice/2026-01-31.db --dry-run", restore, Effect::changes);
        take_file(restore_command, "a backup");
        restore_command.add_flag("--yes", arguments_.yes, "really do it");
        auto& move_command =
            add(app_, "move",
                "Move everything to another database, SQLite's or PostgreSQL, and close this one for ever. "
                "Who writes meanwhile waits. Then change the settings, and restart.",
                "move --to postgresql://voice@db.example.org/voice --dry-run", move, Effect::changes);
        move_command
            .add_option("--to", arguments_.destination,
                        "a PostgreSQL's connection URI, or the path of a file that does not exist")
            ->required();
        move_command.add_flag("--yes", arguments_.yes, "really do it");
        take_file(add(app_, "import",
                      "Bring the accounts of the first service along: their grants, what they consumed and "
                      "what remains. Lists those that cannot be brought. The service may go on meanwhile; "
                      "what was brought before is not brought again.",
                      "import first-service.sql --dry-run", import_accounts, Effect::changes),
                  "a dump in SQL (wrangler d1 export, sqlite3's .dump), or an SQLite file");
        add(app_, "migrate", "Bring the database to this program's schema.", "migrate --dry-run", migrate,
            Effect::changes);
    }

    const std::string wallet_ = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A";
    const std::string room_ = "9c6f29c3-752e-4f54-9184-cf13202c5ac8";
    Arguments arguments_;
    Action action_ = nullptr; // none for the doctor, who works without settings too
    CLI::App app_{"Administers session-voice."};
};

} // namespace

int main(int argc, char** argv)
{
    if (base::is_cgi_request()) {
        base::refuse_cgi_request();
        return 0;
    }
    return CommandLine().run(argc, argv);
}
