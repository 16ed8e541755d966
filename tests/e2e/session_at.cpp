// The library on the service's own database and node, with nothing but the clock put in: what would be done
// at a given second. For the tests of attesting, which need presence in the past and the edges of windows.
#include "base/config.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/random.h"
#include "base/startup.h"
#include "sessions/oracle.h"
#include "storage/open.h"

#include <iostream>
#include <sstream>
#include <stdexcept>

namespace {

using base::Json;

constexpr const char* usage =
    "usage: session-at --config FILE [COMMAND...]\n"
    "\n"
    "  join BOOKING WALLET AT         seat the wallet at that second\n"
    "  leave BOOKING WALLET AT        end its stay\n"
    "  attest BOOKING AT [FORCED]     what the endpoint does\n"
    "  sweep AT                       what session-voice-attest does\n"
    "  show BOOKING                   what is stored of its attestation\n"
    "  unsettled                      the bookings whose attestation is neither confirmed nor failed for "
    "good\n"
    "  sign KEY CHAIN NONCE GAS FEE TIP TO VALUE DATA\n"
    "                                 a transaction; TIP - makes a legacy one\n"
    "\n"
    "Without a command, reads one from each line of standard input. Answers each with a line of JSON.\n";

class Words
{
  public:
    explicit Words(const std::string& line) : stream_(line) {}

    bool at_end() { return (stream_ >> std::ws).eof(); }
    std::string text()
    {
        std::string word;
        if (!(stream_ >> word))
            throw std::invalid_argument("a word is missing");
        return word;
    }
    ethereum::Uint256 booking() { return ethereum::Uint256::parse_decimal(text()).value(); }
    base::UnixSeconds instant() { return std::stoll(text()); }
    std::optional<sessions::Outcome> outcome()
    {
        using sessions::Outcome;
        if (at_end())
            return std::nullopt;
        const auto name = text();
        for (const auto outcome : {Outcome::completed, Outcome::no_show_host, Outcome::no_show_guest}) {
            if (name == sessions::name_of(outcome))
                return outcome;
        }
        throw std::invalid_argument("no outcome: " + name);
    }

  private:
    std::istringstream stream_;
};

class SessionAt
{
  public:
    explicit SessionAt(const base::Config& config)
        : config_(config), db_(storage::open(config)),
          chain_(ethereum::make_chain(config, {config.rpc_timeout_ms, true})),
          tokens_(config.agora_app_id, config.agora_app_certificate)
    {
    }

    Json answer(const std::string& line)
    {
        try {
            Words words(line);
            return perform(words);
        } catch (const base::Error& error) {
            Json said{{"error", error.name()}, {"detail", error.what()}};
            for (const auto& [name, value] : error.fields())
                std::visit([&said, &key = name](const auto& field) { said[key] = field; }, value);
            return said;
        }
    }

  private:
    Json perform(Words& words)
    {
        const auto command = words.text();
        if (command == "join")
            return join(words);
        if (command == "leave") {
            const auto booking_id = words.booking().to_decimal();
            const auto wallet = words.text();
            return {{"seconds", sessions::leave({*db_, config_, words.instant()}, booking_id, wallet)}};
        }
        if (command == "attest")
            return attest(words);
        if (command == "sweep") {
            const auto tally = sessions::Oracle(*db_, *chain_, config_).sweep(words.instant());
            return {{"scanned", tally.scanned},       {"submitted", tally.submitted},
                    {"mined", tally.mined},           {"confirmed", tally.confirmed},
                    {"taken_back", tally.taken_back}, {"not_due", tally.not_due},
                    {"not_booked", tally.not_booked}, {"window_missed", tally.window_missed},
                    {"failed", tally.failed},         {"another_chain", tally.is_another_chain}};
        }
        if (command == "show") {
            const auto booking_id = words.booking().to_decimal();
            const auto attestation = sessions::find_attestation(*db_, booking_id);
            return attestation ? describe(*attestation) : Json();
        }
        if (command == "sign")
            return sign(words);
        if (command == "unsettled") {
            auto ids = Json::array();
            for (const auto& attestation : sessions::find_attestations_on_their_way(*db_))
                ids.push_back(attestation.booking_id);
            return ids;
        }
        throw std::invalid_argument("no command: " + command);
    }

