#include "command.h"
#include "import/bringing.h"
#include "import/first_service.h"

namespace {

// A wallet of another service may be any text, which a terminal must not obey.
std::string printable(const std::string& text)
{
    std::string safe;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        safe += byte < ' ' || byte >= 0x7f ? '?' : c;
    }
    return safe;
}

void list(Command& command, const char* name, const std::vector<importing::Finding>& findings)
{
    auto& listed = command.json[name] = base::Json::array();
    for (const auto& [wallet, what] : findings) {
        const auto shown = printable(wallet);
        listed.push_back({{"wallet", shown}, {"reason", printable(what)}});
        command.text << shown << ": " << printable(what) << "\n";
    }
}

} // namespace

void import_accounts(Command& command)
{
    const bool rehearse = command.arguments.dry_run;
    auto old = importing::read_first_service(command.arguments.file, command.now);
    auto& db = rehearse && !command.is_there() ? command.database() : command.database_without_rehearsal();
    base::SystemRandom random;
    const auto brought = importing::bring_along(db, old.accounts, random, command.now, rehearse);
    for (const auto& wallet : brought.in_use)
        old.refused.push_back({wallet, "has credit of its own here"});
    const auto remaining_seconds =
        brought.base_granted_seconds + brought.bonus_granted_seconds - brought.consumed_seconds;
    command.json = {{"file", command.arguments.file},
                    {"accounts_read", old.rows},
                    {"wallets_imported", brought.wallets},
                    {"base_granted_seconds", brought.base_granted_seconds},
                    {"bonus_granted_seconds", brought.bonus_granted_seconds},
                    {"consumed_seconds", brought.consumed_seconds},
                    {"remaining_seconds", remaining_seconds},
                    {"already_here", brought.already_here},
                    {"empty_accounts", old.empty_accounts},
                    {"open_stays", old.open_stays}};
    command.text << "not brought along: " << old.refused.size() << "\n";
    list(command, "not_imported", old.refused);
    command.text << "to be known: " << old.noted.size() << "\n";
    list(command, "notes", old.noted);
    command.text << old.rows << " accounts read: " << brought.wallets << " wallets brought along with "
                 << remaining_seconds << " s remaining of " << brought.base_granted_seconds << " s and "
                 << brought.bonus_granted_seconds << " s of bonus, " << brought.consumed_seconds
                 << " s consumed; " << brought.already_here << " were here already, " << old.empty_accounts
                 << " are empty\n";
    if (old.open_stays > 0)
        command.text << old.open_stays
                     << " stays were not ended: what they used since they were last charged "
                        "is not charged\n";
}
