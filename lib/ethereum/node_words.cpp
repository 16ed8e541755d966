#include "ethereum/node_words.h"

#include "base/hex.h"
#include "ethereum/abi.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <string_view>

namespace ethereum {

namespace {

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
    if (const auto end = words.find("] "); words.starts_with("[request id: ") && end != std::string::npos)
        words.erase(0, end + 2);
    for (const std::string_view prefix : {"already_exists: ", "internal_error: ", "err: "}) {
        if (words.starts_with(prefix))
            words.erase(0, prefix.size());
    }
    return words;
}

// Whether the words are these, alone or followed by details, as in "nonce too low: next nonce 5, tx nonce 4".
bool say(const std::string& words, std::string_view known)
{
    if (!words.starts_with(known))
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
    return text.starts_with("0x") ? base::from_hex(text.substr(2)).value_or("") : "";
}

} // namespace

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
        (words.starts_with("gas price '") &&
         words.find("is below configured minimum gas price") != std::string::npos) ||
        (words.starts_with("transaction gas price ") && words.find("is too low") != std::string::npos))
        return SendResult::underpriced;
    if (say_one_of(words,
                   {"insufficient funds", "insufficient funds for transfer",
                    "insufficient funds for gas * price + value", "insufficient balance for transfer",
                    "insufficientfunds", "upfront cost exceeds account balance", "not enough funds for gas"}))
        return SendResult::insufficient_funds;
    return SendResult::refused;
}

bool is_full(const RpcError& error)
{
    return say_one_of(words_of(error),
                      {"txpool is full", "transaction pool is full", "pool is full",
                       "pending sub-pool is full", "basefee sub-pool is full", "queued sub-pool is full",
                       "account limit exceeded", "there are too many transactions in the queue"});
}

bool is_out_of_gas(const RpcError& error)
{
    const auto words = lower(error.message);
    return words.find("out of gas") != std::string::npos || words.find("outofgas") != std::string::npos;
}

bool is_indexing(const RpcError& error)
{
    return say(words_of(error), "transaction indexing is in progress");
}

} // namespace ethereum