    Json join(Words& words)
    {
        const auto booking_id = words.booking();
        const auto wallet = words.text();
        const auto now = words.instant();
        const auto session = sessions::look_up_to_join(*db_, *chain_, booking_id, now);
        return {{"agora_uid",
                 sessions::join({*db_, config_, now}, {tokens_, random_}, session, wallet).agora_uid}};
    }

    Json attest(Words& words)
    {
        const auto booking_id = words.booking();
        const auto now = words.instant();
        sessions::Oracle oracle(*db_, *chain_, config_);
        auto attestation = oracle.resume(booking_id.to_decimal(), now);
        if (!attestation) {
            const auto session = sessions::look_up(*chain_, booking_id, sessions::Asker::oracle, now);
            attestation = oracle.attest(session, words.outcome(), now);
        }
        return describe(*attestation);
    }

    static Json sign(Words& words)
    {
        const auto number = [&] { return static_cast<std::uint64_t>(std::stoull(words.text())); };
        const auto wei = [](const std::string& text) {
            return ethereum::Uint256::parse_decimal(text).value();
        };
        const auto key = ethereum::PrivateKey::parse(words.text()).value();
        ethereum::Transaction transaction;
        transaction.chain_id = number();
        transaction.nonce = number();
        transaction.gas_limit = number();
        transaction.max_fee_per_gas = wei(words.text());
        if (const auto tip = words.text(); tip != "-")
            transaction.max_priority_fee_per_gas = wei(tip);
        transaction.to = words.text();
        transaction.value = wei(words.text());
        transaction.data = base::from_hex(words.text().substr(2)).value();
        const auto made = ethereum::sign(transaction, key);
        return {{"raw", "0x" + base::to_hex(made.raw)}, {"hash", made.hash}};
    }

    Json describe(const sessions::Attestation& attestation)
    {
        const auto& metrics = attestation.metrics;
        auto transactions = Json::array();
        for (const auto& transaction : sessions::find_transactions(*db_, attestation.booking_id))
            transactions.push_back({{"tx_hash", transaction.tx_hash},
                                    {"nonce", transaction.nonce},
                                    {"max_fee_per_gas", transaction.max_fee_per_gas.to_decimal()},
                                    {"is_legacy", !transaction.max_priority_fee_per_gas},
                                    {"raw", "0x" + base::to_hex(transaction.raw)},
                                    {"sent_at", transaction.sent_at.value_or(0)},
                                    {"is_cancellation", transaction.is_cancellation}});
        return {{"outcome", sessions::name_of(attestation.outcome)},
                {"state", sessions::name_of(attestation.state)},
                {"tx_hash", sessions::hash_of(*db_, attestation)},
                {"metrics_hash", "0x" + base::to_hex(attestation.metrics_hash)},
                {"metrics",
                 {{"host_joined_at", metrics.host_joined_at},
                  {"host_left_at", metrics.host_left_at},
                  {"guest_joined_at", metrics.guest_joined_at},
                  {"guest_left_at", metrics.guest_left_at},
                  {"overlap_seconds", metrics.overlap_seconds}}},
                {"decided_at", attestation.decided_at},
                {"nonce", attestation.nonce},
                {"failure", attestation.failure.value_or("")},
                {"transactions", transactions}};
    }

    const base::Config& config_;
    const std::unique_ptr<database::Connection> db_;
    const std::unique_ptr<ethereum::Chain> chain_;
    const agora::TokenIssuer tokens_;
    base::SystemRandom random_;
};

} // namespace

int main(int argc, char** argv)
{
    if (argc < 3 || std::string(argv[1]) != "--config") {
        std::cerr << usage;
        return 2;
    }
    try {
        const auto config = base::start(argv[2], base::Program::server);
        SessionAt session_at(config);
        std::string line;
        if (argc > 3) {
            for (int i = 3; i < argc; ++i)
                line += std::string(argv[i]) + " ";
            std::cout << session_at.answer(line) << std::endl;
            return 0;
        }
        while (std::getline(std::cin, line))
            std::cout << session_at.answer(line) << std::endl;
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "session-at: " << error.what() << "\n" << usage;
        return 1;
    }
}
