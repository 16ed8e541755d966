#include "fixture.h"

#include "auth/access_token.h"
#include "base/config.h"
#include "contract.h"
#include "credits/ledger.h"
#include "engine.h"
#include "rooms/audit.h"
#include "rooms/settling.h"
#include "rooms/sweep.h"

#include <algorithm>
#include <cstring>
#include <fstream>

base::Json load_vectors(const std::string& name)
{
    return base::Json::parse(contents_of("tests/vectors/" + name));
}

std::string contents_of(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    BOOST_REQUIRE_MESSAGE(file, path + " cannot be read; run the tests from the top of the repository");
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string lowercase(std::string text)
{
    for (auto& c : text)
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

void SeededRandom::fill(unsigned char* bytes, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i)
        bytes[i] = static_cast<unsigned char>(engine_());
}

void ScriptedChain::ask(const char* question)
{
    ++questions;
    if (before)
        before(question);
    if (is_down)
        throw base::Error(base::ErrorCode::chain_unavailable, "chain_unavailable", "scripted");
}

std::optional<std::string> ScriptedChain::heaven_name(const std::string& wallet)
{
    ask("heaven_name");
    if (names.count(wallet) == 0)
        return std::nullopt;
    const auto given = name_nodes.find(wallet);
    return given != name_nodes.end() ? given->second : std::string(24, '0') + wallet.substr(2);
}

bool ScriptedChain::is_celo_verified(const std::string& wallet)
{
    ask("is_celo_verified");
    return verified.count(wallet) > 0;
}

ethereum::Booking ScriptedChain::booking(const ethereum::Uint256& booking_id)
{
    ask("booking");
    const auto found = bookings.find(booking_id.to_decimal());
    return found == bookings.end() ? ethereum::Booking{} : found->second;
}

ethereum::Slot ScriptedChain::slot(const ethereum::Uint256& slot_id)
{
    ask("slot");
    const auto found = slots.find(slot_id.to_decimal());
    if (found != slots.end())
        return found->second;
    ethereum::Slot none;
    none.host = "0x0000000000000000000000000000000000000000";
    return none;
}

bool ScriptedChain::is_signed_by_contract(const std::string& wallet, const std::vector<std::string>& hashes,
                                          const std::string& signature)
{
    ask("is_signed_by_contract");
    const auto& approved = approvals[wallet];
    return std::any_of(hashes.begin(), hashes.end(),
                       [&](const auto& hash) { return approved.count(hash + signature) > 0; });
}

std::uint64_t ScriptedChain::chain_id()
{
    ask("chain_id");
    return id;
}

std::uint64_t ScriptedChain::last_block()
{
    ask("last_block");
    return height;
}

std::optional<std::uint64_t> ScriptedChain::finalized_block()
{
    ask("finalized_block");
    return finalized;
}

std::uint64_t ScriptedChain::transaction_count(const std::string&, bool with_pending)
{
    ask("transaction_count");
    return with_pending ? pending_count : mined_count;
}

ethereum::Uint256 ScriptedChain::balance(const std::string&)
{
    ask("balance");
    return account_balance;
}

ethereum::Fees ScriptedChain::suggest_fees()
{
    ask("suggest_fees");
    return fees;
}

ethereum::GasEstimate ScriptedChain::estimate_gas(const std::string&, const std::string&, const std::string&)
{
    ask("estimate_gas");
    return estimate;
}

std::optional<std::string> ScriptedChain::revert_reason(const std::string&, const std::string&,
                                                        const std::string&, std::uint64_t)
{
    ask("revert_reason");
    return reverts_with;
}

ethereum::SendResult ScriptedChain::send(const std::string& raw_transaction)
{
    ask("send");
    const auto answered = sent.size();
    sent.push_back(raw_transaction);
    if (taken)
        taken();
    return answered < send_results.size() ? send_results[answered] : ethereum::SendResult::accepted;
}

std::optional<ethereum::Receipt> ScriptedChain::receipt(const std::string& tx_hash)
{
    ask("receipt");
    const auto found = receipts.find(tx_hash);
    return found == receipts.end() ? std::nullopt : std::optional(found->second);
}

base::Config test_config()
{
    base::Config config;
    config.production = false;
    engine::choose_database(config);
    config.jwt_secret = "a secret for tests, and for nothing else at all";
    config.agora_app_id = "0123456789abcdef0123456789abcdef";
    config.agora_app_certificate = "fedcba9876543210fedcba9876543210";
    config.oracle_service_token = "the operator's token, for tests";
    config.agora_notification_secret = "what Agora signs with, for tests";
    config.service_token = "the-token-of-the-backend-in-tests";
    config.chain_no_ttl_seconds = config.rate_limit_sign_in_per_minute = config.rate_limit_create_per_minute =
        config.rate_limit_create_per_hour = config.rate_limit_join_per_hour =
            config.rate_limit_keyed_per_minute = config.rate_limit_chain_per_minute =
                config.rate_limit_chain_per_address_per_minute = config.rate_limit_attest_per_minute = 0;
    return config;
}

AppFixture::AppFixture() : AppFixture(test_config()) {}

AppFixture::AppFixture(const base::Config& settings)
    : settings_(std::make_unique<base::Config>(settings)), config(*settings_),
      app(config, chain, random, counters, clock)
{
}

AppFixture::~AppFixture() = default;

Wallet AppFixture::wallet(unsigned number)
{
    std::string key(32, '\0');
    for (std::size_t i = 0; i < 4; ++i)
        key[31 - i] = static_cast<char>(number >> (8 * i) & 0xff);
    return Wallet(key);
}

std::string AppFixture::token_for(const std::string& wallet_address) const
{
    return auth::issue_access_token(config.jwt_secret, {wallet_address, now}, now, config.jwt_ttl_seconds);
}

Reply AppFixture::send(http::Request request)
{
    request.now = now;
    request.now_ms = now * 1000;
    const auto response = dispatch(app, request);
    if (is_described) {
        const auto missing = contract::undescribed(request, response);
        BOOST_TEST(missing == "", "openapi.json lacks of " << request.method << " " << request.path << ": "
                                                           << missing << ", with " << request.body << " and "
                                                           << response.status << " " << response.body);
    }
    Reply reply;
    reply.status = response.status;
    reply.text = response.body;
    if (!response.body.empty() && response.body.front() == '{')
        reply.body = base::parse_json(response.body);
    for (const auto& [name, value] : response.headers)
        BOOST_TEST(reply.headers.emplace(name, value).second, "the header " << name << " is sent twice");
    return reply;
}

Reply AppFixture::get(const std::string& path, const std::string& wallet_address)
{
    http::Request request;
    request.method = "GET";
    const auto question_mark = std::min(path.find('?'), path.size());
    request.path = path.substr(0, question_mark);
    request.query = path.substr(std::min(question_mark + 1, path.size()));
    if (!wallet_address.empty())
        request.authorization = "Bearer " + token_for(wallet_address);
    return send(request);
}

Reply AppFixture::remove(const std::string& path, const std::string& wallet_address)
{
    http::Request request;
    request.method = "DELETE";
    request.path = path;
    if (!wallet_address.empty())
        request.authorization = "Bearer " + token_for(wallet_address);
    return send(request);
}

Reply AppFixture::post(const std::string& path, const base::Json& body, const std::string& wallet_address)
{
    return post_text(path, body.dump(), wallet_address);
}

Reply AppFixture::post_text(const std::string& path, const std::string& body,
                            const std::string& wallet_address)
{
    http::Request request;
    request.method = "POST";
    request.path = path;
    request.body = body;
    if (!wallet_address.empty())
        request.authorization = "Bearer " + token_for(wallet_address);
    return send(request);
}

void AppFixture::give(const std::string& wallet_address, std::int64_t seconds)
{
    database::Transaction tx(db());
    rooms::settle_wallet(context(), wallet_address);
    BOOST_REQUIRE(credits::adjust(db(), wallet_address, seconds, "test", now) == seconds);
    tx.commit();
}

std::string AppFixture::create_room(const std::string& host, std::int64_t seconds)
{
    if (seconds > 0)
        give(host, seconds);
    const auto reply = post("/rooms/create", base::Json::object(), host);
    BOOST_REQUIRE_MESSAGE(reply.status == 200, reply.body.dump());
    return reply.body["room_id"];
}

base::Json AppFixture::join(const std::string& wallet_address, const std::string& room_id)
{
    const auto reply = post("/rooms/join", {{"room_id", room_id}}, wallet_address);
    BOOST_REQUIRE_MESSAGE(reply.status == 200, reply.body.dump());
    return reply.body;
}

base::Json AppFixture::caller(const base::Json& joined)
{
    return {{"room_id", joined["room_id"]}, {"connection_id", joined["connection_id"]}};
}

void AppFixture::sweep()
{
    rooms::sweep(db(), config.rules, now);
    rooms::record_sweep(db(), now);
}

void AppFixture::require_clean_audit()
{
    for (const auto& violations : {credits::audit(db()), rooms::audit(db()), db().integrity_problems()}) {
        for (const auto& violation : violations)
            BOOST_ERROR("audit: " + violation);
    }
    auto told = db().prepare("SELECT type, data FROM outbox WHERE destination = 'webhook'");
    while (told.step()) {
        const auto missing =
            contract::undescribed_message(told.text("type"), base::parse_json(told.text("data")));
        BOOST_TEST(missing == "", "openapi.json lacks of the webhook " << told.text("type") << ": " << missing
                                                                       << ", with " << told.text("data"));
    }
}

std::string AppFixture::insert_booked_room(const std::string& host)
{
    const auto room_id = random.uuid_v4();
    database::Transaction tx(db());
    db().prepare(
            "INSERT INTO rooms (room_id, kind, host_wallet, visibility, ai_enabled, capacity, created_at) "
            "VALUES (:room_id, 'booked', :host, 'private', 0, 2, :now)")
        .bind(":room_id", room_id)
        .bind(":host", host)
        .bind(":now", now)
        .run();
    tx.commit();
    return room_id;
}

std::int64_t AppFixture::remaining(const std::string& wallet_address)
{
    return rooms::load_standing(db(), wallet_address, now).remaining_seconds();
}

std::string AppFixture::hosted_room(const std::string& wallet_address)
{
    auto room = db().prepare(
        "SELECT room_id FROM rooms WHERE host_wallet = :wallet AND kind = 'free' AND closed_at IS NULL");
    return room.bind(":wallet", wallet_address).step() ? room.text("room_id") : "";
}

std::int64_t AppFixture::query(const std::string& sql)
{
    auto row = db().prepare(sql);
    BOOST_REQUIRE(row.step());
    return row.integer(0);
}

void AppFixture::execute(const std::string& sql)
{
    database::Transaction tx(db());
    db().execute(sql);
    tx.commit();
}
