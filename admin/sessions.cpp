#include "base/chain_settings.h"
#include "base/database_settings.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/settings.h"
#include "command.h"
#include "sessions/oracle.h"
#include "sqlite/backup.h"

namespace {

// Everything is asked of the chain, nothing is sent to it.
class SilentChain : public ethereum::Chain
{
  public:
    explicit SilentChain(ethereum::Chain& chain) : chain_(chain) {}

    std::optional<std::string> heaven_name(const std::string& wallet) override
    {
        return chain_.heaven_name(wallet);
    }
    bool is_celo_verified(const std::string& wallet) override { return chain_.is_celo_verified(wallet); }
    ethereum::Booking booking(const ethereum::Uint256& id) override { return chain_.booking(id); }
    ethereum::Slot slot(const ethereum::Uint256& id) override { return chain_.slot(id); }
    bool is_signed_by_contract(const std::string& wallet, const std::vector<std::string>& hashes,
                               const std::string& signature) override
    {
        return chain_.is_signed_by_contract(wallet, hashes, signature);
    }
    std::uint64_t chain_id() override { return chain_.chain_id(); }
    base::UnixSeconds last_block_at() override { return chain_.last_block_at(); }
    std::uint64_t last_block() override { return chain_.last_block(); }
    std::optional<std::uint64_t> finalized_block() override { return chain_.finalized_block(); }
    std::uint64_t transaction_count(const std::string& account, bool with_pending) override
    {
        return chain_.transaction_count(account, with_pending);
    }
    ethereum::Uint256 balance(const std::string& account) override { return chain_.balance(account); }
    ethereum::Fees suggest_fees() override { return chain_.suggest_fees(); }
    ethereum::GasEstimate estimate_gas(const std::string& from, const std::string& contract,
                                       const std::string& calldata) override
    {
        return chain_.estimate_gas(from, contract, calldata);
    }
    std::optional<std::string> revert_reason(const std::string& from, const std::string& contract,
                                             const std::string& calldata, std::uint64_t block) override
    {
        return chain_.revert_reason(from, contract, calldata, block);
    }
    ethereum::SendResult send(const std::string&) override { return ethereum::SendResult::accepted; }
    std::optional<ethereum::Receipt> receipt(const std::string& tx_hash) override
    {
        return chain_.receipt(tx_hash);
    }

