#include "ethereum/rpc_chain.h"

#include "base/chain_settings.h"
#include "base/database_settings.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/session_settings.h"
#include "base/settings.h"
#include "ethereum/abi.h"
#include "ethereum/address.h"
#include "ethereum/contract_signature.h"
#include "ethereum/http_transport.h"
#include "ethereum/keccak256.h"
#include "ethereum/node_words.h"

#include <algorithm>
#include <charconv>

namespace ethereum {

namespace {

Uint256 read_quantity(const base::Json& value)
{
    const auto number =
        value.is_string() ? Uint256::parse_quantity(value.get_ref<const std::string&>()) : std::nullopt;
    if (!number)
        refuse_answer("the node gave no number");
    return *number;
}

std::uint64_t read_uint64(const base::Json& value)
{
    return abi::decode_unsigned(read_quantity(value).to_word(), 0, 64);
}

std::string to_quantity(std::uint64_t number)
{
    std::string digits(16, '\0');
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
    return "0x" + digits.substr(0, static_cast<std::size_t>(end - digits.data()));
}

} // namespace

PrimaryName decode_primary_name(std::string_view data)
{
    // (string label, bytes32 parentNode): the label's place, then the node as it is
    abi::require_words(data, 2);
    return {abi::decode_string(data, 0), std::string(data.substr(32, 32))};
}

std::uint64_t decode_verified_at(std::string_view data)
{
    return abi::decode_unsigned(data, 0, 64);
}

RpcChain::RpcChain(std::unique_ptr<Transport> transport, std::string registry,
                   std::string verification_mirror, std::string escrow, CallObserver* observer,
                   std::unique_ptr<Transport> sign_in_transport)
    : transport_(std::move(transport)), sign_in_transport_(std::move(sign_in_transport)),
      rpc_(*transport_, observer),
      sign_in_rpc_(sign_in_transport_ ? *sign_in_transport_ : *transport_, observer),
      registry_(std::move(registry)), verification_mirror_(std::move(verification_mirror)),
      escrow_(std::move(escrow))
{
}

std::optional<std::string> RpcChain::heaven_name(const std::string& wallet)
{
    if (registry_ == no_contract)
        return std::nullopt;
    const auto name =
        decode_primary_name(rpc_.eth_call(registry_, abi::call_with_address("primaryName(address)", wallet)));
    if (name.label.empty())
        return std::nullopt;
    return base::to_hex(keccak256(name.parent_node + keccak256(name.label)));
}

bool RpcChain::is_celo_verified(const std::string& wallet)
{
    if (verification_mirror_ == no_contract)
        return false;
    const auto answer =
        rpc_.eth_call(verification_mirror_, abi::call_with_address("verifiedAt(address)", wallet));
    return decode_verified_at(answer) > 0;
}

std::string RpcChain::ask_escrow(std::string_view signature, const Uint256& number)
{
    if (escrow_.empty() || escrow_ == no_contract)
        refuse_answer("ESCROW_ADDRESS is not set");
    return rpc_.eth_call(escrow_, abi::call_with_numbers(signature, {number}));
}

Booking RpcChain::booking(const Uint256& booking_id)
{
    return decode_booking(ask_escrow("getBooking(uint256)", booking_id));
}

Slot RpcChain::slot(const Uint256& slot_id)
{
    return decode_slot(ask_escrow("getSlot(uint256)", slot_id));
}

bool RpcChain::is_signed_by_contract(const std::string& wallet, const std::vector<std::string>& hashes,
                                     const std::string& signature)
{
    const auto read = read_contract_signature(signature);
    if (!read)
        return false;
    // Enough to make a wallet and to check a passkey in it, and under what a transaction may use (EIP-7825).
    // A contract that never ends costs the node no more.
    constexpr std::uint64_t gas = 16'000'000;
    const base::Json call{{"data", "0x" + base::to_hex(validation_call(wallet, hashes, *read))},
                          {"gas", to_quantity(gas)}};
    const auto answer = sign_in_rpc_.try_call("eth_call", base::Json::array({call, "latest"}));
    if (const auto* error = std::get_if<RpcError>(&answer)) {
        log_answer("eth_call", *error);
        if (is_out_of_gas(*error))
            return false; // the contract's doing
        refuse_answer("eth_call failed with code " + std::to_string(error->code));
    }
    const auto& verdict = std::get<base::Json>(answer);
    if (verdict != "0x00" && verdict != "0x01")
        refuse_answer("the node gave no verdict on a signature");
    return verdict == "0x01";
}

std::uint64_t RpcChain::chain_id()
{
    return read_uint64(rpc_.call("eth_chainId", base::Json::array()));
}

base::UnixSeconds RpcChain::last_block_at()
{
    const auto block = rpc_.call("eth_getBlockByNumber", base::Json::array({"latest", false}));
    const auto timestamp = block.is_object() ? block.value("timestamp", base::Json()) : base::Json();
    return static_cast<base::UnixSeconds>(abi::decode_unsigned(read_quantity(timestamp).to_word(), 0, 48));
}

std::uint64_t RpcChain::last_block()
{
    return read_uint64(rpc_.call("eth_blockNumber", base::Json::array()));
}

std::optional<std::uint64_t> RpcChain::finalized_block()
{
    const auto answer = rpc_.try_call("eth_getBlockByNumber", base::Json::array({"finalized", false}));
    const auto* block = std::get_if<base::Json>(&answer);
    if (block == nullptr || block->is_null()) // the node does not know such a tag, or no such block yet
        return std::nullopt;
    return read_uint64(block->is_object() ? block->value("number", base::Json()) : base::Json());
}

std::uint64_t RpcChain::transaction_count(const std::string& account, bool with_pending)
{
    const auto* block = with_pending ? "pending" : "latest";
    return read_uint64(rpc_.call("eth_getTransactionCount", base::Json::array({account, block})));
}

Uint256 RpcChain::balance(const std::string& account)
{
    return read_quantity(rpc_.call("eth_getBalance", base::Json::array({account, "latest"})));
}

Fees RpcChain::suggest_fees()
{
    const auto gas_price = read_quantity(rpc_.call("eth_gasPrice", base::Json::array()));
    Fees fees{gas_price, gas_price.scaled(5, 4), std::nullopt};
    // The base fees of the last block and of the next. A chain without them answers zeros or does not know
    // the question.
    const auto history =
        rpc_.try_call("eth_feeHistory", base::Json::array({"0x1", "latest", base::Json::array()}));
    const auto* result = std::get_if<base::Json>(&history);
    if (result == nullptr || !result->is_object())
        return fees;
    const auto base_fees = result->find("baseFeePerGas");
    if (base_fees == result->end() || !base_fees->is_array() || base_fees->size() != 2)
        return fees;
    const auto last = read_quantity((*base_fees)[0]);
    const auto next = read_quantity((*base_fees)[1]);
    if (next == Uint256())
        return fees;
    const auto tip = std::max(gas_price.minus(last), Uint256(1));
    fees.least = next.plus(tip);
    fees.max_fee_per_gas = next.scaled(2, 1).plus(tip); // the base fee may double within six blocks
    fees.max_priority_fee_per_gas = tip;
    return fees;
}

GasEstimate RpcChain::estimate_gas(const std::string& from, const std::string& contract,
                                   const std::string& calldata)
{
    const base::Json call{{"from", from}, {"to", contract}, {"data", "0x" + base::to_hex(calldata)}};
    const auto answer = rpc_.try_call("eth_estimateGas", base::Json::array({call}));
    if (const auto* error = std::get_if<RpcError>(&answer)) {
        log_answer("eth_estimateGas", *error);
        auto reason = revert_reason_of(*error);
        if (!reason)
            refuse_answer("eth_estimateGas failed with code " + std::to_string(error->code));
        return {0, std::move(reason)};
    }
    constexpr std::uint64_t most_gas = 100'000'000;
    const auto gas = read_uint64(std::get<base::Json>(answer));
    if (gas == 0 || gas > most_gas)
        refuse_answer("the node estimates " + std::to_string(gas) + " gas");
    return {gas, std::nullopt};
}

std::optional<std::string> RpcChain::revert_reason(const std::string& from, const std::string& contract,
                                                   const std::string& calldata, std::uint64_t block_number)
{
    const base::Json call{{"from", from}, {"to", contract}, {"data", "0x" + base::to_hex(calldata)}};
    const auto answer = rpc_.try_call("eth_call", base::Json::array({call, to_quantity(block_number)}));
    const auto* error = std::get_if<RpcError>(&answer);
    if (error == nullptr)
        return std::nullopt;
    log_answer("eth_call", *error);
    return revert_reason_of(*error);
}

SendResult RpcChain::send(const std::string& raw_transaction)
{
    const auto answer =
        rpc_.try_call("eth_sendRawTransaction", base::Json::array({"0x" + base::to_hex(raw_transaction)}));
    const auto* error = std::get_if<RpcError>(&answer);
    if (error == nullptr)
        return SendResult::accepted;
    log_answer("eth_sendRawTransaction", *error);
    if (is_full(*error))
        refuse_answer("the node's pool of transactions is full");
    return classify(*error);
}

std::optional<Receipt> RpcChain::receipt(const std::string& tx_hash)
{
    const auto said = rpc_.try_call("eth_getTransactionReceipt", base::Json::array({tx_hash}));
    if (const auto* error = std::get_if<RpcError>(&said)) {
        log_answer("eth_getTransactionReceipt", *error);
        if (is_indexing(*error))
            return std::nullopt;
        refuse_answer("eth_getTransactionReceipt failed with code " + std::to_string(error->code));
    }
    const auto& answer = std::get<base::Json>(said);
    if (answer.is_null())
        return std::nullopt;
    const auto field = [&](const char* name) -> const base::Json& {
        if (!answer.is_object() || !answer.contains(name))
            refuse_answer("the node gave no receipt");
        return answer[name];
    };
    if (field("transactionHash") != tx_hash)
        refuse_answer("the node gave another transaction's receipt");
    if (field("blockNumber").is_null()) // some nodes show what still waits
        return std::nullopt;
    const auto status = read_uint64(field("status"));
    if (status > 1)
        refuse_answer("the node gave a receipt of an unknown status");
    return Receipt{status == 1, read_uint64(field("blockNumber"))};
}

std::optional<std::string> MockChain::heaven_name(const std::string& wallet)
{
    return base::to_hex(keccak256(wallet)); // one for each
}

Booking MockChain::booking(const Uint256& booking_id)
{
    Booking booking;
    if (host_.empty() || guest_.empty())
        return booking;
    booking.slot_id = booking_id;
    booking.guest = guest_;
    booking.status = BookingStatus::booked;
    return booking;
}

Slot MockChain::slot(const Uint256& slot_id)
{
    const Uint256 last_second(253402300799); // of the year 9999
    Slot slot;
    slot.host = host_;
    slot.start_at = std::stoll(std::min(slot_id, last_second).to_decimal());
    slot.duration_minutes = 20;
    slot.grace_minutes = 5;
    slot.min_overlap_minutes = 10;
    slot.status = 1;
    return slot;
}

std::unique_ptr<Chain> make_chain(const base::Config& config, const Patience& patience,
                                  CallObserver* observer)
{
    const auto& settings = base::settings<base::ChainSettings>(config);
    const auto& of_sessions = base::settings<base::SessionSettings>(config);
    if (settings.chain_mode == base::ChainMode::mock)
        return std::make_unique<MockChain>(static_cast<std::uint64_t>(of_sessions.chain_id),
                                           parse_address(settings.mock_host).value_or(""),
                                           parse_address(settings.mock_guest).value_or(""));
    HttpOptions options;
    options.url = settings.rpc_url;
    options.timeout_ms = settings.rpc_timeout_ms;
    options.max_concurrent = settings.rpc_max_concurrent;
    options.slot_wait_ms = patience.wait_ms;
    options.waits_beside_others = patience.beside_others;
    options.slots_path = base::settings<base::DatabaseSettings>(config).shared_path("rpc-slots");
    auto sign_in_options = options;
    if (!settings.sign_in_rpc_url.empty())
        sign_in_options.url = settings.sign_in_rpc_url;
    // Anybody can send a signature that only a node can judge. The last place is not for those.
    sign_in_options.left_to_others = options.max_concurrent > 1 ? 1 : 0;
    return std::make_unique<RpcChain>(std::make_unique<HttpTransport>(std::move(options)),
                                      settings.registry_address, settings.verification_mirror_address,
                                      of_sessions.escrow_address, observer,
                                      std::make_unique<HttpTransport>(std::move(sign_in_options)));
}

} // namespace ethereum
