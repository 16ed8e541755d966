#include "ethereum/rpc_chain.h"

#include "base/error.h"
#include "base/hex.h"
#include "ethereum/abi.h"
#include "ethereum/address.h"
#include "ethereum/http_transport.h"
#include "ethereum/keccak256.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <initializer_list>

namespace ethereum {

namespace {

[[noreturn]] void refuse(const std::string& why)
{
    throw base::Error(base::ErrorCode::chain_unavailable, "chain_unavailable", why);
}

Uint256 read_quantity(const base::Json& value)
{
    const auto number =
        value.is_string() ? Uint256::parse_quantity(value.get_ref<const std::string&>()) : std::nullopt;
    if (!number)
        refuse("the node gave no number");
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

std::string lower(std::string text)
{
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

// What the node said, in lower case, without what some put before it: Hedera's relay "[Request ID: ...] ",
// Erigon a code such as "INTERNAL_ERROR: ".
std::string words_of(const RpcError& error)
{
    auto words = lower(error.message);
    if (words.rfind("[request id: ", 0) == 0)
        words.erase(0, std::min(words.find("] "), words.size() - 2) + 2);
    for (const std::string_view prefix : {"already_exists: ", "internal_error: ", "err: "}) {
        if (words.rfind(prefix, 0) == 0)
            words.erase(0, prefix.size());
    }
    return words;
}

// Whether the words are these, alone or followed by details, as in "nonce too low: next nonce 5, tx nonce 4".
bool say(const std::string& words, std::string_view known)
{
    if (words.rfind(known, 0) != 0)
        return false;
    return words.size() == known.size() ||
           std::string_view(":,.(").find(words[known.size()]) != std::string_view::npos ||
           words.compare(known.size(), 2, " (") == 0;
}

bool say_one_of(const std::string& words, std::initializer_list<std::string_view> known)
{
    return std::any_of(known.begin(), known.end(), [&](std::string_view each) { return say(words, each); });
}

// What a revert's data says. An error that the contract defines is known by the first four bytes of its hash.
std::string reason_in(const std::string& data)
{
    constexpr std::size_t selector_bytes = 4;
    if (const auto reason = abi::decode_revert_reason(data))
        return readable(*reason);
    return data.size() < selector_bytes ? ""
                                        : "custom error 0x" + base::to_hex(data.substr(0, selector_bytes));
}

std::string bytes_of(std::string_view text)
{
    return text.rfind("0x", 0) == 0 ? base::from_hex(text.substr(2)).value_or("") : "";
}

// Why the contract refused; nothing if the error is about something else. Most nodes report a revert with
// code 3 and its data; others with -32000 or -32015 and words alone, or with data behind them.
std::optional<std::string> revert_reason_of(const RpcError& error)
{
    if (const auto reason = abi::decode_revert_reason(error.data))
        return readable(*reason);
    const auto words = lower(error.message);
    for (const std::string_view mark : {"execution reverted", "reverted 0x"}) {
        const auto at = words.find(mark);
        if (at == std::string::npos)
            continue;
        auto rest = mark.back() == 'x' ? error.message.substr(at + mark.size() - 2)
                                       : error.message.substr(at + mark.size());
        rest.erase(0, std::min(rest.find_first_not_of(": "), rest.size()));
        const auto data = error.data.empty() ? bytes_of(rest) : error.data;
        return data.empty() ? readable(rest) : reason_in(data);
    }
    const bool is_revert =
        error.code == 3 || error.code == -32015 || say_one_of(words, {"reverted", "revert"});
    return is_revert ? std::optional(reason_in(error.data)) : std::nullopt;
}

// There is no code for any of these: each node has words of its own. What none of them says is a refusal.
SendResult classify(const RpcError& error)
{
    const auto words = words_of(error);
    if (say_one_of(words, {"already known", "known transaction", "alreadyknown", "already imported",
                           "transaction already imported", "transaction is already imported",
                           "transaction already known", "existing tx with same hash",
                           "transaction with the same hash was already imported"}))
        return SendResult::accepted;
    if (say_one_of(words, {"nonce too low", "nonce is too low", "transaction nonce is too low", "oldnonce",
                           "nonce_too_low"}))
        return SendResult::nonce_too_low;
    if (say_one_of(words,
                   {"transaction underpriced", "replacement transaction underpriced", "underpriced",
                    "could not replace existing tx", "replacementnotallowed",
                    "max fee per gas less than block base fee", "fee cap less than block base fee",
                    "gasprice is less than the current basefee", "fee too low", "feetoolow",
                    "feetoolowtocompete", "gas price too low", "gas price below configured minimum gas price",
                    "transaction gas price below minimum", "transaction gas price is too low"}) ||
        (words.rfind("gas price '", 0) == 0 &&
         words.find("is below configured minimum gas price") != std::string::npos) ||
        (words.rfind("transaction gas price ", 0) == 0 && words.find("is too low") != std::string::npos))
        return SendResult::underpriced;
    if (say_one_of(words,
                   {"insufficient funds", "insufficient funds for transfer",
                    "insufficient funds for gas * price + value", "insufficient balance for transfer",
                    "insufficientfunds", "upfront cost exceeds account balance", "not enough funds for gas"}))
        return SendResult::insufficient_funds;
    return SendResult::refused;
}

// A pool that has no room now may have some later.
bool is_full(const RpcError& error)
{
    return say_one_of(words_of(error),
                      {"txpool is full", "transaction pool is full", "pool is full",
                       "pending sub-pool is full", "basefee sub-pool is full", "queued sub-pool is full",
                       "account limit exceeded", "there are too many transactions in the queue"});
}

// geth after a restart: which transactions are mined is not known yet.
bool is_indexing(const RpcError& error)
{
    return say(words_of(error), "transaction indexing is in progress");
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
                   std::string verification_mirror, std::string escrow, CallObserver* observer)
    : transport_(std::move(transport)), rpc_(*transport_, observer), registry_(std::move(registry)),
      verification_mirror_(std::move(verification_mirror)), escrow_(std::move(escrow))
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
        refuse("ESCROW_ADDRESS is not set");
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
            refuse("eth_estimateGas failed with code " + std::to_string(error->code));
        return {0, std::move(reason)};
    }
    constexpr std::uint64_t most_gas = 100'000'000;
    const auto gas = read_uint64(std::get<base::Json>(answer));
    if (gas == 0 || gas > most_gas)
        refuse("the node estimates " + std::to_string(gas) + " gas");
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
        refuse("the node's pool of transactions is full");
    return classify(*error);
}

std::optional<Receipt> RpcChain::receipt(const std::string& tx_hash)
{
    const auto said = rpc_.try_call("eth_getTransactionReceipt", base::Json::array({tx_hash}));
    if (const auto* error = std::get_if<RpcError>(&said)) {
        log_answer("eth_getTransactionReceipt", *error);
        if (is_indexing(*error))
            return std::nullopt;
        refuse("eth_getTransactionReceipt failed with code " + std::to_string(error->code));
    }
    const auto& answer = std::get<base::Json>(said);
    if (answer.is_null())
        return std::nullopt;
    const auto field = [&](const char* name) -> const base::Json& {
        if (!answer.is_object() || !answer.contains(name))
            refuse("the node gave no receipt");
        return answer[name];
    };
    if (field("transactionHash") != tx_hash)
        refuse("the node gave another transaction's receipt");
    if (field("blockNumber").is_null()) // some nodes show what still waits
        return std::nullopt;
    const auto status = read_uint64(field("status"));
    if (status > 1)
        refuse("the node gave a receipt of an unknown status");
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
    if (config.chain_mode == base::ChainMode::mock)
        return std::make_unique<MockChain>(static_cast<std::uint64_t>(config.chain_id),
                                           parse_address(config.mock_host).value_or(""),
                                           parse_address(config.mock_guest).value_or(""));
    HttpOptions options;
    options.url = config.rpc_url;
    options.timeout_ms = config.rpc_timeout_ms;
    options.max_concurrent = config.rpc_max_concurrent;
    options.slot_wait_ms = patience.wait_ms;
    options.waits_beside_others = patience.beside_others;
    options.slots_path = config.database_path + "-rpc-slots";
    return std::make_unique<RpcChain>(std::make_unique<HttpTransport>(std::move(options)),
                                      config.registry_address, config.verification_mirror_address,
                                      config.escrow_address, observer);
}

} // namespace ethereum