  private:
    ethereum::Chain& chain_;
};

std::string booking_id_of(const Command& command)
{
    return ethereum::Uint256::parse_decimal(command.arguments.booking_id)->to_decimal();
}

std::string outcome_line(const sessions::Attestation& attestation)
{
    return std::string(name_of(attestation.outcome)) + ", " + name_of(attestation.state) +
           (attestation.failure ? ": " + *attestation.failure : "");
}

void show_presence(Command& command, database::Connection& db, const sessions::KnownSession& session)
{
    const auto& terms = *session.terms;
    auto& text = command.text;
    text << "  slot       " << base::iso8601(terms.start_at) << " to " << base::iso8601(terms.ends_at)
         << ", grace " << terms.grace_seconds << " s, overlap needed " << terms.min_overlap_seconds << " s\n";
    const auto show = [&](const char* party, const char* line, const std::string& wallet) {
        text << "  " << line << wallet << "\n";
        base::Json json = {{"wallet", wallet}, {"stays", base::Json::array()}};
        auto stays =
            unite(sessions::find_stays({db, command.config, command.now}, session.booking_id, wallet),
                  terms.ends_at);
        for (const auto& stay : stays) {
            text << "             " << base::iso8601(stay.joined_at) << " to " << base::iso8601(stay.left_at)
                 << ", " << stay.left_at - stay.joined_at << " s\n";
            json["stays"].push_back(
                {{"joined_at", base::iso8601(stay.joined_at)}, {"left_at", base::iso8601(stay.left_at)}});
        }
        command.json[party] = std::move(json);
        return stays;
    };
    const auto host = show("host", "host       ", session.host);
    const auto guest = show("guest", "guest      ", session.guest);
    const auto metrics = sessions::measure(host, guest);
    const auto outcome = name_of(sessions::decide(metrics, terms));
    const bool final = is_final(metrics, terms, command.now);
    text << "  overlap    " << metrics.overlap_seconds << " s\n"
         << "  as of now  " << outcome << (final ? ", final\n" : ", may still change\n");
    command.json.update({{"start_at", base::iso8601(terms.start_at)},
                         {"ends_at", base::iso8601(terms.ends_at)},
                         {"grace_seconds", terms.grace_seconds},
                         {"min_overlap_seconds", terms.min_overlap_seconds},
                         {"overlap_seconds", metrics.overlap_seconds},
                         {"outcome", outcome},
                         {"final", final}});
}

void show_attestation(Command& command, database::Connection& db, const sessions::Attestation& attestation)
{
    const auto& metrics = attestation.metrics;
    command.text << "  decided    " << base::iso8601(attestation.decided_at) << "  "
                 << outcome_line(attestation) << "\n"
                 << "  metrics    " << sessions::metrics_text(attestation.booking_id, metrics) << "\n"
                 << "  hash       0x" << base::to_hex(attestation.metrics_hash) << "\n"
                 << "  sender     " << attestation.oracle << " on chain " << attestation.chain_id << "\n";
    base::Json json = {{"outcome", name_of(attestation.outcome)},
                       {"state", name_of(attestation.state)},
                       {"decided_at", base::iso8601(attestation.decided_at)},
                       {"metrics", sessions::metrics_text(attestation.booking_id, metrics)},
                       {"metrics_hash", "0x" + base::to_hex(attestation.metrics_hash)},
                       {"oracle", attestation.oracle},
                       {"chain_id", attestation.chain_id},
                       {"transactions", base::Json::array()}};
    if (attestation.failure)
        json["failure"] = *attestation.failure;
    for (const auto& transaction : sessions::find_transactions(db, attestation.booking_id)) {
        const char* kind = transaction.is_cancellation ? "cancellation" : "attestation";
        const auto state = transaction.tx_hash == attestation.mined_hash ? "mined"
                           : transaction.sent_at                         ? "taken by the node"
                                                                         : "not taken by the node";
        command.text << "  sent       " << transaction.tx_hash << "  " << kind << ", nonce "
                     << transaction.nonce << ", at most " << transaction.max_fee_per_gas.to_decimal()
                     << " wei per gas, " << state << "\n";
        json["transactions"].push_back({{"tx_hash", transaction.tx_hash},
                                        {"kind", kind},
                                        {"nonce", transaction.nonce},
                                        {"max_fee_per_gas", transaction.max_fee_per_gas.to_decimal()},
                                        {"state", state}});
    }
    command.json["attestation"] = std::move(json);
}

using OracleAction = sessions::Attestation (sessions::Oracle::*)(const ethereum::Uint256&, base::UnixSeconds);

void perform(Command& command, database::Connection& db, ethereum::Chain& chain, OracleAction action)
{
    const auto booking_id = *ethereum::Uint256::parse_decimal(command.arguments.booking_id);
    sessions::Oracle oracle(db, chain, command.config);
    const auto attestation = (oracle.*action)(booking_id, command.now);
    command.json["booking_id"] = attestation.booking_id;
    command.text << "booking " << attestation.booking_id << "\n";
    show_attestation(command, db, attestation);
}

void perform(Command& command, OracleAction action)
{
    const auto chain = ethereum::make_chain(
        command.config, {base::settings<base::ChainSettings>(command.config).rpc_timeout_ms, true});
    auto& db = command.database_without_rehearsal();
    if (!command.arguments.dry_run) {
        perform(command, db, *chain, action);
        return;
    }
    SilentChain silent(*chain);
    if (!base::settings<base::DatabaseSettings>(command.config).database_url.empty()) {
        database::TransactionGroup rehearsal(db); // never committed
        perform(command, db, silent, action);
        return;
    }
    // A node may take its time, and meanwhile nobody must wait for the write lock: this is played on a copy.
    const sqlite::ScratchFile scratch(base::settings<base::DatabaseSettings>(command.config).database_path +
                                      "-rehearsal");
    command.file("").copy_into(scratch.path());
    sqlite::Connection copy(scratch.path());
    perform(command, copy, silent, action);
}

} // namespace

void sessions_list(Command& command)
{
    auto& db = command.database();
    constexpr std::int64_t sessions_shown = 1000;
    command.json["sessions"] = base::Json::array();
    for (const auto& session : sessions::list_sessions(db, sessions_shown)) {
        const auto attestation = sessions::find_attestation(db, session.booking_id);
        command.text << session.booking_id << "  "
                     << (session.terms ? base::iso8601(session.terms->start_at) : "start unknown") << "  "
                     << (attestation ? outcome_line(*attestation) : session.concluded.value_or("open"))
                     << "\n";
        base::Json json = {{"booking_id", session.booking_id},
                           {"start_at", session.terms ? instant(session.terms->start_at) : base::Json()},
                           {"concluded", base::or_null(session.concluded)},
                           {"outcome", nullptr},
                           {"state", nullptr}};
        if (attestation) {
            json["outcome"] = name_of(attestation->outcome);
            json["state"] = name_of(attestation->state);
        }
        command.json["sessions"].push_back(std::move(json));
    }
}

void sessions_show(Command& command)
{
    auto& db = command.database();
    const auto booking_id = booking_id_of(command);
    const auto session = sessions::find_session(db, booking_id);
    const auto attestation = sessions::find_attestation(db, booking_id);
    if (!session && !attestation)
        throw base::Error(base::ErrorCode::not_found, "session_not_found",
                          "nobody joined booking " + booking_id + ", and nothing was attested");
    command.json["booking_id"] = booking_id;
    command.text << "booking " << booking_id << "\n";
    if (session && session->terms)
        show_presence(command, db, *session);
    if (session && session->concluded && !attestation) {
        command.json["concluded"] = *session->concluded;
        command.text << "  concluded  " << *session->concluded << "\n";
    }
    if (attestation)
        show_attestation(command, db, *attestation);
}

void attest_retry(Command& command)
{
    perform(command, &sessions::Oracle::retry);
}

void attest_cancel(Command& command)
{
    perform(command, &sessions::Oracle::cancel);
}
